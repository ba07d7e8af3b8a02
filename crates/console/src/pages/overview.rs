//! What happens now.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hutong_store::company;

use crate::error::Result;
use crate::live;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "overview.html", blocks = ["now"])]
struct Overview {
    ui: Ui,
    seats: i64,
    seats_in_use: i64,
}

async fn read(shared: &Shared, visit: &Visit) -> Result<Overview> {
    let company = visit.company;
    let (seats, seats_in_use) = shared
        .app
        .store
        .read_snapshot(move |db| {
            let seats = company::find(db, company)?.map_or(0, |company| company.seats);
            Ok((seats, company::seats_in_use(db, company)?))
        })
        .await?;
    Ok(Overview { ui: visit.ui.in_section("overview"), seats, seats_in_use })
}

/// `GET /c/{company}/overview`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    html(&read(&shared, &visit).await?)
}

/// `GET /c/{company}/overview/live`: the parts that change.
pub(crate) async fn live(State(shared): State<Arc<Shared>>, visit: Visit) -> Response {
    let token = visit.signed_in.token.clone();
    let (read_by, visit) = (shared.clone(), Arc::new(visit));
    live::stream(&shared, &token, move || {
        let (shared, visit) = (read_by.clone(), visit.clone());
        async move {
            let overview = read(&shared, &visit).await?;
            Ok(vec![("now", overview.as_now().render()?)])
        }
    })
}
