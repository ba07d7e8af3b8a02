//! Who asks for a page, and about which company.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use hutong_api::Person;
use hutong_domain::access::{Access, Permission};
use hutong_domain::audit::Actor;
use hutong_domain::ids::CompanyId;
use hutong_store::audit::By;
use hutong_store::company::Company;
use hutong_store::session::Session;
use hutong_store::user::User;

use crate::error::{Error, Result};
use crate::router::Shared;
use crate::ui::{Known, Look, Ui};

/// The parameter of a path that names the company.
const COMPANY: &str = "company";

/// Who is signed in, as the guard found out; it stands beside the request.
#[derive(Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: Arc<User>,
    pub(crate) session: Arc<Session>,
    /// What the browser's cookie holds.
    pub(crate) token: Arc<str>,
    pub(crate) known: Arc<Known>,
}

/// Somebody who is signed in, on a page of the installation.
pub(crate) struct Visitor {
    pub(crate) ui: Ui,
    pub(crate) signed_in: SignedIn,
}

/// Somebody who is signed in, on a page of a company that they reach.
pub(crate) struct Visit {
    pub(crate) ui: Ui,
    pub(crate) company: CompanyId,
    pub(crate) signed_in: SignedIn,
}

/// How pages look to whoever asks, signed in or not.
pub(crate) struct Anybody {
    pub(crate) ui: Ui,
    pub(crate) signed_in: Option<SignedIn>,
}

impl Visitor {
    /// The user may do this, wherever; otherwise there is no page.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) fn require(&self, permission: Permission) -> Result<()> {
        if self.access().role().may(permission) { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub(crate) fn access(&self) -> &Access {
        &self.signed_in.user.access
    }

    /// Who does something, as the audit log has it.
    pub(crate) fn actor(&self) -> Actor {
        self.signed_in.actor()
    }
}

impl Visit {
    /// The user may do this for the company; otherwise there is no page.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(crate) fn require(&self, permission: Permission) -> Result<()> {
        if self.signed_in.user.access.may(permission, self.company) { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Who asks the operations of the API.
    pub(crate) fn person(&self) -> Person {
        Person { name: self.signed_in.user.name.clone(), access: self.signed_in.user.access.clone() }
    }

    /// Who does something now, as the audit log has it.
    pub(crate) fn by(&self) -> By {
        By { actor: self.signed_in.actor(), at: self.ui.now }
    }
}

impl SignedIn {
    fn actor(&self) -> Actor {
        Actor::User(self.user.name.clone())
    }
}

impl FromRequestParts<Arc<Shared>> for Anybody {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self> {
        let signed_in = parts.extensions.get::<SignedIn>().cloned();
        let ui = Ui {
            look: parts.extensions.get::<Look>().copied().unwrap_or_default(),
            zone: shared.app.rules.zone.clone(),
            now: shared.app.clock.now(),
            user: signed_in.as_ref().map(|it| it.known.clone()),
            company: None,
            section: "",
        };
        Ok(Self { ui, signed_in })
    }
}

impl FromRequestParts<Arc<Shared>> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self> {
        let Anybody { ui, signed_in } = Anybody::from_request_parts(parts, shared).await?;
        Ok(Self { ui, signed_in: signed_in.ok_or(Error::SignedOut)? })
    }
}

impl FromRequestParts<Arc<Shared>> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self> {
        let Visitor { mut ui, signed_in } = Visitor::from_request_parts(parts, shared).await?;
        let params = RawPathParams::from_request_parts(parts, shared).await.map_err(|_| Error::NotFound)?;
        let named = params.iter().find(|(name, _)| *name == COMPANY).and_then(|(_, value)| value.parse().ok());
        let company = named.map(CompanyId).ok_or(Error::NotFound)?;
        if !is_among(company, &signed_in.known.companies) {
            return Err(Error::NotFound);
        }
        ui.company = Some(company);
        Ok(Self { ui, company, signed_in })
    }
}

fn is_among(company: CompanyId, companies: &[Company]) -> bool {
    companies.iter().any(|known| known.id == company)
}
