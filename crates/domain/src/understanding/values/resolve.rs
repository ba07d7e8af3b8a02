//! From what was said of a time to when it is, and to how it is said back.

use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::{Span, ToSpan};

use super::super::intents::Language;
use super::super::spoken::{english, mandarin};
use super::{Precision, Time};

/// Hours at which people are called and meet: an hour without a part of the day falls here.
const SENSIBLE_HOURS: std::ops::RangeInclusive<i8> = 8..=21;

/// Months that are looked through for a day like the 31st.
const MONTHS_MAX: i32 = 14;

/// How soon, and how late, 待会儿 is.
const SOON_MINUTES: (i64, i64) = (30, 120);

/// The end of a month, as people mean it, in days.
const MONTH_PART_DAYS: i64 = 3;

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// 凌晨.
    Dawn,
    /// 早上, 上午.
    Morning,
    /// 中午.
    Noon,
    /// 下午.
    Afternoon,
    /// 晚上.
    Evening,
    /// 夜里.
    Night,
}

impl Part {
    /// From and to which hour.
    const fn hours(self) -> (i8, i8) {
        match self {
            Self::Dawn => (0, 6),
            Self::Morning => (8, 12),
            Self::Noon => (12, 14),
            Self::Afternoon => (13, 18),
            Self::Evening => (18, 21),
            Self::Night => (21, 24),
        }
    }

    /// The hour of 24 that an hour of twelve is in this part; 24 and more is the day after.
    const fn hour(self, hour: i8) -> i8 {
        if hour > 12 {
            return hour;
        }
        match self {
            Self::Dawn => hour % 12,
            Self::Morning => hour,
            Self::Noon => {
                if hour <= 3 {
                    hour + 12
                } else {
                    hour
                }
            }
            Self::Afternoon => {
                if hour == 12 {
                    12
                } else {
                    hour + 12
                }
            }
            Self::Evening => {
                if hour < 5 {
                    hour + 24
                } else {
                    hour + 12
                }
            }
            Self::Night => {
                if hour < 7 {
                    hour + 24
                } else {
                    hour + 12
                }
            }
        }
    }

    const fn word(self, language: Language) -> &'static str {
        let (mandarin, english) = match self {
            Self::Dawn => ("凌晨", "before dawn"),
            Self::Morning => ("上午", "in the morning"),
            Self::Noon => ("中午", "at noon"),
            Self::Afternoon => ("下午", "in the afternoon"),
            Self::Evening => ("晚上", "in the evening"),
            Self::Night => ("夜里", "at night"),
        };
        match language {
            Language::Mandarin => mandarin,
            Language::English => english,
        }
    }
}

/// A part of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MonthPart {
    Beginning,
    Middle,
    End,
    Whole,
}

/// Which day was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// So many days from today.
    In(i64),
    /// A day of the week, Monday being 0; so many weeks from this one where that was said.
    Weekday { weekday: i8, weeks: Option<i64> },
    /// Saturday and Sunday.
    Weekend { weeks: i64 },
    /// Monday to Sunday.
    Week { weeks: i64 },
    /// A day of a year.
    On(Date),
    /// A day of a month.
    Of { month: Option<i8>, months: Option<i32>, day: i8 },
    /// A part of a month from this one.
    Month { months: i32, part: MonthPart },
    /// The month of this number.
    Named { month: i8 },
}

/// What was said of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// So many minutes from now.
    Minutes(i64),
    /// Within so many days.
    Within(i64),
    /// 待会儿.
    Soon,
    /// A day, a part of it, an hour and a minute; each may be left out, but not all.
    At { day: Option<Day>, part: Option<Part>, clock: Option<(i8, i8)> },
}

/// When it is; none where the calendar has no such time.
pub(super) fn resolve(said: Said, language: Language, now: DateTime) -> Option<Time> {
    let moment = |from: DateTime, to: DateTime, precision| Time {
        from,
        to,
        precision,
        spoken: spoken(from, to, precision, language, now),
    };
    match said {
        Said::Minutes(minutes) => {
            let then = later(now, minutes)?;
            Some(moment(then, then, Precision::Minute))
        }
        Said::Within(days) => {
            let last = plus_days(now.date(), days)?;
            let time = moment(now, end_of(last)?, Precision::Day);
            let spoken = match language {
                Language::Mandarin => format!("{}天之内", mandarin::count(days)?),
                Language::English => format!("within {} days", english::whole(days)?),
            };
            Some(Time { spoken, ..time })
        }
        Said::Soon => {
            let spoken = if language == Language::Mandarin { "稍后" } else { "later" };
            let (from, to) = (later(now, SOON_MINUTES.0)?, later(now, SOON_MINUTES.1)?);
            Some(Time { from, to, precision: Precision::PartOfDay, spoken: spoken.to_owned() })
        }
        Said::At { day, part, clock } => {
            let (from, to, precision) = at(day, part, clock, now)?;
            let mut time = moment(from, to, precision);
            // A part of a day is said as it was, though some of it is over.
            if let (Some(part), Precision::PartOfDay) = (part, precision) {
                time.spoken = with_part(&day_words(from.date(), language, now), part, language);
            }
            // 下周 and 月底 are several days, which nobody counts up.
            if let (Some(day), Precision::Day) = (day, precision)
                && let Some(words) = several_days(day, from.date(), language, now)
            {
                time.spoken = words;
            }
            Some(time)
        }
    }
}

