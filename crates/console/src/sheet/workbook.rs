//! A workbook that is written row by row.

use std::fs::File;

use rust_xlsxwriter::{Format, Workbook as Writer, XlsxError};
use tokio::sync::mpsc;

use super::{Cell, Row};

/// Rows that a sheet can hold.
const ROWS_MAX: u32 = 1_048_576;
/// Characters that a cell can hold, with room to spare.
const CHARS_MAX: usize = 32_000;
/// Widths of the first column and of the others, in characters.
const WIDTHS: (f64, f64) = (26.0, 14.0);

pub(super) struct Workbook {
    writer: Writer,
    head: Vec<String>,
    sheet: usize,
    next_row: u32,
    bold: Format,
    share: Format,
}

impl Workbook {
    /// Writes what comes into a file without a name: it is gone with its last handle. More rows than a sheet holds go on in
    /// the next one.
    pub(super) fn write(head: Vec<String>, mut parts: mpsc::Receiver<Vec<Row>>) -> Result<File, XlsxError> {
        let (bold, share) = (Format::new().set_bold(), Format::new().set_num_format("0.0%"));
        let mut workbook = Self { writer: Writer::new(), head, sheet: 0, next_row: 0, bold, share };
        // A sheet is there even where nothing comes.
        workbook.begin_sheet()?;
        while let Some(rows) = parts.blocking_recv() {
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
        let sheet = self.writer.add_worksheet_with_constant_memory()?;
        for (column, name) in (0u16..).zip(&self.head) {
            sheet.set_column_width(column, if column == 0 { WIDTHS.0 } else { WIDTHS.1 })?;
            sheet.write_string_with_format(0, column, name, &self.bold)?;
        }
        sheet.set_freeze_panes(1, 1)?;
        self.next_row = 1;
        Ok(())
    }

    /// Texts are written as texts: nothing is ever a formula.
    fn put(&mut self, row: &[Cell]) -> Result<(), XlsxError> {
        let sheet = self.writer.worksheet_from_index(self.sheet)?;
        let at = self.next_row;
        for (column, cell) in (0u16..).zip(row) {
            match cell {
                Cell::Text(text) => {
                    let end = text.char_indices().nth(CHARS_MAX).map_or(text.len(), |(at, _)| at);
                    sheet.write_string(at, column, text.get(..end).unwrap_or_default())?
                }
                // Counts and ids are far below 2^53.
                Cell::Number(Some(number)) | Cell::Seconds(Some(number)) => {
                    sheet.write_number(at, column, *number as f64)?
                }
                Cell::PerMille(Some(part)) => {
                    sheet.write_number_with_format(at, column, *part as f64 / 1000.0, &self.share)?
                }
                Cell::Number(None) | Cell::Seconds(None) | Cell::PerMille(None) => sheet,
            };
        }
        self.next_row += 1;
        Ok(())
    }
}
