//! One user: role, companies, password, whether it may sign in, and where it is signed in.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::{Permission, Reach, Role};
use hutong_domain::ids::{CompanyId, SessionId};
use hutong_store::company::{self, Company};
use hutong_store::key::Secret;
use hutong_store::session::Session;
use hutong_store::user::User;
use serde::Deserialize;

use super::{SECTION, field, no_company, password, reach, reached};
use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "user.html", blocks = ["user"])]
struct OneUser {
    ui: Ui,
    account: User,
    sessions: Vec<Session>,
    /// The one in which the page is shown.
    this: SessionId,
    companies: Vec<Company>,
    problems: Problems,
    /// What was done, and a password that is shown this once.
    done: String,
    password: String,
}

impl OneUser {
    /// Names have no characters but those of addresses.
    fn base(&self) -> String {
        format!("/users/{}", self.account.name)
    }

    fn is_self(&self) -> bool {
        self.ui.user.as_ref().is_some_and(|known| known.name == self.account.name)
    }

    fn is_role(&self, role: &Role) -> bool {
        self.account.access.role() == *role
    }

    fn is_admin(&self) -> bool {
        self.account.access.role() == Role::Admin
    }

    fn reaches_all(&self) -> bool {
        *self.account.access.reach() == Reach::All
    }

    fn is_ticked(&self, company: &CompanyId) -> bool {
        matches!(self.account.access.reach(), Reach::Companies(ids) if ids.contains(company))
    }

    fn reached(&self) -> String {
        reached(&self.ui, &self.account, &self.companies)
    }
}

async fn read(shared: &Shared, visitor: &Visitor, name: &str) -> Result<OneUser> {
    visitor.require(Permission::ManageUsers)?;
    let user = shared.accounts.find(name).await.map_err(|_| Error::NotFound)?;
    let sessions = shared.accounts.sessions(&user.name).await?;
    let companies = shared.app.store.read(company::all).await?;
    let (done, password) = (String::new(), String::new());
    let (ui, this) = (visitor.ui.in_section(SECTION), visitor.signed_in.session.id);
    Ok(OneUser { ui, account: user, sessions, this, companies, problems: Problems::default(), done, password })
}

/// `GET /users/{name}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Html> {
    html(&read(&shared, &visitor, &name).await?)
}

/// Shows the user after a change, or what was refused at its field.
async fn shown(
    shared: &Shared,
    visitor: &Visitor,
    name: &str,
    outcome: std::result::Result<&str, Problems>,
) -> Result<Response> {
    let mut page = read(shared, visitor, name).await?;
    let status = match outcome {
        Ok(words) => {
            words.clone_into(&mut page.done);
            StatusCode::OK
        }
        Err(problems) => {
            page.problems = problems;
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    Ok((status, Html(page.as_user().render()?)).into_response())
}

/// A role.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenRole {
    role: String,
}

/// `POST /users/{name}/role`
pub(crate) async fn set_role(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(GivenRole { role }): Form<GivenRole>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    let ui = &visitor.ui;
    let outcome = match role.parse::<Role>() {
        Err(_) => Err(Problems::one("role", ui.t("请选择角色", "Choose a role"))),
        Ok(role) => match shared.accounts.set_role(&visitor.actor(), &name, role).await {
            Ok(_) => Ok(ui.t("角色已更改，立即生效", "The role is changed, and counts at once")),
            Err(error) => Err(Problems::refused(ui, field(&error), error)?),
        },
    };
    left_or_shown(&shared, &visitor, &name, outcome).await
}

/// Whoever has just given up the permission to see this page goes to one that is still theirs.
async fn left_or_shown(
    shared: &Shared,
    visitor: &Visitor,
    name: &str,
    outcome: std::result::Result<&str, Problems>,
) -> Result<Response> {
    let gave_up = |user: User| {
        let may = user.access.role().may(Permission::ManageUsers) && user.disabled_at.is_none();
        user.id == visitor.signed_in.user.id && !may
    };
    if shared.accounts.find(name).await.is_ok_and(gave_up) {
        return Ok(go_to("/"));
    }
    shown(shared, visitor, name, outcome).await
}

/// Companies.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenReach {
    reach: String,
    company: BTreeSet<i64>,
}

/// `POST /users/{name}/companies`
pub(crate) async fn set_companies(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(given): Form<GivenReach>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    let ui = &visitor.ui;
    let wanted = reach(&given.reach, &given.company);
    let outcome = if wanted == Reach::Companies(BTreeSet::new()) {
        Err(Problems::one("company", no_company(ui)))
    } else {
        match shared.accounts.set_reach(&visitor.actor(), &name, wanted).await {
            Ok(_) => Ok(ui.t("可见公司已更改，立即生效", "The companies are changed, and count at once")),
            Err(error) => Err(Problems::refused(ui, "company", error)?),
        }
    };
    shown(&shared, &visitor, &name, outcome).await
}

/// A password that was typed, or one that is to be made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenPassword {
    password: String,
    generate: Option<String>,
}

/// `POST /users/{name}/password`
pub(crate) async fn set_password(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(given): Form<GivenPassword>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    let ui = &visitor.ui;
    let is_generated = given.generate.is_some();
    let password = password(is_generated, &given.password)?;
    // Of one's own, the session in which it is changed stays.
    let own = visitor.signed_in.user.name == name;
    let but = own.then_some(visitor.signed_in.session.id);
    let set = shared.accounts.set_password(&visitor.actor(), &name, Secret(password.clone()), but).await;
    if let Err(error) = set {
        let problems = Problems::refused(ui, field(&error), error)?;
        return shown(&shared, &visitor, &name, Err(problems)).await;
    }
    let mut page = read(&shared, &visitor, &name).await?;
    ui.t("密码已更改，其他会话已结束", "The password is changed; other sessions have ended").clone_into(&mut page.done);
    if is_generated {
        page.password = password;
    }
    Ok(Html(page.as_user().render()?).into_response())
}

/// Whether a user may sign in.
#[derive(Debug, Deserialize)]
pub(crate) struct GivenEnabled {
    enabled: bool,
}

/// `POST /users/{name}/enabled`
pub(crate) async fn set_enabled(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(GivenEnabled { enabled }): Form<GivenEnabled>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    let ui = &visitor.ui;
    let outcome = match shared.accounts.set_enabled(&visitor.actor(), &name, enabled).await {
        Ok(()) if enabled => Ok(ui.t("已启用", "Enabled")),
        Ok(()) => Ok(ui.t("已停用，其会话已结束", "Disabled; its sessions have ended")),
        Err(error) => Err(Problems::refused(ui, "enabled", error)?),
    };
    left_or_shown(&shared, &visitor, &name, outcome).await
}

/// `POST /users/{name}/sessions/{session}/end`
pub(crate) async fn end_session(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Path((name, session)): Path<(String, i64)>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    if !shared.accounts.end_session(&visitor.actor(), &name, SessionId(session)).await? {
        return Err(Error::NotFound);
    }
    let words = visitor.ui.t("会话已结束", "The session has ended");
    shown(&shared, &visitor, &name, Ok(words)).await
}
