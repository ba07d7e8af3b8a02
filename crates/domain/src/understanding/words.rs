//! What was said, cut into the units that are compared: a Chinese character, or a word of other
//! letters or digits.

use super::fixed;
use super::sound::{CONFUSED, Sounds};

/// Units of an utterance that are looked at; a longer one is a monologue, and its beginning says
/// enough.
pub(super) const UNITS_MAX: usize = 200;

/// How often the same character counts in a row: 对对对对对 is 对对.
const REPEATS_MAX: usize = 2;

/// Carries no meaning of its own, so that 那个价格呢 is all about 价格.
pub(super) const FILLER: u16 = 1;
/// A particle at the end of a sentence, which patterns need not spell out.
pub(super) const PARTICLE: u16 = 1 << 1;
/// Turns what follows into its opposite.
pub(super) const NEGATOR: u16 = 1 << 2;
/// May stand between a negator and what it negates, as in 不太方便.
pub(super) const LINK: u16 = 1 << 3;
/// A pause follows: the recogniser has set a mark there.
pub(super) const PAUSE: u16 = 1 << 4;
/// Opens a sentence without saying anything, which patterns need not spell out.
pub(super) const OPENER: u16 = 1 << 5;
/// Stands for any words, in a pattern.
pub(super) const STAR: u16 = 1 << 6;

/// After a negator, denies what follows even where that denies: 不是不, 没什么不, 不会不.
pub(super) const DENIABLE: u16 = 1 << 7;

/// A set of sounds and words, of which some may share a place: what is not in it was not said.
pub(super) type Mask = u128;

/// A Chinese character, or a word of other letters or digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// What it is compared by: the character, or a hash of the word.
    pub(super) key: u64,
    flags: u16,
    pub(super) sounds: Sounds,
}

impl Unit {
    fn character(letter: char) -> Self {
        Self { key: key(letter), flags: character_flags(letter), sounds: Sounds::of(letter) }
    }

    fn word(word: &str) -> Self {
        Self { key: word_key(word), flags: word_flags(word), sounds: Sounds::default() }
    }

    const fn star() -> Self {
        Self { key: 0, flags: STAR, sounds: Sounds::silent() }
    }

    pub(super) const fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// How near it is to another, from 0 to 1; none where they have nothing in common.
    pub(super) fn likeness(&self, other: &Self) -> Option<f64> {
        if self.key == other.key { Some(1.0) } else { self.sounds.likeness(&other.sounds) }
    }

    /// What an utterance must have in its mask if this is said in it.
    pub(super) fn wanted(&self) -> Mask {
        if self.is(STAR) {
            return 0;
        }
        match self.sounds.only() {
            Some(sound) => place(sound),
            // With several readings, each may be the one.
            None if self.sounds.main() != 0 => 0,
            None => place(self.key),
        }
    }

    fn offered(&self) -> Mask {
        if self.sounds.main() == 0 {
            place(self.key)
        } else {
            self.sounds.all().map(place).fold(0, |all, one| all | one)
        }
    }

    /// What stands for its sound: the main reading, or the word itself.
    pub(super) const fn sound_key(&self) -> u64 {
        if self.sounds.main() == 0 { self.key } else { self.sounds.main() }
    }
}

fn place(key: u64) -> Mask {
    // The multiplier is that of Fibonacci hashing; the highest seven bits are the best mixed.
    1 << (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57)
}

fn word_key(word: &str) -> u64 {
    // FNV-1a; the highest bit keeps words apart from characters.
    let hash = word
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash | 1 << 63
}

/// How near what was heard is to what is wanted, unit by unit: 1 where all are the same, less where
/// some only sound alike. One character alone never counts by its sound, and neither does a word
/// of which all is merely confused.
pub(super) fn likeness(wanted: &[Unit], heard: &[Unit]) -> Option<f64> {
    let mut sum = 0.0;
    let mut surest = 0.0_f64;
    for (wanted, heard) in wanted.iter().zip(heard) {
        let likeness = wanted.likeness(heard)?;
        sum += likeness;
        surest = surest.max(likeness);
    }
    mean_likeness(sum, surest, wanted.len())
}

/// The likeness of a whole wording from those of its parts.
pub(super) fn mean_likeness(sum: f64, surest: f64, units: usize) -> Option<f64> {
    let mean = sum / f64::from(u32::try_from(units).ok()?);
    let by_sound = mean < 1.0;
    (!by_sound || (units > 1 && surest > CONFUSED)).then_some(mean)
}

