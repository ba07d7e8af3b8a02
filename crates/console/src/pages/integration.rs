//! How others' programs work with a company: keys, callbacks, and what signs both.

pub(crate) mod addresses;
pub(crate) mod deliveries;
pub(crate) mod keys;
pub(crate) mod signer;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use hutong_domain::access::Permission;
use hutong_domain::moment::Moment;
use hutong_store::Db;
use hutong_store::callback::address::{self, Address, Subject};
use hutong_store::key::{self, AppKey};

use crate::error::Result;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

const SECTION: &str = "integration";

#[derive(Template)]
#[template(path = "integration.html")]
struct Integration {
    ui: Ui,
    keys: Vec<AppKey>,
    addresses: Vec<(Subject, Option<Address>)>,
}

impl Integration {
    fn subject(&self, of: &Subject) -> &'static str {
        subject(&self.ui, *of)
    }

    /// When a secret of the key was last used.
    fn used_at(&self, key: &AppKey) -> Option<Moment> {
        key.used_at.max(key.previous.as_ref().and_then(|previous| previous.used_at))
    }
}

/// What callbacks of this kind are called.
fn subject(ui: &Ui, subject: Subject) -> &'static str {
    match subject {
        Subject::Calls => ui.t("通话结果", "How calls ended"),
        Subject::Tasks => ui.t("任务状态", "How tasks moved"),
    }
}

/// The keys of the company, and where it is told what.
async fn read(shared: &Shared, visit: &Visit) -> Result<(Vec<AppKey>, Vec<Address>)> {
    let company = visit.company;
    let read = move |db: &mut Db| {
        let mut keys = key::all(db)?;
        keys.retain(|key| key.companies.contains(&company));
        Ok((keys, address::of_company(db, company)?))
    };
    Ok(shared.app.store.read_snapshot(read).await?)
}

/// `GET /c/{company}/integration`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    let (keys, known) = read(&shared, &visit).await?;
    let of = |subject: Subject| (subject, known.iter().find(|address| address.subject == subject).cloned());
    let addresses = Subject::ALL.into_iter().map(of).collect();
    html(&Integration { ui: visit.ui.in_section(SECTION), keys, addresses })
}
