//! How a value is said: `12000.50` is 一万二千元五角.
//!
//! What a variable of a scene is decides how it is spoken. A value that does not fit is refused
//! before anybody is called, and the refusal names what is wrong.

pub(super) mod english;
pub(super) mod mandarin;

use std::fmt;

use jiff::civil::{Date, Time};

use super::intents::Language;
use super::values::{self, Number};
use crate::message::Message;
use crate::say;

/// Digits of the longest number that is read out.
const DIGITS_MAX: usize = 40;

/// Letters of the longest name.
const NAME_CHARS_MAX: usize = 40;

/// What a value is, and so how it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Spoken {
    /// As it is written.
    #[default]
    Text,
    /// A name, as it is written.
    Name,
    /// An amount of money: `12000.50`, `¥1,200`, 五千元.
    Money,
    /// A number: `12000`, `3.5`, `30%`.
    Number,
    /// Digit by digit: the end of a card, a code, a phone number.
    Digits,
    /// A day: `2026-12-05`, 12月5日.
    Date,
    /// A time of the day: `15:30`.
    Time,
}

/// Why a value cannot be spoken as what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unspeakable {
    /// Nothing is there.
    Empty,
    /// Not a name.
    Name(String),
    /// Not an amount.
    Money(String),
    /// An amount that is finer than money is.
    MoneyTooFine(String),
    /// Not a number.
    Number(String),
    /// A number that is too large to be said.
    TooLarge(String),
    /// Not digits only.
    Digits(String),
    /// Not a day.
    Date(String),
    /// A day that the calendar does not have.
    NoSuchDay(String),
    /// Not a time of the day.
    Time(String),
}

impl Unspeakable {
    /// What is wrong, and what to write instead.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Empty => say!("there is no value", "没有填写"),
            Self::Name(given) => say!(
                "`{given}` is not a name: it has digits in it, or more than {NAME_CHARS_MAX} letters",
                "“{given}”不是姓名：不能含数字，最多 {NAME_CHARS_MAX} 个字"
            ),
            Self::Money(given) => say!(
                "`{given}` is not an amount of money: write digits, as in 12000.50",
                "“{given}”不是金额：请写数字，如 12000.50"
            ),
            Self::MoneyTooFine(given) => say!(
                "`{given}` is not an amount of money: it has more than two places behind the point",
                "“{given}”不是金额：最多两位小数"
            ),
            Self::Number(given) => say!(
                "`{given}` is not a number: write digits, as in 12000 or 3.5",
                "“{given}”不是数字：请写如 12000 或 3.5"
            ),
            Self::TooLarge(given) => say!("`{given}` is too large to be spoken", "“{given}”太大，念不出来"),
            Self::Digits(given) => say!(
                "`{given}` is not a row of digits: only digits, blanks and hyphens may stand in it, at most {DIGITS_MAX} digits",
                "“{given}”不是号码：只能有数字、空格和连字符，最多 {DIGITS_MAX} 位"
            ),
            Self::Date(given) => say!(
                "`{given}` is not a date: write year, month and day, as in 2026-12-05",
                "“{given}”不是日期：请写年月日，如 2026-12-05"
            ),
            Self::NoSuchDay(given) => {
                say!("`{given}` is not a date: the calendar has no such day", "“{given}”不是日期：没有这一天")
            }
            Self::Time(given) => say!(
                "`{given}` is not a time of the day: write hours and minutes, as in 15:30",
                "“{given}”不是时间：请写时和分，如 15:30"
            ),
        }
    }
}

impl fmt::Display for Unspeakable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message().en)
    }
}

impl std::error::Error for Unspeakable {}

