//! What people upload: CSV in UTF-8, UTF-16 or GBK, workbooks, and numbers that were pasted. All of it is hostile until
//! it was read.

use std::io::{self, Cursor};

use calamine::{DataRef, Reader as _, Xlsx, XlsxError};
use encoding_rs::{Encoding, GB18030, UTF_8};
use hutong_domain::phone::PhoneNumber;

use super::sheet::{Draft, Sheet};

/// Rows of a list.
pub(crate) const ROWS_MAX: i64 = 1_000_000;
/// Columns of a list.
pub(crate) const COLUMNS_MAX: usize = 64;
/// Characters of a cell.
const CELL_CHARS_MAX: usize = 2_000;
/// Bytes that the parts of a workbook may have, all together, once they are unpacked.
const UNPACKED_MAX: u64 = 1 << 30;
/// With these, every workbook begins: it is a ZIP archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// With these, the workbooks of before 2007 begin.
const OLD_WORKBOOK: &[u8] = b"\xd0\xcf\x11\xe0";
/// Characters of a number that is nobody's short code.
const WHOLE_MIN: usize = 7;
/// What may stand between the cells of a line.
const SEPARATORS: [char; 5] = [',', '\t', ';', '，', '；'];

/// Why a list cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there are no rows in it")]
    Empty,
    #[error("it has more than {ROWS_MAX} rows")]
    Rows,
    #[error("line {line} has more than {COLUMNS_MAX} columns")]
    Columns { line: i64 },
    #[error("line {line} has a cell of more than {CELL_CHARS_MAX} characters")]
    Cell { line: i64 },
    #[error("it is a workbook of before 2007: save it as .xlsx")]
    OldWorkbook,
    #[error("it is no workbook that can be read")]
    Workbook,
    #[error("it unpacks to too much")]
    Unpacked,
    #[error("it is no text in UTF-8 or GBK")]
    Text,
    #[error("{0}")]
    Failed(String),
}

impl Refused {
    /// The same in Chinese.
    pub(crate) fn chinese(&self) -> String {
        match self {
            Self::Empty => "文件中没有数据".to_owned(),
            Self::Rows => format!("超过 {ROWS_MAX} 行，请拆分后导入"),
            Self::Columns { line } => format!("第 {line} 行超过 {COLUMNS_MAX} 列"),
            Self::Cell { line } => format!("第 {line} 行有超过 {CELL_CHARS_MAX} 个字符的单元格"),
            Self::OldWorkbook => "这是 2007 年以前的 .xls 文件，请另存为 .xlsx".to_owned(),
            Self::Workbook => "无法读取这个 Excel 文件".to_owned(),
            Self::Unpacked => "这个 Excel 文件解压后过大".to_owned(),
            Self::Text => "不是 UTF-8 或 GBK 编码的文本".to_owned(),
            Self::Failed(_) => "服务器读取文件失败，详情见日志".to_owned(),
        }
    }
}

/// Reads what was uploaded, whatever it is. It takes a while.
///
/// # Errors
/// [`Refused`].
pub(crate) fn read(bytes: &[u8], is_pasted: bool) -> Result<Sheet, Refused> {
    let mut draft = Draft::new().map_err(|error| Refused::Failed(error.to_string()))?;
    if bytes.starts_with(ZIP) {
        workbook(bytes, &mut draft)?;
    } else if bytes.starts_with(OLD_WORKBOOK) {
        return Err(Refused::OldWorkbook);
    } else {
        let text = decoded(bytes)?;
        if is_pasted { pasted(&text, &mut draft)? } else { records(&text, &mut draft)? }
    }
    draft.close(|first| !first.iter().any(|cell| PhoneNumber::parse(cell).is_some()))
}

/// A text in whatever encoding it is.
///
/// # Errors
/// [`Refused::Text`].
pub(crate) fn decoded(bytes: &[u8]) -> Result<String, Refused> {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => GB18030,
    };
    let (text, _, is_broken) = encoding.decode(bytes);
    // A file of another kind is no text, even where its bytes are characters.
    if is_broken || text.contains('\0') { Err(Refused::Text) } else { Ok(text.into_owned()) }
}

