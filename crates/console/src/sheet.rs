//! Tables as files for spreadsheets: CSV and XLSX, written while their rows are read.

mod workbook;

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read as _, Seek as _};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use hutong_domain::phone::PhoneNumber;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use workbook::Workbook;

/// Without it, spreadsheets do not take a file for UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
/// Bytes of a file that are sent at a time.
const PIECE: usize = 64 << 10;
/// Parts that wait to be written into a workbook.
const PARTS_WAITING: usize = 4;

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Csv,
    Xlsx,
}

/// What stands in a table's place; none is an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    Number(Option<i64>),
    /// Seconds, which a page shows as a clock.
    Seconds(Option<i64>),
    /// So many of a thousand.
    PerMille(Option<i64>),
}

/// The cells of a line.
pub(crate) type Row = Vec<Cell>;

impl Kind {
    pub(crate) fn from_extension(extension: &str) -> Result<Self> {
        match extension {
            "csv" => Ok(Self::Csv),
            "xlsx" => Ok(Self::Xlsx),
            _ => Err(Error::NotFound),
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }

    /// The answer that a browser keeps as a file of this name, with `head` over the rows, of which a part is in memory at a
    /// time. What fails after the answer has begun breaks it off, so that nobody takes a part for the whole.
    pub(crate) async fn download(
        self,
        name: &str,
        head: Vec<String>,
        rows: impl Stream<Item = Result<Vec<Row>>> + Send + 'static,
    ) -> Result<Response> {
        let body = match self {
            Self::Csv => csv(head, rows)?,
            Self::Xlsx => xlsx(head, rows).await?,
        };
        let name = format!("{name}.{}", self.extension());
        let headers = [
            (CONTENT_TYPE, self.content_type().to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{}", percent_encoded(&name))),
            (CACHE_CONTROL, "no-store".to_owned()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ];
        Ok((headers, body).into_response())
    }
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) const fn number(number: i64) -> Self {
        Self::Number(Some(number))
    }

    fn csv(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => harmless(text),
            Self::Number(Some(number)) | Self::Seconds(Some(number)) => number.to_string().into(),
            Self::PerMille(Some(part)) => format!("{}.{}%", part / 10, part % 10).into(),
            Self::Number(None) | Self::Seconds(None) | Self::PerMille(None) => "".into(),
        }
    }
}

/// CSV is sent while the rows are read.
fn csv(head: Vec<String>, rows: impl Stream<Item = Result<Vec<Row>>> + Send + 'static) -> Result<Body> {
    let head = records(&[head.into_iter().map(Cell::Text).collect()])?;
    let head = Bytes::from([BYTE_ORDER_MARK.as_bytes(), &head].concat());
    let rows = rows
        .inspect_err(|error| tracing::error!(%error, "a file breaks off"))
        .and_then(async |rows| records(&rows).map(Bytes::from));
    Ok(Body::from_stream(stream::iter([Ok(head)]).chain(rows)))
}

/// Records as RFC 4180 has them.
fn records(rows: &[Row]) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::error::Error| Error::Table(error.to_string());
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| cell.csv().into_owned())).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

/// A workbook is written to a file that has no name, then sent.
async fn xlsx(head: Vec<String>, rows: impl Stream<Item = Result<Vec<Row>>> + Send) -> Result<Body> {
    let (parts, waiting) = mpsc::channel(PARTS_WAITING);
    let written = tokio::task::spawn_blocking(move || Workbook::write(head, waiting));
    let mut rows = std::pin::pin!(rows);
    while let Some(part) = rows.try_next().await? {
        // Where the writer has given up, it says why below.
        if parts.send(part).await.is_err() {
            break;
        }
    }
    drop(parts);
    let failed = |error: &dyn std::error::Error| Error::Table(error.to_string());
    let mut file = written.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    file.rewind().map_err(|error| failed(&error))?;
    Ok(Body::from_stream(stream::try_unfold(file, piece)))
}

/// The next piece of a file, and the file.
async fn piece(mut file: File) -> std::io::Result<Option<(Bytes, File)>> {
    let read = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece)?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    });
    read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// As RFC 8187 has it: names of files have whatever people called things.
fn percent_encoded(name: &str) -> String {
    let encoded = |byte: u8| {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if is_plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    name.bytes().map(encoded).collect()
}

/// A text that no spreadsheet takes for a formula: with an apostrophe before what would begin one. A telephone number is
/// none.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_risky && PhoneNumber::parse(text).is_none() { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    async fn file(kind: Kind, rows: Vec<Row>) -> Vec<u8> {
        let head = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let answer = kind.download("春 1", head, stream::iter([Ok(rows)])).await.unwrap();
        let named = &answer.headers()[CONTENT_DISPOSITION];
        assert_eq!(named, &format!("attachment; filename*=UTF-8''%E6%98%A5%201.{}", kind.extension()));
        answer.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[test]
    fn nothing_becomes_a_formula() {
        for text in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "+86"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["春季回访", "13800138000", "+8613800138000", "", "a=1"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[tokio::test]
    async fn a_table_is_written_as_text_for_spreadsheets() {
        let row =
            || vec![Cell::text("=a, \"b\""), Cell::number(-1200), Cell::PerMille(Some(375)), Cell::PerMille(None)];
        let csv = String::from_utf8(file(Kind::Csv, vec![row()]).await).unwrap();
        assert_eq!(csv, "\u{feff}a,b,c,d\r\n\"'=a, \"\"b\"\"\",-1200,37.5%,\r\n");
        assert!(file(Kind::Xlsx, vec![row()]).await.starts_with(b"PK"));
    }

    #[tokio::test]
    async fn what_fails_breaks_the_file_off() {
        let rows = || stream::iter([Ok(vec![vec![Cell::number(1)]]), Err(Error::Broken("lost".to_owned()))]);
        let answer = Kind::Csv.download("a", vec!["a".to_owned()], rows()).await.unwrap();
        assert!(answer.into_body().collect().await.is_err());
        assert!(Kind::Xlsx.download("a", vec!["a".to_owned()], rows()).await.is_err());
    }
}
