//! Numbers in a text that comes piece by piece: one a line, in its first column.

use std::collections::HashSet;

use hutong_domain::phone::PhoneNumber;

/// Numbers of one import.
pub(crate) const NUMBERS_MAX: usize = 1_000_000;
/// Bytes of a line that are looked at; what comes after them is in later columns.
const LINE_BYTES_MAX: usize = 1_024;
/// Lines that are shown among those that were refused.
const REFUSED_SHOWN: usize = 50;
/// Characters of a refused line that are shown.
const SHOWN_CHARS: usize = 40;
/// What files of spreadsheets, and texts in UTF-16, begin with.
const OTHER_KINDS: [&[u8]; 4] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Each number, once, with a line feed after it.
    pub(super) numbers: String,
    pub(super) count: usize,
    /// Lines whose number stands in one before.
    pub(super) twice: usize,
    /// How many lines have no number, and the first of them: which line, and what stands there.
    pub(super) refused_count: usize,
    pub(super) refused: Vec<(usize, String)>,
    /// The heading of a column, where the text begins with one.
    pub(super) heading: Option<String>,
    seen: HashSet<Box<str>>,
    line: Vec<u8>,
    line_number: usize,
    begun: bool,
}

/// Why nothing of a text can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no text of lines.
    OtherKind,
    /// It has more than [`NUMBERS_MAX`].
    TooMany,
}

impl Lines {
    /// The next bytes of the text.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Unfit> {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..at]);
            self.end_line()?;
            bytes = &bytes[at + 1..];
        }
        self.keep(bytes);
        Ok(())
    }

    /// The text ends; another may follow.
    pub(super) fn end_text(&mut self) -> Result<(), Unfit> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        (self.line_number, self.begun) = (0, false);
        Ok(())
    }

    /// There is no more: what was only needed to read is given back.
    pub(super) fn end(&mut self) {
        self.seen = HashSet::new();
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend(bytes.iter().take(room));
    }

    fn end_line(&mut self) -> Result<(), Unfit> {
        let line = std::mem::take(&mut self.line);
        self.line_number += 1;
        if !self.begun && OTHER_KINDS.iter().any(|kind| line.starts_with(kind)) {
            return Err(Unfit::OtherKind);
        }
        let line = if self.line_number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
        // Commas, semicolons and tabs are themselves in every encoding that a Chinese spreadsheet writes.
        let column = line.split(|byte| matches!(byte, b',' | b';' | b'\t')).next().unwrap_or_default();
        let column = String::from_utf8_lossy(column);
        let column = column.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '='));
        if column.is_empty() {
            return Ok(());
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        match PhoneNumber::parse(column) {
            Some(phone) if self.seen.contains(phone.as_str()) => self.twice += 1,
            Some(_) if self.count >= NUMBERS_MAX => return Err(Unfit::TooMany),
            Some(phone) => {
                self.numbers.push_str(phone.as_str());
                self.numbers.push('\n');
                self.count += 1;
                self.seen.insert(phone.as_str().into());
            }
            None if is_first && !column.contains(|c: char| c.is_ascii_digit()) => {
                self.heading = Some(column.chars().take(SHOWN_CHARS).collect());
            }
            None => {
                self.refused_count += 1;
                if self.refused.len() < REFUSED_SHOWN {
                    self.refused.push((self.line_number, column.chars().take(SHOWN_CHARS).collect()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Lines, Unfit> {
        let mut lines = Lines::default();
        for piece in pieces {
            lines.read(piece)?;
        }
        lines.end_text()?;
        Ok(lines)
    }

    #[test]
    fn numbers_are_the_first_column_of_lines_however_they_are_cut() {
        let text =
            "\u{feff}号码,姓名\r\n13800138000,张三\r\n\r\n\"138-0013-8001\";x\n'+8613800138002\n13800138000\nabc1\n13";
        let whole = read(&[text.as_bytes()]).unwrap();
        assert_eq!(whole.numbers, "13800138000\n13800138001\n+8613800138002\n");
        assert_eq!((whole.count, whole.twice, whole.heading.as_deref()), (3, 1, Some("号码")));
        assert_eq!((whole.refused_count, whole.refused), (2, vec![(7, "abc1".into()), (8, "13".into())]));
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes).unwrap().numbers, whole.numbers);
    }

    #[test]
    fn a_second_text_begins_anew() {
        let mut lines = Lines::default();
        for text in ["13800138000", "\u{feff}号码\n13800138000\nx1"] {
            lines.read(text.as_bytes()).unwrap();
            lines.end_text().unwrap();
        }
        assert_eq!((lines.count, lines.twice, lines.refused), (1, 1, vec![(3, "x1".to_owned())]));
    }

    #[test]
    fn what_is_no_text_of_lines_is_refused_as_a_whole() {
        for begin in OTHER_KINDS {
            assert_eq!(read(&[begin, b"13800138000"]).unwrap_err(), Unfit::OtherKind);
        }
        let gbk = read(&[b"\xba\xc5\xc2\xeb,\xd0\xd5\xc3\xfb\n13800138000,\xd5\xc5\n"]).unwrap();
        assert_eq!((gbk.numbers.as_str(), gbk.refused_count), ("13800138000\n", 0));
    }

    #[test]
    fn no_text_takes_more_memory_than_it_may() {
        let long = vec![b'1'; LINE_BYTES_MAX * 3];
        let lines = read(&[&long, &long, b"\n13800138000\n"]).unwrap();
        assert_eq!((lines.count, lines.refused_count), (1, 1));
        let mut full = Lines { count: NUMBERS_MAX - 1, ..Lines::default() };
        full.read(b"13800138000\n13800138000\n").unwrap();
        assert_eq!(full.read(b"13800138001\n").unwrap_err(), Unfit::TooMany);
        let odd: String = (0..1000).map(|n| format!("x{n}\n")).collect();
        let lines = read(&[odd.as_bytes()]).unwrap();
        assert_eq!((lines.refused_count, lines.refused.len()), (1000, REFUSED_SHOWN));
    }
}