fn checked(line: i64, cell: &str) -> Result<String, Refused> {
    if cell.chars().nth(CELL_CHARS_MAX).is_some() { Err(Refused::Cell { line }) } else { Ok(cell.trim().to_owned()) }
}

/// Records of CSV, whatever separates their cells: what the first line has most of.
fn records(text: &str, draft: &mut Draft) -> Result<(), Refused> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: u8| first.bytes().filter(|byte| *byte == separator).count();
    let delimiter = [b',', b'\t', b';'].into_iter().rev().max_by_key(|it| count(*it)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    // The reader counts lines where it stands, which is between the two characters of an end; so they are counted here.
    let (bytes, mut counted, mut line) = (text.as_bytes(), 0, 1);
    for record in reader.records() {
        let record = record.map_err(|_| Refused::Text)?;
        let begins = record.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(counted);
        let rest = bytes.get(begins..).unwrap_or_default();
        let begins = begins + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let skipped = bytes.get(counted..begins).unwrap_or_default();
        line += skipped.iter().map(|byte| i64::from(*byte == b'\n')).sum::<i64>();
        counted = begins;
        let cells = record.iter().map(|cell| checked(line, cell)).collect::<Result<Vec<_>, _>>()?;
        draft.push(line, &cells)?;
    }
    Ok(())
}

/// Lines that somebody has pasted; a line of nothing but whole numbers is one row for each.
fn pasted(text: &str, draft: &mut Draft) -> Result<(), Refused> {
    let is_whole = |cell: &String| cell.len() >= WHOLE_MIN && PhoneNumber::parse(cell).is_some();
    for (line, text) in (1..).zip(text.lines()) {
        let cells = pasted_cells(text).into_iter().map(|cell| checked(line, cell)).collect::<Result<Vec<_>, _>>()?;
        if cells.len() > 1 && cells.iter().all(|cell| cell.is_empty() || is_whole(cell)) {
            for cell in cells {
                draft.push(line, &[cell])?;
            }
        } else {
            draft.push(line, &cells)?;
        }
    }
    Ok(())
}

/// The cells of a line: what is between separators; without any, a number in whatever groups, and what follows it.
fn pasted_cells(text: &str) -> Vec<&str> {
    if text.contains(SEPARATORS) {
        return text.split(SEPARATORS).collect();
    }
    let ends = text.find(|c: char| !(c.is_ascii_digit() || " -+.()\u{a0}".contains(c))).unwrap_or(text.len());
    let (number, rest) = text.split_at(ends);
    if PhoneNumber::parse(number).is_some() { vec![number, rest] } else { text.split_whitespace().collect() }
}

/// The first sheet of a workbook.
fn workbook(bytes: &[u8], draft: &mut Draft) -> Result<(), Refused> {
    check_unpacked(bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let name = workbook.sheet_names().first().cloned().ok_or(Refused::Empty)?;
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(|error| unreadable(&error))?;
    let (mut current, mut cells): (u32, Vec<String>) = (0, Vec::new());
    while let Some(cell) = reader.next_cell().map_err(|error| unreadable(&error))? {
        let (row, column) = cell.get_position();
        if row != current {
            draft.push(i64::from(current) + 1, &cells)?;
            (current, cells) = (row, Vec::new());
        }
        let line = i64::from(row) + 1;
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        let text = checked(line, &written(cell.get_value()))?;
        if text.is_empty() {
            continue;
        }
        if column >= COLUMNS_MAX {
            return Err(Refused::Columns { line });
        }
        cells.resize(cells.len().max(column + 1), String::new());
        if let Some(place) = cells.get_mut(column) {
            *place = text;
        }
    }
    draft.push(i64::from(current) + 1, &cells)
}

fn unreadable(error: &XlsxError) -> Refused {
    tracing::info!(%error, "a workbook cannot be read");
    Refused::Workbook
}

/// What unpacks to more than anybody's list is not unpacked into memory: so it is unpacked into nothing first.
fn check_unpacked(bytes: &[u8]) -> Result<(), Refused> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|_| Refused::Workbook)?;
    let mut left = UNPACKED_MAX;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|_| Refused::Workbook)?;
        let mut part = io::Read::take(part, left + 1);
        let unpacked = io::copy(&mut part, &mut io::sink()).map_err(|_| Refused::Workbook)?;
        left = left.checked_sub(unpacked).ok_or(Refused::Unpacked)?;
    }
    Ok(())
}

