//! Values in English words.

use jiff::civil::{Date, Time};

use super::super::values::Number;
use super::Currency;

/// The words below twenty, each at its own value.
pub(in crate::understanding) const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
/// The words of the tens, each at its number of tens.
pub(in crate::understanding) const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A whole number below a thousand billions.
pub(crate) fn whole(value: i64) -> Option<String> {
    if value < 0 {
        return Some(format!("minus {}", whole(value.checked_neg()?)?));
    }
    if value >= 1_000_000_000_000 {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = value;
    for (size, unit) in [(1_000_000_000, " billion"), (1_000_000, " million"), (1_000, " thousand"), (1, "")] {
        let section = rest / size;
        rest %= size;
        if section > 0 || (value == 0 && size == 1) {
            parts.push(format!("{}{unit}", below_thousand(section)));
        }
    }
    Some(parts.join(" "))
}

fn below_thousand(value: i64) -> String {
    let word = |list: &[&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| list.get(index)).copied().unwrap_or_default()
    };
    let below_hundred = |value: i64| match value {
        0..20 => word(&SMALL, value).to_owned(),
        _ if value % 10 == 0 => word(&TENS, value / 10).to_owned(),
        _ => format!("{}-{}", word(&TENS, value / 10), word(&SMALL, value % 10)),
    };
    match (value / 100, value % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", word(&SMALL, hundreds)),
        (hundreds, rest) => format!("{} hundred {}", word(&SMALL, hundreds), below_hundred(rest)),
    }
}

pub(super) fn number(value: Number) -> Option<String> {
    let text = value.to_string();
    let (whole_part, places) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if whole_part == "-0" { "minus " } else { "" };
    let words = format!("{sign}{}", whole(whole_part.parse().ok()?)?);
    Some(if places.is_empty() { words } else { format!("{words} point {}", digits(places)) })
}

pub(super) fn money(cents: i64, currency: Currency) -> Option<String> {
    let sign = if cents < 0 { "minus " } else { "" };
    let cents = cents.checked_abs()?;
    let unit = |value: i64| match currency {
        Currency::Yuan => "yuan",
        Currency::Dollar if value == 1 => "dollar",
        Currency::Dollar => "dollars",
    };
    let small_unit = |value: i64| match currency {
        Currency::Yuan => "fen",
        Currency::Dollar if value == 1 => "cent",
        Currency::Dollar => "cents",
    };
    let (major, minor) = (cents / 100, cents % 100);
    let minor_words = format!("{} {}", whole(minor)?, small_unit(minor));
    let major_words = format!("{} {}", whole(major)?, unit(major));
    let words = match (major, minor) {
        (_, 0) => major_words,
        (0, _) => minor_words,
        _ => format!("{major_words} and {minor_words}"),
    };
    Some(format!("{sign}{words}"))
}

/// Digit by digit.
pub(super) fn digits(digits: &str) -> String {
    let word = |digit: u8| SMALL.get(usize::from(digit.wrapping_sub(b'0'))).copied().unwrap_or_default();
    digits.bytes().map(word).collect::<Vec<_>>().join(" ")
}

/// December fifth, with the year where it is not this one.
pub(crate) fn date(date: Date, today: Date) -> String {
    let month = usize::try_from(date.month()).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).copied();
    let day = format!("{} {}", month.unwrap_or_default(), ordinal(date.day()));
    if date.year() == today.year() { day } else { format!("{day}, {}", year(date.year())) }
}

fn year(year: i16) -> String {
    let (century, rest) = (i64::from(year) / 100, i64::from(year) % 100);
    match (century % 10, rest) {
        (0, 0..10) => whole(i64::from(year)).unwrap_or_default(),
        (_, 0) => format!("{} hundred", below_thousand(century)),
        (_, 1..10) => format!("{} oh {}", below_thousand(century), below_thousand(rest)),
        _ => format!("{} {}", below_thousand(century), below_thousand(rest)),
    }
}

fn ordinal(day: i8) -> String {
    let words = below_thousand(i64::from(day));
    let (stem, last) =
        words.rsplit_once('-').map_or((String::new(), words.as_str()), |(tens, ones)| (format!("{tens}-"), ones));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        "twenty" => "twentieth".to_owned(),
        "thirty" => "thirtieth".to_owned(),
        other => format!("{other}th"),
    };
    format!("{stem}{last}")
}

/// Three thirty p.m.
pub(crate) fn time(time: Time) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    match (hour, minute) {
        (12, 0) => return "twelve noon".to_owned(),
        (0, 0) => return "midnight".to_owned(),
        _ => {}
    }
    let half = if hour < 12 { "a.m." } else { "p.m." };
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    let hour = below_thousand(i64::from(hour));
    match minute {
        0 => format!("{hour} {half}"),
        1..=9 => format!("{hour} oh {} {half}", below_thousand(i64::from(minute))),
        _ => format!("{hour} {} {half}", below_thousand(i64::from(minute))),
    }
}
