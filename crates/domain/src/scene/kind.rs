//! Types of variables and of values: which ones fit, how they are spoken, and how they are found in what was said.

use jiff::civil::{Date, DateTime, date};
use schemars::JsonSchema;
use serde::Deserialize;

use super::intents;
use super::public::Language;
use crate::message::Message;
use crate::understanding::Normalized;
use crate::understanding::spoken::{Spoken, Unspeakable, speak};
use crate::understanding::values::{self, Number, Precision, Time};

/// What a variable is, which says how it is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VariableKind {
    /// Spoken as it is written.
    #[default]
    Text,
    /// A person's name.
    Name,
    /// An amount of money: `1280.5`.
    Money,
    /// A number: `15000`.
    Number,
    /// Digits that are read one by one.
    Digits,
    /// A phone number.
    Phone,
    /// A day: `2026-12-05`.
    Date,
    /// A moment: `2026-12-05 15:00`.
    Time,
}

impl VariableKind {
    /// What scenes call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "name",
            Self::Money => "money",
            Self::Number => "number",
            Self::Digits => "digits",
            Self::Phone => "phone",
            Self::Date => "date",
            Self::Time => "time",
        }
    }

    /// Whether a value fits; otherwise what is wrong with it.
    pub(crate) fn check(self, value: &str, language: Language) -> Result<(), Message> {
        // Which day it is decides only whether a year is said.
        self.speak(value, language, TODAY_FOR_CHECKS).map(|_| ()).map_err(|unspeakable| unspeakable.message())
    }

    /// The words for a value; one that does not fit is spoken as it is written.
    pub(crate) fn spoken(self, value: &str, language: Language, now: DateTime) -> String {
        self.speak(value, language, now.date()).unwrap_or_else(|_| value.to_owned())
    }

    fn speak(self, value: &str, language: Language, today: Date) -> Result<String, Unspeakable> {
        let language = language.of_customers();
        let kind = match self {
            Self::Text => Spoken::Text,
            Self::Name => Spoken::Name,
            Self::Money => Spoken::Money,
            Self::Number => Spoken::Number,
            Self::Digits | Self::Phone => Spoken::Digits,
            Self::Date => Spoken::Date,
            Self::Time => return speak_moment(value, language, today),
        };
        speak(kind, value, language, today)
    }
}

/// A day that checks take for today.
const TODAY_FOR_CHECKS: Date = date(2026, 1, 1);

/// A day with a time of the day, or either of them.
fn speak_moment(value: &str, language: intents::Language, today: Date) -> Result<String, Unspeakable> {
    let value = value.trim();
    if let Some((day, time)) = value.split_once(['T', ' ']) {
        let day = speak(Spoken::Date, day, language, today)?;
        let time = speak(Spoken::Time, time.trim(), language, today)?;
        return Ok(match language {
            intents::Language::Mandarin => day + &time,
            intents::Language::English => format!("{day} at {time}"),
        });
    }
    speak(Spoken::Time, value, language, today).or_else(|_| speak(Spoken::Date, value, language, today))
}

/// What can be found in a customer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueKind {
    /// A moment or a day.
    Time,
    /// A number.
    Number,
    /// An amount of money.
    Money,
    /// Digits one by one.
    Digits,
    /// A phone number.
    Phone,
}

impl ValueKind {
    /// What scenes call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Number => "number",
            Self::Money => "money",
            Self::Digits => "digits",
            Self::Phone => "phone",
        }
    }

    /// The value of this kind in what was said, if there is one: the first, of digits the longest.
    pub(crate) fn find(self, said: &str, language: Language, now: DateTime) -> Option<Found> {
        let spoken_in = language.of_customers();
        match self {
            Self::Time => values::times(said, spoken_in, now).into_iter().next().map(|found| of_time(said, found)),
            Self::Number => {
                let found = values::numbers(said, spoken_in).into_iter().next()?;
                Some(of_number(said, &found, VariableKind::Number, language, now))
            }
            Self::Money => {
                let found = values::amounts(said, spoken_in).into_iter().next()?;
                Some(of_number(said, &found, VariableKind::Money, language, now))
            }
            Self::Digits | Self::Phone => {
                let fits = |digits: &str| self == Self::Digits || PHONE_DIGITS.contains(&digits.len());
                let all = values::digits(said, spoken_in).into_iter().filter(|found| fits(&found.value));
                // Of equally long ones the first.
                let found = all.reduce(|best, next| if next.value.len() > best.value.len() { next } else { best })?;
                let extent = Extent::of(said, found.place);
                Some(Found { extent, ..Self::typed(&found.value, language) })
            }
        }
    }

    /// How much more it says than others that are read from the same words: 3578 is a number as well.
    pub(crate) const fn specificity(self) -> usize {
        match self {
            Self::Time | Self::Number | Self::Money => 0,
            Self::Digits => 1,
            Self::Phone => 2,
        }
    }

    /// Digits that were typed.
    pub(crate) fn typed(digits: &str, language: Language) -> Found {
        Found {
            spoken: VariableKind::Digits.spoken(digits, language, TODAY_FOR_CHECKS.at(0, 0, 0, 0)),
            value: digits.to_owned(),
            numeric: false,
            moment: None,
            extent: Extent::default(),
        }
    }
}

