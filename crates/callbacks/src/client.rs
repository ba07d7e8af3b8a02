//! One attempt: a request, and the answer as far as it is looked at.

use std::error::Error as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use hutong_domain::callback::{ANSWER_BYTES_MAX, is_delivered};
use hutong_store::callback::address::Address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Letter;
use crate::receiver::{BadAddress, check_url, is_public};
use crate::sender::Settings;

/// A connection that nobody has used for so long is closed: sooner than most receivers do.
const IDLE_MAX: Duration = Duration::from_secs(45);
/// Connections to one receiver that are kept.
const IDLE_CONNECTIONS_MAX: usize = 8;
/// Names that are looked up at once. Each takes a thread, for as long as the system's resolver likes.
const LOOKUPS_MAX: usize = 64;
/// Characters of an answer that are kept.
const KEPT_CHARS_MAX: usize = 500;

/// Why no client of HTTP can be made.
#[derive(Debug, Error)]
#[error("no client of HTTP can be made: {0}")]
pub struct SetupError(String);

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The receiver has taken it.
    pub delivered: bool,
    /// Of HTTP; none where nobody answered.
    pub status: Option<u16>,
    /// The beginning of the answer, or what went wrong.
    pub text: String,
}

impl Reply {
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self { delivered: false, status: None, text: text.into() }
    }
}

/// Sends letters, over connections that are kept.
pub struct Poster {
    client: Client,
    private_addresses: bool,
    answer_time_max: Duration,
}

impl Poster {
    /// A client of its own.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let Settings { private_addresses, answer_time_max, .. } = *settings;
        // Another part of the process may have chosen the same one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            // Followed nowhere: an answer of 302 is a failed attempt, and could lead into our own house.
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { private_addresses, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }))
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true)
            .http1_only()
            .build()
            .map_err(|error| SetupError(causes(&error)))?;
        Ok(Self { client, private_addresses, answer_time_max })
    }

    /// Whether something could be sent to this address.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn check(&self, url: &str) -> Result<(), BadAddress> {
        check_url(url, self.private_addresses).map(drop)
    }

    /// Sends a letter and waits for the answer; never longer than a receiver has.
    pub async fn post(&self, address: &Address, name: &str, letter: Letter) -> Reply {
        // Read anew each time: what was allowed when the address was set may not be any more.
        let url = match check_url(&address.url, self.private_addresses) {
            Ok(url) => url,
            Err(error) => return Reply::failed(error.to_string()),
        };
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, address.content_type.header())
            .header(USER_AGENT, concat!("hutong/", env!("CARGO_PKG_VERSION")))
            .header("Idempotency-Key", name);
        for (header, value) in letter.headers {
            request = request.header(header, value);
        }
        let answered = async {
            match request.body(letter.body).send().await {
                Ok(response) => read(response).await,
                Err(error) => Reply::failed(causes(&error)),
            }
        };
        timeout(self.answer_time_max, answered)
            .await
            .unwrap_or_else(|_| Reply::failed(format!("no whole answer within {} s", self.answer_time_max.as_secs())))
    }
}

/// Reads an answer up to the limit.
async fn read(mut response: Response) -> Reply {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                let text = format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
                return Reply { delivered: false, status: Some(status), text };
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Reply { delivered: false, status: Some(status), text: causes(&error) },
        }
    }
    let text = String::from_utf8_lossy(&body).chars().filter(|letter| *letter != '\0').take(KEPT_CHARS_MAX).collect();
    Reply { delivered: is_delivered(status, &body), status: Some(status), text }
}

/// What went wrong, down to its cause: the outermost error only says that something did. The address is left out.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.dedup();
    if texts.is_empty() { "the request failed".to_owned() } else { texts.join(": ") }
}

/// Looks names up, and leaves out what leads into our own house. The addresses that it gives are the ones which are
/// connected to: so a name cannot stand for another one in between.
struct Resolver {
    private_addresses: bool,
    lookups: Arc<Semaphore>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (private_addresses, lookups) = (self.private_addresses, self.lookups.clone());
        Box::pin(async move {
            let slot = lookups.acquire_owned().await?;
            let name = name.as_str().to_owned();
            let looked_up = tokio::task::spawn_blocking(move || {
                let found = (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
                // Held until the system has answered, even if nobody waits for it any more.
                drop(slot);
                found
            });
            let found = looked_up.await??;
            let allowed: Vec<SocketAddr> =
                found.iter().filter(|it| private_addresses || is_public(it.ip())).copied().collect();
            match (found.first(), allowed.is_empty()) {
                (Some(first), true) => Err(format!(
                    "its name stands for {}, a private address; `callbacks.private_addresses` allows them",
                    first.ip()
                )
                .into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
