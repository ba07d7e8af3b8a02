//! Servers that are asked over HTTP, in the shapes that OpenAI's have.

use std::time::Duration;

use hutong_telephony::sip::Secret;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use thiserror::Error;

use crate::tls;

/// Characters of what a server says about itself that are passed on.
const SAID_CHARS_MAX: usize = 200;
/// Bytes of a refusal that are read.
const REFUSAL_BYTES_MAX: usize = 16 << 10;
/// A connection that nobody has used for so long is closed: sooner than most servers do.
const IDLE_MAX: Duration = Duration::from_secs(45);

/// Why a client of a speech server cannot be made from its settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetupError {
    /// Its address.
    #[error("{url:?} is no address of such a server: {why}")]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The key.
    #[error("the key has characters in it that HTTP cannot carry")]
    Key,
    /// The certificates that are trusted, or the system's.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
    /// The client of HTTP.
    #[error("no client of HTTP can be made: {0}")]
    Client(String),
    /// There is no tokio runtime where it is made.
    #[error("this has to be made inside a tokio runtime")]
    NoRuntime,
    /// Two of the same name.
    #[error("two are called {0:?}")]
    SameName(String),
}

/// Where a server is, and how it is asked.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// `http://HOST:PORT`, with or without `/v1`.
    pub url: String,
    /// Goes along as `Authorization: Bearer`.
    pub key: Option<Secret>,
    /// Authorities that are trusted besides the system's, in PEM.
    pub certificates: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

/// Why a server did not give what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerError {
    /// It cannot be reached, or the connection broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It refused.
    #[error("it refused with {status}: {said}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// The answer has more bytes than anybody wants.
    #[error("its answer has more than {0} bytes")]
    TooLong(usize),
    /// It answered with something else.
    #[error("its answer is no {what}: {why}")]
    Unreadable {
        /// What was expected.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It took too long.
    #[error("it did not answer in time")]
    TooLate,
}

impl ServerError {
    /// Whether another try may end otherwise.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::TooLong(_) | Self::Unreadable { .. } | Self::TooLate => false,
        }
    }
}

/// One operation of a server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    client: Client,
    address: String,
    key: Option<Secret>,
}

impl Server {
    /// `operation` is what stands after `/v1/`.
    pub(crate) fn new(settings: &ServerSettings, operation: &str) -> Result<Self, SetupError> {
        let ServerSettings { url, key, certificates, connect_timeout } = settings;
        let address = address(url, operation)?;
        if key.as_ref().is_some_and(|key| !key.0.bytes().all(|byte| (b'!'..=b'~').contains(&byte))) {
            return Err(SetupError::Key);
        }
        let tls = tls::config(certificates.as_deref())?;
        let client = Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .connect_timeout(*connect_timeout)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| SetupError::Client(error.to_string()))?;
        Ok(Self { client, address, key: key.clone() })
    }

    pub(crate) fn post(&self) -> RequestBuilder {
        let request = self.client.post(&self.address);
        match &self.key {
            Some(key) => request.bearer_auth(&key.0),
            None => request,
        }
    }
}

/// Sends a request and reads what comes, of which no more than `bytes_max` is kept in memory.
pub(crate) async fn answer(request: RequestBuilder, bytes_max: usize) -> Result<Vec<u8>, ServerError> {
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    if status == StatusCode::OK {
        return read(response, bytes_max).await;
    }
    let said = read(response, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    Err(ServerError::Refused { status: status.as_u16(), said: shown(&String::from_utf8_lossy(&said)) })
}

async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, ServerError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(ServerError::TooLong(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The last cause says what happened; the first ones only that something did.
fn unreachable(error: &reqwest::Error) -> ServerError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ServerError::Unreachable(shown(&cause.to_string()))
}

/// A text from outside as it may be logged: short, and on one line.
pub(crate) fn shown(text: &str) -> String {
    text.trim().chars().take(SAID_CHARS_MAX).map(|it| if it.is_control() { ' ' } else { it }).collect()
}

/// The address of an operation, where that of the server is given with or without what comes after its name.
fn address(url: &str, operation: &str) -> Result<String, SetupError> {
    let wrong = |why: &str| SetupError::Address { url: url.to_owned(), why: why.to_owned() };
    let parsed = reqwest::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it has to begin with http:// or https:// and a host"));
    }
    let base = url.trim_end_matches('/');
    Ok(if base.ends_with(operation) {
        base.to_owned()
    } else if base.ends_with("/v1") {
        format!("{base}/{operation}")
    } else {
        format!("{base}/v1/{operation}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_given_in_part() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(address(url, "audio/speech").ok().as_deref(), expected, "{url}");
        };
        check("http://127.0.0.1:8000", Some("http://127.0.0.1:8000/v1/audio/speech"));
        check("https://speech.example/", Some("https://speech.example/v1/audio/speech"));
        check("http://speech.example/v1/", Some("http://speech.example/v1/audio/speech"));
        check("http://h/openai/v1/audio/speech", Some("http://h/openai/v1/audio/speech"));
        check("speech.example:8000", None);
        check("ws://speech.example", None);
        check("", None);
    }

    #[test]
    fn what_a_server_says_is_cut_to_one_short_line() {
        assert_eq!(shown("a\r\nb\u{1b}[0m "), "a  b [0m");
        assert_eq!(shown(&"长".repeat(500)).chars().count(), SAID_CHARS_MAX);
    }

    #[test]
    fn a_key_that_http_cannot_carry_is_refused_at_once() {
        let settings = |key: &str| ServerSettings {
            url: "http://127.0.0.1:1".to_owned(),
            key: Some(Secret(key.to_owned())),
            certificates: None,
            connect_timeout: Duration::from_secs(1),
        };
        assert!(Server::new(&settings("sk-123"), "x").is_ok());
        assert_eq!(Server::new(&settings("sk 123\n"), "x").err(), Some(SetupError::Key));
    }
}