/// A cell as people read it: numbers of a telephone are whole numbers for Excel.
fn written(cell: &DataRef<'_>) -> String {
    match cell {
        DataRef::Int(number) => number.to_string(),
        // Whole numbers are exact up to 2^53, which has 16 digits.
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(sheet: &Sheet) -> Vec<Vec<String>> {
        sheet.rows().map(|row| row.unwrap().cells).collect()
    }

    #[test]
    fn csv_is_read_in_the_encodings_that_people_have() {
        let text = "号码,姓名\r\n13800138000,张三\r\n\r\n13800138001,\"李,四\"\r\n";
        let utf_16: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let encodings = [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            GB18030.encode(text).0.into_owned(),
            utf_16,
        ];
        for bytes in encodings {
            let sheet = read(&bytes, false).unwrap();
            assert_eq!((sheet.heads.clone(), sheet.rows, sheet.columns), (vec!["号码".into(), "姓名".into()], 2, 2));
            assert_eq!(cells(&sheet), [["13800138000", "张三"], ["13800138001", "李,四"]]);
            assert_eq!(sheet.rows().map(|row| row.unwrap().line).collect::<Vec<_>>(), [2, 4]);
        }
    }

    #[test]
    fn what_separates_cells_is_seen() {
        for text in ["13800138000;张三\n", "13800138000\t张三\n"] {
            let sheet = read(text.as_bytes(), false).unwrap();
            assert_eq!(
                (sheet.heads.len(), cells(&sheet)),
                (0, vec![vec!["13800138000".to_owned(), "张三".to_owned()]])
            );
        }
    }

    #[test]
    fn numbers_are_pasted_as_they_come() {
        let text = "13800138000 张三\n138-0013-8001，13800138002\n138 0013 8003\n138 0013 8004 王五\n\n13800138005 13800138006\n";
        let sheet = read(text.as_bytes(), true).unwrap();
        let alone = |number| vec![number];
        let expected = [
            vec!["13800138000", "张三"],
            alone("138-0013-8001"),
            alone("13800138002"),
            alone("138 0013 8003"),
            vec!["138 0013 8004", "王五"],
            alone("13800138005"),
            alone("13800138006"),
        ];
        assert_eq!(cells(&sheet), expected);
    }

    #[test]
    fn a_workbook_is_read_as_it_looks() {
        let mut writer = rust_xlsxwriter::Workbook::new();
        let sheet = writer.add_worksheet();
        sheet.write_string(0, 0, "手机").unwrap();
        sheet.write_string(0, 2, "金额").unwrap();
        sheet.write_number(2, 0, 13_800_138_000.0).unwrap();
        sheet.write_number(2, 2, 12.5).unwrap();
        let read = read(&writer.save_to_buffer().unwrap(), false).unwrap();
        assert_eq!(read.heads, ["手机", "", "金额"]);
        assert_eq!(
            read.sample,
            [crate::import::Row { index: 0, line: 3, cells: vec!["13800138000".into(), String::new(), "12.5".into()] }]
        );
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert_eq!(read(b"", false).unwrap_err(), Refused::Empty);
        assert_eq!(read(b"\n,,\n", false).unwrap_err(), Refused::Empty);
        assert_eq!(read("号码\n".as_bytes(), false).unwrap_err(), Refused::Empty);
        assert_eq!(read(b"PK\x03\x04nothing", false).unwrap_err(), Refused::Workbook);
        assert_eq!(read(b"\xd0\xcf\x11\xe0\xa1", false).unwrap_err(), Refused::OldWorkbook);
        assert_eq!(read(b"GIF89a\x00\x01", false).unwrap_err(), Refused::Text);
        assert_eq!(
            read(format!("1380,{}", "x,".repeat(COLUMNS_MAX)).as_bytes(), false).unwrap_err(),
            Refused::Columns { line: 1 }
        );
        let long = format!("13800138000,{}", "长".repeat(CELL_CHARS_MAX + 1));
        assert_eq!(read(long.as_bytes(), false).unwrap_err(), Refused::Cell { line: 1 });
    }
}
