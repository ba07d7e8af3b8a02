//! The words that give a meaning away, and how near an utterance comes to them.
//!
//! [`Trigger::score`] is the one function that decides; everything else only compares scores.

mod cover;

use cover::Cover;

use super::fixed::is_closed;
use super::wildcards;
pub use super::words::Normalized;
use super::words::{Mask, NEGATOR, Pairs, STAR, Unit, likeness, units};

/// What a pattern is worth when nearly everything is matched by wildcards. More than a keyword: who
/// writes a pattern has thought of the whole sentence.
const PATTERN_SCORE_MIN: f64 = 0.8;

/// What is worth the least, and the most, that only sounds like a keyword or a pattern. In a long
/// utterance something sounds like anything, so it must cover a good part of it.
const SOUND_SCORE_MIN: f64 = 0.4;
const SOUND_SCORE_MAX: f64 = 0.95;

/// How much a pair of units counts that only sounds like one of a sample.
const SOUND_PAIR_FACTOR: f64 = 0.85;

/// How much a sample is worth that says yes where the utterance says no.
const OPPOSITE_SAMPLE_FACTOR: f64 = 0.5;

/// How much a word counts that gives a neighbouring meaning away: 投诉 is a complaint first, and
/// only then the wish not to be called again.
const NEIGHBOUR_WEIGHT: f64 = 0.9;

/// How much one word of an answer counts that only opens what else is said: `Yes, but I'm driving`.
const OPENING_WEIGHT: f64 = 0.95;

/// How many examples of a meaning are given.
const EXAMPLES_MAX: usize = 8;

/// How an utterance came near to a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// By words in it.
    Keyword,
    /// As a whole.
    Pattern,
    /// By its likeness to a sentence.
    Sample,
}

/// How near an utterance comes to a meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// From 0 to 1.
    pub value: f64,
    /// The keyword, pattern or sample that came nearest, as its author wrote it.
    pub sample: String,
    /// How many units it has: of equal scores the more specific one counts.
    pub sample_chars: usize,
    /// What came near.
    pub kind: Kind,
    /// Whether it only sounds like what was said.
    pub by_sound: bool,
}

/// The words that give one meaning away.
#[derive(Debug, Clone, Default)]
pub struct Trigger {
    keywords: Vec<Wording>,
    /// Words that count where an utterance begins with them and pauses: 好，那你说.
    openings: Vec<Wording>,
    patterns: Vec<Wording>,
    samples: Vec<Sample>,
    /// Whether a negation before a keyword takes it back: 不方便 is not 方便.
    negatable: bool,
    /// Whether keywords count in statements only: 可以便宜点吗 does not say yes.
    answers: bool,
}

#[derive(Debug, Clone)]
struct Wording {
    written: String,
    units: Vec<Unit>,
    /// What an utterance must have in its mask to have any chance.
    mask: Mask,
    weight: f64,
}

impl Wording {
    fn new(written: &str, units: Vec<Unit>) -> Option<Self> {
        let mask = units.iter().fold(0, |mask, unit| mask | unit.wanted());
        (!units.is_empty()).then(|| Self { written: written.to_owned(), units, mask, weight: 1.0 })
    }

    fn may_be_in(&self, said: &Normalized) -> bool {
        self.mask & !said.mask == 0
    }
}

#[derive(Debug, Clone)]
struct Sample {
    wording: Wording,
    pairs: Pairs,
    is_negative: bool,
}

/// What came near, before it is told.
#[derive(Clone, Copy)]
struct Found<'a> {
    value: f64,
    wording: &'a Wording,
    kind: Kind,
    by_sound: bool,
}

impl<'a> Found<'a> {
    /// The better of two; the first of two that are equal in everything.
    fn better(self, other: Self) -> Self {
        let order = other.value.total_cmp(&self.value).then(other.wording.units.len().cmp(&self.wording.units.len()));
        if order.is_gt() { other } else { self }
    }

    fn told(self) -> Score {
        Score {
            value: self.value.clamp(0.0, 1.0),
            sample: self.wording.written.clone(),
            sample_chars: self.wording.units.len(),
            kind: self.kind,
            by_sound: self.by_sound,
        }
    }
}

