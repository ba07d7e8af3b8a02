//! How a character sounds, and how near two characters sound to each other.
//!
//! Recognisers write characters of the same sound for others (拨 for 播, 何对 for 核对), and hear
//! southern speakers, who tell zh from z, n from l or an from ang less than the dictionary does.

use pinyin::ToPinyinMulti;

/// Readings of one character that are looked at; the commonest stand first.
const READINGS_MAX: usize = 3;

/// Characters of which more than the first reading is heard on the phone. Dictionaries give many
/// more a second reading, of which a false likeness would come: 个 is hardly ever read as 干.
const SEVERAL_READINGS: &str = "行长还重得都了着地没便调觉乐会单参差车传弹和什石校系降角解卡给落率绿薄厦省似说约载扎粘折只\
    那哪谁这露色熟咳壳强圈俩模朝曾盛藏处大";

/// How near two characters are that sound the same, with the tone and without it.
const SAME_WITH_TONE: f64 = 0.95;
const SAME_WITHOUT_TONE: f64 = 0.88;

/// How near two characters are whose sounds are mixed up by many speakers.
pub(super) const CONFUSED: f64 = 0.78;

/// A syllable of at most eight bytes as a number, so that comparing is one instruction.
type Syllable = u64;

/// The readings of a character; none of them for anything that is not one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sounds {
    /// The commonest reading first; zero where there is no further one.
    plain: [Syllable; READINGS_MAX],
    /// The same, with what speakers confuse made one.
    folded: [Syllable; READINGS_MAX],
    /// The tone of the commonest reading.
    tone: u8,
}

impl Sounds {
    /// The readings of a character.
    pub(super) fn of(letter: char) -> Self {
        let mut sounds = Self::default();
        let Some(readings) = letter.to_pinyin_multi() else {
            return sounds;
        };
        let mut known = 0;
        let count = if SEVERAL_READINGS.contains(letter) { READINGS_MAX } else { 1 };
        for reading in readings.into_iter().take(count) {
            let plain = pack(reading.plain());
            if known == 0 {
                sounds.tone = reading.with_tone_num_end().bytes().last().filter(u8::is_ascii_digit).unwrap_or(b'5');
            }
            if sounds.plain.contains(&plain) {
                continue;
            }
            let (Some(place), Some(folded)) = (sounds.plain.get_mut(known), sounds.folded.get_mut(known)) else {
                break;
            };
            *place = plain;
            *folded = fold(reading.plain());
            known += 1;
        }
        sounds
    }

    /// Those of what is no character.
    pub(super) const fn silent() -> Self {
        Self { plain: [0; READINGS_MAX], folded: [0; READINGS_MAX], tone: 0 }
    }

    /// The commonest reading, with what speakers confuse made one; zero where there is none.
    pub(super) const fn main(&self) -> Syllable {
        self.folded[0]
    }

    /// The one reading, with what speakers confuse made one; none where there are several or none.
    pub(super) fn only(&self) -> Option<Syllable> {
        let [main, second, _] = self.folded;
        (main != 0 && second == 0).then_some(main)
    }

    /// Every reading, with what speakers confuse made one.
    pub(super) fn all(&self) -> impl Iterator<Item = Syllable> {
        self.folded.into_iter().filter(|&reading| reading != 0)
    }

    /// How near two characters sound to each other, below 1; none where they do not at all. The
    /// commonest reading of one must be a reading of the other: two rare readings prove nothing.
    pub(super) fn likeness(&self, other: &Self) -> Option<f64> {
        let shared = |ours: &[Syllable; READINGS_MAX], theirs: &[Syllable; READINGS_MAX]| {
            ours[0] != 0 && theirs[0] != 0 && (theirs.contains(&ours[0]) || ours.contains(&theirs[0]))
        };
        if shared(&self.plain, &other.plain) {
            let same_tone = self.plain[0] == other.plain[0] && self.tone == other.tone;
            return Some(if same_tone { SAME_WITH_TONE } else { SAME_WITHOUT_TONE });
        }
        shared(&self.folded, &other.folded).then_some(CONFUSED)
    }
}

/// Makes one of what speakers confuse: zh z, ch c, sh s, n l, f hu, an ang, en eng, in ing. Not ian
/// and iang: those are told apart.
fn fold(syllable: &str) -> Syllable {
    let (initial, rest) = match syllable.as_bytes() {
        [b'z' | b'c' | b's', b'h', ..] => (syllable.get(..1).unwrap_or_default(), syllable.get(2..)),
        [b'n', b'a'..=b'z', ..] if syllable != "ng" => ("l", syllable.get(1..)),
        [b'f', b'u', ..] => ("h", syllable.get(1..)),
        [b'f', b'e', b'i'] => ("hui", None),
        [b'f', b'e', b'n', ..] => ("hun", None),
        [b'f', ..] => ("hu", syllable.get(1..)),
        _ => ("", Some(syllable)),
    };
    let rest = rest.unwrap_or_default();
    let keeps_end = rest.ends_with("iang") || rest.ends_with("yang") || rest.ends_with("ong");
    let last = if keeps_end { rest } else { rest.strip_suffix('g').filter(|stem| stem.ends_with('n')).unwrap_or(rest) };
    pack(&format!("{initial}{last}"))
}

fn pack(syllable: &str) -> Syllable {
    syllable.bytes().take(8).fold(0, |packed, byte| packed << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: char, second: char, expected: Option<f64>) {
        let likeness = Sounds::of(first).likeness(&Sounds::of(second));
        assert_eq!(likeness, expected, "{first}{second}");
        assert_eq!(Sounds::of(second).likeness(&Sounds::of(first)), expected, "{second}{first}");
    }

    #[test]
    fn what_sounds_the_same_is_nearer_than_what_speakers_confuse() {
        check('拨', '播', Some(SAME_WITH_TONE));
        check('核', '何', Some(SAME_WITH_TONE));
        check('要', '药', Some(SAME_WITH_TONE));
        check('以', '一', Some(SAME_WITHOUT_TONE));
        for (first, second) in [('四', '是'), ('林', '零'), ('男', '兰'), ('飞', '灰'), ('钱', '前')] {
            assert!(Sounds::of(first).likeness(&Sounds::of(second)).is_some(), "{first}{second}");
        }
        check('四', '是', Some(CONFUSED));
        check('南', '蓝', Some(CONFUSED));
        check('风', '分', Some(CONFUSED));
        check('方', '黄', Some(CONFUSED));
        check('现', '向', None);
        check('好', '坏', None);
        check('a', 'a', None);
    }

    #[test]
    fn characters_with_several_readings_match_by_each_common_one() {
        check('行', '航', Some(SAME_WITHOUT_TONE));
        check('行', '形', Some(SAME_WITH_TONE));
        check('长', '常', Some(SAME_WITHOUT_TONE));
        check('还', '海', Some(SAME_WITHOUT_TONE));
        check('重', '虫', Some(SAME_WITHOUT_TONE));
    }
}
