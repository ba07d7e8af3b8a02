//! Types of variables and of values: which ones fit, how they are spoken, and how they are found in what was said.

use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;

use super::public::Language;

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
    /// Whether a value fits; otherwise what is wrong with it.
    pub(crate) fn check(self, _value: &str) -> Result<(), String> {
        Ok(())
    }

    /// The words for a value.
    pub(crate) fn spoken(self, value: &str, _language: Language, _now: DateTime) -> String {
        value.to_owned()
    }
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

    /// The value of this kind in what was said, if there is one.
    pub(crate) fn find(self, said: &str, _language: Language, _now: DateTime) -> Option<Found> {
        let digits: String = said.chars().filter(char::is_ascii_digit).collect();
        let chars = digits.chars().count();
        (chars > 0).then(|| Found { spoken: digits.clone(), value: digits, numeric: true, moment: None, chars })
    }

    /// Digits that were typed.
    pub(crate) fn typed(digits: &str, _language: Language) -> Found {
        let (spoken, value, chars) = (digits.to_owned(), digits.to_owned(), digits.len());
        Found { spoken, value, numeric: false, moment: None, chars }
    }
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
    /// How many characters of the utterance say it.
    pub(crate) chars: usize,
}