impl Trigger {
    /// A trigger that nothing sets off yet.
    #[must_use]
    pub fn new(negatable: bool) -> Self {
        Self { negatable, ..Self::default() }
    }

    /// The same, with keywords that count in statements only.
    #[must_use]
    pub(super) fn answering(self) -> Self {
        Self { answers: true, ..self }
    }

    /// Whether nothing can set it off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keywords.is_empty() && self.openings.is_empty() && self.patterns.is_empty() && self.samples.is_empty()
    }

    /// Adds a word that counts wherever it stands; false where nothing of it can be heard.
    pub fn add_keyword(&mut self, keyword: &str) -> bool {
        add(&mut self.keywords, Wording::new(keyword, units(keyword, false)))
    }

    /// Adds a word that counts where an utterance begins with it and pauses then.
    pub(super) fn add_opening(&mut self, word: &str) -> bool {
        add(&mut self.openings, Wording::new(word, units(word, false)))
    }

    /// Adds a word that gives a neighbouring meaning away first.
    pub(super) fn add_neighbour(&mut self, keyword: &str) -> bool {
        let wording = Wording::new(keyword, units(keyword, false));
        add(&mut self.keywords, wording.map(|wording| Wording { weight: NEIGHBOUR_WEIGHT, ..wording }))
    }

    /// Adds a whole utterance with `*` for any words; false where nothing of it can be heard.
    pub fn add_pattern(&mut self, pattern: &str) -> bool {
        let units = units(pattern, true);
        let audible = units.iter().any(|unit| !unit.is(STAR));
        add(&mut self.patterns, Wording::new(pattern, units).filter(|_| audible))
    }

    /// Adds a sentence that customers say; false where nothing of it can be heard.
    pub fn add_sample(&mut self, sample: &str) -> bool {
        let said = Normalized::new(sample);
        let wording = Wording::new(sample, said.units);
        let sample = wording.map(|wording| Sample { wording, pairs: said.pairs, is_negative: said.is_negative });
        add(&mut self.samples, sample)
    }

    /// Words that mean it, for somebody who has to guess: sentences first, then keywords.
    pub(crate) fn examples(&self) -> Vec<String> {
        let samples = self.samples.iter().map(|sample| &sample.wording);
        samples.chain(&self.keywords).take(EXAMPLES_MAX).map(|wording| wording.written.clone()).collect()
    }

    /// Every wording as somebody might say it: keywords, patterns without their wildcards, samples.
    pub(crate) fn wordings(&self) -> impl Iterator<Item = String> {
        let samples = self.samples.iter().map(|sample| &sample.wording);
        let wordings = self.keywords.iter().chain(&self.patterns).chain(samples);
        wordings.map(|wording| wording.written.replace('*', ""))
    }

    /// Adds everything that sets off another trigger.
    pub fn extend(&mut self, other: &Self) {
        self.keywords.extend_from_slice(&other.keywords);
        self.openings.extend_from_slice(&other.openings);
        self.patterns.extend_from_slice(&other.patterns);
        self.samples.extend_from_slice(&other.samples);
    }

    /// How near an utterance comes to this meaning; none where nothing of it was said.
    #[must_use]
    pub fn score(&self, utterance: &Normalized) -> Option<Score> {
        let patterns = self.patterns.iter().filter_map(|pattern| self.score_pattern(pattern, utterance));
        let samples = self.samples.iter().filter_map(|sample| score_sample(sample, utterance));
        let best = patterns.chain(samples).chain(self.score_keywords(utterance)).reduce(Found::better);
        best.map(Found::told)
    }

    /// All keywords together: the more of the utterance they cover, the surer.
    fn score_keywords(&self, said: &Normalized) -> Option<Found<'_>> {
        let mut cover = Cover::new(said);
        for keyword in self.keywords.iter().filter(|keyword| keyword.may_be_in(said)) {
            let length = keyword.units.len();
            for (start, window) in said.units.windows(length).enumerate() {
                let Some(likeness) = likeness(&keyword.units, window) else {
                    continue;
                };
                let hidden = said.is_hidden(start, start + length, likeness < 1.0);
                if !hidden && self.counts(said, start, start + length) {
                    let opens = self.answers && said.only_opens(start, &keyword.units);
                    cover.add(keyword, start, likeness, if opens { OPENING_WEIGHT } else { 1.0 });
                }
            }
        }
        let (start, _) = said.bare();
        let opens = |opening: &&Wording| {
            said.begins_with(start, &opening.units) && !said.is_hidden(start, start + opening.units.len(), false)
        };
        for opening in self.openings.iter().filter(opens) {
            cover.add(opening, start, 1.0, OPENING_WEIGHT);
        }
        cover.found()
    }

    /// Whether a keyword at this place means what it says.
    fn counts(&self, said: &Normalized, start: usize, end: usize) -> bool {
        if self.negatable && (said.is_taken_back(start) || said.cannot_be(end)) {
            return false;
        }
        if !self.answers || !said.is_question {
            return true;
        }
        // 可以，怎么弄 says yes and asks; 可以便宜点吗 only asks.
        let (first, _) = said.bare();
        (start <= first || end == said.units.len()) && is_closed(&said.units, end)
    }

    fn score_pattern<'a>(&self, pattern: &'a Wording, utterance: &Normalized) -> Option<Found<'a>> {
        if !pattern.may_be_in(utterance) {
            return None;
        }
        let (start, end) = utterance.bare();
        let end = if self.answers && utterance.asks_at_end() { utterance.units.len() } else { end };
        let length = utterance.units.len();
        // Particles at the end may be spelt out in part, and so may what opens the sentence.
        let starts = [0, start];
        let starts = starts.iter().take(if start == 0 { 1 } else { 2 });
        let parts = starts.flat_map(|&from| (end..=length).map(move |to| (from, to)));
        parts.filter_map(|(from, to)| self.score_part(pattern, utterance, from, to)).reduce(Found::better)
    }

    fn score_part<'a>(&self, pattern: &'a Wording, said: &Normalized, from: usize, to: usize) -> Option<Found<'a>> {
        let part = said.units.get(from..to).filter(|part| !part.is_empty())?;
        let denies = pattern.units.iter().any(|unit| unit.is(NEGATOR));
        let may_begin = |at: usize| {
            // What a pattern denies itself is not taken back by that: *不*感兴趣.
            let own = denies && part.get(at).is_some_and(|unit| !unit.is(NEGATOR));
            !self.negatable || own || !said.is_taken_back(from + at)
        };
        let may_end = |at: usize| !self.negatable || denies || !said.cannot_be(from + at);
        let likeness = wildcards::likeness(&pattern.units, part, may_begin, may_end)?;
        let literals = ratio_of(pattern.units.iter().filter(|unit| !unit.is(STAR)).count());
        let coverage = (literals / ratio_of(part.len())).min(1.0);
        let by_sound = likeness < 1.0;
        let value = if by_sound {
            by_sound_score(coverage, likeness)
        } else {
            PATTERN_SCORE_MIN + (1.0 - PATTERN_SCORE_MIN) * coverage
        };
        Some(Found { value, wording: pattern, kind: Kind::Pattern, by_sound })
    }
}

