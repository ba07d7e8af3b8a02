//! Keys of the open API: making one, changing it, another secret, and the end of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_accounts::keys::{self, KeySettings, OVERLAP_MAX};
use hutong_domain::access::Permission;
use hutong_domain::address::Networks;
use hutong_domain::ids::CompanyId;
use hutong_store::company::{self, Company};
use hutong_store::key::{AppKey, Edition};
use serde::Deserialize;

use super::SECTION;
use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

const REQUESTS_PER_S_MAX: i64 = 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);
const EDITIONS: [Edition; 2] = [Edition::May2018, Edition::August2019];

#[derive(Template)]
#[template(path = "key_new.html", blocks = ["form"])]
struct NewKey {
    ui: Ui,
    given: Given,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "key_made.html")]
struct MadeKey<'a> {
    ui: &'a Ui,
    app_key: String,
    secret: String,
}

#[derive(Template)]
#[template(path = "key.html", blocks = ["key"])]
struct OneKey {
    ui: Ui,
    key: AppKey,
    given: Given,
    companies: Vec<Company>,
    problems: Problems,
    done: String,
    /// Another secret, which is shown this once.
    secret: String,
}

/// What is decided about a key, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    edition: String,
    requests_per_s: String,
    allowed: String,
}

impl Given {
    fn of(key: &AppKey) -> Self {
        Self {
            edition: key.edition.name().to_owned(),
            requests_per_s: key.requests_per_s.to_string(),
            allowed: key.allowed.texts().join("\n"),
        }
    }

    fn is_edition(&self, edition: &Edition) -> bool {
        self.edition == edition.name()
    }

    fn checked(&self, ui: &Ui) -> std::result::Result<KeySettings, Problems> {
        let mut problems = Problems::default();
        let edition = self.edition.parse();
        if edition.is_err() {
            problems.add("edition", ui.t("请选择接口版本", "Choose an edition"));
        }
        let text = self.requests_per_s.trim();
        let requests = if text.is_empty() { Some(0) } else { text.parse().ok() };
        let requests = requests.filter(|requests| (0..=REQUESTS_PER_S_MAX).contains(requests));
        if requests.is_none() {
            problems.add(
                "requests_per_s",
                ui.t("应为 0 至 1000000 的整数，0 为不限", "A number from 0 to 1000000; 0 for no limit"),
            );
        }
        let texts = self.allowed.split(|letter: char| letter.is_whitespace() || letter == ',' || letter == '，');
        let allowed = Networks::parse(texts.filter(|text| !text.is_empty()));
        if let Err(error) = &allowed {
            problems.add("allowed", ui.message(&error.message()));
        }
        match (edition, requests, allowed) {
            (Ok(edition), Some(requests_per_s), Ok(allowed)) => Ok(KeySettings { edition, requests_per_s, allowed }),
            _ => Err(problems),
        }
    }
}

impl OneKey {
    fn editions(&self) -> [Edition; 2] {
        EDITIONS
    }

    fn is_bound(&self, company: &CompanyId) -> bool {
        self.key.companies.contains(company)
    }

    fn base(&self) -> String {
        self.ui.url(&format!("integration/keys/{}", self.key.app_key))
    }
}

impl NewKey {
    fn editions(&self) -> [Edition; 2] {
        EDITIONS
    }
}

/// `GET /c/{company}/integration/keys/new`
pub(crate) async fn new(visit: Visit) -> Result<Html> {
    visit.require(Permission::ManageKeys)?;
    let given = Given { edition: Edition::May2018.name().to_owned(), ..Given::default() };
    html(&NewKey { ui: visit.ui.in_section(SECTION), given, problems: Problems::default() })
}

/// `POST /c/{company}/integration/keys`
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(given): Form<Given>,
) -> Result<Response> {
    visit.require(Permission::ManageKeys)?;
    match given.checked(&visit.ui) {
        Ok(settings) => {
            let (app, companies) = (&shared.app, BTreeSet::from([visit.company]));
            let (app_key, secret) = keys::create(&app.store, &app.vault, visit.by(), companies, settings).await?;
            Ok(html(&MadeKey { ui: &visit.ui, app_key, secret: secret.0 })?.into_response())
        }
        Err(problems) => {
            let page = NewKey { ui: visit.ui.in_section(SECTION), given, problems };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_form().render()?)).into_response())
        }
    }
}

