//! Users of the console: who they are, and making one.

pub(crate) mod one;

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_accounts::{Error as Refusal, random_text};
use hutong_domain::access::{Access, Permission, Reach, Role};
use hutong_domain::audit::{Action, Actor};
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::company::{self, Company};
use hutong_store::key::Secret;
use hutong_store::user::{self, User};
use hutong_store::{Db, audit};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visitor;

const SECTION: &str = "users";

/// A user as the list shows it.
struct Listed {
    user: User,
    signed_in_at: Option<Moment>,
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    ui: Ui,
    users: Vec<Listed>,
    companies: Vec<Company>,
}

#[derive(Template)]
#[template(path = "user_new.html", blocks = ["form"])]
struct NewUser {
    ui: Ui,
    given: Given,
    companies: Vec<Company>,
    problems: Problems,
}

/// What was made, with a password that is shown this once.
#[derive(Template)]
#[template(path = "user_made.html")]
struct MadeUser<'a> {
    ui: &'a Ui,
    name: String,
    password: String,
}

/// A user as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    name: String,
    role: String,
    reach: String,
    company: BTreeSet<i64>,
    password: String,
    generate: Option<String>,
}

impl Given {
    fn is_role(&self, role: &Role) -> bool {
        self.role == role.name()
    }

    fn reach(&self) -> Reach {
        reach(&self.reach, &self.company)
    }
}

/// All companies where that is chosen, otherwise those that were ticked.
fn reach(chosen: &str, companies: &BTreeSet<i64>) -> Reach {
    if chosen == "all" { Reach::All } else { Reach::Companies(companies.iter().copied().map(CompanyId).collect()) }
}

/// The names of the companies that a user reaches.
fn reached(ui: &Ui, user: &User, companies: &[Company]) -> String {
    match user.access.reach() {
        Reach::All => ui.t("所有公司", "all companies").to_owned(),
        Reach::Companies(ids) if ids.is_empty() => ui.t("无", "none").to_owned(),
        Reach::Companies(ids) => {
            let known = companies.iter().filter(|company| ids.contains(&company.id));
            let names: Vec<&str> = known.map(|company| company.name.as_str()).collect();
            names.join(ui.t("、", ", "))
        }
    }
}

impl Users {
    fn reached(&self, user: &User) -> String {
        reached(&self.ui, user, &self.companies)
    }
}

/// `GET /users`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visitor: Visitor) -> Result<Html> {
    visitor.require(Permission::ManageUsers)?;
    let read = |db: &mut Db| {
        let signed_in = |db: &mut Db, user: User| {
            let signed_in_at = audit::last(db, &Actor::User(user.name.clone()), Action::UserSignIn)?;
            Ok(Listed { user, signed_in_at })
        };
        let users = user::all(db)?.into_iter().map(|user| signed_in(db, user));
        Ok((users.collect::<hutong_store::Result<Vec<_>>>()?, company::all(db)?))
    };
    let (users, companies) = shared.app.store.read_snapshot(read).await?;
    html(&Users { ui: visitor.ui.in_section(SECTION), users, companies })
}

/// `GET /users/new`
pub(crate) async fn new(State(shared): State<Arc<Shared>>, visitor: Visitor) -> Result<Html> {
    visitor.require(Permission::ManageUsers)?;
    let given = Given { role: Role::Viewer.name().to_owned(), reach: "all".to_owned(), ..Given::default() };
    html(&form(&shared, &visitor, given, Problems::default()).await?)
}

async fn form(shared: &Shared, visitor: &Visitor, given: Given, problems: Problems) -> Result<NewUser> {
    let companies = shared.app.store.read(company::all).await?;
    Ok(NewUser { ui: visitor.ui.in_section(SECTION), given, companies, problems })
}

/// `POST /users`
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Form(given): Form<Given>,
) -> Result<Response> {
    visitor.require(Permission::ManageUsers)?;
    let ui = &visitor.ui;
    let is_generated = given.generate.is_some();
    let problems = match checked(ui, &given) {
        Err(problems) => problems,
        Ok(access) => {
            let password = password(is_generated, &given.password)?;
            match shared.accounts.add(&visitor.actor(), &given.name, access, Secret(password.clone())).await {
                Ok(user) => {
                    let password = if is_generated { password } else { String::new() };
                    return Ok(html(&MadeUser { ui, name: user.name, password })?.into_response());
                }
                Err(error) => Problems::refused(ui, field(&error), error)?,
            }
        }
    };
    let form = form(&shared, &visitor, given, problems).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(form.as_form().render()?)).into_response())
}

fn checked(ui: &Ui, given: &Given) -> std::result::Result<Access, Problems> {
    let role = given.role.parse::<Role>().map_err(|_| Problems::one("role", ui.t("请选择角色", "Choose a role")))?;
    let reach = given.reach();
    if role != Role::Admin && reach == Reach::Companies(BTreeSet::new()) {
        return Err(Problems::one("company", no_company(ui)));
    }
    Ok(Access::new(role, reach))
}

fn no_company(ui: &Ui) -> &str {
    ui.t("请至少勾选一家公司，或选择所有公司", "Tick at least one company, or choose all of them")
}

/// The password that was typed, or one that nobody guesses.
fn password(is_generated: bool, typed: &str) -> Result<String> {
    if !is_generated {
        return Ok(typed.to_owned());
    }
    random_text::<24>().map_err(|error| Error::Accounts(error.into()))
}

/// The field that a refusal is about.
const fn field(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Name(_) | Refusal::NameTaken(_) => "name",
        Refusal::UnknownCompany(_) => "company",
        Refusal::LastAdmin(_) | Refusal::AdminReachesAll(_) => "role",
        _ => "password",
    }
}
