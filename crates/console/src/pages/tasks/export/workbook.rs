//! A workbook that is written row by row.

use std::fs::File;

use rust_xlsxwriter::{Workbook as Writer, XlsxError};
use tokio::sync::mpsc;

/// Rows that a sheet can hold.
const ROWS_MAX: u32 = 1_048_576;
/// Characters that a cell can hold, with room to spare.
const CHARS_MAX: usize = 32_000;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(String),
    Number(i64),
}

pub(super) struct Workbook {
    writer: Writer,
    head: Vec<Cell>,
    sheet: usize,
    next_row: u32,
}

impl Workbook {
    /// Writes what comes into a file without a name: it is gone with its last handle. More rows than a sheet holds go on in
    /// the next one.
    pub(super) fn write(head: &[String], mut pages: mpsc::Receiver<Vec<Vec<Cell>>>) -> Result<File, XlsxError> {
        let head = head.iter().cloned().map(Cell::Text).collect();
        let mut workbook = Self { writer: Writer::new(), head, sheet: 0, next_row: ROWS_MAX };
        // A sheet is there even where no call is.
        workbook.begin_sheet()?;
        while let Some(rows) = pages.blocking_recv() {
            for row in rows {
                if workbook.next_row >= ROWS_MAX {
                    workbook.sheet += 1;
                    workbook.begin_sheet()?;
                }
                workbook.put(&row)?;
            }
        }
        let file = tempfile::tempfile()?;
        workbook.writer.save_to_writer(&file)?;
        Ok(file)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        self.writer.add_worksheet_with_constant_memory()?;
        self.next_row = 0;
        let head = self.head.clone();
        self.put(&head)
    }

    /// Texts are written as texts: nothing is ever a formula.
    fn put(&mut self, row: &[Cell]) -> Result<(), XlsxError> {
        let sheet = self.writer.worksheet_from_index(self.sheet)?;
        for (column, cell) in (0u16..).zip(row) {
            match cell {
                // Counts and ids are far below 2^53.
                Cell::Number(number) => sheet.write_number(self.next_row, column, *number as f64)?,
                Cell::Text(text) => {
                    let end = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
                    sheet.write_string(self.next_row, column, text.get(..end).unwrap_or_default())?
                }
            };
        }
        self.next_row += 1;
        Ok(())
    }
}
