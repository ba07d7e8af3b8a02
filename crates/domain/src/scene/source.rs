//! Values that know where in the file they stand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

use super::problem::{Problem, Severity};
use crate::message::Message;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Line, from 1.
    pub(crate) line: u32,
    /// Column in characters, from 1.
    pub(crate) column: u32,
}

impl Position {
    /// The first character of the file.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The parser's location; the file's first character where it knows none.
    fn of(location: Location) -> Self {
        let from_one = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        Self { line: from_one(location.line()), column: from_one(location.column()) }
    }
}

/// A value with the place where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it begins.
    pub(crate) at: Position,
    /// Where it begins, in bytes from the start of the file; none where the parser does not know.
    byte_offset: Option<usize>,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub(crate) fn with<U>(&self, value: U) -> Located<U> {
        Located { value, at: self.at, byte_offset: self.byte_offset }
    }
}

impl Located<String> {
    /// Where the byte at `offset` of this text stands in `source`. Text that the file writes
    /// otherwise than it reads (folded, escaped) is placed at its beginning.
    pub(crate) fn position_within(&self, source: &str, offset: usize) -> Position {
        let verbatim = || {
            let rest = source.get(self.byte_offset?..)?;
            // An opening quotation mark may stand before the text.
            let start = rest.find(self.value.as_str()).filter(|&start| start <= 1)?;
            let before = self.value.get(..offset)?;
            if before.contains('\n') {
                return None;
            }
            let columns = u32::try_from(start + before.chars().count()).ok()?;
            Some(Position { line: self.at.line, column: self.at.column.saturating_add(columns) })
        };
        verbatim().unwrap_or(self.at)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let byte_offset = spanned.referenced.span().byte_offset();
        Ok(Self {
            value: spanned.value,
            at: Position::of(spanned.referenced),
            byte_offset: byte_offset.and_then(|offset| usize::try_from(offset).ok()),
        })
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Reads a YAML file, or says where it is not what it should be.
pub(crate) fn read<'de, T: Deserialize<'de>>(yaml: &'de str) -> Result<T, Problem> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let at = error.location().map_or(Position::START, Position::of);
        Problem { line: at.line, column: at.column, severity: Severity::Error, message: message(&error, at) }
    })
}

/// What the library says of an error, with Chinese for what authors meet every day.
fn message(error: &Error, at: Position) -> Message {
    let en = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    // The place has fields of its own.
    let en = en.replace(&format!(" at line {}, column {}", at.line, at.column), "");
    let zh = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("没有字段 {field}；可用的有 {}", expected.join("、"))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("这里不能写“{variant}”；可用的有 {}", expected.join("、"))
        }
        Error::SerdeMissingField { field, .. } => format!("缺少字段 {field}"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("字段 {key} 写了两次"),
        Error::InvalidScalar { ty: "u32", .. } => "这里应为整数".to_owned(),
        Error::InvalidScalar { ty: "boolean", .. } => "这里应为 true 或 false".to_owned(),
        Error::InvalidScalar { ty: "floating point", .. } => "这里应为数字".to_owned(),
        Error::Eof { .. } => "话术是空的，或没有写完".to_owned(),
        _ => format!("读不懂这里的 YAML：{en}"),
    };
    Message { en, zh }
}