/// Digits of a phone number.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// How much of an utterance says something, in the units that utterances are compared by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// All units.
    pub(crate) units: usize,
    /// Without particles and pronouns.
    pub(crate) weighty: usize,
}

impl Extent {
    fn of(said: &str, place: std::ops::Range<usize>) -> Self {
        let words = Normalized::new(said.get(place).unwrap_or_default());
        Self { units: words.len(), weighty: words.weighty() }
    }
}

fn of_time(said: &str, found: values::Found<values::Time>) -> Found {
    let values::Found { value: Time { from, to, precision, spoken }, place } = found;
    let day = from.date();
    let clock = |at: DateTime| at.strftime("%H:%M");
    let value = match precision {
        Precision::Minute => format!("{day} {}", clock(from)),
        Precision::PartOfDay if to.date() == day => format!("{day} {}-{}", clock(from), clock(to)),
        Precision::PartOfDay => format!("{day} {}", clock(from)),
        Precision::Day => day.to_string(),
    };
    Found { spoken, value, numeric: false, moment: Some(from), extent: Extent::of(said, place) }
}

fn of_number(
    said: &str,
    found: &values::Found<Number>,
    kind: VariableKind,
    language: Language,
    now: DateTime,
) -> Found {
    let value = found.value.to_string();
    let extent = Extent::of(said, found.place.clone());
    Found { spoken: kind.spoken(&value, language, now), value, numeric: true, moment: None, extent }
}

/// A value in what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The words for it.
    pub(crate) spoken: String,
    /// The same as rules and reports use it.
    pub(crate) value: String,
    /// Whether it is a number that can be compared.
    pub(crate) numeric: bool,
    /// The moment that it names.
    pub(crate) moment: Option<DateTime>,
    /// How much of the utterance says it.
    pub(crate) extent: Extent,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime = date(2026, 12, 1).at(10, 0, 0, 0);

    #[test]
    fn a_variable_is_spoken_as_what_it_is() {
        let check = |kind: VariableKind, value: &str, expected: &str| {
            assert_eq!(kind.spoken(value, Language::Zh, NOW), expected, "{value}");
        };
        check(VariableKind::Text, "三号", "三号");
        check(VariableKind::Money, "1280.5", "一千二百八十元五角");
        check(VariableKind::Date, "2026-12-05", "十二月五日");
        check(VariableKind::Time, "2026-12-05 15:00", "十二月五日下午三点");
        check(VariableKind::Digits, "0371", "零三七幺");
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_its_reason() {
        for (kind, value) in [
            (VariableKind::Money, "很多"),
            (VariableKind::Number, "十几个"),
            (VariableKind::Date, "2026-13-05"),
            (VariableKind::Time, "25:00"),
            (VariableKind::Digits, "12ab"),
        ] {
            let reason = kind.check(value, Language::Zh).unwrap_err();
            assert!(reason.en.contains(value) && reason.zh.contains(value), "{reason:?}");
        }
        assert_eq!(VariableKind::Money.check("1280", Language::Zh), Ok(()));
    }

    #[test]
    fn a_value_is_found_in_what_was_said() {
        let check = |kind: ValueKind, said: &str, expected: Option<&str>| {
            let found = kind.find(said, Language::Zh, NOW);
            assert_eq!(found.as_ref().map(|found| found.value.as_str()), expected, "{said}");
        };
        check(ValueKind::Time, "那就明天下午三点吧", Some("2026-12-02 15:00"));
        check(ValueKind::Time, "周六可以", Some("2026-12-05"));
        check(ValueKind::Time, "可以的", None);
        check(ValueKind::Money, "我先还五百块", Some("500"));
        check(ValueKind::Number, "我们三个人来", Some("3"));
        check(ValueKind::Digits, "尾号是三五七八", Some("3578"));
        check(ValueKind::Phone, "你打幺三八零零幺三八零零零", Some("13800138000"));
        check(ValueKind::Phone, "尾号是三五七八", None);
    }
}
