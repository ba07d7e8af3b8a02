//! The way in for the console: it asks the operations in this process, as a user who is signed in. So there is one set of
//! checks and one audit log, and the console can do nothing that the API cannot.
//!
//! A request of a person is marked by an [`Insider`] among its extensions, which no header becomes, and which nobody can
//! make outside of this file.

use axum::Router;
use axum::body::Body;
use axum::http::{Extensions, Request};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hutong_domain::access::{Access, Permission};
use hutong_domain::message::Message;
use hutong_domain::say;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tower::ServiceExt;

use crate::answer::{ApiError, Fault};
use crate::compat::param_error::ParamError;

/// A user of the console who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name, as it stands in the audit log.
    pub name: String,
    /// What they may do, and for which companies.
    pub access: Access,
}

/// What an operation answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// `data`: null where the operation has nothing to say.
    pub data: Value,
    /// `resultMsg`: what happened, in Chinese; also what was adjusted, such as working hours outside of the legal ones.
    pub text: String,
}

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .reason.zh)]
pub struct Refused {
    /// The contract's code, such as 403, 404, 412.
    pub code: u16,
    /// Why. In Chinese it is what `resultMsg` says after the words for the code.
    pub reason: Message,
    /// The parameter that is missing or wrong, such as `customerInfoList[3].phone`; none where it is not about one.
    pub field: Option<String>,
    /// The request's id, as it stands in the log: whoever looks into an error with code 500 needs it.
    pub request_id: Option<String>,
}

/// The operations of the API, for people who are signed in to the console. Clones ask the same API.
#[derive(Debug, Clone)]
pub struct Inside(Router);

impl Inside {
    pub(crate) const fn new(operations: Router) -> Self {
        Self(operations)
    }

    /// Asks an operation, named as in its path (`v1/task/createTask`), with the parameters that the API documents for it:
    /// an object. What came in a request from outside is limited in size by whoever received it; here, nothing more is.
    ///
    /// # Errors
    /// [`Refused`], as a client with a key would be; and with code 403 where the person's role does not include what the
    /// operation does, or its company is none of theirs. Nothing has happened then; after 500 and 503 it may have.
    pub async fn ask(
        &self,
        person: &Person,
        operation: &str,
        parameters: &(impl Serialize + Sync),
    ) -> Result<Answered, Refused> {
        let response = match request(person, operation, parameters) {
            Ok(request) => {
                let Ok(response) = self.0.clone().oneshot(request).await;
                response
            }
            Err(error) => error.into_response(),
        };
        read(response).await
    }
}

/// Who asks from inside.
#[derive(Clone)]
pub(crate) struct Insider(Person);

/// What is asked from inside: as it is, so that it need not be written and read again.
#[derive(Clone)]
struct Parameters(Map<String, Value>);

/// What an operation takes a person to do.
#[derive(Clone, Copy)]
pub(crate) struct Needs(pub(crate) Permission);

impl Insider {
    /// The person that a request comes from, if it comes from inside.
    pub(crate) fn take(extensions: &mut Extensions) -> Option<Person> {
        extensions.remove::<Self>().map(|Self(person)| person)
    }
}

/// The parameters of a request that comes from inside.
pub(crate) fn take_parameters(extensions: &mut Extensions) -> Option<Map<String, Value>> {
    extensions.remove::<Parameters>().map(|Parameters(parameters)| parameters)
}

fn request(person: &Person, operation: &str, parameters: &impl Serialize) -> Result<Request<Body>, ApiError> {
    let Ok(Value::Object(parameters)) = serde_json::to_value(parameters) else {
        return Err(ParamError::new("请求体", " JSON 对象", "其他值").into());
    };
    let request = Request::post(format!("/openapi/{operation}"))
        .extension(Insider(person.clone()))
        .extension(Parameters(parameters));
    request.body(Body::empty()).map_err(|_| ApiError::NoOperation)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    code: u16,
    data: Value,
    result_msg: String,
    request_id: Option<String>,
}

async fn read(mut response: Response) -> Result<Answered, Refused> {
    let fault = response.extensions_mut().remove::<Fault>();
    let body = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    match serde_json::from_slice(&body) {
        Ok(Envelope { code: 200, data, result_msg: text, .. }) => Ok(Answered { data, text }),
        Ok(Envelope { code, result_msg, request_id, .. }) => {
            let said = || Fault { field: None, reason: Message { en: result_msg.clone(), zh: result_msg } };
            let Fault { field, reason } = fault.unwrap_or_else(said);
            Err(Refused { code, reason, field, request_id })
        }
        // Where an answer cannot be written, it has no body; the log says why.
        Err(_) => {
            let reason = say!("Unknown error", "未知错误");
            Err(Refused { code: 500, reason, field: None, request_id: None })
        }
    }
}
