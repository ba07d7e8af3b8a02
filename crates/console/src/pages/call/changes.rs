//! What people change about a call: its results, a note, and that somebody has opened it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::note::{NewNote, Refused as NoteRefused};
use hutong_domain::regrading::Refused;
use hutong_store::audit::By;
use hutong_store::note;
use hutong_store::regrade::{Judgement, Outcome};
use serde::Deserialize;

use super::{CallPage, CallPath};
use crate::error::{Error, Result};
use crate::page::html;
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// What a person makes of a result.
#[derive(Deserialize)]
pub(crate) struct Judged {
    name: String,
    #[serde(default)]
    value: Vec<String>,
    #[serde(default)]
    note: String,
}

/// `POST /c/{company}/calls/{call}/results`
pub(crate) async fn judge(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(CallPath { call }): Path<CallPath>,
    Form(Judged { name, value, note }): Form<Judged>,
) -> Result<Response> {
    visit.require(Permission::JudgeCalls)?;
    let By { actor, at } = visit.by();
    let values = value.into_iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect();
    let by = visit.signed_in.user.name.clone();
    let judgement = Judgement { call, name, values, by, actor, note, at };
    let outcome = shared.app.store.regrade(&shared.scenes, visit.company, judgement).await?;
    let problem = match outcome {
        Outcome::Done { .. } => String::new(),
        Outcome::Unknown => return Err(Error::NotFound),
        Outcome::NotFinished(_) => visit.ui.t("通话尚未结束，不能改判", "The call has not finished").to_owned(),
        Outcome::Refused(refused) => refusal(&visit.ui, &refused),
    };
    let mut page = CallPage::read(&shared, &visit, call).await?;
    page.problem = problem;
    let status = if page.problem.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, html(&page.as_results())?).into_response())
}

fn refusal(ui: &Ui, refused: &Refused) -> String {
    let zh = match refused {
        Refused::UnknownResult { name, known } => format!("话术没有结果“{name}”，只有：{}", known.join("、")),
        Refused::UnknownValue { name, value, allowed } => {
            format!("“{name}”不能是“{value}”，可以是：{}", allowed.join("、"))
        }
        Refused::OneOnly { name } => format!("“{name}”只能有一个值"),
        Refused::NeededAlways => "客户意向等级不能为空".to_owned(),
        Refused::Unreadable => "值应为 1 到 100 个字符，且不含控制字符".to_owned(),
    };
    ui.t(&zh, &refused.to_string()).to_owned()
}

/// Tags, between spaces or commas, and a few words.
#[derive(Deserialize)]
pub(crate) struct Noted {
    #[serde(default)]
    tags: String,
    #[serde(default)]
    note: String,
}

/// `POST /c/{company}/calls/{call}/note`
pub(crate) async fn set_note(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(CallPath { call }): Path<CallPath>,
    Form(Noted { tags, note }): Form<Noted>,
) -> Result<Response> {
    visit.require(Permission::JudgeCalls)?;
    let (company, by) = (visit.company, visit.by());
    let refused = match NewNote::parse(&note, tags.split([' ', ',', '，', '、', '\u{3000}'])) {
        Ok(new) => match shared.app.store.write(company, move |db| note::set(db, company, call, &new, &by)).await? {
            note::Outcome::Done => None,
            note::Outcome::Unknown => return Err(Error::NotFound),
            note::Outcome::LetGo => {
                let (zh, en) = ("通话数据已过保存期，不能再备注", "What was said is not kept any more: no note can be");
                Some(visit.ui.t(zh, en).to_owned())
            }
        },
        Err(refused) => Some(note_refusal(&visit.ui, refused)),
    };
    let mut page = CallPage::read(&shared, &visit, call).await?;
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.problem = refused.unwrap_or_default();
    Ok((status, html(&page.as_noted())?).into_response())
}

fn note_refusal(ui: &Ui, refused: NoteRefused) -> String {
    let zh = match refused {
        NoteRefused::NoteTooLong(length) => format!("备注最多 1000 个字符，现有 {length} 个"),
        NoteRefused::TooManyTags(count) => format!("标签最多 20 个，现有 {count} 个"),
        NoteRefused::TagTooLong(at) => format!("第 {at} 个标签超过 20 个字符"),
    };
    ui.t(&zh, &refused.to_string()).to_owned()
}

/// `POST /c/{company}/calls/{call}/read`: sent by the page itself, once it is open.
pub(crate) async fn mark_read(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(CallPath { call }): Path<CallPath>,
) -> Result<StatusCode> {
    visit.require(Permission::SeeCalls)?;
    let (company, by) = (visit.company, visit.by());
    shared.app.store.write(company, move |db| note::mark_read(db, company, call, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}