/// The words for a value. `today` decides whether a year is said.
///
/// # Errors
/// What is wrong with a value that is not what it should be.
pub fn speak(spoken: Spoken, value: &str, language: Language, today: Date) -> Result<String, Unspeakable> {
    let text = value.trim();
    if text.is_empty() {
        return Err(Unspeakable::Empty);
    }
    match spoken {
        Spoken::Text => Ok(text.to_owned()),
        Spoken::Name => {
            let long = text.chars().count() > NAME_CHARS_MAX;
            if long || text.chars().any(char::is_numeric) {
                return Err(Unspeakable::Name(text.to_owned()));
            }
            Ok(text.to_owned())
        }
        Spoken::Money => money(text, language),
        Spoken::Number => number(text, language),
        Spoken::Digits => digits(text, language),
        Spoken::Date => date(text, language, today),
        Spoken::Time => time(text, language),
    }
}

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Currency {
    Yuan,
    Dollar,
}

fn money(text: &str, language: Language) -> Result<String, Unspeakable> {
    let (signs, words): (&[(&str, Currency)], _) = (
        &[("¥", Currency::Yuan), ("￥", Currency::Yuan), ("$", Currency::Dollar)],
        [
            ("元", Currency::Yuan),
            ("块", Currency::Yuan),
            ("圆", Currency::Yuan),
            ("yuan", Currency::Yuan),
            ("dollars", Currency::Dollar),
            ("美元", Currency::Dollar),
        ],
    );
    let sign = signs.iter().find_map(|(sign, currency)| Some((text.strip_prefix(sign)?, *currency)));
    let word = words.iter().find_map(|(word, currency)| Some((text.strip_suffix(word)?, *currency)));
    let default = if language == Language::English { Currency::Dollar } else { Currency::Yuan };
    let (bare, currency) = sign.or(word).unwrap_or((text, default));
    let written = Number::parse(&bare.trim().replace([',', '，', ' '], ""));
    // What an import writes in words already is an amount as well.
    let whole = |found: &values::Found<Number>| found.place == (0..text.len());
    let amount = written
        .or_else(|| values::amounts(text, language).into_iter().find(whole).map(|found| found.value))
        .ok_or_else(|| Unspeakable::Money(text.to_owned()))?;
    if amount.millionths() % 10_000 != 0 {
        return Err(Unspeakable::MoneyTooFine(text.to_owned()));
    }
    let cents = amount.millionths() / 10_000;
    let spoken = match language {
        Language::Mandarin => mandarin::money(cents, currency),
        Language::English => english::money(cents, currency),
    };
    spoken.ok_or_else(|| Unspeakable::TooLarge(text.to_owned()))
}

fn number(text: &str, language: Language) -> Result<String, Unspeakable> {
    let (bare, percent) = text.strip_suffix(['%', '％']).map_or((text, false), |bare| (bare, true));
    let written = Number::parse(&bare.trim().replace([',', '，', ' '], ""));
    let whole = |found: &values::Found<Number>| found.place == (0..text.len());
    let value = written
        .or_else(|| values::numbers(text, language).into_iter().find(whole).map(|found| found.value))
        .ok_or_else(|| Unspeakable::Number(text.to_owned()))?;
    let spoken = match language {
        Language::Mandarin => {
            mandarin::number(value).map(|words| if percent { format!("百分之{words}") } else { words })
        }
        Language::English => {
            english::number(value).map(|words| if percent { format!("{words} percent") } else { words })
        }
    };
    spoken.ok_or_else(|| Unspeakable::TooLarge(text.to_owned()))
}

fn digits(text: &str, language: Language) -> Result<String, Unspeakable> {
    let wrong = || Unspeakable::Digits(text.to_owned());
    let kept: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    let plus = kept.strip_prefix('+').unwrap_or(&kept);
    if plus.is_empty() || plus.len() > DIGITS_MAX || !plus.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let group: fn(&str) -> String = match language {
        Language::Mandarin => |group| mandarin::digits(group, true),
        Language::English => english::digits,
    };
    let pause = if language == Language::English { ", " } else { "，" };
    Ok(groups(plus).map(group).collect::<Vec<_>>().join(pause))
}