/// What was said, brought into the form that is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    pub(super) units: Vec<Unit>,
    /// Which sounds and words are in it.
    pub(super) mask: Mask,
    /// The places of words in which other words hide: 方便面 is not 方便.
    fixed: Vec<(usize, usize)>,
    pub(super) pairs: Pairs,
    pub(super) is_negative: bool,
    pub(super) is_question: bool,
}

impl Normalized {
    /// Lower case, half width, without punctuation and blanks.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let units = units(text, false);
        let mask = units.iter().fold(0, |mask, unit| mask | unit.offered());
        let fixed = fixed::places(&units);
        let pairs = Pairs::of(&units);
        let mut normalized = Self { units, mask, fixed, pairs, is_negative: false, is_question: false };
        normalized.is_negative = (0..normalized.units.len()).any(|index| normalized.denies(index));
        let asks = (0..normalized.units.len()).any(|index| normalized.is_alternative(index));
        normalized.is_question = asks || fixed::is_question(&normalized.units);
        normalized
    }

    /// Whether nothing is left that could mean anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Whether something in it is denied: 不, 没有, but not 有没有.
    pub(crate) const fn denies_something(&self) -> bool {
        self.is_negative
    }

    /// How many units it has.
    pub(crate) fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether it asks something.
    pub(crate) const fn asks(&self) -> bool {
        self.is_question
    }

    /// How many units are not mere particles and pronouns.
    pub(crate) fn weighty(&self) -> usize {
        self.units.iter().filter(|unit| !unit.is(FILLER)).count()
    }

    /// Whether the words at this place are only part of another word, or, where they only sound like
    /// what is looked for, are another word.
    pub(super) fn is_hidden(&self, start: usize, end: usize, by_sound: bool) -> bool {
        let hides = |&(from, to): &(usize, usize)| from <= start && end <= to && (to - from > end - start || by_sound);
        self.fixed.iter().any(hides)
    }

    fn is_in_fixed(&self, index: usize) -> bool {
        self.fixed.iter().any(|&(from, to)| from <= index && index < to)
    }

    /// Whether a negator stands here that denies; 有没有 and 能不能 ask.
    fn denies(&self, index: usize) -> bool {
        self.units.get(index).is_some_and(|unit| unit.is(NEGATOR))
            && !self.is_alternative(index)
            && !self.is_in_fixed(index)
    }

    /// Whether a negator at `index` stands in a question of the form 方不方便.
    fn is_alternative(&self, index: usize) -> bool {
        if !self.units.get(index).is_some_and(|unit| unit.is(NEGATOR)) {
            return false;
        }
        let key = |place: Option<usize>| place.and_then(|place| self.units.get(place)).map(|unit| unit.key);
        let (before, after) = (key(index.checked_sub(1)), key(Some(index + 1)));
        // 不要不要 is said twice, and does not ask.
        let twice = key(index.checked_sub(2)) == key(Some(index));
        before.is_some() && before == after && !twice
    }

    /// Whether a negation stands before the word that begins at `start`. One that is denied itself
    /// does not count: 也不是不可以.
    fn is_negated(&self, start: usize) -> bool {
        self.negator_before(start).is_some_and(|negator| {
            self.reaches(negator, start)
                && !self.negator_before(negator).is_some_and(|outer| self.reaches(outer, negator))
        })
    }

    /// Whether a negator denies what begins at `start`. What denies itself is denied by few only:
    /// 不要不要 is said twice, and 没有不需要 in two breaths.
    fn reaches(&self, negator: usize, start: usize) -> bool {
        let is = |place: usize, flag| self.units.get(place).is_some_and(|unit| unit.is(flag));
        !is(start, NEGATOR) || is(negator + 1, DENIABLE)
    }

    /// Whether what begins at `start` is denied, or is asked.
    pub(super) fn is_taken_back(&self, start: usize) -> bool {
        self.is_negated(start) || self.is_alternative(start)
    }

    /// Whether what ends at `end` is said not to be possible: 今天还不了. But 还不还 asks.
    pub(super) fn cannot_be(&self, end: usize) -> bool {
        let paused = end.checked_sub(1).and_then(|last| self.units.get(last)).is_none_or(|last| last.is(PAUSE));
        !paused
            && self.units.get(end).is_some_and(|unit| unit.key == key('不'))
            && !self.is_alternative(end)
            && self.units.get(end + 1).is_some_and(|unit| CANNOT.iter().any(|&last| unit.key == key(last)))
    }

    /// Whether a word that says yes at `start` only opens an utterance that goes on to something else: one word of
    /// English, or any before a pause.
    pub(super) fn only_opens(&self, start: usize, word: &[Unit]) -> bool {
        let (first, _) = self.bare();
        let goes_on = self.units.iter().skip(start + word.len()).any(|unit| !unit.is(FILLER));
        let denies = word.iter().any(|unit| unit.is(NEGATOR));
        start <= first && goes_on && !denies && (word.len() == 1 || self.begins_with(start, word))
    }

    /// Whether the utterance begins with a word at `start`, and with a break after it: 好的，那你说, 行啊你说. The word
    /// may be said twice and have particles.
    pub(super) fn begins_with(&self, start: usize, word: &[Unit]) -> bool {
        let is_said = |start: usize| {
            self.units
                .get(start..start + word.len())
                .is_some_and(|said| said.iter().zip(word).all(|(a, b)| a.key == b.key))
        };
        if word.is_empty() || !is_said(start) {
            return false;
        }
        let once = start + word.len();
        let end = if is_said(once) { once + word.len() } else { once };
        let paused = |index: usize| self.units.get(index).is_some_and(|unit| unit.is(PAUSE));
        let particle = |unit: &&Unit| unit.is(PARTICLE) && !fixed::asks(unit);
        let particles = self.units.iter().skip(end).take_while(particle).count();
        let breaks =
            |index: usize| self.units.get(index).is_some_and(|unit| BREAKS.iter().any(|&last| unit.key == key(last)));
        (end - 1..end + particles).any(paused) || (end..end + particles).any(breaks)
    }

    fn negator_before(&self, start: usize) -> Option<usize> {
        /// How many linking units a negation bridges.
        const LINKS_MAX: usize = 3;
        let mut index = start;
        for _ in 0..=LINKS_MAX {
            index = index.checked_sub(1)?;
            let unit = self.units.get(index)?;
            if unit.is(PAUSE) {
                return None;
            }
            if self.denies(index) {
                return Some(index);
            }
            // The link may be part of an alternative itself: 是不是 before 方便.
            if !unit.is(LINK) {
                return None;
            }
        }
        None
    }

    /// Whether it ends with 吗, so that 好吗 does not say 好.
    pub(super) fn asks_at_end(&self) -> bool {
        self.units.last().is_some_and(fixed::asks)
    }

    /// The utterance without what opens it and without the particles that end it.
    pub(super) fn bare(&self) -> (usize, usize) {
        let start = self.units.iter().take_while(|unit| unit.is(OPENER)).count();
        let particles = self.units.iter().rev().take_while(|unit| unit.is(PARTICLE)).count();
        (start, self.units.len() - particles)
    }
}

