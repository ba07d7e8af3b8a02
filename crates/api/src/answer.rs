//! What every request is answered with: one envelope for success and failure alike.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hutong_domain::access::Role;
use hutong_domain::message::Message;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::app::RequestId;
use crate::compat::param_error::ParamError;
use crate::json;
use crate::request::current_request;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
/// Room for most answers, so that writing one seldom has to move it.
const ANSWER_BYTES: usize = 4096;

/// The body of every answer · 所有响应的统一格式
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<T> {
    /// 响应码，200 表示成功 · response code, 200 for success
    #[schema(example = 200)]
    code: u16,
    /// 返回实体，出错时为 null · what was asked for; null on every error
    data: Option<T>,
    /// 响应说明 · what happened, in words
    #[schema(value_type = String, example = "操作成功")]
    result_msg: Cow<'static, str>,
    /// 始终为 null · always null: nothing internal is shown
    #[schema(value_type = Option<String>)]
    error_stack_trace: Option<()>,
    /// 请求编号，与日志一致 · the request's id, as it stands in the log
    #[schema(value_type = Option<String>, example = "18f3c5d2a00-1")]
    request_id: Option<RequestId>,
}

/// What an operation gives back.
pub(crate) type Outcome<T> = Result<Answer<T>, ApiError>;

/// Success, with the text that the document gives for the operation.
pub(crate) struct Answer<T> {
    result_msg: Cow<'static, str>,
    data: T,
    room: usize,
}

impl<T> Answer<T> {
    pub(crate) fn new(result_msg: impl Into<Cow<'static, str>>, data: T) -> Self {
        Self { result_msg: result_msg.into(), data, room: ANSWER_BYTES }
    }

    /// Makes room for so many bytes more than most answers have.
    pub(crate) fn with_room(mut self, bytes: usize) -> Self {
        self.room += bytes;
        self
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            code: 200,
            data: Some(self.data),
            result_msg: self.result_msg,
            error_stack_trace: None,
            request_id: current_request(),
        };
        write(StatusCode::OK, &envelope, self.room)
    }
}

