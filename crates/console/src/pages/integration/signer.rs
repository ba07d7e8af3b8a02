//! Signs a request for whoever tries the API by hand; what is typed is kept nowhere.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::moment::Moment;
use hutong_store::key::Secret;
use jiff::civil::DateTime;
use serde::Deserialize;

use super::{SECTION, read};
use crate::error::Result;
use crate::form::Problems;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// What is asked for where nothing else is typed: it reads, and needs no parameter.
const EXAMPLE: &str = "/openapi/v1/company/getCompanys";

#[derive(Template)]
#[template(path = "signer.html", blocks = ["signer"])]
struct Signer {
    ui: Ui,
    keys: Vec<String>,
    given: Given,
    problems: Problems,
    signed: Vec<(&'static str, String)>,
    curl: String,
}

/// What is to be signed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    app_key: String,
    secret: String,
    at: String,
    path: String,
}

async fn form(shared: &Shared, visit: &Visit, given: Given) -> Result<Signer> {
    let (keys, _) = read(shared, visit).await?;
    // Whoever may not manage keys types theirs.
    let keys = if visit.ui.may(hutong_domain::access::Permission::ManageKeys) { keys } else { Vec::new() };
    let keys = keys.into_iter().filter(|key| key.revoked_at.is_none()).map(|key| key.app_key).collect();
    let (problems, signed, curl) = Default::default();
    Ok(Signer { ui: visit.ui.in_section(SECTION), keys, given, problems, signed, curl })
}

/// `GET /c/{company}/integration/signer`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    let given = Given { path: EXAMPLE.to_owned(), ..Given::default() };
    html(&form(&shared, &visit, given).await?)
}

/// `POST /c/{company}/integration/signer`
pub(crate) async fn sign(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(mut given): Form<Given>,
) -> Result<Response> {
    let secret = Secret(std::mem::take(&mut given.secret).trim().to_owned());
    let mut page = form(&shared, &visit, given).await?;
    let (ui, given) = (&visit.ui, &page.given);
    let mut problems = Problems::default();
    let app_key = given.app_key.trim().to_owned();
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain(&app_key) {
        problems.add("app_key", ui.t("密钥由字母与数字组成", "A key has letters and digits"));
    }
    if secret.0.is_empty() {
        problems.add("secret", ui.t("请填写 appSecret", "The secret is needed"));
    }
    let at = match given.at.trim() {
        "" => Some(shared.app.clock.now()),
        at => at.parse::<DateTime>().ok().map(|at| Moment::from_civil(at, &ui.zone)),
    };
    if at.is_none() {
        problems.add("at", ui.t("时间应形如 2026-05-06T09:00:00", "A time is written like 2026-05-06T09:00:00"));
    }
    let is_path = given.path.starts_with('/')
        && given.path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\'' | b'\\' | b'"' | b'`'));
    if !is_path {
        problems
            .add("path", ui.t("路径以 / 开头，不含空格与引号", "A path begins with /, and has no spaces or quotes"));
    }
    if let Some(at) = at.filter(|_| problems.is_empty()) {
        page.signed = hutong_api::sign(&app_key, &secret, at).into_iter().collect();
        let headers: String = page.signed.iter().map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
        page.curl = format!("curl{headers} '{}{}'", shared.installation.public_url, page.given.path);
    }
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.problems = problems;
    Ok((status, Html(page.as_signer().render()?)).into_response())
}