/// The pairs of neighbouring units, in order of size: what samples are compared by.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pairs {
    /// By what is written.
    pub(super) written: Vec<u64>,
    /// By how it sounds.
    pub(super) sounding: Vec<u64>,
}

impl Pairs {
    pub(super) fn of(units: &[Unit]) -> Self {
        let pairs = |key: fn(&Unit) -> u64| {
            let mut pairs: Vec<u64> = units
                .iter()
                .zip(units.iter().skip(1))
                .map(|(first, second)| key(first).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ key(second))
                .collect();
            pairs.sort_unstable();
            pairs
        };
        Self { written: pairs(|unit| unit.key), sounding: pairs(Unit::sound_key) }
    }
}

/// Cuts a text into units; `*` is one of them in a pattern.
pub(super) fn units(text: &str, is_pattern: bool) -> Vec<Unit> {
    let mut cutter = Cutter { units: Vec::new(), word: String::new(), last: None };
    for letter in text.chars().map(half_width).flat_map(char::to_lowercase) {
        if cutter.units.len() >= UNITS_MAX {
            break;
        }
        cutter.take(letter, is_pattern);
    }
    cutter.finish_word();
    cutter.units.truncate(UNITS_MAX);
    cutter.units
}

struct Cutter {
    units: Vec<Unit>,
    word: String,
    last: Option<char>,
}

impl Cutter {
    fn take(&mut self, letter: char, is_pattern: bool) {
        if is_ideograph(letter) {
            self.finish_word();
            self.character(letter);
        } else if letter.is_alphanumeric() {
            // 3点 and vip3: digits and letters are words of their own.
            let digits = self.word.chars().next().is_some_and(char::is_numeric);
            if !self.word.is_empty() && digits != letter.is_numeric() {
                self.finish_word();
            }
            self.word.push(letter);
            self.last = None;
        } else if matches!(letter, '\'' | '’') && !self.word.is_empty() {
            self.word.push('\'');
        } else {
            self.finish_word();
            self.last = None;
            if is_pattern && letter == '*' {
                self.units.push(Unit::star());
            } else if !letter.is_whitespace() {
                // Of a pause nothing follows but that.
                if let Some(unit) = self.units.last_mut() {
                    unit.flags |= PAUSE;
                }
            }
        }
    }