/// The key, where it is one of the company.
async fn read(shared: &Shared, visit: &Visit, app_key: &str) -> Result<OneKey> {
    visit.require(Permission::ManageKeys)?;
    let key = keys::find(&shared.app.store, app_key).await.map_err(|_| Error::NotFound)?;
    if !key.companies.contains(&visit.company) {
        return Err(Error::NotFound);
    }
    let companies = shared.app.store.read(company::all).await?;
    let (ui, given) = (visit.ui.in_section(SECTION), Given::of(&key));
    let (problems, done, secret) = Default::default();
    Ok(OneKey { ui, key, given, companies, problems, done, secret })
}

/// `GET /c/{company}/integration/keys/{key}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, app_key)): Path<(String, String)>,
) -> Result<Html> {
    html(&read(&shared, &visit, &app_key).await?)
}

fn answered(page: &OneKey) -> Result<Response> {
    let status = if page.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.as_key().render()?)).into_response())
}

/// `POST /c/{company}/integration/keys/{key}`
pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, app_key)): Path<(String, String)>,
    Form(given): Form<Given>,
) -> Result<Response> {
    let before = read(&shared, &visit, &app_key).await?;
    match given.checked(&visit.ui) {
        Ok(settings) => {
            keys::update(&shared.app.store, visit.by(), &app_key, settings).await?;
            let done = visit.ui.t("已保存，一秒内生效", "Saved; it counts within a second").to_owned();
            answered(&OneKey { done, ..read(&shared, &visit, &app_key).await? })
        }
        Err(problems) => answered(&OneKey { given, problems, ..before }),
    }
}

/// The companies of a key.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenCompanies {
    company: BTreeSet<i64>,
}

/// `POST /c/{company}/integration/keys/{key}/companies`
pub(crate) async fn bind(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, app_key)): Path<(String, String)>,
    Form(given): Form<GivenCompanies>,
) -> Result<Response> {
    let before = read(&shared, &visit, &app_key).await?;
    let wanted: BTreeSet<CompanyId> = given.company.into_iter().map(CompanyId).collect();
    let bound: BTreeSet<CompanyId> = before.key.companies.iter().copied().collect();
    if wanted.is_empty() {
        let words = visit
            .ui
            .t("至少保留一家公司；不再使用请作废密钥", "One company has to stay; revoke a key that is of no use");
        return answered(&OneKey { problems: Problems::one("company", words), ..before });
    }
    let store = &shared.app.store;
    let (more, fewer): (BTreeSet<_>, BTreeSet<_>) = (&wanted - &bound, &bound - &wanted);
    if !more.is_empty()
        && let Err(error) = keys::bind(store, visit.by(), &app_key, more).await
    {
        let problems = Problems::refused(&visit.ui, "company", error)?;
        return answered(&OneKey { problems, ..before });
    }
    if !fewer.is_empty() {
        keys::unbind(store, visit.by(), &app_key, fewer).await?;
    }
    if !wanted.contains(&visit.company) {
        return Ok(go_to(&visit.ui.url("integration")));
    }
    let done = visit.ui.t("绑定的公司已更改", "The companies of the key are changed").to_owned();
    answered(&OneKey { done, ..read(&shared, &visit, &app_key).await? })
}

/// How long the old secret stays good.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenOverlap {
    hours: String,
}

/// `POST /c/{company}/integration/keys/{key}/rotate`
pub(crate) async fn rotate(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, app_key)): Path<(String, String)>,
    Form(given): Form<GivenOverlap>,
) -> Result<Response> {
    let before = read(&shared, &visit, &app_key).await?;
    let overlap = given.hours.trim().parse::<u32>().ok().and_then(|hours| HOUR.checked_mul(hours));
    let Some(overlap) = overlap.filter(|overlap| *overlap <= OVERLAP_MAX) else {
        let words = visit.ui.t("应为 0 至 2160 小时（90 天）", "From 0 to 2160 hours (90 days)");
        return answered(&OneKey { problems: Problems::one("hours", words), ..before });
    };
    let app = &shared.app;
    let secret = keys::rotate(&app.store, &app.vault, visit.by(), &app_key, overlap).await?.0;
    let done = visit.ui.t("已更换密钥", "It has another secret").to_owned();
    answered(&OneKey { done, secret, ..read(&shared, &visit, &app_key).await? })
}

/// `POST /c/{company}/integration/keys/{key}/revoke`
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, app_key)): Path<(String, String)>,
) -> Result<Response> {
    read(&shared, &visit, &app_key).await?;
    keys::revoke(&shared.app.store, visit.by(), &app_key).await?;
    let done = visit.ui.t("已作废，一秒内生效", "Revoked; it counts within a second").to_owned();
    answered(&OneKey { done, ..read(&shared, &visit, &app_key).await? })
}
