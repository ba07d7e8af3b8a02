//! The audit log: who changed what and when, with what was and what is.

mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use futures::stream;
use hutong_domain::access::Permission;
use hutong_domain::audit::Action;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::audit::{self, Entry, Filter};
use hutong_store::user;
use jiff::civil::{Date, Time};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::sheet::{Cell, Kind, Row};
use crate::ui::Ui;
use crate::visitor::Visitor;

/// Rows on a page.
const ROWS: i64 = 50;
/// Rows that are read at once for a file.
const ROWS_OF_FILE: i64 = 500;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditLog {
    ui: Ui,
    asked: Asked,
    rows: Vec<Listed>,
    actors: Vec<String>,
    problems: Problems,
    /// Where the next page begins; none where there is none.
    next: Option<i64>,
}

/// What is asked for, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    company: String,
    actor: String,
    action: String,
    since: String,
    until: String,
    before: Option<i64>,
}

/// A change as the page shows it.
struct Listed {
    entry: Entry,
    fields: Vec<Field>,
}

/// What a field of the thing was, and what it is from then on.
#[derive(Debug, PartialEq, Eq)]
struct Field {
    name: String,
    before: String,
    after: String,
}

impl Asked {
    /// The address of the same question without its page.
    fn query(&self) -> String {
        let given = [
            ("company", &self.company),
            ("actor", &self.actor),
            ("action", &self.action),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let given = given.into_iter().filter(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
    }

    fn filter(&self, ui: &Ui) -> std::result::Result<Filter, Problems> {
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let day = |field: &'static str, text: &str| match given(text).map(|text| text.parse::<Date>()) {
            None => Ok(None),
            Some(Ok(day)) => Ok(Some(day)),
            Some(Err(_)) => {
                Err(Problems::one(field, ui.t("日期应形如 2026-05-06", "A day is written like 2026-05-06")))
            }
        };
        let start = |day: Date| Moment::from_civil(day.to_datetime(Time::midnight()), &ui.zone);
        let until = day("until", &self.until)?.and_then(|day| day.tomorrow().ok());
        Ok(Filter {
            company: self.company.parse().ok().map(CompanyId),
            actor: given(&self.actor),
            action: given(&self.action),
            object: None,
            since: day("since", &self.since)?.map(start),
            until: until.map(start),
            before_id: self.before,
        })
    }
}

impl AuditLog {
    fn is_company(&self, company: &CompanyId) -> bool {
        self.asked.company == company.to_string()
    }

    fn company(&self, entry: &Entry) -> String {
        let Some(id) = entry.company else { return self.ui.t("系统", "installation").to_owned() };
        let known = self.ui.user.iter().flat_map(|user| &user.companies).find(|company| company.id == id);
        known.map_or_else(|| id.to_string(), |company| company.name.clone())
    }

    fn action(&self, action: &str) -> String {
        words::action(&self.ui, action)
    }

    fn actor(&self, actor: &str) -> String {
        words::actor(&self.ui, actor)
    }

    fn kind<'a>(&self, kind: &'a str) -> &'a str {
        words::kind(&self.ui, kind)
    }

    /// All that can be done, each kind of thing with its actions after it.
    fn actions(&self) -> Vec<(String, String)> {
        let mut options: Vec<(String, String)> = Vec::new();
        let mut kind = "";
        for action in Action::ALL {
            let of = action.name().split('.').next().unwrap_or_default();
            if of != kind {
                kind = of;
                options.push((format!("{kind}."), format!("{} · *", words::kind(&self.ui, kind))));
            }
            options.push((action.name().to_owned(), self.action(action.name())));
        }
        options
    }

    fn earlier(&self, before: &i64) -> String {
        format!("/audit?{}&before={before}", self.asked.query())
    }
}

/// The fields of both sides, those of things within named after them: `trunk.ring_s`.
fn fields(before: Option<&Json>, after: Option<&Json>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for (side, is_before) in [(before, true), (after, false)] {
        let mut flat = Vec::new();
        if let Some(side) = side {
            flatten(String::new(), side, &mut flat);
        }
        for (name, value) in flat {
            let at = fields.iter().position(|field| field.name == name).unwrap_or_else(|| {
                fields.push(Field { name, before: String::new(), after: String::new() });
                fields.len() - 1
            });
            if let Some(field) = fields.get_mut(at) {
                if is_before {
                    field.before = value;
                } else {
                    field.after = value;
                }
            }
        }
    }
    fields
}

