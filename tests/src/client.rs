//! A client of the open API, as an integrator writes one.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use sha1::Sha1;

use crate::http::{Answer, Request, encoded};
use crate::kept_logs::register_secret;

/// A key and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The application key.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

/// A client with a key, which signs its requests.
#[derive(Debug, Clone)]
pub struct Client {
    address: String,
    credentials: Credentials,
}

impl Credentials {
    /// What `hutong key create` printed.
    ///
    /// # Panics
    /// When it is not that.
    #[must_use]
    pub fn printed(text: &str) -> Self {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {name} in {text:?}")).to_owned()
        };
        let secret = value("APP_SECRET");
        register_secret(&secret);
        Self { key: value("APP_KEY"), secret }
    }

    /// The headers that sign a request made at this moment.
    #[must_use]
    pub fn signed_at(&self, at: Timestamp) -> [(String, String); 3] {
        let datetime = at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.signed(&datetime)
    }

    /// The headers that sign a request with this text for its time.
    #[must_use]
    pub fn signed(&self, datetime: &str) -> [(String, String); 3] {
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(format!("{}\n{datetime}", self.key).as_bytes());
        let sign = STANDARD.encode(mac.finalize().into_bytes());
        [("appkey", self.key.as_str()), ("datetime", datetime), ("sign", &sign)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// The header of HTTP Basic.
    #[must_use]
    pub fn basic(&self) -> (String, String) {
        let encoded = STANDARD.encode(format!("{}:{}", self.key, self.secret));
        ("Authorization".to_owned(), format!("Basic {encoded}"))
    }
}

/// What the clock shows.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the server that is tested lives in real time")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

impl Client {
    /// A client of the server at `HOST:PORT`.
    #[must_use]
    pub fn new(address: &str, credentials: &Credentials) -> Self {
        Self { address: address.to_owned(), credentials: credentials.clone() }
    }

    /// The whole answer to a signed request.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn send(&self, request: Request) -> Answer {
        let name = format!("{} {}", request.method, request.target);
        self.try_send(request).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The same, for a server that may be gone.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    pub fn try_send(&self, mut request: Request) -> io::Result<Answer> {
        request.headers.extend(self.credentials.signed_at(now()));
        let answer = request.send(&self.address)?;
        let promised = answer.header("content-length").and_then(|length| length.parse().ok());
        if promised.is_some_and(|length: usize| answer.body.len() < length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }

    /// The envelope of the answer to a GET of `/openapi/v1/{operation}` with these parameters in the query.
    ///
    /// # Panics
    /// When there is no answer, or it is no envelope.
    #[must_use]
    pub fn get(&self, operation: &str, parameters: &Value) -> Value {
        self.send(get(operation, parameters)).json()
    }

    /// The envelope of the answer to a POST to `/openapi/v1/{operation}`.
    ///
    /// # Panics
    /// When there is no answer, or it is no envelope.
    #[must_use]
    pub fn post(&self, operation: &str, parameters: &Value) -> Value {
        self.send(Request::post(&format!("/openapi/v1/{operation}"), parameters)).json()
    }

    /// The data that a GET answers with.
    ///
    /// # Panics
    /// When the answer is anything but a success.
    #[must_use]
    pub fn read(&self, operation: &str, parameters: &Value) -> Value {
        data(operation, self.get(operation, parameters))
    }

    /// The same, from a server that may be gone.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off.
    ///
    /// # Panics
    /// When the answer is anything but a success.
    pub fn try_read(&self, operation: &str, parameters: &Value) -> io::Result<Value> {
        Ok(data(operation, self.try_send(get(operation, parameters))?.json()))
    }

    /// The data that a POST answers with.
    ///
    /// # Panics
    /// When the answer is anything but a success.
    pub fn write(&self, operation: &str, parameters: &Value) -> Value {
        data(operation, self.post(operation, parameters))
    }

    /// Everything on all pages of a list.
    ///
    /// # Panics
    /// When an answer is anything but a page.
    #[must_use]
    pub fn all(&self, operation: &str, parameters: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        for number in 1.. {
            let mut asked = parameters.clone();
            asked["pageNum"] = number.into();
            asked["pageSize"] = 500.into();
            let page = self.read(operation, &asked);
            all.extend(page["list"].as_array().expect("a page has a list").iter().cloned());
            if number >= page["pages"].as_i64().expect("a page says how many there are") {
                break;
            }
        }
        all
    }
}

fn get(operation: &str, parameters: &Value) -> Request {
    Request::get(&format!("/openapi/v1/{operation}{}", query(parameters)))
}

fn data(operation: &str, mut envelope: Value) -> Value {
    assert_eq!(envelope["code"], 200, "{operation}: {envelope}");
    envelope["data"].take()
}

/// Parameters as a query string, with its question mark; lists and objects as JSON.
#[must_use]
pub fn query(parameters: &Value) -> String {
    let pairs = parameters.as_object().into_iter().flatten().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", encoded(name), encoded(&text))
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
