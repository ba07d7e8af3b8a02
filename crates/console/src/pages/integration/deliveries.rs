//! What was told, or is to be: each callback with its request, its attempts and the answer, and once more.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use hutong_api::CallbackLetters;
use hutong_domain::access::Permission;
use hutong_domain::callback::{ATTEMPTS_MAX, CallbackKind};
use hutong_store::Db;
use hutong_store::callback::address::{Address, Subject};
use hutong_store::callback::delivery::{self, Batch};
use hutong_store::callback::{self, CallbackName, Listed, Resend, State as Stands, Which};
use serde::Deserialize;

use super::SECTION;
use crate::error::{Error, Result};
use crate::page::{Html, done, go_to, html};
use crate::paging::{self, Pager};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Which callbacks are shown: what stands in the address, and what it is called.
const FILTERS: [(&str, &str, &str); 4] = [
    ("", "全部", "All"),
    ("waiting", "等待中", "Waiting"),
    ("given-up", "已放弃", "Given up"),
    ("delivered", "已送达", "Delivered"),
];

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Deliveries {
    ui: Ui,
    rows: Vec<Listed>,
    which: String,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "delivery.html", blocks = ["delivery"])]
struct Delivery {
    ui: Ui,
    it: Listed,
    address: Option<Address>,
    /// The request as it would be sent now; none where what it reports is not kept any more.
    request: Option<Request>,
}

struct Request {
    headers: Vec<(String, String)>,
    body: String,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    which: String,
    page: Option<i64>,
}

fn kind(ui: &Ui, kind: CallbackKind) -> &'static str {
    match kind {
        CallbackKind::Call => ui.t("通话结果", "call"),
        CallbackKind::ManualChange => ui.t("人工修改", "changed result"),
        CallbackKind::Task => ui.t("任务状态", "task"),
    }
}

fn state(ui: &Ui, state: Stands) -> (&'static str, String) {
    match state {
        Stands::Waiting(due) if due.ms() == 0 => ("info", ui.t("等待发送", "to be sent").to_owned()),
        Stands::Waiting(due) => ("warn", format!("{} {}", ui.t("将重试于", "again at"), ui.when(due))),
        Stands::Delivered(at) => ("good", format!("{} {}", ui.t("已送达", "delivered"), ui.when(at))),
        Stands::GivenUp(at) => ("bad", format!("{} {}", ui.t("已放弃", "given up"), ui.when(at))),
    }
}

impl Deliveries {
    fn kind(&self, listed: &Listed) -> &'static str {
        kind(&self.ui, listed.name.kind)
    }

    fn state(&self, listed: &Listed) -> (&'static str, String) {
        state(&self.ui, listed.state)
    }

    fn page_of(&self, listed: &Listed) -> String {
        self.ui.url(&format!("integration/deliveries/{}", path(&listed.name)))
    }
}

impl Delivery {
    fn kind(&self) -> &'static str {
        kind(&self.ui, self.it.name.kind)
    }

    fn state(&self) -> (&'static str, String) {
        state(&self.ui, self.it.state)
    }

    fn base(&self) -> String {
        self.ui.url(&format!("integration/deliveries/{}", path(&self.it.name)))
    }

    fn attempts_max(&self) -> u32 {
        ATTEMPTS_MAX
    }
}

/// A callback's name as a part of an address.
fn path(name: &CallbackName) -> String {
    format!("{}-{}-{}", name.kind.number(), name.subject, name.seq)
}

fn named(path: &str) -> Result<CallbackName> {
    let mut numbers = path.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let mut next = || numbers.next().flatten().ok_or(Error::NotFound);
    let kind = CallbackKind::from_number(next()?).ok_or(Error::NotFound)?;
    Ok(CallbackName { kind, subject: next()?, seq: next()? })
}

