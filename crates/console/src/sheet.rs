//! Tables as files for spreadsheets: CSV and XLSX.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};
use hutong_domain::phone::PhoneNumber;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

use crate::error::{Error, Result};

/// Without it, spreadsheets do not take a file for UTF-8.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";
/// Widths of the first column and of the others, in characters.
const WIDTHS: (f64, f64) = (26.0, 12.0);

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
    /// Seconds, which people read as a clock.
    Seconds(Option<i64>),
    /// So many of a thousand.
    PerMille(Option<i64>),
}

/// A table with a head.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

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

    /// The answer that a browser keeps as a file; the name is of letters, digits and hyphens.
    pub(crate) fn download(self, name: &str, body: Body) -> Response {
        let headers = [
            (CONTENT_TYPE, self.content_type().to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.{}\"", self.extension())),
            (CACHE_CONTROL, "no-store".to_owned()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        ];
        (headers, body).into_response()
    }
}

impl Sheet {
    /// The file.
    pub(crate) fn write(&self, kind: Kind) -> Result<Vec<u8>> {
        match kind {
            Kind::Csv => self.csv(),
            Kind::Xlsx => self.xlsx().map_err(|error| Error::Table(error.to_string())),
        }
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let head = self.head.iter().map(|text| harmless(text).into_owned()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::csv).collect());
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
        let mut file = BYTE_ORDER_MARK.as_bytes().to_vec();
        file.extend(csv_lines(&lines)?);
        Ok(file)
    }

    fn xlsx(&self) -> std::result::Result<Vec<u8>, XlsxError> {
        let mut workbook = Workbook::new();
        let (bold, share) = (Format::new().set_bold(), Format::new().set_num_format("0.0%"));
        let sheet = workbook.add_worksheet();
        for (column, name) in (0..).zip(&self.head) {
            sheet.write_string_with_format(0, column, name, &bold)?;
            sheet.set_column_width(column, if column == 0 { WIDTHS.0 } else { WIDTHS.1 })?;
        }
        for (at, row) in (1..).zip(&self.rows) {
            for (column, cell) in (0..).zip(row) {
                match cell {
                    // Written as a text, it is one, whatever it begins with.
                    Cell::Text(text) => sheet.write_string(at, column, text)?,
                    Cell::Number(Some(number)) | Cell::Seconds(Some(number)) => {
                        sheet.write_number(at, column, *number as f64)?
                    }
                    Cell::PerMille(Some(part)) => {
                        sheet.write_number_with_format(at, column, *part as f64 / 1000.0, &share)?
                    }
                    Cell::Number(None) | Cell::Seconds(None) | Cell::PerMille(None) => sheet,
                };
            }
        }
        sheet.set_freeze_panes(1, 1)?;
        workbook.save_to_buffer()
    }
}

impl Cell {
    fn csv(&self) -> String {
        match self {
            Self::Text(text) => harmless(text).into_owned(),
            Self::Number(number) | Self::Seconds(number) => number.map_or_else(String::new, |it| it.to_string()),
            Self::PerMille(part) => part.map_or_else(String::new, |it| format!("{}.{}%", it / 10, it % 10)),
        }
    }
}

/// Lines of CSV.
pub(crate) fn csv_lines(lines: &[Vec<String>]) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::error::Error| Error::Table(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

/// A text that no spreadsheet takes for a formula: with an apostrophe before what would begin one. A telephone number is
/// none.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_risky && PhoneNumber::parse(text).is_none() { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_a_formula() {
        for text in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["春季回访", "13800138000", "+8613800138000", "", "a=1"] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn a_table_is_written_as_text_for_spreadsheets() {
        let cells = vec![
            Cell::Text("=a, \"b\"".to_owned()),
            Cell::Number(Some(1200)),
            Cell::Seconds(Some(75)),
            Cell::PerMille(Some(375)),
            Cell::PerMille(None),
        ];
        let sheet = Sheet { head: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(), rows: vec![cells] };
        let csv = String::from_utf8(sheet.write(Kind::Csv).unwrap()).unwrap();
        assert_eq!(csv, "\u{feff}a,b,c,d,e\n\"'=a, \"\"b\"\"\",1200,75,37.5%,\n");
        assert!(sheet.write(Kind::Xlsx).unwrap().starts_with(b"PK"));
    }
}
