//! Why a number of a task is not dialled now, and what was tried.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, TaskId};
use hutong_domain::ledger::explain;
use hutong_domain::outcome::Disposition;
use hutong_store::call;
use hutong_store::ledger::{self, Ledger};

use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "tasks/why.html")]
struct Why {
    ui: Ui,
    phone: String,
    words: String,
    ledger: Ledger,
}

impl Why {
    fn outcome(&self, disposition: &Option<Disposition>) -> &str {
        let status: Option<FinishStatus> = disposition.map(Disposition::finish_status);
        status.map_or("…", |status| self.ui.t(status.label(), status.english()))
    }
}

/// `GET /c/{company}/tasks/{task}/why/{call}`
pub(crate) async fn part(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, task, id)): Path<(i64, i64, i64)>,
) -> Result<Html> {
    let (company, task, rules, now) = (visit.company, TaskId(task), shared.app.rules.clone(), visit.ui.now);
    let found = shared.app.store.read_snapshot(move |db| {
        let Some(call) = call::find(db, company, CallId(id))?.filter(|call| call.task == task) else { return Ok(None) };
        let ledger = ledger::of_number(db, company, task, &call.customer_phone, (&rules, now))?;
        Ok(ledger.map(|ledger| (call.customer_phone, ledger)))
    });
    let (phone, ledger) = found.await?.ok_or(Error::NotFound)?;
    let explanation = explain(&ledger.facts);
    let words = if visit.ui.is_english() { explanation.english() } else { explanation.to_string() };
    html(&Why { ui: visit.ui.clone(), phone, words, ledger })
}