fn at(
    day: Option<Day>,
    part: Option<Part>,
    clock: Option<(i8, i8)>,
    now: DateTime,
) -> Option<(DateTime, DateTime, Precision)> {
    let today = now.date();
    let (first, last) = days(day, today)?;
    if first != last {
        return Some((first.at(0, 0, 0, 0).max(now), end_of(last)?, Precision::Day));
    }
    let on = |date: Date| on(date, part, clock, now);
    let this = on(first)?;
    if this.1 > now {
        return Some((this.0.max(now), this.1, this.2));
    }
    // What is over is meant for the next time: tomorrow, or the same day of next week.
    let next = match day {
        None | Some(Day::In(_)) => 1,
        Some(Day::Weekday { .. }) => 7,
        Some(_) => return None,
    };
    on(plus_days(first, next)?)
}

/// A time on a day.
fn on(
    date: Date,
    part: Option<Part>,
    clock: Option<(i8, i8)>,
    now: DateTime,
) -> Option<(DateTime, DateTime, Precision)> {
    let Some((hour, minute)) = clock else {
        let Some(part) = part else {
            return Some((date.at(0, 0, 0, 0), end_of(date)?, Precision::Day));
        };
        let (from, to) = part.hours();
        return Some((hours(date, from, 0)?, hours(date, to, 0)?, Precision::PartOfDay));
    };
    let then = match part {
        Some(part) => hours(date, part.hour(hour), minute)?,
        None if hour > 12 || hour == 0 => hours(date, hour, minute)?,
        None => {
            let candidates = [hour % 12, hour % 12 + 12];
            let mut sensible = candidates.into_iter().filter(|hour| SENSIBLE_HOURS.contains(hour));
            let first = sensible.clone().next();
            // At ten, half past nine is in the evening.
            let coming = sensible.find(|&hour| hours(date, hour, minute).is_some_and(|then| then > now));
            hours(date, coming.or(first).unwrap_or(hour), minute)?
        }
    };
    Some((then, then, Precision::Minute))
}

/// The first and the last day.
fn days(day: Option<Day>, today: Date) -> Option<(Date, Date)> {
    let weekday = i64::from(today.weekday().to_monday_zero_offset());
    let one = |date: Date| Some((date, date));
    match day {
        None => one(today),
        Some(Day::In(days)) => one(plus_days(today, days)?),
        Some(Day::Weekday { weekday: wanted, weeks }) => {
            let ahead = i64::from(wanted) - weekday;
            let days = match weeks {
                None | Some(0) if ahead < 0 => ahead + 7,
                None => ahead,
                Some(weeks) => ahead.checked_add(weeks.checked_mul(7)?)?,
            };
            one(plus_days(today, days)?)
        }
        Some(Day::Weekend { weeks }) => {
            let saturday = 5 - weekday + weeks * 7;
            Some((plus_days(today, saturday.max(0))?, plus_days(today, 6 - weekday + weeks * 7)?))
        }
        Some(Day::Week { weeks }) => {
            let monday = weeks * 7 - weekday;
            Some((plus_days(today, monday.max(0))?, plus_days(today, monday + 6)?))
        }
        Some(Day::On(date)) => one(date),
        Some(Day::Of { month, months, day }) => one(day_of_month(month, months, day, today)?),
        Some(Day::Month { months, part }) => month_part(today, months, part),
        Some(Day::Named { month }) => {
            let year = if month < today.month() { today.year().checked_add(1)? } else { today.year() };
            let first = Date::new(year, month, 1).ok()?;
            Some((first.max(today), first.last_of_month()))
        }
    }
}

fn day_of_month(month: Option<i8>, months: Option<i32>, day: i8, today: Date) -> Option<Date> {
    if let Some(month) = month {
        let this = Date::new(today.year(), month, day).ok().filter(|date| *date >= today);
        return this.or_else(|| Date::new(today.year().checked_add(1)?, month, day).ok());
    }
    let range = months.map_or(0..MONTHS_MAX, |months| months..months + 1);
    range
        .filter_map(|months| {
            let first = today.first_of_month().checked_add(Span::new().try_months(months).ok()?).ok()?;
            Date::new(first.year(), first.month(), day).ok()
        })
        .find(|date| *date >= today)
}