fn write<T: Serialize>(status: StatusCode, envelope: &Envelope<T>, room: usize) -> Response {
    let mut body = String::with_capacity(room);
    match json::write(&mut body, envelope) {
        Ok(()) => (status, [(CONTENT_TYPE, JSON)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `data` of operations that have nothing to say: always null.
#[derive(Serialize)]
pub(crate) struct Nothing;

impl PartialSchema for Nothing {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).description(Some("始终为 null · always null")).build().into()
    }
}

impl ToSchema for Nothing {}

/// What may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Task,
    Call,
    Customer,
    Robot,
    Scene,
    Line,
    BlacklistGroup,
    BlacklistEntry,
    SmsTemplate,
}

impl Thing {
    const fn label(self) -> &'static str {
        match self {
            Self::Task => "任务",
            Self::Call => "通话",
            Self::Customer => "客户",
            Self::Robot => "机器人",
            Self::Scene => "话术场景",
            Self::Line => "线路",
            Self::BlacklistGroup => "黑名单分组",
            Self::BlacklistEntry => "黑名单号码",
            Self::SmsTemplate => "短信模板",
        }
    }

    const fn english(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Call => "call",
            Self::Customer => "customer",
            Self::Robot => "robot",
            Self::Scene => "scene",
            Self::Line => "line",
            Self::BlacklistGroup => "blacklist group",
            Self::BlacklistEntry => "number on the blacklist",
            Self::SmsTemplate => "SMS template",
        }
    }
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// It does not say, or prove, who sends it.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// It is about something of a company that the key is not bound to, or the person does not reach.
    #[error("无权访问该{0}")]
    Forbidden(&'static str),
    /// The role of the person does not include it.
    #[error("当前用户的角色（{}）不能进行此操作", .0.name())]
    ForbiddenToRole(Role),
    /// It comes from where the key may not be used.
    #[error("当前密钥不允许从该地址（{}）访问", .0.map_or_else(|| "未知".to_owned(), |from| from.to_string()))]
    ForbiddenAddress(Option<IpAddr>),
    /// It is about something that does not exist.
    #[error("{} {id} 不存在", thing.label())]
    Unknown { thing: Thing, id: String },
    /// It is about the newest task of a company that has none.
    #[error("该公司还没有任务")]
    NoTaskYet,
    /// There is no such operation.
    #[error("没有这个接口，请检查请求路径")]
    NoOperation,
    /// It was signed at another time.
    #[error("{0}")]
    ClockSkew(String),
    /// A parameter is missing or wrong.
    #[error("{0}")]
    Parameter(#[from] ParamError),
    /// It does not fit the state of what it is about.
    #[error("{}", .0.zh)]
    Refused(Message),
    /// The body is larger than allowed.
    #[error("请求体超过 {bytes_max} 字节，请分批提交")]
    TooLarge { bytes_max: usize },
    /// The key makes more requests than it may.
    #[error("该密钥每秒最多 {per_s} 次请求，请稍后重试")]
    TooMany { per_s: i64 },
    /// Its address has sent too many requests that did not prove who sends them.
    #[error("该地址的无效请求过多，请检查 appkey 与签名后重试")]
    TooManyFailures,
    /// It could not be done in time.
    #[error("请求处理超时，请稍后重试")]
    TimedOut,
    /// It cannot be done now.
    #[error("{}", .0.zh)]
    Unavailable(Message),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] hutong_store::Error),
    /// The secret of a key cannot be opened.
    #[error("{0}")]
    Vault(#[from] hutong_store::vault::VaultError),
    /// An answer cannot be written.
    #[error("{0}")]
    Unwritable(#[from] json::Error),
    /// The handler panicked.
    #[error("a handler panicked")]
    Panicked,
}

impl ApiError {
    /// Another company's thing.
    pub(crate) const fn forbidden(thing: Thing) -> Self {
        Self::Forbidden(thing.label())
    }

    /// A thing that does not exist.
    pub(crate) fn unknown(thing: Thing, id: &impl fmt::Display) -> Self {
        Self::Unknown { thing, id: id.to_string() }
    }

    /// Response code, HTTP status, and what `resultMsg` begins with. Clients in the wild read only the
    /// code, and many take any HTTP status but 200 for a network failure.
    const fn wire(&self) -> (u16, StatusCode, &'static str) {
        match self {
            Self::Unauthenticated(_) => (401, StatusCode::OK, "校验数据错误"),
            Self::Forbidden(_) | Self::ForbiddenToRole(_) | Self::ForbiddenAddress(_) => {
                (403, StatusCode::OK, "权限不足")
            }
            Self::Unknown { .. } | Self::NoTaskYet | Self::NoOperation => (404, StatusCode::OK, "资源未找到"),
            Self::ClockSkew(_) => (408, StatusCode::OK, "时间选择不对"),
            Self::Parameter(_) | Self::Refused(_) => (412, StatusCode::OK, "参数错误"),
            Self::TooLarge { .. } => (413, StatusCode::PAYLOAD_TOO_LARGE, "请求过大"),
            Self::TooMany { .. } | Self::TooManyFailures => (429, StatusCode::TOO_MANY_REQUESTS, "请求过于频繁"),
            Self::Store(_) | Self::Vault(_) | Self::Unwritable(_) | Self::Panicked => (500, StatusCode::OK, "未知错误"),
            Self::TimedOut | Self::Unavailable(_) => (503, StatusCode::SERVICE_UNAVAILABLE, "服务暂不可用"),
        }
    }

    /// What goes on after the beginning of `resultMsg`: nothing internal.
    fn detail(&self) -> String {
        match self {
            Self::Store(_) | Self::Vault(_) | Self::Unwritable(_) | Self::Panicked => {
                "请将 requestId 提供给管理员查询日志".to_owned()
            }
            shown => shown.to_string(),
        }
    }

    /// The same in English, for pages that are in it. Nothing internal, as above.
    fn english(&self) -> String {
        match self {
            Self::Unauthenticated(_) => "It does not prove who sends it".to_owned(),
            Self::Forbidden(_) => "It belongs to another company".to_owned(),
            Self::ForbiddenToRole(role) => format!("The role {} does not include this", role.name()),
            Self::ForbiddenAddress(_) => "The key may not be used from this address".to_owned(),
            Self::Unknown { thing, id } => format!("There is no {} {id}", thing.english()),
            Self::NoTaskYet => "The company has no task yet".to_owned(),
            Self::NoOperation => "There is no such operation".to_owned(),
            Self::ClockSkew(_) => "It was signed at another time".to_owned(),
            Self::Parameter(error) => error.english(),
            Self::Refused(why) | Self::Unavailable(why) => why.en.clone(),
            Self::TooLarge { bytes_max } => format!("It has more than {bytes_max} bytes: send it in parts"),
            Self::TooMany { per_s } => format!("The key may make {per_s} requests a second: try again later"),
            Self::TooManyFailures => "Too many wrong requests come from this address: try again later".to_owned(),
            Self::TimedOut => "It took too long: try again later".to_owned(),
            Self::Store(_) | Self::Vault(_) | Self::Unwritable(_) | Self::Panicked => {
                "The server failed: its log says why".to_owned()
            }
        }
    }

    /// One line in the log. Parameters are named, but what they held may be a phone number.
    fn log(&self, code: u16) {
        match self {
            Self::Store(_) | Self::Vault(_) | Self::Unwritable(_) | Self::Panicked => {
                tracing::error!(code, error = %self, "request failed");
            }
            Self::Parameter(ParamError { path, expected, .. }) => {
                tracing::info!(code, parameter = path, %expected, "request refused");
            }
            // Whoever floods the server does not fill its log.
            Self::TooManyFailures => tracing::debug!(code, reason = %self, "request refused"),
            Self::Refused(_) | Self::Unknown { .. } => tracing::info!(code, "request refused"),
            refused => tracing::info!(code, reason = %refused, "request refused"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status, beginning) = self.wire();
        self.log(code);
        let reason = Message { en: self.english(), zh: self.detail() };
        let envelope: Envelope<Nothing> = Envelope {
            code,
            data: None,
            result_msg: Cow::Owned(format!("{beginning}：{}", reason.zh)),
            error_stack_trace: None,
            request_id: current_request(),
        };
        let mut response = write(status, &envelope, ANSWER_BYTES);
        let field = if let Self::Parameter(ParamError { path, .. }) = self { Some(path) } else { None };
        response.extensions_mut().insert(Fault { field, reason });
        response
    }
}

/// Stands beside an answer, for whoever asks from inside.
#[derive(Clone)]
pub(crate) struct Fault {
    /// Which parameter is missing or wrong; none where it is not about one.
    pub(crate) field: Option<String>,
    /// What `resultMsg` says after the words for the code.
    pub(crate) reason: Message,
}