fn by_sound_score(coverage: f64, likeness: f64) -> f64 {
    (SOUND_SCORE_MIN + (SOUND_SCORE_MAX - SOUND_SCORE_MIN) * coverage) * likeness
}

fn add<T>(list: &mut Vec<T>, wording: Option<T>) -> bool {
    let added = wording.is_some();
    list.extend(wording);
    added
}

/// Whether `challenger` beats `holder`: by its value, or, level, by being more specific.
#[must_use]
pub fn is_better(challenger: &Score, holder: &Score) -> bool {
    challenger.value.total_cmp(&holder.value).then(challenger.sample_chars.cmp(&holder.sample_chars)).is_gt()
}

/// The share of pairs of neighbouring units that sample and utterance have in common.
fn score_sample<'a>(sample: &'a Sample, utterance: &Normalized) -> Option<Found<'a>> {
    let found = |value, by_sound| Found { value, wording: &sample.wording, kind: Kind::Sample, by_sound };
    let keys = |units: &'a [Unit]| units.iter().map(|unit| unit.key);
    if sample.wording.units.len() == utterance.units.len()
        && keys(&sample.wording.units).eq(utterance.units.iter().map(|unit| unit.key))
    {
        return Some(found(1.0, false));
    }
    let sounding = common(&sample.pairs.sounding, &utterance.pairs.sounding);
    if sounding == 0 {
        return None;
    }
    let written = ratio_of(common(&sample.pairs.written, &utterance.pairs.written));
    let total = ratio_of(sample.pairs.written.len() + utterance.pairs.written.len());
    let only_sounding = (ratio_of(sounding) - written).max(0.0);
    let similarity = 2.0 * (written + SOUND_PAIR_FACTOR * only_sounding) / total;
    let opposite = sample.is_negative != utterance.is_negative;
    let factor = if opposite { OPPOSITE_SAMPLE_FACTOR } else { 1.0 };
    Some(found(similarity * factor, only_sounding > written))
}

