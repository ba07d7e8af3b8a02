//! Looking through a list before anything of it goes in: what will, and what will not, and why.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::phone::PhoneNumber;
use hutong_domain::scene::Scene;
use hutong_store::{Store, blacklist, call};

use super::mapping::Mapping;
use super::{List, Row, Stage};

/// Rows that are looked at in one go: a question to the store takes a thousand numbers.
const ROWS: usize = 1_000;
/// Rows of each kind that are shown.
pub(crate) const SHOWN: usize = 5;

/// Why a row does not go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It has no number, or one that cannot be dialled.
    Number,
    /// It lacks a variable: which one, in the order of the scene.
    Missing(u16),
    /// A variable's value cannot be spoken as what it is: which one, in the order of the mapping.
    Unfit(u16),
    /// Its number stands in the list before.
    Twice,
    /// The task has its number.
    Known,
    /// Its number is on the company's blacklist.
    Blacklisted,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) mapping: Mapping,
    /// Names of the variables that every row needs, in the order of the scene.
    pub(crate) required: Vec<String>,
    /// Rows that will go in.
    pub(crate) good: i64,
    /// The first of them.
    pub(crate) sample: Vec<Row>,
    /// Rows that will not, by their index, in order.
    pub(crate) refused: Vec<(i64, Reason)>,
    /// How many there are of each reason, with the first of them.
    pub(crate) by_reason: BTreeMap<Reason, (i64, Vec<Row>)>,
}

impl Report {
    fn refuse(&mut self, row: Row, reason: Reason) {
        self.refused.push((row.index, reason));
        let (count, first) = self.by_reason.entry(reason).or_default();
        *count += 1;
        if first.len() < SHOWN {
            first.push(row);
        }
    }

    /// The variable that a reason is about.
    pub(crate) fn variable(&self, reason: Reason) -> &str {
        let found = match reason {
            Reason::Missing(at) => self.required.get(usize::from(at)),
            Reason::Unfit(at) => self.mapping.variables.keys().nth(usize::from(at)),
            _ => None,
        };
        found.map_or("", String::as_str)
    }

    /// Why a row was refused; none where it goes in.
    pub(crate) fn reason(&self, row: &Row) -> Option<Reason> {
        let at = self.refused.binary_search_by_key(&row.index, |(index, _)| *index).ok()?;
        self.refused.get(at).map(|(_, reason)| *reason)
    }
}

/// A number as a key of a set that may have a million: digits, how many there are, and whether a plus stands before them.
fn key(phone: &PhoneNumber) -> u128 {
    phone.as_str().bytes().fold(1, |key, byte| match byte {
        b'0'..=b'9' => key * 10 + u128::from(byte - b'0'),
        _ => 2,
    })
}

/// Looks through a list, and moves it on.
pub(crate) async fn run(
    store: Store,
    list: Arc<List>,
    mapping: Mapping,
    scene: Arc<Scene>,
    place: (CompanyId, TaskId),
) {
    let stage = match look(&store, &list, mapping, &scene, place).await {
        Ok(Some(report)) => Stage::Checked(Arc::new(report)),
        Ok(None) => Stage::Mapping,
        Err(error) => {
            tracing::error!(%error, "a list of numbers could not be looked through");
            Stage::Failed
        }
    };
    list.move_to(stage);
}

/// None where somebody has stopped it.
async fn look(
    store: &Store,
    list: &Arc<List>,
    mapping: Mapping,
    scene: &Scene,
    place: (CompanyId, TaskId),
) -> Result<Option<Report>, String> {
    let required = scene.variables().map(str::to_owned).collect();
    let mut report = Report { mapping, required, ..Report::default() };
    let (mut seen, mut rows) = (HashSet::new(), list.sheet.rows());
    loop {
        if list.is_stopped() {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let read: std::io::Result<Vec<Row>> = rows.by_ref().take(ROWS).collect();
            (read, rows)
        });
        let (read, rest) = read.await.map_err(|error| error.to_string())?;
        rows = rest;
        let read = read.map_err(|error| error.to_string())?;
        if read.is_empty() {
            return Ok(Some(report));
        }
        let count = i64::try_from(read.len()).unwrap_or(0);
        look_at(store, read, &mut report, (&mut seen, scene), place).await?;
        list.done.fetch_add(count, Ordering::Relaxed);
    }
}

async fn look_at(
    store: &Store,
    rows: Vec<Row>,
    report: &mut Report,
    (seen, scene): (&mut HashSet<u128>, &Scene),
    (company, task): (CompanyId, TaskId),
) -> Result<(), String> {
    // What a row itself says comes first, so that its place in the list does not matter.
    let judged: Vec<(Row, Result<PhoneNumber, Reason>)> = rows
        .into_iter()
        .map(|row| {
            let judged = by_itself(&row, report, scene)
                .and_then(|phone| if seen.insert(key(&phone)) { Ok(phone) } else { Err(Reason::Twice) });
            (row, judged)
        })
        .collect();
    let phones: Vec<String> =
        judged.iter().filter_map(|(_, judged)| judged.as_ref().ok()).map(|phone| phone.as_str().to_owned()).collect();
    let asked = store.read_snapshot(move |db| {
        let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
        Ok((call::among(db, company, task, &phones)?, blacklist::among(db, company, &phones)?))
    });
    let (known, blacklisted) = asked.await.map_err(|error| error.to_string())?;
    for (row, judged) in judged {
        match judged {
            Err(reason) => report.refuse(row, reason),
            Ok(phone) if known.contains(phone.as_str()) => report.refuse(row, Reason::Known),
            Ok(phone) if blacklisted.contains(phone.as_str()) => report.refuse(row, Reason::Blacklisted),
            Ok(_) => {
                report.good += 1;
                if report.sample.len() < SHOWN {
                    report.sample.push(row);
                }
            }
        }
    }
    Ok(())
}

/// As the import judges it.
fn by_itself(row: &Row, report: &Report, scene: &Scene) -> Result<PhoneNumber, Reason> {
    let phone = PhoneNumber::parse(row.cell(report.mapping.number)).ok_or(Reason::Number)?;
    let properties = report.mapping.properties(row);
    let position = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
    if let Some(at) = report.required.iter().position(|name| !properties.contains_key(name)) {
        return Err(Reason::Missing(position(at)));
    }
    let unfit = |name: &String| properties.get(name).is_some_and(|value| scene.check_value(name, value).is_err());
    match report.mapping.variables.keys().position(unfit) {
        Some(at) => Err(Reason::Unfit(position(at))),
        None => Ok(phone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_differ_have_keys_that_differ() {
        let key = |text: &str| key(&PhoneNumber::parse(text).unwrap());
        let texts = ["13800138000", "013800138000", "+13800138000", "0013800138000", "113800138000", "213800138000"];
        let keys: HashSet<u128> = texts.iter().map(|text| key(text)).collect();
        assert_eq!(keys.len(), texts.len());
        assert_eq!(key("138 0013-8000"), key("13800138000"));
        assert_ne!(key("99999999999999999999"), key("+9999999999999999999"));
    }
}
