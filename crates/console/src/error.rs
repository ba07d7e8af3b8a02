//! What went wrong, as a page or, where a part of a page was asked for, as a notice.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such thing, or it is nobody's business that there is.
    #[error("there is no such page")]
    NotFound,
    /// The role does not include it.
    #[error("the role does not include this")]
    Forbidden,
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// The request did not come from a page of this session.
    #[error("the request did not come from a page of this session")]
    Foreign,
    /// Something given is not fit; the text names it and says what would be.
    #[error("{0}")]
    Refused(String),
    /// An operation of the API refused, or failed.
    #[error(transparent)]
    Api(#[from] hutong_api::Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] hutong_store::Error),
    /// A callback could not be written.
    #[error(transparent)]
    Letter(hutong_api::LetterError),
    /// Accounts failed, or refused.
    #[error(transparent)]
    Accounts(#[from] hutong_accounts::Error),
    /// Something failed inside that is nobody's fault; the text is for the log.
    #[error("{0}")]
    Broken(String),
    /// A template could not be rendered.
    #[error(transparent)]
    Template(#[from] askama::Error),
    /// A table could not be written.
    #[error("a table could not be written: {0}")]
    Table(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// With which status it is answered.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Foreign => StatusCode::FORBIDDEN,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Accounts(error) => match refusal(error) {
                Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
                None => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Api(refused) => match refused.code {
                403 => StatusCode::FORBIDDEN,
                404 => StatusCode::NOT_FOUND,
                500.. => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Self::Store(_) | Self::Letter(_) | Self::Template(_) | Self::Broken(_) | Self::Table(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// What the user is told, in both languages. What failed inside stands in the log, not here.
    pub(crate) fn words(&self) -> (String, String) {
        let both = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
        match self {
            Self::NotFound => both("没有这个页面，或者您无权查看", "There is no such page, or you may not see it"),
            Self::Forbidden => both("您的角色没有这项权限", "Your role does not include this"),
            Self::SignedOut => both("登录已过期，请重新登录", "Your session has ended: sign in again"),
            Self::Foreign => both(
                "请求不是从本页面发出的，请刷新后重试",
                "The request did not come from this page: reload and try again",
            ),
            Self::Refused(text) => both(text, text),
            Self::Api(refused) => both(&refused.reason.zh, &refused.reason.en),
            Self::Accounts(error) => refusal(error).unwrap_or_else(broken),
            Self::Store(_) | Self::Letter(_) | Self::Template(_) | Self::Broken(_) | Self::Table(_) => broken(),
        }
    }
}

fn broken() -> (String, String) {
    ("服务器出错了，请稍后再试；详情见日志".to_owned(), "The server failed: try again; its log says why".to_owned())
}

/// What a person did that accounts do not take; none where accounts failed themselves.
fn refusal(error: &hutong_accounts::Error) -> Option<(String, String)> {
    use hutong_accounts::Error as Refusal;
    let zh = match error {
        Refusal::Name(_) => "用户名只能由字母、数字和其间的 . _ - @ 组成".to_owned(),
        Refusal::Password(_) => "密码应有 12 个字符以上、256 字节以内，且不能是用户名或单一字符".to_owned(),
        Refusal::NameTaken(name) => format!("用户 {name} 已存在"),
        Refusal::UnknownUser(name) => format!("没有用户 {name}"),
        Refusal::UnknownKey(key) => format!("没有有效的密钥 {key}"),
        Refusal::UnknownCompany(id) => format!("没有公司 {id}"),
        Refusal::NoCompanyLeft(key) => format!("密钥 {key} 将没有任何公司；请改为停用它"),
        Refusal::AdminReachesAll(name) => format!("{name} 是管理员，可见所有公司；请先更改角色"),
        Refusal::LastAdmin(name) => format!("{name} 是最后一个可登录的管理员；请先创建另一个管理员"),
        Refusal::Busy => "此刻登录的人太多，请再试一次".to_owned(),
        Refusal::Hash(_) | Refusal::Store(_) | Refusal::Vault(_) => return None,
    };
    Some((zh, error.to_string()))
}

/// An error on its way to `guard::around`, which knows the language and whether a whole page was asked for.
#[derive(Clone)]
pub(crate) struct Failed {
    pub(crate) status: StatusCode,
    pub(crate) words: (String, String),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status() == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "a page of the console failed");
        }
        let failed = Failed { status: self.status(), words: self.words() };
        let mut response = failed.status.into_response();
        response.extensions_mut().insert(failed);
        response
    }
}

/// Whether htmx asks for a part of a page.
pub(crate) fn is_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request") && !headers.contains_key("hx-boosted")
}
