//! `/`: where somebody begins.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use hutong_domain::access::Permission;

use crate::error::Result;
use crate::page::{html, redirect};
use crate::ui::Ui;
use crate::visitor::Visitor;

/// There is no company that the user could look at.
#[derive(Template)]
#[template(path = "no_company.html")]
struct NoCompany {
    ui: Ui,
}

/// `GET /`
pub(crate) async fn home(visitor: Visitor) -> Result<Response> {
    let Visitor { ui, signed_in } = visitor;
    match signed_in.known.companies.first() {
        Some(company) => Ok(redirect(&format!("/c/{}/overview", company.id))),
        None => Ok(html(&NoCompany { ui })?.into_response()),
    }
}
