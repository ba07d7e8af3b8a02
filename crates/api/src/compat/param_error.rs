//! What is wrong with a parameter, so that whoever sent it can mend it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// Characters of a received value that an error repeats.
const RECEIVED_CHARS_MAX: usize = 40;

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamError {
    /// Which one, for example `customerInfoList[3].phone`; empty where no parameter is at fault.
    pub(crate) path: String,
    /// What it should be, in Chinese.
    pub(crate) expected: Cow<'static, str>,
    /// What came instead; none where nothing came.
    pub(crate) received: Option<String>,
    placed: bool,
    /// What it should be, in English; empty where nobody has said so.
    in_english: &'static str,
}

impl ParamError {
    /// A parameter that is not what it should be.
    pub(crate) fn new(
        path: impl Into<String>,
        expected: impl Into<Cow<'static, str>>,
        received: impl fmt::Display,
    ) -> Self {
        Self {
            path: path.into(),
            expected: expected.into(),
            received: Some(received.to_string()),
            placed: true,
            in_english: "",
        }
    }

    /// A parameter that has to be given and was not.
    pub(crate) fn missing(path: impl Into<String>) -> Self {
        Self { path: path.into(), expected: Cow::Borrowed(""), received: None, placed: true, in_english: "" }
    }

    /// The same, with what it should be in English.
    pub(crate) fn in_english(self, expected: &'static str) -> Self {
        Self { in_english: expected, ..self }
    }

    /// An error that comes up while a value is read; [`Self::at`] says where.
    pub(super) fn unplaced(expected: impl Into<Cow<'static, str>>) -> Self {
        Self { path: String::new(), expected: expected.into(), received: None, placed: false, in_english: "" }
    }

    /// Completes an error that came up while the value at `path` was read, where `given` is what came.
    pub(super) fn at(mut self, path: &impl fmt::Display, given: Option<&dyn fmt::Display>) -> Self {
        if self.placed {
            return self;
        }
        let inner = std::mem::take(&mut self.path);
        self.path = match (path.to_string(), inner) {
            (outer, inner) if inner.is_empty() => outer,
            (outer, inner) if outer.is_empty() => inner,
            (outer, inner) => format!("{outer}.{inner}"),
        };
        if !self.expected.is_empty() && self.received.is_none() {
            self.received = given.map(ToString::to_string);
        }
        self.placed = true;
        self
    }

    /// What is wrong, in English.
    pub(crate) fn english(&self) -> String {
        let Self { path, received, in_english, .. } = self;
        match received {
            None => format!("{path} is missing"),
            Some(received) if in_english.is_empty() => format!("{path} cannot be {received}"),
            Some(received) => format!("{path} has to be {in_english}, not {received}"),
        }
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, expected, received, .. } = self;
        match received {
            Some(received) => write!(f, "{path} 应为{expected}，收到 {received}"),
            None if expected.is_empty() => write!(f, "缺少必填参数 {path}"),
            None => write!(f, "缺少必填参数 {path}，应为{expected}"),
        }
    }
}

impl std::error::Error for ParamError {}

impl de::Error for ParamError {
    fn custom<T: fmt::Display>(expected: T) -> Self {
        Self::unplaced(expected.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unplaced(expected.to_string())
    }

    // What came is known better by whoever holds it: `"0"` in a query string, not the number zero.
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unplaced(expected.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: field.to_owned(), ..Self::unplaced("") }
    }
}

/// A text in quotation marks, cut to a length that fits into a message.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(RECEIVED_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
