//! What recognisers write, as it is passed on.

/// Characters of one utterance: nobody says more in [`super::UTTERANCE_MAX`].
pub(super) const CHARS_MAX: usize = 1_000;

/// The text without what is no text: tags as SenseVoice writes them (`<|zh|><|NEUTRAL|>`), and the spaces that some put
/// between the words of a language that has none.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<|") {
        out.push_str(before);
        rest = match after.split_once("|>") {
            Some((_, after)) => after,
            None => "",
        };
    }
    out.push_str(rest);
    let chars: Vec<char> = out.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    let beside_han = |at: usize| {
        let is = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|it| is_han(*it));
        is(at.checked_sub(1)) || is(at.checked_add(1))
    };
    let kept = chars.iter().enumerate().filter(|(at, it)| **it != ' ' || !beside_han(*at));
    kept.map(|(_, it)| *it).take(CHARS_MAX).collect()
}

/// Puts a part of an utterance behind those before it.
pub(super) fn join(whole: &mut String, part: &str) {
    let is_word = |it: Option<char>| it.is_some_and(|it| it.is_ascii() && !it.is_ascii_whitespace());
    if is_word(whole.chars().last()) && is_word(part.chars().next()) {
        whole.push(' ');
    }
    whole.push_str(part);
}

/// Chinese characters and their punctuation.
fn is_han(it: char) -> bool {
    matches!(it, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_spaces_that_are_no_text_go() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected, "{text:?}");
        check("<|zh|><|NEUTRAL|><|Speech|><|withitn|>喂，你好。", "喂，你好。");
        check(" 你好 我 是 李 先生 ", "你好我是李先生");
        check("please call me  back\n", "please call me back");
        check("我 用 Wi Fi 上网", "我用Wi Fi上网");
        check("cut <|zh", "cut");
        check("<|nospeech|>", "");
        check("", "");
        assert_eq!(clean(&"啊".repeat(5_000)).chars().count(), CHARS_MAX);
    }

    #[test]
    fn parts_are_joined_as_their_language_wants_it() {
        let check = |parts: &[&str], expected: &str| {
            let mut whole = String::new();
            parts.iter().for_each(|part| join(&mut whole, part));
            assert_eq!(whole, expected);
        };
        check(&["喂，", "你好。"], "喂，你好。");
        check(&["Hello.", "Who is it?"], "Hello. Who is it?");
        check(&["", "yes"], "yes");
    }
}