/// `GET /c/{company}/integration/deliveries`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Query(Asked { which, page }): Query<Asked>,
) -> Result<Html> {
    let (company, page) = (visit.company, paging::request(page));
    let wanted = match which.as_str() {
        "waiting" => Which::Waiting,
        "given-up" => Which::GivenUp,
        "delivered" => Which::Delivered,
        _ => Which::All,
    };
    let listed = shared.app.store.read_snapshot(move |db| callback::list(db, company, wanted, page)).await?;
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("which", &which).finish();
    let pager = Pager::new(page, listed.total, query);
    html(&Deliveries { ui: visit.ui.in_section(SECTION), rows: listed.rows, which, pager })
}

async fn read(shared: &Shared, visit: &Visit, name: CallbackName) -> Result<Delivery> {
    let company = visit.company;
    let read = move |db: &mut Db| Ok((callback::find(db, company, name)?, delivery::one(db, company, name)?));
    let (it, Batch { due, addresses, keys }) = shared.app.store.read_snapshot(read).await?;
    let it = it.ok_or(Error::NotFound)?;
    let address = addresses.into_iter().find(|address| address.subject == Subject::of(name.kind));
    let signer = address.as_ref().and_then(|address| address.signer(&keys)).cloned().map(Arc::new);
    // The body has numbers in it: viewers do not see them whole.
    let request = if visit.ui.may(Permission::RunTasks) {
        let letters = CallbackLetters::new(shared.app.clone());
        let wanted = due.into_iter().map(|due| (due, signer.clone())).collect();
        let draft = letters.drafts(wanted).await.map_err(Error::Letter)?.pop().flatten();
        draft.map(|draft| draft.write(shared.app.clock.now())).transpose().map_err(Error::Letter)?
    } else {
        None
    };
    let content_type = address.as_ref().map_or("", |address| address.content_type.header());
    let request = request.map(|letter| {
        let own = [("Content-Type", content_type.to_owned()), ("Idempotency-Key", it.name.to_string())];
        let headers = own.into_iter().chain(letter.headers).map(|(name, value)| (name.to_owned(), value)).collect();
        Request { headers, body: pretty(&letter.body) }
    });
    Ok(Delivery { ui: visit.ui.in_section(SECTION), it, address, request })
}

/// The same JSON, to be read by people.
fn pretty(body: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(body).ok();
    value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned())
}

/// `GET /c/{company}/integration/deliveries/{name}`
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Html> {
    html(&read(&shared, &visit, named(&name)?).await?)
}

/// `POST /c/{company}/integration/deliveries/{name}/resend`
pub(crate) async fn resend(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response> {
    visit.require(Permission::ManageKeys)?;
    let (company, by, name) = (visit.company, visit.by(), named(&name)?);
    let again = move |db: &mut Db| callback::resend_by(db, company, Resend::One(name), &by);
    if shared.app.store.write(company, again).await? == 0 {
        return Err(Error::NotFound);
    }
    let page = read(&shared, &visit, name).await?;
    let told = done(visit.ui.t("将再次发送", "It is sent once more"))?.0;
    Ok(Html(page.as_delivery().render()? + &told).into_response())
}

/// `POST /c/{company}/integration/deliveries/resend`: everything that was given up.
pub(crate) async fn resend_given_up(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Response> {
    visit.require(Permission::ManageKeys)?;
    let (company, by) = (visit.company, visit.by());
    let again = move |db: &mut Db| callback::resend_by(db, company, Resend::GivenUp, &by);
    shared.app.store.write(company, again).await?;
    Ok(go_to(&visit.ui.url("integration/deliveries?which=waiting")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_addresses_as_they_were_written() {
        for name in [(CallbackKind::Call, 12, 0), (CallbackKind::ManualChange, 7, 3), (CallbackKind::Task, 1, 2)] {
            let name = CallbackName { kind: name.0, subject: name.1, seq: name.2 };
            assert_eq!(named(&path(&name)).unwrap(), name);
        }
        for wrong in ["", "0", "0-1", "9-1-1", "a-b-c", "0-1-x"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
