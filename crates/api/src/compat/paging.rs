//! Pages: what clients ask for, and what they are told.

use hutong_store::PageRequest;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// `pageNum`, from 1; 1 where it is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageNumber(i64);

/// `pageSize`; cut to `MAX`, since clients ask for 2147483647 to get everything, and the answer says what
/// they got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageSize<const DEFAULT: i64, const MAX: i64>(i64);

impl Default for PageNumber {
    fn default() -> Self {
        Self(1)
    }
}

impl<const DEFAULT: i64, const MAX: i64> Default for PageSize<DEFAULT, MAX> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<'de> Deserialize<'de> for PageNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        positive(deserializer).map(|number| number.map_or_else(Self::default, Self))
    }
}

impl<'de, const DEFAULT: i64, const MAX: i64> Deserialize<'de> for PageSize<DEFAULT, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        positive(deserializer).map(|size| size.map_or_else(Self::default, |size| Self(size.min(MAX))))
    }
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<i64>::deserialize(deserializer)?;
    match number {
        Some(number) if number < 1 => Err(D::Error::invalid_value(Unexpected::Signed(number), &"正整数")),
        number => Ok(number),
    }
}

/// The page that is asked for.
pub(crate) fn request<const DEFAULT: i64, const MAX: i64>(
    PageNumber(number): PageNumber,
    PageSize(size): PageSize<DEFAULT, MAX>,
) -> PageRequest {
    PageRequest { number, size }
}

/// From which number `startRow` and `endRow` count. The document shows 3 and 4 for the second page of two
/// in getTasks, and 0 and 1 for the first page of two in queryDoneTaskPhones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsFrom {
    /// In queryDoneTaskPhones.
    Zero,
    /// Everywhere else.
    One,
}

/// `startRow` and `endRow` of a page with so many rows on it; an empty one has 0 and 0.
pub(crate) fn row_range(page: PageRequest, rows: i64, from: RowsFrom) -> (i64, i64) {
    if rows == 0 {
        return (0, 0);
    }
    let first = page.offset().saturating_add(match from {
        RowsFrom::Zero => 0,
        RowsFrom::One => 1,
    });
    (first, first.saturating_add(rows - 1))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::compat::params;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Asked {
        page_num: PageNumber,
        page_size: PageSize<10, 1000>,
    }

    fn asked(query: &str) -> Result<PageRequest, String> {
        let asked: Asked = params::read(Some(query), b"", false).map_err(|error| error.to_string())?;
        Ok(request(asked.page_num, asked.page_size))
    }

    #[test]
    fn a_page_is_positive_and_has_a_maximum() {
        let check = |query: &str, number, size| assert_eq!(asked(query), Ok(PageRequest { number, size }), "{query}");
        check("", 1, 10);
        check("pageNum=&pageSize=", 1, 10);
        check("pageNum=3&pageSize=2", 3, 2);
        check("pageSize=2147483647", 1, 1000);
        assert_eq!(asked("pageNum=0").unwrap_err(), "pageNum 应为正整数，收到 \"0\"");
        assert_eq!(asked("pageSize=-1").unwrap_err(), "pageSize 应为正整数，收到 \"-1\"");
        assert_eq!(asked("pageSize=ten").unwrap_err(), "pageSize 应为整数，收到 \"ten\"");
    }

    #[test]
    fn rows_are_counted_as_the_document_shows() {
        let page = |number, size| PageRequest { number, size };
        assert_eq!(row_range(page(2, 2), 2, RowsFrom::One), (3, 4));
        assert_eq!(row_range(page(1, 2), 2, RowsFrom::Zero), (0, 1));
        assert_eq!(row_range(page(9, 2), 0, RowsFrom::One), (0, 0));
        assert_eq!(row_range(page(i64::MAX, i64::MAX), 1, RowsFrom::One), (i64::MAX, i64::MAX));
    }
}
