//! A number that was looked up, and what is done with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::call::CallStatus;
use hutong_domain::ids::{BlacklistGroupId, CallId, TaskId};
use hutong_domain::phone::PhoneNumber;
use hutong_store::lookup::{self, CallTo, Lookup};
use hutong_store::waiting::{self, MoveOutcome};
use serde::Deserialize;
use serde_json::json;

use super::{NumbersPage, parse, part, refusal};
use crate::error::{Error, Result};
use crate::page::{Html, done, html};
use crate::router::Shared;
use crate::visitor::Visit;

/// A number with everything that the company has of it.
pub(super) struct Found {
    pub(super) phone: PhoneNumber,
    pub(super) it: Lookup,
    /// Why calls that wait are not dialled now.
    pub(super) waiting: Vec<Waiting>,
}

/// A call that waits to be dialled.
pub(super) struct Waiting {
    pub(super) call: CallTo,
    pub(super) why: String,
    /// It was never dialled, so it can be moved to the head of its task.
    pub(super) is_fresh: bool,
}

impl Found {
    pub(super) async fn read(shared: &Shared, visit: &Visit, phone: PhoneNumber) -> Result<Self> {
        let (company, rules, now, asked) = (visit.company, shared.app.rules.clone(), visit.ui.now, phone.clone());
        let read = shared.app.store.read_snapshot(move |db| lookup::number(db, company, &asked, (&rules, now)));
        let it = read.await?;
        let find = |id: CallId| it.calls.iter().find(|call| call.id == id).cloned();
        let waiting = it.explained.iter().filter_map(|(call, _, why)| {
            let call = find(*call)?;
            let why = if visit.ui.is_english() { why.english() } else { why.to_string() };
            Some(Waiting { why, is_fresh: call.status == CallStatus::NotStarted, call })
        });
        Ok(Self { waiting: waiting.collect(), phone, it })
    }

    /// The number, and other ways in which tasks have it: the blacklist holds what is spelled alike.
    fn spelled(&self) -> BTreeSet<String> {
        let of_calls = self.it.calls.iter().filter_map(|call| PhoneNumber::parse(&call.customer_phone));
        std::iter::once(self.phone.clone()).chain(of_calls).map(|phone| phone.as_str().to_owned()).collect()
    }
}

/// A number and what is to be done with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    number: String,
    #[serde(default = "default_group")]
    group: BlacklistGroupId,
    #[serde(default)]
    remark: String,
    /// As the blacklist, or the task, has it.
    #[serde(default)]
    spelled: String,
    #[serde(default)]
    task: Option<TaskId>,
}

const fn default_group() -> BlacklistGroupId {
    BlacklistGroupId::DEFAULT
}

/// The part of the page about the number, with a notice or with what was refused.
async fn shown(
    shared: &Shared,
    visit: &Visit,
    number: &str,
    did: std::result::Result<&str, String>,
) -> Result<Response> {
    let mut page = NumbersPage::read(shared, visit, number).await?;
    let notice = match did {
        Ok(words) => done(words)?,
        Err(refused) => {
            page.refused = refused;
            Html(String::new())
        }
    };
    let Html(found) = html(&page.as_found())?;
    Ok(part(&page.refused, Html(found + &notice.0)))
}

/// `POST /c/{company}/numbers/block`: onto the blacklist, in every spelling that tasks have it in.
pub(crate) async fn block(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(change): Form<Change>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let phone = parse(&visit.ui, &change.number).map_err(Error::Refused)?;
    let found = Found::read(&shared, &visit, phone).await?;
    let entry = |mobile| json!({ "mobile": mobile, "remark": change.remark.trim() });
    let entries: Vec<_> = found.spelled().into_iter().map(entry).collect();
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": change.group, "blacklist": entries });
    let did = match shared.inside.ask(&visit.person(), "v1/company/addBlackList/batch", &asked).await {
        Ok(_) => Ok(visit.ui.t("已加入黑名单", "It is on the blacklist")),
        Err(refused) => Err(refusal(&visit.ui, refused)?),
    };
    shown(&shared, &visit, &change.number, did).await
}

/// `POST /c/{company}/numbers/unblock`: out of a group.
pub(crate) async fn unblock(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(change): Form<Change>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": change.group, "mobile": change.spelled });
    let did = match shared.inside.ask(&visit.person(), "v1/company/blacklist/info/delete", &asked).await {
        Ok(_) => Ok(visit.ui.t("已移出黑名单", "It is off the blacklist")),
        Err(refused) => Err(refusal(&visit.ui, refused)?),
    };
    shown(&shared, &visit, &change.number, did).await
}

/// `POST /c/{company}/numbers/first`: to the head of its task.
pub(crate) async fn first(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(change): Form<Change>,
) -> Result<Response> {
    visit.require(Permission::RunTasks)?;
    let (company, by, spelled) = (visit.company, visit.by(), change.spelled);
    let task = change.task.ok_or(Error::NotFound)?;
    let moved = shared.app.store.write(company, move |db| waiting::move_first(db, company, task, &spelled, &by));
    let did = match moved.await? {
        MoveOutcome::Moved => Ok(visit.ui.t("下一个就拨它", "It is dialled next")),
        MoveOutcome::Unknown => return Err(Error::NotFound),
        MoveOutcome::NotFresh(status) => {
            let zh = format!("它不在等待首次拨打：{}", status.label());
            let en = format!("It does not wait to be dialled for the first time: {}", status.english());
            Err(visit.ui.t(&zh, &en).to_owned())
        }
    };
    shown(&shared, &visit, &change.number, did).await
}
