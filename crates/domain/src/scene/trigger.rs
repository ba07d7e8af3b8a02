//! The words that give a meaning away, and how near an utterance comes to them.
//!
//! [`Trigger::score`] is the one function that decides; whatever understands better (near-sounding
//! pinyin, a language model) extends it, and everything else only compares scores.

/// Characters of an utterance that are looked at; a longer one is a monologue, and its beginning
/// says enough.
const UTTERANCE_CHARS_MAX: usize = 200;

/// How many examples of a meaning are given.
const EXAMPLES_MAX: usize = 8;

/// What a keyword is worth when nearly nothing else of the utterance is about it.
const KEYWORD_SCORE_MIN: f64 = 0.6;

/// What a pattern is worth when nearly everything is matched by wildcards. More than a keyword: who
/// writes a pattern has thought of the whole sentence.
const PATTERN_SCORE_MIN: f64 = 0.8;

/// How much a sample is worth that says yes where the utterance says no.
const OPPOSITE_SAMPLE_FACTOR: f64 = 0.5;

/// Characters that carry no meaning of their own, so that `那个价格呢` is all about 价格.
const FILLERS: &[char] = &[
    '啊', '呀', '吧', '呢', '哦', '噢', '嘛', '吗', '哎', '诶', '呃', '额', '嗯', '喂', '哈', '啦', '了', '的', '那',
    '个', '这', '就', '你', '您', '我', '们', '一', '下',
];

/// Particles at the end of a sentence, which patterns need not spell out.
const FINAL_PARTICLES: &[char] = &['啊', '呀', '吧', '呢', '哦', '嘛', '啦', '了', '哈', '的'];

/// Characters that turn what follows into its opposite.
const NEGATORS: &[char] = &['不', '没', '别', '甭', '未'];

/// Characters that may stand between a negator and what it negates, as in 不太方便.
const NEGATION_LINKS: &[char] = &['太', '是', '很', '想', '用', '会', '能', '怎', '么', '有', '什', '大'];

/// How many linking characters a negation bridges.
const NEGATION_LINKS_MAX: usize = 2;

/// What was said, brought into the form that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Normalized(Vec<char>);

impl Normalized {
    /// Lower case, half width, without punctuation and blanks.
    pub(crate) fn new(text: &str) -> Self {
        Self(letters(text, char::is_alphanumeric))
    }

    /// What is left, as a text.
    pub(crate) fn text(&self) -> String {
        self.0.iter().collect()
    }

    /// Whether nothing is left that could mean anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is_negative(&self) -> bool {
        self.0.iter().enumerate().any(|(index, letter)| {
            // 有没有 and 能不能 ask; they do not deny.
            NEGATORS.contains(letter) && !is_alternative(&self.0, index)
        })
    }
}

fn letters(text: &str, keep: impl Fn(char) -> bool) -> Vec<char> {
    text.chars()
        .map(half_width)
        .flat_map(char::to_lowercase)
        .filter(|&letter| keep(letter))
        .take(UTTERANCE_CHARS_MAX)
        .collect()
}

fn half_width(letter: char) -> char {
    const OFFSET: u32 = '！' as u32 - '!' as u32;
    match letter {
        '！'..='～' => char::from_u32(letter as u32 - OFFSET).unwrap_or(letter),
        _ => letter,
    }
}

/// How near an utterance comes to a meaning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Score {
    /// From 0 to 1.
    pub(crate) value: f64,
    /// The keyword, pattern or sample that came nearest, as its author wrote it.
    pub(crate) sample: String,
    /// How many characters it has: of equal scores the more specific one counts.
    pub(crate) sample_chars: usize,
}

/// The words that give one meaning away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trigger {
    keywords: Vec<Wording>,
    patterns: Vec<Wording>,
    samples: Vec<Wording>,
    /// Whether a negation before a keyword takes it back: 不方便 is not 方便.
    negatable: bool,
}

#[derive(Debug, Clone)]
struct Wording {
    written: String,
    normalized: Vec<char>,
}

impl Wording {
    fn new(written: &str, normalized: Vec<char>) -> Option<Self> {
        (!normalized.is_empty()).then(|| Self { written: written.to_owned(), normalized })
    }

    fn score(&self, value: f64) -> Score {
        Score { value, sample: self.written.clone(), sample_chars: self.normalized.len() }
    }
}