/// A phone number in the groups that people read it in; anything longer, like a card, by fours.
fn groups(digits: &str) -> impl Iterator<Item = &str> {
    let lengths: &[usize] = match digits.len() {
        7 => &[3, 4],
        8 => &[4, 4],
        10 => &[3, 3, 4],
        11 => &[3, 4, 4],
        12 => &[4, 4, 4],
        length if length > 12 => &[4; DIGITS_MAX / 4],
        _ => &[DIGITS_MAX],
    };
    let mut rest = digits;
    lengths.iter().map_while(move |&length| {
        let (group, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        (!group.is_empty()).then_some(group)
    })
}

fn date(text: &str, language: Language, today: Date) -> Result<String, Unspeakable> {
    let (year, month, day) = date_parts(text, language, today).ok_or_else(|| Unspeakable::Date(text.to_owned()))?;
    let year = year.unwrap_or(today.year());
    let date = Date::new(year, month, day).map_err(|_| Unspeakable::NoSuchDay(text.to_owned()))?;
    Ok(match language {
        Language::Mandarin => mandarin::date(date, today),
        Language::English => english::date(date, today),
    })
}

fn date_parts(text: &str, language: Language, today: Date) -> Option<(Option<i16>, i8, i8)> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = |range| text.get(range);
        return Some((Some(part(0..4)?.parse().ok()?), part(4..6)?.parse().ok()?, part(6..8)?.parse().ok()?));
    }
    let day_only = text.split(['T', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> = day_only
        .split(['-', '/', '.', '年', '月'])
        .map(|part| part.trim_end_matches(['日', '号']))
        .filter(|part| !part.is_empty())
        .collect();
    let numeric = parts.iter().all(|part| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()));
    match parts.as_slice() {
        [year, month, day] if numeric && year.len() == 4 => {
            Some((Some(year.parse().ok()?), month.parse().ok()?, day.parse().ok()?))
        }
        [month, day] if numeric => Some((None, month.parse().ok()?, day.parse().ok()?)),
        _ => {
            // 五月十号, December 5th: in words already.
            let whole = |found: &values::Found<values::Time>| found.place == (0..text.len());
            let found = values::times(text, language, today.at(0, 0, 0, 0)).into_iter().find(whole)?.value;
            let date = found.from.date();
            (found.precision == values::Precision::Day).then(|| (Some(date.year()), date.month(), date.day()))
        }
    }
}

