//! What goes on now: calls, seats, lines, and tasks that need somebody.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hutong_domain::ledger::LineState;
use hutong_store::overview::{self, Overview};

use crate::charts::Columns;
use crate::error::{Error, Result};
use crate::live;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

#[derive(Template)]
#[template(path = "overview.html", blocks = ["now"])]
struct OverviewPage {
    ui: Ui,
    it: Overview,
    hours: Columns,
    /// The steps of a number's way, each with how many came to it.
    funnel: Vec<(String, i64)>,
}

impl OverviewPage {
    fn new(ui: Ui, it: Overview) -> Self {
        let hours = it.hours.iter().enumerate().map(|(hour, counts)| {
            let zh = format!("{hour} 时：拨打 {}，接听 {}", counts.dialled, counts.answered);
            let en = format!("{hour}:00: {} dialled, {} answered", counts.dialled, counts.answered);
            // Every third hour is named: all of them would be a grey line.
            let label = if hour % 3 == 0 { hour.to_string() } else { String::new() };
            (label, counts.dialled, counts.answered, ui.t(&zh, &en).to_owned())
        });
        let hours = Columns::new(hours.collect());
        let step = |zh, en, count| (ui.t(zh, en).to_owned(), count);
        let funnel = vec![
            step("今日拨打号码", "Numbers dialled", it.today.numbers_dialled),
            step("接听", "Answered", it.today.answered),
            step("A级", "Level A", it.today.of_grade('A')),
            step("B级", "Level B", it.today.of_grade('B')),
        ];
        Self { hours, funnel, ui, it }
    }

    /// What the widest bar of the funnel stands for.
    fn most(&self) -> i64 {
        self.funnel.iter().map(|(_, count)| *count).max().unwrap_or(0)
    }

    fn line_state(&self, state: &LineState) -> String {
        words::line_state(&self.ui, state)
    }
}

async fn read(shared: &Shared, visit: &Visit) -> Result<OverviewPage> {
    // Read again and again while the page is open: the time is that of each look.
    let (company, zone, now) = (visit.company, visit.ui.zone.clone(), shared.app.clock.now());
    let found = shared.app.store.read_snapshot(move |db| overview::of_company(db, company, (&zone, now))).await?;
    let ui = Ui { now, ..visit.ui.in_section("overview") };
    Ok(OverviewPage::new(ui, found.ok_or(Error::NotFound)?))
}

/// `GET /c/{company}/overview`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    html(&read(&shared, &visit).await?)
}

/// `GET /c/{company}/overview/live`: the page's figures, whenever one of them changes.
pub(crate) async fn live(State(shared): State<Arc<Shared>>, visit: Visit) -> Response {
    let token = visit.signed_in.token.clone();
    let (read_by, visit) = (shared.clone(), Arc::new(visit));
    live::stream(&shared, &token, move || {
        let (shared, visit) = (read_by.clone(), visit.clone());
        async move { Ok(vec![("now", read(&shared, &visit).await?.as_now().render()?)]) }
    })
}
