//! Times in English.

use jiff::civil::DateTime;

use super::super::intents::Language;
use super::english_numbers::{cardinal, small};
use super::letters::{Word, words};
use super::resolve::{Day, MonthPart, Part, Said, resolve};
use super::{Found, Time};

/// The longest time from now that is understood, in minutes: a year.
const MINUTES_MAX: i64 = 366 * 24 * 60;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

pub(super) fn times(text: &str, now: DateTime) -> Vec<Found<Time>> {
    let words = words(text);
    let text = Text { words: &words };
    let mut found = Vec::new();
    let mut index = 0;
    // Each step goes on by one word at least.
    while index < words.len() {
        let said = text.after_now(index).or_else(|| text.at(index));
        let time = said.and_then(|(said, end)| Some((resolve(said, Language::English, now)?, end)));
        index = match time {
            Some((value, end)) => {
                let end = end.max(index + 1);
                if let (Some(first), Some(last)) = (words.get(index), words.get(end - 1).or(words.last())) {
                    found.push(Found { value, place: first.place.start..last.place.end });
                }
                end
            }
            None => index + 1,
        };
    }
    found
}

struct Text<'a> {
    words: &'a [Word],
}

impl Text<'_> {
    fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| &word.text)
    }

    fn after(&self, index: usize, phrase: &[&str]) -> Option<usize> {
        let said = phrase.iter().enumerate().all(|(offset, word)| self.word(index + offset) == *word);
        said.then_some(index + phrase.len())
    }

    /// In half an hour, in two days, later.
    fn after_now(&self, index: usize) -> Option<(Said, usize)> {
        if self.word(index) == "within" {
            let (amount, unit, end) = self.duration(index + 1)?;
            return (unit < 0).then_some((Said::Within(amount), end));
        }
        if self.word(index) == "later" {
            return Some((Said::Soon, index + 1));
        }
        let start = index + usize::from(self.word(index) == "in");
        let (amount, unit, end) = self.duration(start)?;
        let end = match self.word(end) {
            "later" => end + 1,
            "from" if self.word(end + 1) == "now" => end + 2,
            _ if start > index => end,
            _ => return None,
        };
        if unit > 0 {
            return Some((Said::Minutes(amount), end));
        }
        let (part, clock, end) = self.time_of_day(end);
        Some((Said::At { day: Some(Day::In(amount)), part, clock }, end))
    }

    /// Minutes where the unit is positive, days where it is negative.
    fn duration(&self, index: usize) -> Option<(i64, i64, usize)> {
        let (tenths, mut end) = match (self.word(index), self.word(index + 1)) {
            ("a", "couple") => (20, index + 2 + usize::from(self.word(index + 2) == "of")),
            ("a", "few") => (30, index + 2),
            ("half", "an" | "a") => (5, index + 2),
            ("a" | "an", "half") => (5, index + 2),
            ("a" | "an", _) => (10, index + 1),
            _ => {
                let (value, end) = cardinal(self.words, index)?;
                (value.millionths() / 100_000, end)
            }
        };
        let unit = match self.word(end) {
            "minute" | "minutes" | "min" | "mins" => 1,
            "hour" | "hours" => 60,
            "day" | "days" => -1,
            "week" | "weeks" => -7,
            "month" | "months" => -30,
            _ => return None,
        };
        end += 1;
        let half = self.after(end, &["and", "a", "half"]);
        let tenths = if half.is_some() { tenths.checked_add(5)? } else { tenths };
        let amount = tenths.checked_mul(unit)?.checked_abs()? / 10;
        (amount <= MINUTES_MAX).then_some((amount, unit, half.unwrap_or(end)))
    }

    fn at(&self, index: usize) -> Option<(Said, usize)> {
        if let Some((day, end)) = self.day(index) {
            let (part, clock, end) = self.time_of_day(end);
            let part = part.or_else(|| (self.word(index) == "tonight").then_some(Part::Evening));
            return Some((Said::At { day: Some(day), part, clock }, end));
        }
        let (part, clock, end) = self.time_of_day(index);
        if part.is_none() && clock.is_none() {
            return None;
        }
        let joint = end + usize::from(matches!(self.word(end), "on"));
        match self.day(joint) {
            Some((day, end)) => Some((Said::At { day: Some(day), part, clock }, end)),
            None => Some((Said::At { day: None, part, clock }, end)),
        }
    }

    /// At 3 pm, at half past three, in the afternoon; the words that join them belong to it.
    fn time_of_day(&self, index: usize) -> (Option<Part>, Option<(i8, i8)>, usize) {
        let mut part = None;
        let mut clock = None;
        let mut end = index;
        // A part and a time on the clock, in any order.
        for _ in 0..2 {
            if part.is_none()
                && let Some((found, next)) = self.part(end)
            {
                (part, end) = (Some(found), next);
            }
            if clock.is_none()
                && let Some((found, half, next)) = self.clock(end)
            {
                (clock, end) = (Some(found), next);
                part = part.or(half);
            }
        }
        (part, clock, end)
    }

    fn part(&self, index: usize) -> Option<(Part, usize)> {
        let start = self.after(index, &["in", "the"]).or_else(|| self.after(index, &["this"])).unwrap_or(index);
        let start = if matches!(self.word(start), "at" | "around") { start + 1 } else { start };
        let part = match self.word(start) {
            "morning" => Part::Morning,
            "noon" | "midday" | "lunchtime" => Part::Noon,
            "afternoon" => Part::Afternoon,
            "evening" => Part::Evening,
            "night" => Part::Night,
            _ => return None,
        };
        // Good morning is no time.
        let greeting = index.checked_sub(1).is_some_and(|before| self.word(before) == "good");
        (!greeting).then_some((part, start + 1))
    }

    fn clock(&self, index: usize) -> Option<((i8, i8), Option<Part>, usize)> {
        let marked = matches!(self.word(index), "at" | "around" | "about" | "by" | "after");
        let start = index + usize::from(marked);
        let (hour, minute, end, certain) = self.hour_and_minute(start)?;
        let (half, end) = self.half_of_day(end);
        if !marked && half.is_none() && !certain {
            return None;
        }
        let part = half.map(|half| match (half, hour) {
            ("am", 12 | 0..6) => Part::Dawn,
            ("am", _) => Part::Morning,
            (_, 12 | 0..6) => Part::Afternoon,
            _ => Part::Evening,
        });
        Some(((hour, minute), part, end))
    }

    /// Three, 3:30, three thirty, half past three; and whether it can be nothing else.
    fn hour_and_minute(&self, index: usize) -> Option<(i8, i8, usize, bool)> {
        let before = match (self.word(index), self.word(index + 1)) {
            ("half", "past") => Some((30, index + 2)),
            ("quarter", "past") => Some((15, index + 2)),
            ("quarter", "to") => Some((-15, index + 2)),
            _ => None,
        };
        if let Some((minutes, start)) = before {
            let (hour, end) = self.number(start, 12)?;
            let hour = if minutes < 0 { if hour == 1 { 12 } else { hour - 1 } } else { hour };
            return Some((hour, (minutes + 60) % 60, end, true));
        }
        if let Some((hour, minute)) = self.word(index).split_once(':') {
            let hour: i8 = hour.parse().ok().filter(|hour| (0..=23).contains(hour))?;
            let minute: i8 = minute.parse().ok().filter(|minute| (0..=59).contains(minute))?;
            return Some((hour, minute, index + 1, true));
        }
        let (hour, end) = self.number(index, 23)?;
        if self.word(end) == "o'clock" {
            return Some((hour, 0, end + 1, true));
        }
        match self.number(end, 59).filter(|(minute, _)| *minute >= 10) {
            Some((minute, end)) => Some((hour, minute, end, false)),
            None => Some((hour, 0, end, false)),
        }
    }

    /// One word, or two as in twenty five, up to a limit.
    fn number(&self, index: usize, max: i8) -> Option<(i8, usize)> {
        let first = self.word(index);
        let value = first.parse::<i64>().ok().or_else(|| small(first))?;
        let ones = small(self.word(index + 1)).filter(|ones| value >= 20 && value % 10 == 0 && (1..10).contains(ones));
        let (value, end) =
            ones.filter(|_| small(first).is_some()).map_or((value, index + 1), |ones| (value + ones, index + 2));
        Some((i8::try_from(value).ok().filter(|value| (0..=max).contains(value))?, end))
    }

    fn half_of_day(&self, index: usize) -> (Option<&'static str>, usize) {
        match (self.word(index), self.word(index + 1)) {
            ("am", _) => (Some("am"), index + 1),
            ("pm", _) => (Some("pm"), index + 1),
            ("a", "m") => (Some("am"), index + 2),
            ("p", "m") => (Some("pm"), index + 2),
            _ => (None, index),
        }
    }

    fn day(&self, index: usize) -> Option<(Day, usize)> {
        let index = index + usize::from(self.word(index) == "on");
        let start = self
            .after(index, &["the", "day", "after", "tomorrow"])
            .or_else(|| self.after(index, &["day", "after", "tomorrow"]));
        if let Some(end) = start {
            return Some((Day::In(2), end));
        }
        match self.word(index) {
            "today" | "tonight" => return Some((Day::In(0), index + 1)),
            "tomorrow" => return Some((Day::In(1), index + 1)),
            _ => {}
        }
        self.month_end(index).or_else(|| self.week(index)).or_else(|| self.date(index))
    }

    fn month_end(&self, index: usize) -> Option<(Day, usize)> {
        let start = index + usize::from(matches!(self.word(index), "at" | "by"));
        let start = start + usize::from(self.word(start) == "the");
        let start = self.after(start, &["end", "of"])?;
        let end = self
            .after(start, &["the", "month"])
            .or_else(|| self.after(start, &["month"]))
            .or_else(|| self.after(start, &["this", "month"]))?;
        Some((Day::Month { months: 0, part: MonthPart::End }, end))
    }

    fn week(&self, index: usize) -> Option<(Day, usize)> {
        let (weeks, start) = match self.word(index) {
            "next" => (Some(1), index + 1),
            "this" | "coming" => (Some(0), index + 1),
            _ => (None, index),
        };
        let start = start + usize::from(weeks.is_none() && self.word(start) == "the");
        match self.word(start) {
            "weekend" => return Some((Day::Weekend { weeks: weeks.unwrap_or(0) }, start + 1)),
            "week" => return weeks.map(|weeks| (Day::Week { weeks }, start + 1)),
            "month" => {
                let months = i32::try_from(weeks?).ok()?;
                return Some((Day::Month { months, part: MonthPart::Whole }, start + 1));
            }
            _ => {}
        }
        let name = WEEKDAYS.iter().position(|name| *name == self.word(start))?;
        // Saturday, December fifth: the date says the same again, and more.
        if let Some(date) = self.date(start + 1).filter(|_| weeks.is_none()) {
            return Some(date);
        }
        Some((Day::Weekday { weekday: i8::try_from(name).ok()?, weeks }, start + 1))
    }

    /// March 5th, the fifth of March, the 15th.
    fn date(&self, index: usize) -> Option<(Day, usize)> {
        let month = |index: usize| {
            let position = MONTHS.iter().position(|name| *name == self.word(index))?;
            i8::try_from(position + 1).ok()
        };
        if let Some(month) = month(index) {
            let start = index + 1 + usize::from(self.word(index + 1) == "the");
            return match self.day_number(start) {
                Some((day, end, _)) => Some((Day::Of { month: Some(month), months: None, day }, end)),
                // May is a name and a verb as well.
                None if month == 5 || month == 3 => None,
                None => Some((Day::Named { month }, index + 1)),
            };
        }
        let the = self.word(index) == "the";
        let (day, end, ordinal) = self.day_number(index + usize::from(the))?;
        if self.word(end) == "of"
            && let Some(month) = month(end + 1)
        {
            return Some((Day::Of { month: Some(month), months: None, day }, end + 2));
        }
        (the && ordinal).then_some((Day::Of { month: None, months: None, day }, end))
    }

    /// A day of the month, and whether it is said as an ordinal.
    fn day_number(&self, index: usize) -> Option<(i8, usize, bool)> {
        if let Some(day) = ordinal(self.word(index)) {
            return Some((day, index + 1, true));
        }
        if let Some(ones) = ordinal(self.word(index + 1)).filter(|ones| *ones < 10)
            && let Some(tens) = small(self.word(index)).filter(|tens| matches!(tens, 20 | 30))
        {
            let day = i8::try_from(tens).ok()?.checked_add(ones).filter(|day| *day <= 31)?;
            return Some((day, index + 2, true));
        }
        let (day, end) = self.number(index, 31).filter(|(day, _)| *day > 0)?;
        let suffix = matches!(self.word(end), "st" | "nd" | "rd" | "th");
        Some((day, end + usize::from(suffix), suffix))
    }
}

fn ordinal(word: &str) -> Option<i8> {
    const ORDINALS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    if word == "thirtieth" {
        return Some(30);
    }
    let position = ORDINALS.iter().position(|known| *known == word)?;
    i8::try_from(position + 1).ok()
}
