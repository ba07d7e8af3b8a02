//! The versions of a scene, and what differs between two texts.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use hutong_domain::access::Permission;
use hutong_store::robot::{self, PublishedVersion};
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::{Head, ScenePath, Subject};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Lines around a change that are shown.
const AROUND: usize = 3;
/// How long the shortest way from one text to the other is looked for; then any will do.
const DIFF_TIME_MAX: Duration = Duration::from_millis(500);

/// A line of a comparison.
pub(crate) struct DiffLine {
    /// `added`, `removed`, `same`, or `gap` between two places.
    pub(crate) class: &'static str,
    pub(crate) before: Option<usize>,
    pub(crate) after: Option<usize>,
    pub(crate) text: String,
}

/// What differs between two texts, with what is around it.
pub(super) fn diff(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_lines(before, after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push(DiffLine { class: "gap", before: None, after: None, text: "⋯".to_owned() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let class = match change.tag() {
                ChangeTag::Equal => "same",
                ChangeTag::Delete => "removed",
                ChangeTag::Insert => "added",
            };
            lines.push(DiffLine {
                class,
                before: change.old_index().map(|index| index + 1),
                after: change.new_index().map(|index| index + 1),
                text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
            });
        }
    }
    lines
}

/// Which two versions are compared.
#[derive(Deserialize)]
pub(crate) struct Compared {
    from: Option<i64>,
    version: Option<i64>,
}

#[derive(Template)]
#[template(path = "scenes/versions.html")]
struct VersionsPage {
    ui: Ui,
    head: Head,
    versions: Vec<PublishedVersion>,
    /// The version that the shown one is compared with, and what differs.
    compared: Option<(i64, Vec<DiffLine>)>,
}

/// `GET /c/{company}/scenes/{scene}/versions`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(Compared { from, version }): Query<Compared>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let Subject { head, document } = Subject::read(&shared, &visit, scene, version, "versions").await?;
    let company = visit.company;
    let versions = shared.app.store.read(move |db| robot::versions(db, company, Some(scene))).await?;
    let from = from.or((head.version > 1).then_some(head.version - 1)).filter(|from| *from != head.version);
    let compared = match from {
        Some(from) if (1..=head.latest).contains(&from) => {
            let before = shared.app.store.read(move |db| robot::document(db, company, scene, from)).await?;
            Some((from, diff(&before, &document)))
        }
        Some(_) => return Err(Error::NotFound),
        None => None,
    };
    html(&VersionsPage { ui: visit.ui.in_section("scenes"), head, versions, compared })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        let before: String = (1..=20).map(|line| format!("{line}\n")).collect();
        let after = before.replace("10\n", "zehn\n");
        let lines = diff(&before, &after);
        let told: Vec<String> = lines.iter().map(|line| format!("{} {}", line.class, line.text)).collect();
        let same = |line: i32| format!("same {line}");
        let mut expected: Vec<String> = (7..10).map(same).collect();
        expected.extend(["removed 10".to_owned(), "added zehn".to_owned()]);
        expected.extend((11..14).map(same));
        assert_eq!(told, expected);
        assert_eq!(
            (lines[3].before, lines[3].after, lines[4].before, lines[4].after),
            (Some(10), None, None, Some(10))
        );
        assert!(diff(&before, &before).is_empty());
    }
}
