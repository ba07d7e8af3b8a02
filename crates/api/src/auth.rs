//! Who sends a request: a key and its proof, either signed headers or HTTP Basic; or a person, from inside. Nothing else
//! gets in.

mod keys;
mod sign;
mod strangers;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hutong_domain::access::Reach;
use hutong_domain::audit::Actor;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::audit::By;
use hutong_store::company;
use hutong_store::key::Edition;

use crate::answer::{ApiError, Thing};
use crate::app::Api;
use crate::compat::datetime;
use crate::inside::{Insider, Needs, Person};
use crate::server::{ClientAddress, client};
pub(crate) use keys::KeyRing;
use keys::{Key, OpenSecret};
pub use sign::sign;
pub(crate) use strangers::Strangers;

const APP_KEY: HeaderName = HeaderName::from_static("appkey");
const DATETIME: HeaderName = HeaderName::from_static("datetime");
const SIGN: HeaderName = HeaderName::from_static("sign");

const UNKNOWN_KEY: ApiError = ApiError::Unauthenticated("appkey 不存在或已停用");
const BAD_SIGNATURE: ApiError =
    ApiError::Unauthenticated("签名不正确，sign 应为 Base64(HMAC-SHA1(appsecret, appkey + \"\\n\" + datetime))");

/// Whom a connection comes from: the server puts it beside each request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// A key, and which of its secrets was proven to be known.
type Proven = (Arc<Key>, Arc<OpenSecret>);

/// Who has proven to send a request. Asking for one in a handler is what keeps strangers out of it.
pub(crate) enum Caller {
    /// A client, by its key.
    Key(Arc<Key>),
    /// A user of the console, by name, with the companies that they reach.
    Person(String, Vec<CompanyId>),
}

impl Caller {
    /// A person, if their role includes what the operation does.
    ///
    /// # Errors
    /// [`ApiError::ForbiddenToRole`], also where nobody has said what the operation needs.
    async fn person(api: &Api, person: Person, needs: Option<Needs>) -> Result<Self, ApiError> {
        let Person { name, access } = person;
        if !needs.is_some_and(|Needs(permission)| access.role().may(permission)) {
            return Err(ApiError::ForbiddenToRole(access.role()));
        }
        let companies = match access.reach() {
            Reach::Companies(companies) => companies.iter().copied().collect(),
            Reach::All => api.store.read(company::all).await?.into_iter().map(|company| company.id).collect(),
        };
        Ok(Self::Person(name, companies))
    }

    /// The company, if it is one of the caller's.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`].
    pub(crate) fn require(&self, company: i64) -> Result<CompanyId, ApiError> {
        let company = CompanyId(company);
        if self.may_see(company) { Ok(company) } else { Err(ApiError::Forbidden("公司")) }
    }

    /// The owner of a thing that the store was asked for.
    ///
    /// # Errors
    /// [`ApiError::Unknown`] where nobody owns it, [`ApiError::Forbidden`] where somebody else does.
    pub(crate) fn require_owner(
        &self,
        owner: Option<CompanyId>,
        thing: Thing,
        id: &impl fmt::Display,
    ) -> Result<CompanyId, ApiError> {
        match owner {
            None => Err(ApiError::unknown(thing, id)),
            Some(owner) if self.may_see(owner) => Ok(owner),
            Some(_) => Err(ApiError::forbidden(thing)),
        }
    }

    fn may_see(&self, company: CompanyId) -> bool {
        self.companies().contains(&company)
    }

    /// The companies that the key is bound to, or the person reaches.
    pub(crate) fn companies(&self) -> &[CompanyId] {
        match self {
            Self::Key(key) => &key.companies,
            Self::Person(_, companies) => companies,
        }
    }

    /// Which document is followed: for people, the one for keys where nothing else is said.
    pub(crate) fn edition(&self) -> Edition {
        match self {
            Self::Key(key) => key.edition,
            Self::Person(..) => Edition::May2018,
        }
    }

    /// Who does something now, as it is kept with what is done.
    pub(crate) fn by(&self, api: &Api) -> By {
        let actor = match self {
            Self::Key(key) => Actor::Key(key.app_key.clone()),
            Self::Person(name, _) => Actor::User(name.clone()),
        };
        By { actor, at: api.clock.now() }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        if let Some(person) = Insider::take(&mut parts.extensions) {
            return Self::person(api, person, parts.extensions.get::<Needs>().copied()).await;
        }
        let address = parts.extensions.get::<ClientAddress>().copied();
        let (key, secret) = match parts.headers.get(APP_KEY) {
            Some(app_key) => by_signature(api, app_key, &parts.headers, address).await?,
            None => by_password(api, &parts.headers, address).await?,
        };
        // Whoever does not know the secret learns nothing of where the key may be used.
        check_address(api, &key, parts)?;
        key.take_one_request()?;
        key.note_use(&secret, api);
        Ok(Self::Key(key))
    }
}