/// How many elements two ordered lists have in common, each as often as it stands in both.
fn common(ours: &[u64], theirs: &[u64]) -> usize {
    let mut theirs = theirs.iter().peekable();
    let taken = ours.iter().filter(|our| {
        while theirs.next_if(|their| their < our).is_some() {}
        theirs.next_if_eq(our).is_some()
    });
    taken.count()
}

fn ratio_of(count: usize) -> f64 {
    // Below a thousand: lengths of one utterance.
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(keywords: &[&str], patterns: &[&str], samples: &[&str]) -> Trigger {
        let mut trigger = Trigger::new(true);
        for keyword in keywords {
            assert!(trigger.add_keyword(keyword));
        }
        for pattern in patterns {
            assert!(trigger.add_pattern(pattern));
        }
        for sample in samples {
            assert!(trigger.add_sample(sample));
        }
        trigger
    }

    fn value(trigger: &Trigger, said: &str) -> f64 {
        trigger.score(&Normalized::new(said)).map_or(0.0, |score| score.value)
    }

    #[test]
    fn the_more_of_an_utterance_a_keyword_covers_the_surer() {
        let price = trigger(&["多少钱", "价格"], &[], &[]);
        assert!((value(&price, "那个价格呢？") - 1.0).abs() < 1e-9);
        assert!(value(&price, "我想问问价格") < value(&price, "价格多少钱"));
        assert!(value(&price, "今天天气不错") < 0.1);
    }

    #[test]
    fn a_negation_takes_a_keyword_back_but_a_question_does_not() {
        let yes = trigger(&["方便", "感兴趣"], &[], &[]);
        for said in ["不方便", "不太方便", "没什么感兴趣的", "不是很方便", "步方便", "部太方便"]
        {
            assert!(value(&yes, said) < 0.1, "{said}");
        }
        for said in ["方不方便", "有没有感兴趣的", "方便", "我挺感兴趣", "不是不方便", "没什么不方便的", "全部方便"]
        {
            assert!(value(&yes, said) > 0.5, "{said}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_not_promised() {
        let promise = trigger(&["今天还", "会来"], &["*明天*还*", "*付"], &[]);
        for said in ["今天还不了", "今天还不上啊", "明天还不了", "我会来不了", "付不起"] {
            assert!(value(&promise, said) < 0.1, "{said}");
        }
        for said in ["今天还", "今天还，不了不了", "明天就还，还不了再说", "明天还不还", "今天还不用你管"]
        {
            assert!(value(&promise, said) > 0.5, "{said}");
        }
        assert!(value(&trigger(&["还不了"], &["*今天*还不*"], &[]), "今天还不了") > 0.9);
    }

    #[test]
    fn a_sentence_may_open_with_an_answer() {
        let mut yes = trigger(&["可以", "yes"], &[], &[]).answering();
        assert!(yes.add_opening("好"));
        for said in ["好，三点过去", "好的，三点", "嗯好好好，你发吧", "好。多少钱？"] {
            assert!(value(&yes, said) > 0.55, "{said}");
        }
        for said in ["好什么好", "好三点过去", "好吗，三点", "三点好，还是四点好", "好", ""] {
            assert!(value(&yes, said) < 0.1, "{said}");
        }
        let busy = trigger(&["driving"], &[], &[]);
        assert!(value(&yes, "Yes, but I'm driving") < value(&busy, "Yes, but I'm driving"));
        assert!((value(&yes, "Yes!") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_question_is_no_denial() {
        let no = trigger(&["不要", "不行"], &[], &[]);
        assert!(value(&no, "要不要预约") < 0.1);
        assert!(value(&no, "明天行不行") < 0.1);
        assert!(value(&no, "不要了") > 0.9);
        assert!(value(&no, "不要不要") > 0.9);
    }

    #[test]
    fn patterns_match_whole_utterances() {
        let trigger = trigger(&[], &["嗯", "*多少*钱*"], &[]);
        assert!((value(&trigger, "嗯。") - 1.0).abs() < 1e-9);
        assert!(value(&trigger, "嗯你说") < 0.1);
        assert!(value(&trigger, "嗯啊") > 0.8);
        assert!(value(&trigger, "你们那多少一平钱啊") > 0.8);
    }

    #[test]
    fn samples_are_matched_by_likeness_and_not_by_their_opposite() {
        let trigger = trigger(&[], &[], &["你们这个房子多少钱一平米"]);
        assert!(value(&trigger, "你们房子多少钱一平") > 0.6);
        assert!(value(&trigger, "你们房子多少前一平") > 0.5);
        assert!(value(&trigger, "我不买你们这个房子多少钱一平米都不买") < 0.5);
    }

    #[test]
    fn what_nobody_can_hear_triggers_nothing() {
        let mut trigger = Trigger::new(true);
        assert!(!trigger.add_keyword("，。"));
        assert!(!trigger.add_pattern("**"));
        assert!(trigger.is_empty());
        assert_eq!(trigger.score(&Normalized::new("")), None);
    }

    #[test]
    fn full_width_and_case_do_not_matter() {
        let keys = |text: &str| Normalized::new(text).units.iter().map(|unit| unit.key).collect::<Vec<_>>();
        assert_eq!(keys("ＶＩＰ 价格！"), keys("vip价格"));
    }

    #[test]
    fn what_sounds_alike_counts_less_than_what_was_said() {
        let words = trigger(&["核对", "没时间"], &["不需要*"], &[]);
        for (heard, meant) in
            [("何对", "核对"), ("美时间", "没时间"), ("步需要谢谢", "不需要谢谢"), ("没四间", "没时间")]
        {
            assert!(value(&words, heard) > 0.55, "{heard}: {}", value(&words, heard));
            assert!(value(&words, heard) < value(&words, meant), "{heard}");
        }
        let score = words.score(&Normalized::new("何对")).unwrap();
        assert_eq!((score.by_sound, score.sample.as_str()), (true, "核对"));
    }

    #[test]
    fn one_character_never_counts_by_its_sound() {
        let words = trigger(&["忙"], &["对", "*贷*"], &[]);
        for said in ["盲", "队", "带"] {
            assert!(value(&words, said) < 0.1, "{said}");
        }
    }

    #[test]
    fn a_sound_in_a_long_utterance_proves_nothing() {
        let busy = trigger(&["有事"], &[], &[]);
        assert!(value(&busy, "你们这个楼盘的有时是什么") < 0.55);
    }

    #[test]
    fn words_in_which_others_hide_are_left_alone() {
        let yes = trigger(&["方便", "好"], &[], &[]);
        assert!(value(&yes, "方便面") < 0.1);
        assert!(value(&yes, "好像是") < 0.1);
        assert!(value(&trigger(&["方便面"], &[], &[]), "方便面") > 0.9);
    }

    #[test]
    fn english_is_compared_by_words() {
        let no = trigger(&["no"], &["not interested"], &[]);
        assert!(value(&no, "I know") < 0.1);
        assert!(value(&no, "No!") > 0.9);
        let yes = trigger(&["interested", "want"], &[], &[]);
        for said in ["I'm not interested", "I am not really interested", "I don't want", "I dont want"] {
            assert!(value(&yes, said) < 0.1, "{said}");
        }
        assert!(value(&yes, "I'm interested") > 0.9);
        assert!(value(&trigger(&["VIP"], &[], &[]), "我是vip客户") > 0.55);
    }
}