impl Trigger {
    /// A trigger that nothing sets off yet.
    pub(crate) fn new(negatable: bool) -> Self {
        Self { negatable, ..Self::default() }
    }

    /// Whether nothing can set it off.
    pub(crate) fn is_empty(&self) -> bool {
        self.keywords.is_empty() && self.patterns.is_empty() && self.samples.is_empty()
    }

    /// Adds a word that counts wherever it stands; false where nothing of it can be heard.
    pub(crate) fn add_keyword(&mut self, keyword: &str) -> bool {
        let wording = Wording::new(keyword, Normalized::new(keyword).0);
        add(&mut self.keywords, wording)
    }

    /// Adds a whole utterance with `*` for any words; false where nothing of it can be heard.
    pub(crate) fn add_pattern(&mut self, pattern: &str) -> bool {
        let normalized = letters(pattern, |letter| letter.is_alphanumeric() || letter == '*');
        let audible = normalized.iter().any(|&letter| letter != '*');
        add(&mut self.patterns, Wording::new(pattern, normalized).filter(|_| audible))
    }

    /// Adds a sentence that customers say; false where nothing of it can be heard.
    pub(crate) fn add_sample(&mut self, sample: &str) -> bool {
        let wording = Wording::new(sample, Normalized::new(sample).0);
        add(&mut self.samples, wording)
    }

    /// Words that mean it, for somebody who has to guess: sentences first, then keywords.
    pub(crate) fn examples(&self) -> Vec<String> {
        let wordings = self.samples.iter().chain(&self.keywords).take(EXAMPLES_MAX);
        wordings.map(|wording| wording.written.clone()).collect()
    }

    /// Adds everything that sets off another trigger.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.keywords.extend_from_slice(&other.keywords);
        self.patterns.extend_from_slice(&other.patterns);
        self.samples.extend_from_slice(&other.samples);
    }

    /// How near an utterance comes to this meaning; none where nothing of it was said.
    pub(crate) fn score(&self, utterance: &Normalized) -> Option<Score> {
        let keywords = self.score_keywords(utterance);
        let patterns = self.patterns.iter().filter_map(|pattern| score_pattern(pattern, utterance));
        let samples = self.samples.iter().filter_map(|sample| score_sample(sample, utterance));
        patterns.chain(samples).chain(keywords).reduce(better)
    }

    /// All keywords together: the more of the utterance they cover, the surer.
    fn score_keywords(&self, utterance: &Normalized) -> Option<Score> {
        let said = &utterance.0;
        let mut covered = vec![false; said.len()];
        let mut longest: Option<&Wording> = None;
        for keyword in &self.keywords {
            let length = keyword.normalized.len();
            for start in occurrences(said, &keyword.normalized) {
                if self.negatable && (is_negated(said, start) || is_alternative(said, start)) {
                    continue;
                }
                covered.iter_mut().skip(start).take(length).for_each(|cover| *cover = true);
                if longest.is_none_or(|other| other.normalized.len() < length) {
                    longest = Some(keyword);
                }
            }
        }
        let longest = longest?;
        let weighty = |index: &usize| said.get(*index).is_some_and(|letter| !FILLERS.contains(letter));
        let meaningful = (0..said.len()).filter(weighty).count();
        let hit = (0..said.len()).filter(weighty).filter(|&index| covered.get(index).copied().unwrap_or(false)).count();
        let coverage = ratio(hit, meaningful.max(1));
        Some(longest.score(KEYWORD_SCORE_MIN + (1.0 - KEYWORD_SCORE_MIN) * coverage))
    }
}

fn add(list: &mut Vec<Wording>, wording: Option<Wording>) -> bool {
    let added = wording.is_some();
    list.extend(wording);
    added
}

/// The better of two scores; the first of two that are equal in everything.
pub(crate) fn better(first: Score, second: Score) -> Score {
    if is_better(&second, &first) { second } else { first }
}

/// Whether `challenger` beats `holder`: by its value, or, level, by being more specific.
pub(crate) fn is_better(challenger: &Score, holder: &Score) -> bool {
    challenger.value.total_cmp(&holder.value).then(challenger.sample_chars.cmp(&holder.sample_chars)).is_gt()
}

fn occurrences<'a>(said: &'a [char], keyword: &'a [char]) -> impl Iterator<Item = usize> + 'a {
    said.windows(keyword.len().max(1)).enumerate().filter(move |(_, window)| *window == keyword).map(|(start, _)| start)
}

