//! Times in Mandarin.

use jiff::civil::{Date, DateTime};

use super::super::intents::Language;
use super::letters::Letters;
use super::mandarin_numbers::{cardinal, year};
use super::resolve::{Day, MonthPart, Part, Said, resolve};
use super::{Found, Time};

/// The longest time from now that is understood, in minutes: a year.
const MINUTES_MAX: i64 = 366 * 24 * 60;

const PARTS: &[(&str, Part)] = &[
    ("凌晨", Part::Dawn),
    ("清晨", Part::Morning),
    ("早晨", Part::Morning),
    ("早上", Part::Morning),
    ("上午", Part::Morning),
    ("中午", Part::Noon),
    ("下午", Part::Afternoon),
    ("傍晚", Part::Evening),
    ("晚上", Part::Evening),
    ("夜里", Part::Night),
    ("半夜", Part::Night),
];

/// After a word for a day, these are parts of it: 明早, 今晚.
const SHORT_PARTS: &[(&str, Part)] = &[("早", Part::Morning), ("晚", Part::Evening)];

const DAYS: &[(&str, i64)] = &[
    ("大后天", 3),
    ("今天", 0),
    ("今儿", 0),
    ("今日", 0),
    ("明天", 1),
    ("明儿", 1),
    ("明日", 1),
    ("后天", 2),
    ("后儿", 2),
];

const SOON: &[&str] =
    &["待会儿", "待会", "等会儿", "等会", "一会儿", "一会", "过会儿", "过一会", "稍后", "晚点", "晚一点", "等一下"];

const WEEKS: &[(&str, i64)] = &[("下下个", 2), ("下下", 2), ("下个", 1), ("下", 1), ("这个", 0), ("这", 0), ("本", 0)];

const AFTER: &[&str] = &["以后", "之后", "过后", "后"];

/// Before a time from now. Of those that begin alike the longer one comes first.
const BEFORE: &[&str] = &["再过", "过", "再给我", "再宽限我", "再宽限", "再等我", "再等", "再缓", "再", "给我", "宽限"];

pub(super) fn times(text: &str, now: DateTime) -> Vec<Found<Time>> {
    let letters = Letters::new(text);
    let mut found = Vec::new();
    let mut index = 0;
    // Each step goes on by one letter at least.
    while index < letters.len() {
        let said = from_now(&letters, index).or_else(|| at(&letters, index));
        let time = said.and_then(|(said, end)| Some((resolve(said, Language::Mandarin, now)?, end)));
        index = match time {
            Some((value, end)) => {
                found.push(Found { value, place: letters.place(index..end) });
                end.max(index + 1)
            }
            None => index + 1,
        };
    }
    found
}

/// 十分钟以后, 过两天, 三天之内, 待会儿.
fn from_now(letters: &Letters, index: usize) -> Option<(Said, usize)> {
    let past = letters.after_any(index, BEFORE);
    let start = past.unwrap_or(index);
    // 过个星期 leaves out 一.
    let one = past.filter(|&start| letters.after(start, "个").is_some()).map(|start| (10, start));
    if let Some((amount, end)) = duration(letters, start, one) {
        if let Some(end) = letters.after_any(end, &["之内", "以内", "内"]) {
            return match amount {
                Duration::Days(days) => Some((Said::Within(days), end)),
                Duration::Minutes(_) => None,
            };
        }
        let end = letters.after_any(end, AFTER).or(past.map(|_| end));
        if let Some(end) = end {
            return match amount {
                Duration::Minutes(minutes) => Some((Said::Minutes(minutes), end)),
                Duration::Days(days) => {
                    let (part, clock, end) = time_of_day(letters, end);
                    Some((Said::At { day: Some(Day::In(days)), part, clock }, end))
                }
            };
        }
    }
    letters.after_any(index, SOON).map(|end| (Said::Soon, end))
}

enum Duration {
    Minutes(i64),
    Days(i64),
}