    fn character(&mut self, letter: char) {
        let letter = same_to_the_ear(letter);
        if letter == '儿' && self.last.is_some_and(|last| BEFORE_SUFFIX.contains(&last)) {
            return;
        }
        let unit = Unit::character(letter);
        let repeats = self.units.iter().rev().take_while(|before| before.key == unit.key).count();
        if repeats < REPEATS_MAX {
            self.units.push(unit);
        }
        self.last = Some(letter);
    }

    fn finish_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        for part in fixed::without_contraction(word.trim_end_matches('\'')) {
            self.units.push(Unit::word(&part));
        }
    }
}

/// After these, 儿 is only the colour of a northern voice: 等会儿, 有事儿, 哪儿.
const BEFORE_SUFFIX: &[char] =
    &['会', '点', '哪', '那', '这', '事', '块', '边', '劲', '份', '空', '样', '话', '活', '下', '阵', '今', '明'];

/// What nobody can hear the difference of, and recognisers write at will.
const fn same_to_the_ear(letter: char) -> char {
    match letter {
        '您' => '你',
        '她' | '它' => '他',
        '地' | '得' => '的',
        '嘛' => '吗',
        other => other,
    }
}

/// After these particles something new begins, though no pause is heard: 行啊你说.
const BREAKS: &[char] = &['啊', '呀', '吧', '呗'];

const fn key(letter: char) -> u64 {
    letter as u64
}

/// With these, 不 after a verb says that it cannot be done: 还不了, 付不起.
const CANNOT: &[char] = &['了', '起', '上', '出', '到', '完', '清', '成'];

const fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' | '〇')
}

fn half_width(letter: char) -> char {
    const OFFSET: u32 = '！' as u32 - '!' as u32;
    match letter {
        '！'..='～' => char::from_u32(letter as u32 - OFFSET).unwrap_or(letter),
        _ => letter,
    }
}

const fn character_flags(letter: char) -> u16 {
    let filler = match letter {
        '啊' | '呀' | '吧' | '呢' | '哦' | '噢' | '吗' | '哎' | '诶' | '呃' | '额' | '嗯' | '喂' | '哈' | '啦'
        | '了' | '的' | '那' | '个' | '这' | '就' | '你' | '我' | '们' | '一' | '下' => FILLER,
        _ => 0,
    };
    let particle = match letter {
        '啊' | '呀' | '吧' | '呢' | '哦' | '吗' | '啦' | '了' | '哈' | '的' | '呗' | '咯' | '喽' | '哟' => {
            PARTICLE
        }
        _ => 0,
    };
    let opener = match letter {
        '喂' | '嗯' | '哦' | '噢' | '啊' | '呃' | '额' | '哎' | '诶' | '唉' | '哈' | '那' | '呀' => OPENER,
        _ => 0,
    };
    let negator = match letter {
        '不' | '没' | '别' | '甭' | '未' | '沒' => NEGATOR,
        // What recognisers write for 不, 没 and 别; words like 部分 are taken out by their place.
        '部' | '步' | '布' | '补' | '捕' | '埠' | '梅' | '枚' | '煤' | '憋' => NEGATOR,
        _ => 0,
    };
    let link = match letter {
        '太' | '要' | '听' | '是' | '很' | '想' | '用' | '会' | '能' | '怎' | '么' | '有' | '什' | '大' | '那'
        | '多' | '特' => LINK,
        _ => 0,
    };
    let deniable = if matches!(letter, '是' | '什' | '会' | '能') { DENIABLE } else { 0 };
    filler | particle | opener | negator | link | deniable
}

fn word_flags(word: &str) -> u16 {
    match word {
        "not" | "never" | "no" | "neither" | "nor" => NEGATOR,
        "really" | "very" | "that" | "all" | "be" | "to" | "have" | "any" | "so" | "particularly" | "exactly"
        | "currently" | "much" => LINK,
        "a" | "an" | "at" => FILLER | LINK,
        "the" | "i" | "you" | "am" | "is" | "are" | "it" | "this" | "me" | "my" | "your" | "we" | "just" | "with"
        | "of" | "do" | "on" | "in" => FILLER,
        "um" | "uh" | "er" | "ah" | "oh" | "well" | "hmm" | "look" | "sorry" | "mm" | "and" | "but" => FILLER | OPENER,
        "please" | "sir" | "madam" | "then" | "now" | "man" => FILLER | PARTICLE,
        _ => 0,
    }
}
