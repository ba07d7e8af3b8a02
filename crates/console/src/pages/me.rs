//! `/me`: one's own password and sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_accounts::Refused;
use hutong_api::{Peer, client};
use hutong_domain::access::{Permission, Reach};
use hutong_domain::ids::SessionId;
use hutong_store::key::Secret;
use hutong_store::session::Session;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "me.html", blocks = ["me"])]
struct Me {
    ui: Ui,
    name: String,
    reaches_all: bool,
    sessions: Vec<Session>,
    this: SessionId,
    problems: Problems,
    done: String,
}

impl Me {
    fn permissions(&self) -> Vec<&str> {
        let named = [
            (Permission::SeeCalls, "查看任务、通话与报表", "see tasks, calls and reports"),
            (Permission::RunTasks, "管理任务", "run tasks"),
            (Permission::PlaceCalls, "任务之外拨打电话", "place calls outside of tasks"),
            (Permission::EditBlacklist, "管理黑名单", "edit the blacklist"),
            (Permission::JudgeCalls, "修改意向等级", "judge results of calls"),
            (Permission::PublishScenes, "编辑与发布话术", "edit and publish scenes"),
            (Permission::ManageCompanies, "管理公司", "manage companies"),
            (Permission::ManageLines, "管理线路", "manage lines"),
            (Permission::ManageKeys, "管理密钥", "manage keys"),
            (Permission::ManageUsers, "管理用户", "manage users"),
            (Permission::ReadAudit, "查看审计日志", "read the audit log"),
        ];
        named
            .into_iter()
            .filter(|(permission, ..)| self.ui.may(*permission))
            .map(|(_, zh, en)| self.ui.t(zh, en))
            .collect()
    }
}

async fn read(shared: &Shared, visitor: &Visitor) -> Result<Me> {
    let (user, this) = (&visitor.signed_in.user, visitor.signed_in.session.id);
    let sessions = shared.accounts.sessions(&user.name).await?;
    let reaches_all = *user.access.reach() == Reach::All;
    let (name, done) = (user.name.clone(), String::new());
    Ok(Me { ui: visitor.ui.in_section("me"), name, reaches_all, sessions, this, problems: Problems::default(), done })
}

/// `GET /me`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visitor: Visitor) -> Result<Html> {
    html(&read(&shared, &visitor).await?)
}

/// The password that one has, and the one that one wants, twice.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenPasswords {
    current: String,
    password: String,
    again: String,
}

/// `POST /me/password`
pub(crate) async fn set_password(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(given): Form<GivenPasswords>,
) -> Result<Response> {
    let GivenPasswords { current, password, again } = given;
    let ui = &visitor.ui;
    let problems = if password == again {
        let address = client(peer, &headers, &shared.app.limits.trusted_proxies).unwrap_or(peer);
        let (session, user) = (&visitor.signed_in.session, &visitor.signed_in.user);
        match shared.accounts.change_password(session, user, (Secret(current), Secret(password)), address).await {
            Ok(()) => Problems::default(),
            Err(Refused::Wrong) => Problems::one("current", ui.t("当前密码不正确", "This is not your password")),
            Err(Refused::Wait(time)) => {
                let seconds = time.as_secs() + 1;
                let zh = format!("密码错误次数过多，请 {seconds} 秒后再试");
                let en = format!("Too many wrong passwords: try again in {seconds} s");
                Problems::one("current", ui.t(&zh, &en))
            }
            Err(Refused::Failed(error)) => Problems::refused(ui, "password", error)?,
        }
    } else {
        Problems::one("again", ui.t("两次输入的密码不一致", "The two passwords differ"))
    };
    let mut page = read(&shared, &visitor).await?;
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if problems.is_empty() {
        status = StatusCode::OK;
        ui.t("密码已更改，其他会话已结束", "The password is changed; your other sessions have ended")
            .clone_into(&mut page.done);
    }
    page.problems = problems;
    Ok((status, Html(page.as_me().render()?)).into_response())
}

/// `POST /me/sessions/{session}/end`
pub(crate) async fn end_session(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(session): Path<i64>,
) -> Result<Response> {
    let (user, session) = (&visitor.signed_in.user, SessionId(session));
    if !shared.accounts.end_session(&visitor.actor(), &user.name, session).await? {
        return Err(Error::NotFound);
    }
    if session == visitor.signed_in.session.id {
        return Ok(go_to("/sign-in"));
    }
    let mut page = read(&shared, &visitor).await?;
    visitor.ui.t("会话已结束", "The session has ended").clone_into(&mut page.done);
    Ok(Html(page.as_me().render()?).into_response())
}