/// Base64( HMAC-SHA1( secret, appkey + "\n" + datetime ) ), over the header text exactly as sent.
async fn by_signature(
    api: &Api,
    app_key: &HeaderValue,
    headers: &HeaderMap,
    address: Option<ClientAddress>,
) -> Result<Proven, ApiError> {
    let key = find(api, app_key.as_bytes().trim_ascii(), address).await?;
    let refuse = |error| api.strangers.refuse(address, error);
    let sign = headers.get(SIGN).ok_or_else(|| refuse(ApiError::Unauthenticated("缺少请求头 sign")))?;
    let no_datetime = || refuse(ApiError::ClockSkew("缺少请求头 datetime".to_owned()));
    let datetime = headers.get(DATETIME).ok_or_else(no_datetime)?;
    let datetime = datetime.as_bytes().trim_ascii();
    let tag = STANDARD.decode(sign.as_bytes().trim_ascii()).map_err(|_| refuse(BAD_SIGNATURE))?;
    let secret = key.signed(datetime, &tag, api.clock.now()).ok_or_else(|| refuse(BAD_SIGNATURE))?;
    check_clock(api, datetime).map_err(refuse)?;
    Ok((key, secret))
}

fn check_clock(api: &Api, datetime: &[u8]) -> Result<(), ApiError> {
    let signed_at: Moment = str::from_utf8(datetime).ok().and_then(datetime::parse).ok_or_else(|| {
        ApiError::ClockSkew(
            "请求头 datetime 应为 RFC 1123 格式的 GMT 时间，如 Thu, 13 Dec 2018 01:27:17 GMT".to_owned(),
        )
    })?;
    let now = api.clock.now();
    let skew = now.since(signed_at).max(signed_at.since(now));
    // The header has whole seconds, so the last one counts as a whole.
    if skew.as_secs() > api.limits.clock_skew_max.as_secs() {
        return Err(ApiError::ClockSkew(format!("请求时间与服务器时间相差 {} 秒，请校准时钟", skew.as_secs())));
    }
    Ok(())
}

/// `curl -u APPKEY:APPSECRET`, for people and tools.
async fn by_password(api: &Api, headers: &HeaderMap, address: Option<ClientAddress>) -> Result<Proven, ApiError> {
    let refuse = |why| api.strangers.refuse(address, ApiError::Unauthenticated(why));
    let header = headers.get(AUTHORIZATION).ok_or_else(|| refuse("缺少请求头 appkey、datetime、sign"))?;
    let (app_key, secret) = basic(header.as_bytes()).ok_or_else(|| refuse("请求头 Authorization 无法识别"))?;
    let key = find(api, app_key.as_bytes(), address).await?;
    let secret = key.has_secret(secret.as_bytes(), api.clock.now());
    secret.map(|secret| (key, secret)).ok_or_else(|| refuse("appsecret 不正确"))
}

/// Whether the request comes from where the key may be used.
fn check_address(api: &Api, key: &Key, parts: &Parts) -> Result<(), ApiError> {
    if key.allowed.is_empty() {
        return Ok(());
    }
    let peer = parts.extensions.get::<Peer>();
    let from = peer.and_then(|Peer(peer)| client(*peer, &parts.headers, &api.limits.trusted_proxies));
    match from {
        Some(from) if key.allowed.contains(from) => Ok(()),
        from => Err(ApiError::ForbiddenAddress(from)),
    }
}

fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim_ascii()).ok()?).ok()?;
    decoded.split_once(':').map(|(app_key, secret)| (app_key.to_owned(), secret.to_owned()))
}

/// The key. Those who use one that is not known cost a read of the store, so there is a limit to that; whoever has used a
/// good one lately is not held up by what others at the same address do.
async fn find(api: &Api, app_key: &[u8], address: Option<ClientAddress>) -> Result<Arc<Key>, ApiError> {
    let app_key = str::from_utf8(app_key).map_err(|_| UNKNOWN_KEY)?;
    if !api.keys.knows(app_key) {
        api.strangers.take_one_failure(address)?;
    }
    api.keys.find(api, app_key).await?.ok_or(UNKNOWN_KEY)
}
