//! Types of variables: which values fit, and how they are spoken.

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