/// 半个小时, 一个半小时, 两天, 一刻钟.
fn duration(letters: &Letters, index: usize, one: Option<(i64, usize)>) -> Option<(Duration, usize)> {
    if let Some(end) = letters.after(index, "一刻钟") {
        return Some((Duration::Minutes(15), end));
    }
    let (tenths, mut end) = if let Some(end) = letters.after(index, "半") {
        (5, end)
    } else if let Some(one) = one {
        one
    } else {
        let number = cardinal(letters, index)?;
        (number.value.millionths() / 100_000, number.end)
    };
    end = letters.after(end, "个").unwrap_or(end);
    let mut tenths = tenths;
    if let Some(next) = letters.after(end, "半").filter(|_| tenths != 5) {
        tenths = tenths.checked_add(5)?;
        end = next;
    }
    let units: [(&str, i64); 12] = [
        ("分钟", 1),
        ("小时", 60),
        ("钟头", 60),
        ("点钟头", 60),
        ("天", -1),
        ("日内", -1),
        ("周", -7),
        ("星期", -7),
        ("礼拜", -7),
        ("个月", -30),
        ("月", -30),
        ("年", -365),
    ];
    let (unit, mut end) = letters.one_of(end, &units)?;
    if let Some(next) = letters.after(end, "半").filter(|_| unit == 60) {
        tenths = tenths.checked_add(5)?;
        end = next;
    }
    let amount = tenths.checked_mul(unit)? / 10;
    if amount.checked_abs()? > MINUTES_MAX {
        return None;
    }
    // 三月 is a month of the year, and 三个月 three months.
    if unit == -30 && !letters.text(index..end).contains('个') {
        return None;
    }
    Some((if unit < 0 { Duration::Days(-amount) } else { Duration::Minutes(amount) }, end))
}

/// A day, a part of it, a time on the clock.
fn at(letters: &Letters, index: usize) -> Option<(Said, usize)> {
    let (day, mut end) = day(letters, index).map_or((None, index), |(day, end)| (Some(day), end));
    end = letters.after(end, "的").filter(|_| day.is_some()).unwrap_or(end);
    let mut short = None;
    if day.is_some() {
        short = letters.one_of(end, SHORT_PARTS).filter(|(_, next)| letters.after_any(*next, &["上", "点"]).is_none());
    }
    let (part, clock, end) = match short {
        Some((part, next)) => {
            let (_, clock, after) = time_of_day(letters, next);
            (Some(part), clock, after)
        }
        None => time_of_day(letters, end),
    };
    let said = day.is_some() || part.is_some() || clock.is_some();
    said.then_some((Said::At { day, part, clock }, end))
}

fn time_of_day(letters: &Letters, index: usize) -> (Option<Part>, Option<(i8, i8)>, usize) {
    let (part, end) = letters.one_of(index, PARTS).map_or((None, index), |(part, end)| (Some(part), end));
    match clock(letters, end) {
        Some((clock, end)) => (part, Some(clock), end),
        None => (part, None, end),
    }
}

/// 三点, 三点半, 三点一刻, 三点二十分, 15:30.
fn clock(letters: &Letters, index: usize) -> Option<((i8, i8), usize)> {
    let (hour, end) = small(letters, index, 24)?;
    if let Some(start) = letters.after(end, ":") {
        let (minute, end) = small(letters, start, 59)?;
        let two = letters.text(start..end).chars().count() == 2;
        return two.then_some(((hour, minute), end));
    }
    let end = letters.after_any(end, &["点钟", "点", "时"])?;
    let minutes = [("半", 30), ("一刻", 15), ("三刻", 45), ("整", 0)];
    if let Some((minute, end)) = letters.one_of(end, &minutes) {
        return Some(((hour, minute), end));
    }
    let start = letters.after_any(end, &["过", "零"]).unwrap_or(end);
    if let Some((minute, after)) = small(letters, start, 59) {
        let marked = letters.after(after, "分");
        // 三点五 is no time but a number; 三点零五 and 三点二十 are.
        if marked.is_some() || start > end || minute >= 10 {
            return Some(((hour, minute), marked.unwrap_or(after)));
        }
        return None;
    }
    // 三个点 and 几点了 have no hour before; 一点 without anything is a little.
    let a_little = letters.text(index..end) == "一点"
        && !has_time_before(letters, index)
        && letters.after_any(end, &["钟", "左右", "以后"]).is_none();
    (!a_little).then_some(((hour, 0), end))
}

fn has_time_before(letters: &Letters, index: usize) -> bool {
    let days = DAYS.iter().map(|(word, _)| *word);
    PARTS.iter().map(|(word, _)| *word).chain(days).any(|word| letters.is_before(index, word))
}

