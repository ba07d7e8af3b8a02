//! A table that was uploaded, as records of UTF-8 in a file without a name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::source::{COLUMNS_MAX, ROWS_MAX, Refused};

/// Rows that are shown before anything is decided.
const SAMPLE: usize = 50;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its place among the rows, from 0.
    pub(crate) index: i64,
    /// Its line in what was uploaded.
    pub(crate) line: i64,
    pub(crate) cells: Vec<String>,
}

impl Row {
    pub(crate) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Sheet {
    file: Arc<File>,
    /// Rows, its head left out.
    pub(crate) rows: i64,
    pub(crate) columns: usize,
    /// What the first row calls the columns; empty where it is none.
    pub(crate) heads: Vec<String>,
    /// The first rows after the head.
    pub(crate) sample: Vec<Row>,
}

/// A table that is written row by row.
pub(super) struct Draft {
    writer: csv::Writer<BufWriter<File>>,
    rows: i64,
    columns: usize,
    first: Vec<Row>,
}

impl Draft {
    pub(super) fn new() -> io::Result<Self> {
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(BufWriter::new(tempfile::tempfile()?));
        Ok(Self { writer, rows: 0, columns: 0, first: Vec::new() })
    }

    /// Adds a row; one without anything in it is left out.
    pub(super) fn push(&mut self, line: i64, cells: &[String]) -> Result<(), Refused> {
        let length = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let cells = cells.get(..length).unwrap_or_default();
        if cells.is_empty() {
            return Ok(());
        }
        if cells.len() > COLUMNS_MAX {
            return Err(Refused::Columns { line });
        }
        // One more, for the head.
        if self.rows > ROWS_MAX {
            return Err(Refused::Rows);
        }
        self.rows += 1;
        self.columns = self.columns.max(cells.len());
        if self.first.len() <= SAMPLE {
            self.first.push(Row { index: self.rows - 1, line, cells: cells.to_vec() });
        }
        let record = std::iter::once(line.to_string()).chain(cells.iter().cloned());
        self.writer.write_record(record).map_err(|error| Refused::Failed(error.to_string()))
    }

    /// The table, whose first row is a head where `is_head` says so of it.
    pub(super) fn close(self, is_head: impl Fn(&[String]) -> bool) -> Result<Sheet, Refused> {
        let failed = |error: String| Refused::Failed(error);
        let mut writer = self.writer.into_inner().map_err(|error| failed(error.to_string()))?;
        writer.flush().map_err(|error| failed(error.to_string()))?;
        let file = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        let (mut first, mut rows) = (self.first, self.rows);
        let has_head = first.first().is_some_and(|row| is_head(&row.cells));
        let mut heads = Vec::new();
        if has_head {
            heads = first.remove(0).cells;
            rows -= 1;
            first.iter_mut().for_each(|row| row.index -= 1);
        }
        if rows == 0 {
            return Err(Refused::Empty);
        }
        first.truncate(SAMPLE);
        Ok(Sheet { file: Arc::new(file), rows, columns: self.columns, heads, sample: first })
    }
}

impl Sheet {
    /// All rows in order, without the head. Several readers do not disturb each other.
    pub(crate) fn rows(&self) -> impl Iterator<Item = io::Result<Row>> + Send + use<> {
        let at = At { file: self.file.clone(), at: 0 };
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(BufReader::new(at));
        let skip = usize::from(!self.heads.is_empty());
        (0..).zip(reader.into_records().skip(skip)).map(|(index, record)| {
            let record = record.map_err(io::Error::other)?;
            let line = record.get(0).and_then(|line| line.parse().ok()).unwrap_or(0);
            Ok(Row { index, line, cells: record.iter().skip(1).map(str::to_owned).collect() })
        })
    }

    /// What a column is called.
    pub(crate) fn head(&self, column: usize) -> &str {
        self.heads.get(column).map_or("", |head| head.trim())
    }
}

/// A reader with a place of its own in a file that others read as well.
struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
