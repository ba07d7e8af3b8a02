//! Telephone numbers as integrators write them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Fewest digits of a number that can be dialled: short codes such as 1008 have four.
pub const DIGITS_MIN: usize = 3;
/// Most digits of a number that can be dialled: E.164 allows 15, dialling prefixes come on top.
pub const DIGITS_MAX: usize = 20;

/// A telephone number: digits, with a leading `+` where one was given. `Debug` masks it, so that logs
/// do not leak it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads a number, dropping the spaces, hyphens, dots and brackets that people put between digits.
    /// None where something else is in it, or it is too short or too long to be dialled.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut number = String::with_capacity(text.len().min(DIGITS_MAX + 1));
        for c in text.trim().chars() {
            match c {
                '0'..='9' => number.push(c),
                '+' if number.is_empty() => number.push(c),
                ' ' | '-' | '.' | '(' | ')' | '\u{a0}' => {}
                _ => return None,
            }
            if number.len() > DIGITS_MAX + 1 {
                return None;
            }
        }
        let digits = number.trim_start_matches('+').len();
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits).then_some(Self(number))
    }

    /// The number as it is dialled and as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with its middle hidden, for logs: `138****8000`.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// What stands for a digit that is hidden.
const HIDDEN: char = '*';
/// Digits that are hidden at least where a number has the length of a person's.
const HIDDEN_MIN: usize = 4;
/// Up to so many digits a number is a short code, of which the ends are shown.
const SHORT_MAX: usize = 6;

/// Hides the middle of a number, for whoever may not see it and for logs: 138****8000, 021****0001, +44******3456. Its
/// kind can still be seen (mobile, area code, country), and the end by which people tell their own number. What is masked
/// already stays as it is.
#[must_use]
pub fn mask(number: &str) -> String {
    let length = number.chars().count();
    let (head, tail) = shown(number, length);
    let is_shown = |at: usize| at < head || at + tail >= length;
    number.chars().enumerate().map(|(at, c)| if is_shown(at) { c } else { HIDDEN }).collect()
}

/// Hides all of a number but its length: of a person who is to be forgotten.
#[must_use]
pub fn mask_all(number: &str) -> String {
    number.chars().map(|_| HIDDEN).collect()
}

/// How many characters of a number are shown at its beginning and at its end.
fn shown(number: &str, length: usize) -> (usize, usize) {
    const CHINA: &str = "+86";
    if length <= 2 {
        return (0, 0);
    }
    if length <= SHORT_MAX {
        return (1, 1);
    }
    if let Some(rest) = number.strip_prefix(CHINA) {
        let (head, tail) = shown(rest, length - CHINA.len());
        return (CHINA.len() + head, tail);
    }
    let head = match number.as_bytes() {
        // An area code: 010 and 02x are of three digits, all others of four.
        [b'0', b'1' | b'2', ..] => 3,
        [b'0', b'3'..=b'9', ..] => 4,
        _ => 3,
    };
    let tail = if length >= 10 { 4 } else { 2 };
    (head.min(length.saturating_sub(tail + HIDDEN_MIN)), tail)
}

/// The ways in which a number may be written where people are called: a mainland number with and without the country's
/// code, a mobile also with the zero that long-distance calls had. The number as it is given is the first.
#[must_use]
pub fn spellings(number: &PhoneNumber) -> Vec<String> {
    let written = number.as_str();
    let national = ["+86", "0086", "86"].into_iter().find_map(|code| {
        let rest = written.strip_prefix(code)?;
        // 86 alone may be the beginning of a number without a code.
        (code != "86" || is_mobile(rest)).then_some(rest)
    });
    let national = national.unwrap_or(written);
    let national = national.strip_prefix('0').filter(|rest| is_mobile(rest)).unwrap_or(national);
    let mut all = vec![written.to_owned()];
    if is_mobile(national) {
        all.extend(["", "0", "86", "+86", "0086"].map(|code| format!("{code}{national}")));
    } else if national.starts_with('0') && national.len() > SHORT_MAX && !national.starts_with("00") {
        // Abroad, the zero of an area code is left out.
        let without_zero = national.trim_start_matches('0');
        all.push(national.to_owned());
        all.extend(["+86", "0086"].map(|code| format!("{code}{without_zero}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|spelling| seen.insert(spelling.clone()));
    all
}

/// Whether these are the digits of a mobile of the mainland.
fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_dropped_and_the_rest_is_kept() {
        let check = |text, expect: Option<&str>| {
            assert_eq!(PhoneNumber::parse(text).as_ref().map(PhoneNumber::as_str), expect, "{text}");
        };
        check("13800138000", Some("13800138000"));
        check(" 138-0013 8000 ", Some("13800138000"));
        check("+86 (10) 1234.5678", Some("+861012345678"));
        check("1008", Some("1008"));
        check("12", None);
        check("123456789012345678901", None);
        check("138OO138000", None);
        check("+", None);
        check("1+38", None);
        check("", None);
        check("１３８００１３８０００", None);
    }

    #[test]
    fn a_masked_number_keeps_its_kind_and_its_end() {
        let check = |number: &str, expected: &str| {
            assert_eq!(mask(number), expected);
            assert_eq!(mask(expected), expected, "twice is once");
        };
        check("13800138000", "138****8000");
        check("+8613800138000", "+86138****8000");
        check("02180000001", "021****0001");
        check("01080000001", "010****0001");
        check("075580000001", "0755****0001");
        check("+862180000001", "+8621****0001");
        check("80000001", "80****01");
        check("8000001", "8****01");
        check("4008000001", "40****0001");
        check("95588", "9***8");
        check("1008", "1**8");
        check("110", "1*0");
        check("+447911123456", "+44******3456");
        check("+12025550123", "+12*****0123");
        check("12", "**");
        check("", "");
        assert_eq!(format!("{:?}", PhoneNumber::parse("13800138000").unwrap()), "138****8000");
        assert_eq!(mask_all("+8613800138000"), "**************");
    }

    #[test]
    fn whatever_has_the_length_of_a_persons_number_hides_four_digits() {
        for length in 7..=20 {
            for head in ["", "0", "01", "07", "1", "+", "+86", "+1", "00"] {
                let number: String = head.chars().chain("2345678901".chars().cycle()).take(length).collect();
                let hidden = mask(&number).chars().filter(|c| *c == HIDDEN).count();
                // The code of the country is no part of the number.
                assert!(hidden >= 4 || number.starts_with("+86") && length < 10, "{number}: {}", mask(&number));
            }
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let check = |number: &str, others: &[&str]| {
            let mut found = spellings(&PhoneNumber::parse(number).unwrap());
            assert_eq!(found.first().map(String::as_str), Some(number));
            found.sort();
            let mut expected = others.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{number}");
        };
        let mobile = ["13800138000", "013800138000", "8613800138000", "+8613800138000", "008613800138000"];
        mobile.iter().for_each(|number| check(number, &mobile));
        check("02180000001", &["02180000001", "+862180000001", "00862180000001"]);
        check("1008", &["1008"]);
        check("+447911123456", &["+447911123456"]);
        check("86800001", &["86800001"]);
    }
}