/// A whole number up to a limit, in digits or in words; never with the 点 of an hour.
fn small(letters: &Letters, index: usize, max: i8) -> Option<(i8, usize)> {
    let before_point = (index..letters.len()).find(|&at| matches!(letters.at(at), Some('点' | '.' | ':')));
    let number = cardinal(letters, index)?;
    let (value, end) = match before_point {
        // 三点五十 begins with 三点五, which is a number as well.
        Some(point) if point < number.end => {
            let whole = number.value.millionths() / 1_000_000;
            (whole, point)
        }
        _ => (number.value.as_whole()?, number.end),
    };
    let value = i8::try_from(value).ok().filter(|value| (0..=max).contains(value))?;
    Some((value, end))
}

fn day(letters: &Letters, index: usize) -> Option<(Day, usize)> {
    if let Some((days, end)) = letters.one_of(index, DAYS) {
        return Some((Day::In(days), end));
    }
    // 今晚, 明早: the part follows at once.
    for (word, days) in [("今", 0), ("明", 1)] {
        if let Some(end) = letters.after(index, word).filter(|&end| letters.one_of(end, SHORT_PARTS).is_some()) {
            return Some((Day::In(days), end));
        }
    }
    if let Some((year, start)) = year(letters, index)
        && let Some((Day::Of { month: Some(month), day, .. }, end)) = month(letters, start)
    {
        return Some((Day::On(Date::new(year, month, day).ok()?), end));
    }
    week(letters, index).or_else(|| month(letters, index)).or_else(|| day_of_month(letters, index, None, None))
}

/// 周三, 下周三, 星期天, 周末, 下周.
fn week(letters: &Letters, index: usize) -> Option<(Day, usize)> {
    let (weeks, start) = letters.one_of(index, WEEKS).map_or((None, index), |(weeks, end)| (Some(weeks), end));
    let end = letters.after_any(start, &["周", "星期", "礼拜"])?;
    if let Some(end) = letters.after(end, "末") {
        return Some((Day::Weekend { weeks: weeks.unwrap_or(0) }, end));
    }
    let names = [
        ("一", 0),
        ("二", 1),
        ("三", 2),
        ("四", 3),
        ("五", 4),
        ("六", 5),
        ("日", 6),
        ("天", 6),
        ("1", 0),
        ("2", 1),
        ("3", 2),
        ("4", 3),
        ("5", 4),
        ("6", 5),
        ("7", 6),
    ];
    if let Some((weekday, end)) = letters.one_of(end, &names) {
        return Some((Day::Weekday { weekday, weeks }, end));
    }
    let weeks = weeks?;
    Some((Day::Week { weeks }, end))
}

/// 月底, 下个月, 下月初, 下个月五号, 三月五号.
fn month(letters: &Letters, index: usize) -> Option<(Day, usize)> {
    let parts = [
        ("底", MonthPart::End),
        ("末", MonthPart::End),
        ("初", MonthPart::Beginning),
        ("中旬", MonthPart::Middle),
        ("中", MonthPart::Middle),
    ];
    let (months, start) = letters.one_of(index, WEEKS).map_or((None, index), |(months, end)| (Some(months), end));
    if let Some(end) = letters.after(start, "月") {
        let months = months.and_then(|months| i32::try_from(months).ok());
        if let Some((part, end)) = letters.one_of(end, &parts) {
            return Some((Day::Month { months: months.unwrap_or(0), part }, end));
        }
        let months = months?;
        return day_of_month(letters, end, None, Some(months))
            .or(Some((Day::Month { months, part: MonthPart::Whole }, end)));
    }
    if months.is_some() {
        return None;
    }
    let (month, end) = small(letters, index, 12).filter(|(month, _)| *month > 0)?;
    let end = letters.after(end, "月份").or_else(|| letters.after(end, "月"))?;
    day_of_month(letters, end, Some(month), None).or(Some((Day::Named { month }, end)))
}

fn day_of_month(letters: &Letters, index: usize, month: Option<i8>, months: Option<i32>) -> Option<(Day, usize)> {
    let (day, end) = small(letters, index, 31).filter(|(day, _)| *day > 0)?;
    let end = letters.after_any(end, &["号", "日"])?;
    // 十二月五号周六: the day of the week says the same again.
    let end = week(letters, end)
        .filter(|(day, _)| matches!(day, Day::Weekday { weeks: None, .. }))
        .map_or(end, |(_, end)| end);
    // 三号线, 五号楼 and 日元 are no days.
    let other =
        letters.at(end).is_some_and(|next| matches!(next, '线' | '楼' | '院' | '元' | '门' | '房' | '店' | '码'));
    (!other).then_some((Day::Of { month, months, day }, end))
}
