//! Values in Mandarin words.

use jiff::civil::{Date, Time};

use super::super::values::Number;
use super::Currency;

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// The largest number that has words here, in units: below a hundred million 亿.
const WHOLE_MAX: i64 = 9_999_999_999_999_999;

/// A whole number. Two at the front of thousands and more is 两: 两千, 两万, but 二百 and 二十.
pub(crate) fn whole(value: i64) -> Option<String> {
    if value == 0 {
        return Some(DIGITS[0].to_owned());
    }
    if value.unsigned_abs() > WHOLE_MAX.unsigned_abs() {
        return None;
    }
    let mut words = String::new();
    let mut rest = value.unsigned_abs();
    let mut gap = false;
    for (size, unit) in [(1_000_000_000_000, "万亿"), (100_000_000, "亿"), (10_000, "万"), (1, "")] {
        let section = rest / size;
        rest %= size;
        if section == 0 {
            gap = !words.is_empty();
            continue;
        }
        if !words.is_empty() && (gap || section < 1_000) {
            words.push_str(DIGITS[0]);
        }
        let first = words.is_empty();
        words.push_str(&if section == 2 && !unit.is_empty() {
            "两".to_owned()
        } else {
            below_ten_thousand(section, first)
        });
        words.push_str(unit);
        gap = false;
    }
    Some(if value < 0 { format!("负{words}") } else { words })
}

fn below_ten_thousand(section: u64, first: bool) -> String {
    let mut words = String::new();
    let mut gap = false;
    for (size, unit) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = section / size % 10;
        if digit == 0 {
            gap = !words.is_empty();
            continue;
        }
        if gap {
            words.push_str(DIGITS[0]);
            gap = false;
        }
        let leads = first && words.is_empty();
        // 十五, not 一十五.
        if !(leads && size == 10 && digit == 1) {
            let two = leads && digit == 2 && size == 1_000;
            words.push_str(if two { "两" } else { digit_word(digit) });
        }
        words.push_str(unit);
    }
    words
}

fn digit_word(digit: u64) -> &'static str {
    usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or_default()
}

/// A whole number of things: two of them are 两.
pub(crate) fn count(value: i64) -> Option<String> {
    if value == 2 { Some("两".to_owned()) } else { whole(value) }
}

pub(super) fn number(value: Number) -> Option<String> {
    let text = value.to_string();
    let (whole_part, places) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if whole_part == "-0" { "负" } else { "" };
    let mut words = format!("{sign}{}", whole(whole_part.parse().ok()?)?);
    if !places.is_empty() {
        words.push('点');
        words.push_str(&digits(places, false));
    }
    Some(words)
}

pub(super) fn money(cents: i64, currency: Currency) -> Option<String> {
    let unit = if currency == Currency::Yuan { "元" } else { "美元" };
    let sign = if cents < 0 { "负" } else { "" };
    let cents = cents.unsigned_abs();
    let (whole_part, tenths, hundredths) = (i64::try_from(cents / 100).ok()?, cents / 10 % 10, cents % 10);
    let mut words = sign.to_owned();
    if whole_part > 0 || cents == 0 {
        words.push_str(&count(whole_part)?);
        words.push_str(unit);
    }
    if tenths > 0 {
        words.push_str(if tenths == 2 && whole_part == 0 { "两" } else { digit_word(tenths) });
        words.push('角');
    } else if hundredths > 0 && whole_part > 0 {
        words.push_str(DIGITS[0]);
    }
    if hundredths > 0 {
        words.push_str(if hundredths == 2 && cents == 2 { "两" } else { digit_word(hundredths) });
        words.push('分');
    }
    Some(words)
}

/// Digit by digit; one as 幺 where numbers are read out.
pub(super) fn digits(digits: &str, one_as_yao: bool) -> String {
    let word = |digit: u8| match digit {
        b'1' if one_as_yao => "幺",
        b'0'..=b'9' => digit_word(u64::from(digit - b'0')),
        _ => "",
    };
    digits.bytes().map(word).collect()
}

/// 十二月五日, with the year where it is not this one.
pub(super) fn date(date: Date, today: Date) -> String {
    let year = if date.year() == today.year() {
        String::new()
    } else {
        format!("{}年", digits(&date.year().to_string(), false))
    };
    format!("{year}{}月{}日", small(date.month()), small(date.day()))
}

/// 下午三点半.
pub(crate) fn time(time: Time) -> String {
    let part = match time.hour() {
        0..=5 => "凌晨",
        6..=11 => "上午",
        12 => "中午",
        13..=17 => "下午",
        _ => "晚上",
    };
    let hour = match time.hour() {
        0 => 0,
        hour if hour > 12 => hour - 12,
        hour => hour,
    };
    let hour = if hour == 2 { "两".to_owned() } else { small(hour) };
    let minute = match time.minute() {
        0 => String::new(),
        30 => "半".to_owned(),
        minute @ 1..=9 => format!("零{}分", small(minute)),
        minute => format!("{}分", small(minute)),
    };
    format!("{part}{hour}点{minute}")
}

/// A number of the calendar or the clock.
pub(crate) fn small(value: i8) -> String {
    whole(i64::from(value)).unwrap_or_default()
}
