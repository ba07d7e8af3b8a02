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

/// Hides the middle of a number, whatever it looks like.
#[must_use]
pub fn mask(number: &str) -> String {
    let length = number.chars().count();
    let shown = (length / 3).min(4);
    number.chars().enumerate().map(|(i, c)| if i < shown.min(3) || i + shown >= length { c } else { '*' }).collect()
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
    fn a_masked_number_keeps_its_ends() {
        assert_eq!(mask("13800138000"), "138*****000");
        assert_eq!(mask("1008"), "1**8");
        assert_eq!(mask(""), "");
        assert_eq!(format!("{:?}", PhoneNumber::parse("13800138000").unwrap()), "138*****000");
    }
}
