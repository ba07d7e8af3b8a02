//! What happens around every request, and how its parameters are read.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hutong_domain::say;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

use crate::answer::ApiError;
use crate::app::{Api, RequestId};
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::compat::params;
use crate::inside;
use crate::server::ClientAddress;

tokio::task_local! {
    /// Set around every request, so that its answer can name it without every handler passing it on.
    static REQUEST: RequestId;
}

/// The request that this task answers; none outside of one.
pub(crate) fn current_request() -> Option<RequestId> {
    REQUEST.try_with(|id| *id).ok()
}

/// Gives a request its id, bounds its time, and turns a panic into an answer.
pub(crate) async fn around(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let id = api.next_request_id();
    let span = tracing::info_span!("request", %id, method = %request.method(), path = request.uri().path());
    let operation = request.extensions().get::<MatchedPath>().map_or("none", operation_of).to_owned();
    let began = tokio::time::Instant::now();
    let answering = async move {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
        let response = match tokio::time::timeout(api.limits.request_time_max, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(_panic)) => ApiError::Panicked.into_response(),
            Err(_elapsed) => ApiError::TimedOut.into_response(),
        };
        let status = response.status().as_u16();
        metrics::histogram!("hutong_http_request_seconds", "operation" => operation, "status" => status.to_string())
            .record(began.elapsed().as_secs_f64());
        tracing::debug!(status, "answered");
        response
    };
    REQUEST.scope(id, answering.instrument(span)).await
}

/// The last part of a route: of which there are only so many, whatever is asked for.
fn operation_of(path: &MatchedPath) -> &str {
    let last = path.as_str().rsplit('/').next().unwrap_or_default();
    if last.is_empty() || last.starts_with('{') { "none" } else { last }
}

/// A path under `/openapi/` that does not exist. Whoever asks for it need not prove anything, so it counts like a failure.
pub(crate) async fn no_operation(State(api): State<Arc<Api>>, address: Option<Extension<ClientAddress>>) -> ApiError {
    api.strangers.refuse(address.map(|Extension(address)| address), ApiError::NoOperation)
}

/// A known path with a method that it does not answer. Whatever only reads answers GET, so what refuses a
/// GET changes something.
pub(crate) async fn wrong_method(_caller: Caller, method: Method) -> ApiError {
    let expected = if method == Method::GET { " POST" } else { " GET 或 POST" };
    ParamError::new("请求方法", expected, method).into()
}

/// The parameters of a request, wherever they stand.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        let (mut head, body) = request.into_parts();
        if let Some(parameters) = inside::take_parameters(&mut head.extensions) {
            return Ok(Self(params::read_object(&parameters)?));
        }
        let body = read_body(body, api.limits.body_bytes_max, &api.bodies).await?;
        Ok(Self(params::read(head.uri.query(), &body, says_form(&head.headers))?))
    }
}

/// Some clients send the header twice; any of them may be the true one.
fn says_form(headers: &HeaderMap) -> bool {
    let is_form = |value: &[u8]| value.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded");
    headers.get_all(CONTENT_TYPE).iter().any(|value| is_form(value.as_bytes()))
}

async fn read_body(body: Body, bytes_max: usize, bodies: &Bodies) -> Result<Bytes, ApiError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(ApiError::TooLarge { bytes_max });
    }
    let mut body = std::pin::pin!(Limited::new(body, bytes_max));
    let mut read = Vec::new();
    let mut room = None;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let Ok(data) = frame.into_data() else { continue };
                bodies.take(&mut room, data.len())?;
                read.extend_from_slice(&data);
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(ApiError::TooLarge { bytes_max }),
            Err(_) => return Err(ApiError::Refused(say!("The body did not arrive whole", "请求体没有传输完整"))),
        }
    }
    Ok(read.into())
}

/// Room for bodies that are being read: what all clients together may make the server keep.
pub(crate) struct Bodies(Arc<Semaphore>);

impl Bodies {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes room for so many bytes more; it is given back when `room` is dropped.
    fn take(&self, room: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), ApiError> {
        let more = u32::try_from(bytes).ok().and_then(|bytes| Arc::clone(&self.0).try_acquire_many_owned(bytes).ok());
        let full = || say!("Too many bodies are arriving: try again later", "正在接收的请求体过多，请稍后重试");
        let more = more.ok_or_else(|| ApiError::Unavailable(full()))?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }
}
