//! A person's right to have their data deleted.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::phone::{PhoneNumber, spellings};
use hutong_store::forget::{self, Blacklisted, Forgotten, Outcome, Wanted};
use serde::Deserialize;

use super::{Asked, parse};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// What would be gone.
struct Kept {
    calls: usize,
    customers: usize,
    is_in_call: bool,
}

#[derive(Template)]
#[template(path = "numbers/forget.html")]
struct ForgetPart {
    ui: Ui,
    phone: PhoneNumber,
    /// What there is of it here, and in all companies together.
    here: Kept,
    everywhere: Kept,
    problem: String,
    done: Option<Forgotten>,
}

impl ForgetPart {
    async fn read(shared: &Shared, visit: &Visit, phone: PhoneNumber) -> Result<Self> {
        let (company, all) = (visit.company, spellings(&phone));
        let found = shared
            .app
            .store
            .read_snapshot(move |db| Ok((forget::in_progress(db, &all, None)?, forget::traces(db, &all, None)?)));
        let (busy, traces) = found.await?;
        let ours = traces.iter().filter(|it| it.company == company);
        let sum = |of: &mut dyn Iterator<Item = &forget::Traces>, is_in_call| {
            let (calls, customers) = of.fold((0, 0), |sum, it| (sum.0 + it.calls.len(), sum.1 + it.customers.len()));
            Kept { calls, customers, is_in_call }
        };
        let here = sum(&mut ours.into_iter(), busy.as_ref().is_some_and(|busy| busy.company == company));
        let everywhere = sum(&mut traces.iter(), busy.is_some());
        Ok(Self { ui: visit.ui.clone(), phone, here, everywhere, problem: String::new(), done: None })
    }

    /// What was removed, each with how much of it.
    fn removed(&self, forgotten: &Forgotten) -> Vec<(i64, &str)> {
        let Forgotten {
            customers,
            calls,
            waiting,
            transcripts,
            recordings,
            blacklisted,
            dialled_days,
            callbacks,
            texts,
        } = forgotten;
        let ui = &self.ui;
        let all = [
            (*customers, ui.t("条客户资料", "customers")),
            (*calls, ui.t("通通话的号码和姓名", "numbers and names of calls")),
            (*waiting, ui.t("个待拨号码（已按黑名单结束）", "numbers that waited (finished as blacklisted)")),
            (*transcripts, ui.t("份对话", "transcripts")),
            (i64::try_from(recordings.len()).unwrap_or(i64::MAX), ui.t("个录音", "recordings")),
            (*blacklisted, ui.t("条黑名单的备注或记录", "entries of the blacklist, or what stood beside them")),
            (*dialled_days, ui.t("条拨打次数", "counts of attempts")),
            (*callbacks, ui.t("条回调", "callbacks")),
            (*texts, ui.t("条未识别语句", "texts that were not understood")),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

/// A part of the number's dialog that says what would be gone: `GET /c/{company}/numbers/forget`
pub(crate) async fn forget_what(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Html> {
    visit.require(Permission::ManageCompanies)?;
    let phone = parse(&visit.ui, &asked.number).map_err(Error::Refused)?;
    html(&ForgetPart::read(&shared, &visit, phone).await?)
}

/// Which number is to be forgotten, and how far.
#[derive(Debug, Deserialize)]
pub(crate) struct ToForget {
    number: String,
    /// By all companies of the installation.
    #[serde(default)]
    everywhere: Option<String>,
    /// By the blacklist too.
    #[serde(default)]
    unblock: Option<String>,
}

/// `POST /c/{company}/numbers/forget`
pub(crate) async fn forget(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(wanted): Form<ToForget>,
) -> Result<Response> {
    visit.require(Permission::ManageCompanies)?;
    let phone = parse(&visit.ui, &wanted.number).map_err(Error::Refused)?;
    let company = if wanted.everywhere.is_some() { None } else { Some(visit.company) };
    let blacklisted = if wanted.unblock.is_some() { Blacklisted::Remove } else { Blacklisted::KeepNumber };
    let outcome = Wanted::new(&phone, company, blacklisted).forget(&shared.app.store, &visit.by()).await?;
    let mut part = ForgetPart::read(&shared, &visit, phone).await?;
    match outcome {
        Outcome::Done(forgotten) => part.done = Some(forgotten),
        Outcome::InProgress { .. } => {
            let (zh, en) = (
                "正在与这个号码通话，请在通话结束后重试",
                "A call to this number is in progress: try again when it has ended",
            );
            part.problem = visit.ui.t(zh, en).to_owned();
        }
    }
    let status = if part.problem.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, html(&part)?).into_response())
}