fn time(text: &str, language: Language) -> Result<String, Unspeakable> {
    let wrong = || Unspeakable::Time(text.to_owned());
    let mut parts = text.split([':', '：']);
    let mut part = || parts.next().filter(|part| part.len() <= 2).and_then(|part| part.parse::<i8>().ok());
    let (hour, minute) = (part().ok_or_else(wrong)?, part().ok_or_else(wrong)?);
    let second = parts.next().map_or(Some(0), |second| second.parse::<i8>().ok()).ok_or_else(wrong)?;
    let time = Time::new(hour, minute, second, 0).map_err(|_| wrong())?;
    Ok(match language {
        Language::Mandarin => mandarin::time(time),
        Language::English => english::time(time),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spoken: Spoken, value: &str, mandarin: &str, english: &str) {
        let today = Date::constant(2026, 11, 27);
        let said = |language| speak(spoken, value, language, today).unwrap_or_else(|error| error.to_string());
        assert_eq!(said(Language::Mandarin), mandarin, "{value}");
        assert_eq!(said(Language::English), english, "{value}");
    }

    #[test]
    fn money_is_spoken_as_people_count_it() {
        let cases = [
            ("12000.50", "一万二千元五角", "twelve thousand dollars and fifty cents"),
            ("¥1,200", "一千二百元", "one thousand two hundred yuan"),
            ("2", "两元", "two dollars"),
            ("2000", "两千元", "two thousand dollars"),
            ("22000", "两万二千元", "twenty-two thousand dollars"),
            ("200200.02", "二十万零二百元零二分", "two hundred thousand two hundred dollars and two cents"),
            ("0.5", "五角", "fifty cents"),
            ("0.22", "两角二分", "twenty-two cents"),
            ("0", "零元", "zero dollars"),
            ("105.05", "一百零五元零五分", "one hundred five dollars and five cents"),
            ("1", "一元", "one dollar"),
            ("100000000", "一亿元", "one hundred million dollars"),
        ];
        for (value, mandarin, english) in cases {
            check(Spoken::Money, value, mandarin, english);
        }
        let said = |value| speak(Spoken::Money, value, Language::Mandarin, Date::constant(2026, 11, 27));
        assert_eq!(said("一千二百八十元").as_deref(), Ok("一千二百八十元"));
        assert_eq!(said("五千块").as_deref(), Ok("五千元"));
    }

    #[test]
    fn dates_say_the_year_only_where_it_is_another() {
        check(Spoken::Date, "2026-12-05", "十二月五日", "December fifth");
        check(Spoken::Date, "2027/1/20", "二零二七年一月二十日", "January twentieth, twenty twenty-seven");
        check(Spoken::Date, "20261222", "十二月二十二日", "December twenty-second");
        check(Spoken::Date, "12月5日", "十二月五日", "December fifth");
        let words = speak(Spoken::Date, "五月十号", Language::Mandarin, Date::constant(2026, 3, 1));
        assert_eq!(words.as_deref(), Ok("五月十日"));
    }

    #[test]
    fn digits_are_spoken_one_by_one_in_groups() {
        check(Spoken::Digits, "3578", "三五七八", "three five seven eight");
        check(Spoken::Digits, "110", "幺幺零", "one one zero");
        check(
            Spoken::Digits,
            "138-0013-8000",
            "幺三八，零零幺三，八零零零",
            "one three eight, zero zero one three, eight zero zero zero",
        );
        check(
            Spoken::Digits,
            "5550100199",
            "五五五，零幺零，零幺九九",
            "five five five, zero one zero, zero one nine nine",
        );
    }

    #[test]
    fn numbers_and_times_are_spoken() {
        check(Spoken::Number, "10010", "一万零一十", "ten thousand ten");
        check(Spoken::Number, "15", "十五", "fifteen");
        check(Spoken::Number, "3.50", "三点五", "three point five");
        check(Spoken::Number, "30%", "百分之三十", "thirty percent");
        check(Spoken::Number, "-2", "负二", "minus two");
        check(Spoken::Number, "20002", "两万零二", "twenty thousand two");
        check(Spoken::Number, "222", "二百二十二", "two hundred twenty-two");
        check(Spoken::Time, "15:30", "下午三点半", "three thirty p.m.");
        check(Spoken::Time, "09:05", "上午九点零五分", "nine oh five a.m.");
        check(Spoken::Time, "12:00", "中午十二点", "twelve noon");
        check(Spoken::Time, "20:15:00", "晚上八点十五分", "eight fifteen p.m.");
        check(Spoken::Time, "02:00", "凌晨两点", "two a.m.");
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let cases = [
            (Spoken::Money, "很多", Unspeakable::Money("很多".to_owned())),
            (Spoken::Money, "1.005", Unspeakable::MoneyTooFine("1.005".to_owned())),
            (Spoken::Number, "12a", Unspeakable::Number("12a".to_owned())),
            (Spoken::Digits, "12a4", Unspeakable::Digits("12a4".to_owned())),
            (Spoken::Date, "2026-02-30", Unspeakable::NoSuchDay("2026-02-30".to_owned())),
            (Spoken::Date, "很快", Unspeakable::Date("很快".to_owned())),
            (Spoken::Time, "25:00", Unspeakable::Time("25:00".to_owned())),
            (Spoken::Name, "王2", Unspeakable::Name("王2".to_owned())),
            (Spoken::Text, " ", Unspeakable::Empty),
        ];
        for (spoken, value, error) in cases {
            assert_eq!(speak(spoken, value, Language::Mandarin, Date::constant(2026, 11, 27)), Err(error));
        }
    }
}
