//! Where a company is told what: setting it, taking it away, and trying it.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_callbacks::{Letter, Reply};
use hutong_domain::access::Permission;
use hutong_domain::audit::Action;
use hutong_store::Db;
use hutong_store::audit::Object;
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::key::AppKey;
use serde::Deserialize;
use serde_json::json;

use super::{SECTION, read, subject};
use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

#[derive(Template)]
#[template(path = "callback_address.html", blocks = ["form"])]
struct AddressPage {
    ui: Ui,
    subject: Subject,
    known: Option<Address>,
    given: Given,
    keys: Vec<AppKey>,
    problems: Problems,
    done: String,
}

#[derive(Template)]
#[template(path = "callback_test.html")]
struct Tested<'a> {
    ui: &'a Ui,
    url: String,
    reply: Reply,
    took: Duration,
    body: String,
}

/// An address as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    url: String,
    content_type: String,
    manual_changes: Option<String>,
    app_key: String,
}

impl Given {
    fn of(address: &Address) -> Self {
        Self {
            url: address.url.clone(),
            content_type: address.content_type.name().to_owned(),
            manual_changes: address.manual_changes.then(|| "1".to_owned()),
            app_key: address.app_key.clone().unwrap_or_default(),
        }
    }
}

impl AddressPage {
    fn title(&self) -> &'static str {
        subject(&self.ui, self.subject)
    }

    fn is_calls(&self) -> bool {
        self.subject == Subject::Calls
    }

    fn base(&self) -> String {
        self.ui.url(&format!("integration/callbacks/{}", self.subject.name()))
    }
}

fn named(name: &str) -> Result<Subject> {
    Subject::ALL.into_iter().find(|subject| subject.name() == name).ok_or(Error::NotFound)
}

async fn form(shared: &Shared, visit: &Visit, subject: Subject) -> Result<AddressPage> {
    visit.require(Permission::ManageKeys)?;
    let (mut keys, addresses) = read(shared, visit).await?;
    keys.retain(|key| key.revoked_at.is_none());
    let known = addresses.into_iter().find(|address| address.subject == subject);
    let given = known.as_ref().map(Given::of).unwrap_or_default();
    let (problems, done) = Default::default();
    Ok(AddressPage { ui: visit.ui.in_section(SECTION), subject, known, given, keys, problems, done })
}

/// `GET /c/{company}/integration/callbacks/{subject}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Html> {
    html(&form(&shared, &visit, named(&name)?).await?)
}

/// `POST /c/{company}/integration/callbacks/{subject}`
pub(crate) async fn set(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
    Form(given): Form<Given>,
) -> Result<Response> {
    let subject = named(&name)?;
    let page = form(&shared, &visit, subject).await?;
    let address = match checked(&shared, &visit.ui, &page, &given) {
        Ok(address) => address,
        Err(problems) => {
            let page = AddressPage { given, problems, ..page };
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_form().render()?)).into_response());
        }
    };
    let (company, by) = (visit.company, visit.by());
    let set = move |db: &mut Db| {
        let object = Object::CallbackAddress(company, subject);
        by.change(db, Action::CallbackSet, &object, |db| address::set(db, company, &address, by.at))
    };
    shared.app.store.write(company, set).await?;
    let done = visit.ui.t("已保存", "Saved").to_owned();
    let page = AddressPage { done, ..form(&shared, &visit, subject).await? };
    Ok(Html(page.as_form().render()?).into_response())
}

fn checked(shared: &Shared, ui: &Ui, page: &AddressPage, given: &Given) -> std::result::Result<Address, Problems> {
    let mut problems = Problems::default();
    let url = given.url.trim().to_owned();
    if let Err(error) = shared.installation.poster.check(&url) {
        problems.add("url", ui.message(&error.message()));
    }
    let content_type = given.content_type.parse::<ContentType>();
    if content_type.is_err() {
        problems.add("content_type", ui.t("请选择内容类型", "Choose a content type"));
    }
    let app_key = (!given.app_key.is_empty()).then(|| given.app_key.clone());
    if app_key.as_ref().is_some_and(|wanted| page.keys.iter().all(|key| key.app_key != *wanted)) {
        problems.add("app_key", ui.t("该公司没有这个有效密钥", "The company has no such valid key"));
    }
    match content_type {
        Ok(content_type) if problems.is_empty() => {
            let manual_changes = given.manual_changes.is_some();
            Ok(Address { subject: page.subject, url, content_type, manual_changes, app_key })
        }
        _ => Err(problems),
    }
}

/// `POST /c/{company}/integration/callbacks/{subject}/unset`
pub(crate) async fn unset(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response> {
    visit.require(Permission::ManageKeys)?;
    let (company, subject, by) = (visit.company, named(&name)?, visit.by());
    let remove = move |db: &mut Db| {
        let object = Object::CallbackAddress(company, subject);
        by.change(db, Action::CallbackUnset, &object, |db| address::remove(db, company, subject, by.at))
    };
    if !shared.app.store.write(company, remove).await? {
        return Err(Error::NotFound);
    }
    Ok(go_to(&visit.ui.url("integration")))
}

/// `POST /c/{company}/integration/callbacks/{subject}/test`: one request that says what it is, to the address as it is
/// kept, on the way that callbacks take.
pub(crate) async fn test(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response> {
    let page = form(&shared, &visit, named(&name)?).await?;
    let address = page.known.ok_or(Error::NotFound)?;
    let _trial = shared.trial(&visit.ui)?;
    let (ui, now) = (&visit.ui, shared.app.clock.now());
    let body = json!({
        "test": true,
        "message": "hutong 回调测试：这不是通话或任务的结果 / a test of callbacks, which reports no call and no task",
        "companyId": visit.company.get(),
        "sentAt": ui.when(now),
    });
    let signed = match address.signer(&page.keys) {
        Some(key) => {
            let secret = shared.app.vault.open(&key.sealed_secret).map_err(|error| Error::Accounts(error.into()))?;
            hutong_api::sign(&key.app_key, &secret, now).into_iter().collect()
        }
        None => Vec::new(),
    };
    let letter = Letter { body: body.to_string(), headers: signed };
    let reply = shared.installation.poster.post(&address, &format!("test-{}", now.ms()), letter).await;
    let took = shared.app.clock.now().since(now);
    Ok(html(&Tested { ui, url: address.url, reply, took, body: body.to_string() })?.into_response())
}