fn month_part(today: Date, months: i32, part: MonthPart) -> Option<(Date, Date)> {
    let of = |months: i32| {
        let first = today.first_of_month().checked_add(Span::new().try_months(months).ok()?).ok()?;
        let last = first.last_of_month();
        Some(match part {
            MonthPart::Beginning => (first, plus_days(first, MONTH_PART_DAYS - 1)?),
            MonthPart::Middle => (plus_days(first, 13)?, plus_days(first, 15)?),
            MonthPart::End => (plus_days(last, 1 - MONTH_PART_DAYS)?, last),
            MonthPart::Whole => (first, last),
        })
    };
    let (first, last) = of(months)?;
    if last < today { of(months.checked_add(1)?) } else { Some((first.max(today), last)) }
}

fn plus_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}

fn later(now: DateTime, minutes: i64) -> Option<DateTime> {
    let whole = now.date().at(now.hour(), now.minute(), 0, 0);
    whole.checked_add(Span::new().try_minutes(minutes).ok()?).ok()
}

fn end_of(date: Date) -> Option<DateTime> {
    date.at(0, 0, 0, 0).checked_add(1.day()).ok()
}

/// An hour that may be one of the day after.
fn hours(date: Date, hour: i8, minute: i8) -> Option<DateTime> {
    let date = if hour >= 24 { plus_days(date, 1)? } else { date };
    Some(date.to_datetime(Clock::new(hour % 24, minute, 0, 0).ok()?))
}

fn spoken(from: DateTime, to: DateTime, precision: Precision, language: Language, now: DateTime) -> String {
    let day = day_words(from.date(), language, now);
    match (precision, language) {
        (Precision::Minute, Language::Mandarin) => format!("{day}{}", mandarin::time(from.time())),
        (Precision::Minute, Language::English) => format!("{day} at {}", english::time(from.time())),
        (Precision::PartOfDay, _) => day,
        (Precision::Day, _) => {
            let last = to.date().yesterday().unwrap_or(to.date());
            if last <= from.date() {
                return day;
            }
            let last = day_words(last, language, now);
            let joint = if language == Language::Mandarin { "到" } else { " to " };
            format!("{day}{joint}{last}")
        }
    }
}

/// A week, a weekend or a part of a month as it is said; none for what is said as days.
fn several_days(day: Day, first: Date, language: Language, now: DateTime) -> Option<String> {
    let pick = |mandarin: &str, english: &str| match language {
        Language::Mandarin => mandarin.to_owned(),
        Language::English => english.to_owned(),
    };
    Some(match day {
        Day::Week { weeks: 0 } => pick("这周", "this week"),
        Day::Week { weeks: 1 } => pick("下周", "next week"),
        Day::Week { weeks: 2 } => pick("下下周", "the week after next"),
        Day::Weekend { weeks: 0 } => pick("这个周末", "this weekend"),
        Day::Weekend { weeks: 1 } => pick("下周末", "next weekend"),
        Day::Month { months, part } => {
            // 月初 on the tenth is that of the next month.
            let is_this = (first.year(), first.month()) == (now.year(), now.month());
            let months = if months == 0 && !is_this { 1 } else { months };
            match (months, part) {
                (0, MonthPart::Beginning) => pick("月初", "the beginning of the month"),
                (0, MonthPart::Middle) => pick("月中", "the middle of the month"),
                (0, MonthPart::End) => pick("月底", "the end of the month"),
                (0, MonthPart::Whole) => pick("这个月", "this month"),
                (1, MonthPart::Beginning) => pick("下个月初", "the beginning of next month"),
                (1, MonthPart::Middle) => pick("下个月中", "the middle of next month"),
                (1, MonthPart::End) => pick("下个月底", "the end of next month"),
                (1, MonthPart::Whole) => pick("下个月", "next month"),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn with_part(day: &str, part: Part, language: Language) -> String {
    match language {
        Language::Mandarin => format!("{day}{}", part.word(language)),
        Language::English => format!("{day} {}", part.word(language)),
    }
}

/// 今天, 明天, 后天, and 十二月二号周三 from then on.
fn day_words(date: Date, language: Language, now: DateTime) -> String {
    let today = now.date();
    let is = |days: i64| plus_days(today, days) == Some(date);
    let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    match language {
        Language::Mandarin if is(0) => "今天".to_owned(),
        Language::Mandarin if is(1) => "明天".to_owned(),
        Language::Mandarin if is(2) => "后天".to_owned(),
        Language::Mandarin => {
            let name =
                ["周一", "周二", "周三", "周四", "周五", "周六", "周日"].get(weekday).copied().unwrap_or_default();
            format!("{}月{}号{name}", mandarin::small(date.month()), mandarin::small(date.day()))
        }
        Language::English if is(0) => "today".to_owned(),
        Language::English if is(1) => "tomorrow".to_owned(),
        Language::English => {
            let name = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
            format!("{}, {}", name.get(weekday).copied().unwrap_or_default(), english::date(date, today))
        }
    }
}
