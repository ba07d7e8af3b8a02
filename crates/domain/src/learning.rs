//! What robots did not understand, so that whoever writes the scene can teach them.

use std::collections::BTreeSet;

use crate::call::{Speaker, Understanding, Utterance};

/// Characters of a text that are kept.
const TEXT_CHARS_MAX: usize = 200;

/// Characters of a node's name that are kept.
const NODE_CHARS_MAX: usize = 200;

/// Something that a customer said and the robot had no answer for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unheard {
    /// Where the robot was in its scene.
    pub node: String,
    /// The words, in the form of [`normalized`].
    pub text: String,
}

/// What the robot of a conversation had no answer for: each text once for each node, in a fixed order.
#[must_use]
pub fn unheard(transcript: &[Utterance]) -> Vec<Unheard> {
    let unknown = transcript
        .iter()
        .filter(|said| said.speaker == Speaker::Customer && matches!(said.understanding, Some(Understanding::Unknown)));
    let kept: BTreeSet<Unheard> = unknown
        .map(|said| Unheard { node: said.node.chars().take(NODE_CHARS_MAX).collect(), text: normalized(&said.text) })
        .filter(|unheard| !unheard.text.is_empty())
        .collect();
    kept.into_iter().collect()
}

/// Words in the form in which they are counted: lower case and half width, without punctuation, and without blanks but
/// between words of Latin letters; of a bounded length.
#[must_use]
pub fn normalized(text: &str) -> String {
    let mut kept = String::new();
    let mut is_apart = false;
    for letter in text.chars().map(half_width).flat_map(char::to_lowercase).take(TEXT_CHARS_MAX) {
        if !letter.is_alphanumeric() {
            is_apart |= letter.is_whitespace();
            continue;
        }
        if is_apart && letter.is_ascii() && kept.ends_with(|last: char| last.is_ascii()) {
            kept.push(' ');
        }
        is_apart = false;
        kept.push(letter);
    }
    kept
}

fn half_width(letter: char) -> char {
    const OFFSET: u32 = '！' as u32 - '!' as u32;
    match letter {
        '！'..='～' => char::from_u32(letter as u32 - OFFSET).unwrap_or(letter),
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;

    fn said(speaker: Speaker, text: &str, node: &str, understanding: Option<Understanding>) -> Utterance {
        Utterance {
            speaker,
            text: text.to_owned(),
            start_ms: 0,
            end_ms: 0,
            at: Moment(0),
            understanding,
            node: node.to_owned(),
            latency: None,
            recogniser: None,
        }
    }

    #[test]
    fn only_what_the_robot_did_not_understand_is_kept_once_for_each_node() {
        let unknown = || Some(Understanding::Unknown);
        let transcript = [
            said(Speaker::Robot, "您好", "开场", None),
            said(Speaker::Customer, "喂", "开场", Some(Understanding::NotNeeded)),
            said(Speaker::Customer, "ＡＰＰ在哪里， 下载？", "开场", unknown()),
            said(Speaker::Customer, "app在哪里下载", "开场", unknown()),
            said(Speaker::Customer, "app在哪里下载", "介绍", unknown()),
            said(Speaker::Customer, "……？", "介绍", unknown()),
        ];

        let kept = unheard(&transcript);

        let expected =
            ["介绍", "开场"].map(|node| Unheard { node: node.to_owned(), text: "app在哪里下载".to_owned() });
        assert_eq!(kept, expected);
    }

    #[test]
    fn blanks_stay_between_words_of_latin_letters_alone() {
        let check = |text: &str, expected: &str| assert_eq!(normalized(text), expected);
        check(" Where  is it? ", "where is it");
        check("有没有 ＡＰＰ 啊，iOS 17 的", "有没有app啊ios 17的");
        check("…… ", "");
    }

    #[test]
    fn a_text_that_is_kept_is_never_long() {
        let said = said(Speaker::Customer, &"长".repeat(9_999), &"节".repeat(9_999), Some(Understanding::Unknown));

        let kept = unheard(&[said]);

        assert_eq!((kept[0].text.chars().count(), kept[0].node.chars().count()), (TEXT_CHARS_MAX, NODE_CHARS_MAX));
    }
}
