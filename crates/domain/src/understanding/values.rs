//! Values in what a customer says: numbers, amounts of money, digits that are dictated, times.
//!
//! Each is found with its place in the text, in bytes, so that a transcript can show it.

mod english_numbers;
mod english_times;
mod letters;
mod mandarin_numbers;
mod mandarin_times;
mod resolve;

use std::fmt;
use std::ops::Range;

use jiff::civil::DateTime;

use super::intents::Language;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// What was said.
    pub value: T,
    /// Where, in bytes of the text.
    pub place: Range<usize>,
}

/// A number to six places behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number {
    millionths: i64,
}

const MILLION: i64 = 1_000_000;

impl Number {
    /// A whole number; none where it is larger than nine billions.
    #[must_use]
    pub fn whole(value: i64) -> Option<Self> {
        value.checked_mul(MILLION).map(|millionths| Self { millionths })
    }

    /// Reads `-1234.5`; none for anything else, and for more than six places behind the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(places) || digits.ends_with('.') {
            return None;
        }
        let places = places.trim_end_matches('0');
        if places.len() > 6 {
            return None;
        }
        let behind: i64 = format!("{places:0<6}").parse().ok()?;
        let value = Self::whole(whole.parse().ok()?)?.millionths.checked_add(behind)?;
        Some(Self { millionths: if negative { -value } else { value } })
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.millionths
    }

    /// Where it is a whole number.
    #[must_use]
    pub const fn as_whole(self) -> Option<i64> {
        if self.millionths % MILLION == 0 { Some(self.millionths / MILLION) } else { None }
    }

    fn times(self, factor: i64) -> Option<Self> {
        self.millionths.checked_mul(factor).map(|millionths| Self { millionths })
    }

    fn divided(self, divisor: i64) -> Option<Self> {
        self.millionths.checked_div(divisor).map(|millionths| Self { millionths })
    }

    fn plus(self, other: Self) -> Option<Self> {
        self.millionths.checked_add(other.millionths).map(|millionths| Self { millionths })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.millionths < 0 { "-" } else { "" };
        let (whole, behind) = (self.millionths.unsigned_abs() / 1_000_000, self.millionths.unsigned_abs() % 1_000_000);
        if behind == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let places = format!("{behind:06}");
        write!(formatter, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

/// How exactly a time was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// 下午三点, 十分钟以后.
    Minute,
    /// 明天下午, 待会儿.
    PartOfDay,
    /// 周三, 月底, 这个周末.
    Day,
}

/// A time that was said, as it is meant now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// When it begins.
    pub from: DateTime,
    /// When it is over; the same moment where one moment was said.
    pub to: DateTime,
    /// How exactly it was said.
    pub precision: Precision,
    /// How it is said back, for example 明天下午三点.
    pub spoken: String,
}

/// Numbers that count or measure something, in their order: 一万二, 三点五, `two hundred`. Not those
/// that are dictated digit by digit.
#[must_use]
pub fn numbers(text: &str, language: Language) -> Vec<Found<Number>> {
    match language {
        Language::Mandarin => mandarin_numbers::numbers(text),
        Language::English => english_numbers::numbers(text),
    }
}

/// Shares of a hundred, in their order: 百分之三十, 30%, `thirty percent`.
#[must_use]
pub fn percentages(text: &str, language: Language) -> Vec<Found<Number>> {
    match language {
        Language::Mandarin => mandarin_numbers::percentages(text),
        Language::English => english_numbers::percentages(text),
    }
}

/// Amounts of money, in their order: 五千块, 1,200元, `two thousand dollars`. Where no unit is said
/// at all, numbers that are followed by no other unit count: 三万五.
#[must_use]
pub fn amounts(text: &str, language: Language) -> Vec<Found<Number>> {
    match language {
        Language::Mandarin => mandarin_numbers::amounts(text),
        Language::English => english_numbers::amounts(text),
    }
}

/// Digits that are dictated one by one, in their order: 幺三八零零, 尾号三五七八, `double five oh`.
#[must_use]
pub fn digits(text: &str, language: Language) -> Vec<Found<String>> {
    match language {
        Language::Mandarin => mandarin_numbers::digits(text),
        Language::English => english_numbers::digits(text),
    }
}

/// Times, in their order, as they are meant at `now`: 明天下午三点, 半个小时后, `next Monday`. What
/// would be over already is taken for the next one.
#[must_use]
pub fn times(text: &str, language: Language, now: DateTime) -> Vec<Found<Time>> {
    match language {
        Language::Mandarin => mandarin_times::times(text, now),
        Language::English => english_times::times(text, now),
    }
}
