//! Pages of long lists.

use hutong_store::PageRequest;

use crate::ui::Given;

/// Rows on a page.
pub(crate) const ROWS: i64 = 50;

/// Which page of a list is shown, and how to get to the others.
#[derive(Debug, Clone)]
pub(crate) struct Pager {
    pub(crate) number: i64,
    pub(crate) total: i64,
    /// What is asked for besides the page, as it stands in an address: `status=2&name=x`.
    query: String,
}

/// The page that is asked for; what is none is the first.
pub(crate) fn request(number: Option<i64>) -> PageRequest {
    PageRequest { number: number.unwrap_or(1).clamp(1, i64::MAX / ROWS), size: ROWS }
}

impl Pager {
    pub(crate) fn new(page: PageRequest, total: i64, query: String) -> Self {
        Self { number: page.number, total, query }
    }

    pub(crate) fn last(&self) -> i64 {
        ((self.total + ROWS - 1) / ROWS).max(1)
    }

    /// The address of a page of the same list, relative to the page.
    pub(crate) fn to(&self, number: impl Given<i64>) -> String {
        let number = number.given();
        if self.query.is_empty() { format!("?page={number}") } else { format!("?{}&page={number}", self.query) }
    }

    /// The pages that are named: the first, the last, and those around the one that is shown; 0 where some are left out.
    pub(crate) fn named(&self) -> Vec<i64> {
        let (last, around) = (self.last(), self.number - 2..=self.number + 2);
        let mut named = Vec::new();
        for number in [1].into_iter().chain(around).chain([last]) {
            let before = named.last().copied().unwrap_or(0);
            if number <= before || number > last {
                continue;
            }
            if number > before + 1 {
                named.push(0);
            }
            named.push(number);
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_name_their_ends_and_what_is_around() {
        let named = |number, total| Pager::new(PageRequest { number, size: ROWS }, total, String::new()).named();
        assert_eq!(named(1, 0), [1]);
        assert_eq!(named(1, 120), [1, 2, 3]);
        assert_eq!(named(10, 1000), [1, 0, 8, 9, 10, 11, 12, 0, 20]);
        assert_eq!(named(99, 120), [1, 0, 3]);
    }
}