fn flatten(name: String, value: &Json, flat: &mut Vec<(String, String)>) {
    match value {
        Json::Object(fields) => {
            for (inner, value) in fields {
                let name = if name.is_empty() { inner.clone() } else { format!("{name}.{inner}") };
                flatten(name, value, flat);
            }
        }
        Json::String(text) => flat.push((name, text.clone())),
        Json::Null => {}
        other => flat.push((name, other.to_string())),
    }
}

/// `GET /audit`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Html> {
    visitor.require(Permission::ReadAudit)?;
    let ui = visitor.ui.in_section("audit");
    let (mut entries, mut problems) = (Vec::new(), Problems::default());
    let users = shared.app.store.read(user::all).await?;
    match asked.filter(&ui) {
        // One more than is shown tells whether there is another page.
        Ok(filter) => entries = shared.app.store.read(move |db| audit::list(db, &filter, ROWS + 1)).await?,
        Err(found) => problems = found,
    }
    let has_more = entries.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    entries.truncate(usize::try_from(ROWS).unwrap_or(usize::MAX));
    let next = entries.last().filter(|_| has_more).map(|entry| entry.id);
    let listed = |entry: Entry| Listed { fields: fields(entry.before.as_ref(), entry.after.as_ref()), entry };
    let rows = entries.into_iter().map(listed).collect();
    let actors = users.into_iter().map(|user| format!("user {}", user.name)).collect();
    html(&AuditLog { ui, asked, rows, actors, problems, next })
}

/// `GET /audit.csv`: everything that fits, read and sent bit by bit.
pub(crate) async fn file(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    visitor.require(Permission::ReadAudit)?;
    let filter = asked
        .filter(&visitor.ui)
        .map_err(|problems| Error::Refused([problems.of("since"), problems.of("until")].concat()))?;
    let ui = visitor.ui;
    let head = ["id", "at", "actor", "action", "kind", "object", "company", "before", "after"].map(str::to_owned);
    let rows = stream::try_unfold(Some(filter), move |filter| {
        let (shared, ui) = (shared.clone(), ui.clone());
        async move {
            let Some(filter) = filter else { return Ok(None) };
            let asked = filter.clone();
            let entries = shared.app.store.read(move |db| audit::list(db, &asked, ROWS_OF_FILE)).await?;
            let Some(last) = entries.last() else { return Ok(None) };
            let is_last = i64::try_from(entries.len()).unwrap_or(0) < ROWS_OF_FILE;
            let next = (!is_last).then_some(Filter { before_id: Some(last.id), ..filter });
            Ok::<_, Error>(Some((entries.iter().map(|entry| row(&ui, entry)).collect(), next)))
        }
    });
    Kind::Csv.download("audit", head.to_vec(), rows).await
}

fn row(ui: &Ui, entry: &Entry) -> Row {
    let Entry { id, at, actor, action, kind, object, company, before, after } = entry;
    let side = |side: &Option<Json>| Cell::Text(side.as_ref().map(ToString::to_string).unwrap_or_default());
    let names = [actor, action, kind, object].map(|name| Cell::text(name.as_str()));
    let mut row = vec![Cell::number(*id), Cell::text(ui.when(*at))];
    row.extend(names);
    row.extend([Cell::Number(company.map(CompanyId::get)), side(before), side(after)]);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_stands_side_by_side() {
        let before = json!({ "seats": 3, "trunk": { "ring_s": 45 }, "name": "甲" });
        let after = json!({ "seats": 4, "trunk": { "ring_s": 30, "user": "u" } });
        let field = |name: &str, before: &str, after: &str| Field {
            name: name.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        let mut found = fields(Some(&before), Some(&after));
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let expected = [
            field("name", "甲", ""),
            field("seats", "3", "4"),
            field("trunk.ring_s", "45", "30"),
            field("trunk.user", "", "u"),
        ];
        assert_eq!(found, expected);
        assert_eq!(fields(None, Some(&json!("all"))), [field("", "", "all")]);
        assert_eq!(fields(None, None), []);
    }
}