/// Whether a negation stands before the word that begins at `start`.
fn is_negated(said: &[char], start: usize) -> bool {
    let before = said.get(..start).unwrap_or_default();
    let links =
        before.iter().rev().take(NEGATION_LINKS_MAX).take_while(|letter| NEGATION_LINKS.contains(letter)).count();
    // The link may be part of an alternative itself: 是不是 before 方便.
    (0..=links).any(|bridged| {
        let Some(index) = start.checked_sub(bridged + 1) else {
            return false;
        };
        said.get(index).is_some_and(|letter| NEGATORS.contains(letter)) && !is_alternative(said, index)
    })
}

/// Whether a negator at `index` stands in a question of the form 方不方便.
fn is_alternative(said: &[char], index: usize) -> bool {
    if !said.get(index).is_some_and(|letter| NEGATORS.contains(letter)) {
        return false;
    }
    let before = index.checked_sub(1).and_then(|before| said.get(before));
    before.is_some() && before == said.get(index + 1)
}

fn score_pattern(pattern: &Wording, utterance: &Normalized) -> Option<Score> {
    let said = utterance.0.as_slice();
    let particles = said.iter().rev().take_while(|letter| FINAL_PARTICLES.contains(letter)).count();
    let bare = said.get(..said.len() - particles).unwrap_or_default();
    if !matches_wildcards(&pattern.normalized, said) && !matches_wildcards(&pattern.normalized, bare) {
        return None;
    }
    let literal = pattern.normalized.iter().filter(|&&letter| letter != '*').count();
    let coverage = ratio(literal, said.len().max(1)).min(1.0);
    Some(pattern.score(PATTERN_SCORE_MIN + (1.0 - PATTERN_SCORE_MIN) * coverage))
}

/// Greedy matching that goes back to the last `*` only, so that it takes at most as many steps as
/// pattern and utterance have pairs of characters.
fn matches_wildcards(pattern: &[char], said: &[char]) -> bool {
    let mut position = 0;
    let mut heard = 0;
    let mut last_star: Option<(usize, usize)> = None;
    while heard < said.len() {
        match pattern.get(position) {
            Some('*') => {
                last_star = Some((position, heard));
                position += 1;
            }
            Some(letter) if said.get(heard) == Some(letter) => {
                position += 1;
                heard += 1;
            }
            _ => {
                let Some((star, swallowed)) = last_star else {
                    return false;
                };
                last_star = Some((star, swallowed + 1));
                position = star + 1;
                heard = swallowed + 1;
            }
        }
    }
    pattern.iter().skip(position).all(|&letter| letter == '*')
}

/// The share of pairs of neighbouring characters that sample and utterance have in common.
fn score_sample(sample: &Wording, utterance: &Normalized) -> Option<Score> {
    if sample.normalized == utterance.0 {
        return Some(sample.score(1.0));
    }
    let mut theirs: Vec<&[char]> = sample.normalized.windows(2).collect();
    let ours = utterance.0.windows(2);
    let total = theirs.len() + ours.len();
    let mut common = 0;
    for pair in ours {
        if let Some(index) = theirs.iter().position(|their| *their == pair) {
            theirs.swap_remove(index);
            common += 1;
        }
    }
    if common == 0 {
        return None;
    }
    let similarity = ratio(2 * common, total);
    let opposite = Normalized(sample.normalized.clone()).is_negative() != utterance.is_negative();
    let factor = if opposite { OPPOSITE_SAMPLE_FACTOR } else { 1.0 };
    Some(sample.score(similarity * factor))
}

fn ratio(part: usize, whole: usize) -> f64 {
    // Both are below a thousand: lengths of one utterance.
    let number = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
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
        for said in ["不方便", "不太方便", "没什么感兴趣的", "不是很方便"] {
            assert!(value(&yes, said) < 0.1, "{said}");
        }
        for said in ["方不方便", "有没有感兴趣的", "方便", "我挺感兴趣"] {
            assert!(value(&yes, said) > 0.5, "{said}");
        }
    }

    #[test]
    fn a_question_is_no_denial() {
        let no = trigger(&["不要", "不行"], &[], &[]);
        assert!(value(&no, "要不要预约") < 0.1);
        assert!(value(&no, "明天行不行") < 0.1);
        assert!(value(&no, "不要了") > 0.9);
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
        assert_eq!(Normalized::new("ＶＩＰ 价格！"), Normalized::new("vip价格"));
    }
}
