//! Recordings, as clients fetch them: `GET /recordings/NAME?expires=…&signature=…`. Whoever has the address needs nothing
//! else; it is signed and expires, so that it can be given to a browser.

mod address;
mod part;

use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use hutong_domain::moment::Moment;

pub use self::address::Recordings;
use self::address::Refusal;
use self::part::{Part, Validators};
use crate::app::Api;

const WAV: HeaderValue = HeaderValue::from_static("audio/wav");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Recordings never change, but are nobody else's business, and may be deleted.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// Copies of a call that has just ended are made in less.
const SOON: HeaderValue = HeaderValue::from_static("2");

/// Why a recording cannot be read.
pub type ReadError = Box<dyn std::error::Error + Send + Sync>;
/// The bytes of a recording, read as the client takes them.
type Pieces = BoxStream<'static, std::io::Result<Bytes>>;
type Read = Box<dyn FnOnce(Range<u64>) -> BoxFuture<'static, Result<Pieces, ReadError>> + Send>;

/// Where recordings are.
pub trait RecordingFiles: Send + Sync {
    /// Whether a recording of that name is still kept: only then its address is given out.
    fn is_kept(&self, name: &str) -> bool;

    /// Looks for the file of that name. Names come from the network: what is none is missing.
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<LookedUp, ReadError>>;
}

/// What was found under a name.
pub enum LookedUp {
    /// The file.
    Found(RecordingFile),
    /// It will be there soon.
    BeingMade,
    /// There is none.
    Missing,
}

/// A recording that can be read. What is found under a name never changes.
pub struct RecordingFile {
    /// Bytes of the whole.
    pub size: u64,
    /// When it was last changed.
    pub modified: Moment,
    /// Reads bytes within the whole.
    pub read: Read,
}

/// An installation without recordings.
#[derive(Debug, Clone, Copy)]
pub struct NoRecordings;

impl RecordingFiles for NoRecordings {
    fn is_kept(&self, _name: &str) -> bool {
        false
    }

    fn find<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<LookedUp, ReadError>> {
        Box::pin(async { Ok(LookedUp::Missing) })
    }
}

/// Answers GET and HEAD, whole or in part (RFC 9110, sections 13 and 14).
pub(crate) async fn hand_out(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    let query = query.unwrap_or_default();
    let of = |key: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .unwrap_or_default()
    };
    let (expires, signature) = (of("expires"), of("signature"));
    if let Err(refusal) = api.recordings.check(&name, &expires, &signature) {
        return say(StatusCode::FORBIDDEN, refusal.text());
    }
    let finding = async {
        match api.recordings.files().find(&name).await? {
            LookedUp::Found(file) => answer(file, &method, &headers).await,
            LookedUp::BeingMade => {
                let mut response =
                    say(StatusCode::SERVICE_UNAVAILABLE, "录音生成中，请稍后重试 · the recording is being made");
                response.headers_mut().insert(RETRY_AFTER, SOON);
                Ok(response)
            }
            LookedUp::Missing => {
                Ok(say(StatusCode::NOT_FOUND, "录音不存在或已过保存期 · no such recording, or not kept any more"))
            }
        }
    };
    // The time is for finding it: a client may take as long as it likes to read.
    match tokio::time::timeout(api.limits.request_time_max, finding).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a recording could not be read");
            say(StatusCode::SERVICE_UNAVAILABLE, "录音暂时无法读取 · the recording cannot be read now")
        }
        Err(_elapsed) => say(StatusCode::SERVICE_UNAVAILABLE, "录音暂时无法读取 · the recording was not found in time"),
    }
}

async fn answer(file: RecordingFile, method: &Method, headers: &HeaderMap) -> Result<Response<Body>, ReadError> {
    let RecordingFile { size, modified, read } = file;
    let validators = Validators::new(size, modified);
    let (status, range) = match part::choose(method, headers, size, &validators) {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Range(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::NotModified => return Ok(empty(StatusCode::NOT_MODIFIED, &validators)),
        Part::PreconditionFailed => return Ok(empty(StatusCode::PRECONDITION_FAILED, &validators)),
        Part::Unsatisfiable => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE, &validators);
            set(&mut response, CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(response);
        }
    };
    let mut response = empty(status, &validators);
    response.headers_mut().insert(CONTENT_TYPE, WAV);
    set(&mut response, CONTENT_LENGTH, (range.end - range.start).to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
    }
    if method != Method::HEAD {
        *response.body_mut() = Body::from_stream(read(range).await?);
    }
    Ok(response)
}

/// An answer without a body, with what holds for every answer about a recording that is there.
fn empty(status: StatusCode, validators: &Validators) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, BYTES);
    headers.insert(CACHE_CONTROL, CACHE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    set(&mut response, ETAG, validators.etag.clone());
    set(&mut response, LAST_MODIFIED, validators.last_modified());
    response
}

/// The text is made of digits and ASCII punctuation, so it always fits.
fn set(response: &mut Response<Body>, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(name, value);
    }
}

fn say(status: StatusCode, text: &'static str) -> Response<Body> {
    (status, format!("{text}\n")).into_response()
}

impl Refusal {
    fn text(self) -> &'static str {
        match self {
            Self::Forged => "录音地址无效 · this is no address that the server gave out",
            Self::Expired => "录音地址已过期，请重新查询 · this address has expired: ask the API for a new one",
        }
    }
}
