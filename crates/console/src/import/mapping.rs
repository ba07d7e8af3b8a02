//! Which column is what.

use std::collections::BTreeMap;

use hutong_domain::phone::PhoneNumber;

use super::{Row, Sheet};

/// What people call a column of numbers.
const NUMBER: [&str; 12] = [
    "号码",
    "手机",
    "手机号",
    "手机号码",
    "电话",
    "电话号码",
    "联系电话",
    "联系方式",
    "phone",
    "mobile",
    "number",
    "tel",
];
/// What people call a column of names.
const NAME: [&str; 8] = ["姓名", "名称", "客户", "客户名称", "客户姓名", "联系人", "name", "customer"];

/// Which column is what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mapping {
    pub(crate) number: usize,
    pub(crate) name: Option<usize>,
    /// The column of each variable that has one.
    pub(crate) variables: BTreeMap<String, usize>,
}

impl Mapping {
    /// What the heads say; where they say nothing, the column with the most numbers in it is that of the numbers.
    pub(crate) fn guess<'a>(sheet: &Sheet, variables: impl Iterator<Item = &'a str>) -> Self {
        let called = |names: &[&str]| {
            let is = |column: &usize| names.iter().any(|name| sheet.head(*column).eq_ignore_ascii_case(name));
            (0..sheet.columns).find(is)
        };
        let numbers = |column: &usize| {
            let cells = sheet.sample.iter().map(|row| row.cell(*column));
            cells.filter(|cell| PhoneNumber::parse(cell).is_some()).count()
        };
        let number = called(&NUMBER).filter(|column| numbers(column) > 0);
        // Of equal ones the first.
        let number = number.or_else(|| (0..sheet.columns).rev().max_by_key(numbers)).unwrap_or(0);
        let variables: BTreeMap<String, usize> =
            variables.filter_map(|variable| Some((variable.to_owned(), called(&[variable])?))).collect();
        let mut name = called(&NAME);
        if name.is_none() && sheet.heads.is_empty() {
            name = (0..sheet.columns).find(|column| *column != number);
        }
        Self { number, name, variables }
    }

    /// The variables of a row that have something in them.
    pub(crate) fn properties(&self, row: &Row) -> BTreeMap<String, String> {
        let given = self.variables.iter().map(|(name, column)| (name.clone(), row.cell(*column).to_owned()));
        given.filter(|(_, value)| !value.is_empty()).collect()
    }

    pub(crate) fn name<'r>(&self, row: &'r Row) -> &'r str {
        self.name.map_or("", |column| row.cell(column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read;

    #[test]
    fn columns_are_known_by_their_heads_or_by_what_is_in_them() {
        let guess = |text: &str| Mapping::guess(&read(text.as_bytes(), false).unwrap(), ["小区"].into_iter());
        let by_heads = guess("姓名,小区,手机号码,备用号码\n张三,中大银泰城,13800138000,13800138001\n");
        assert_eq!((by_heads.number, by_heads.name, by_heads.variables.get("小区")), (2, Some(0), Some(&1)));
        let by_content = guess("1,张三,13800138000\n2,李四,13800138001\n");
        assert_eq!((by_content.number, by_content.name), (2, Some(0)));
        assert_eq!(guess("a,b\n无,13800138000\n").number, 1);
    }
}
