//! Connections to recognisers over WebSockets (RFC 6455).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Failure, RecogniserSettings};
use crate::server::{SetupError, shown};
use crate::tls;

/// The longest answer: a text, with a place in time for each of its characters.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// What is read at a time: there is a connection for every call.
const READ_BYTES: usize = 8 << 10;

/// A connection.
pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// What a WebSocket goes over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where a recogniser is.
pub(super) struct Endpoint {
    request: Request,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Some servers that are asked for a subprotocol take none and say nothing, which the library takes for an error.
    takes_no_subprotocol: AtomicBool,
    connect_timeout: std::time::Duration,
}

impl Endpoint {
    pub(super) fn new(settings: &RecogniserSettings, subprotocol: Option<&'static str>) -> Result<Self, SetupError> {
        let url = settings.url.as_str();
        let wrong = |why: &str| SetupError::Address { url: url.to_owned(), why: why.to_owned() };
        let mut request = url.into_client_request().map_err(|error| wrong(&error.to_string()))?;
        let is_tls = match request.uri().scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            _ => return Err(wrong("it has to begin with ws:// or wss://")),
        };
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        let port = request.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        if let Some(subprotocol) = subprotocol {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        if let Some(key) = &settings.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.0)).map_err(|_| SetupError::Key)?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let tls = if is_tls {
            let name = ServerName::try_from(host.clone()).map_err(|error| wrong(&error.to_string()))?;
            Some((TlsConnector::from(tls::config(settings.certificates.as_deref())?), name))
        } else {
            None
        };
        let (takes_no_subprotocol, connect_timeout) = (AtomicBool::new(false), settings.connect_timeout);
        Ok(Self { request, host, port, tls, takes_no_subprotocol, connect_timeout })
    }

    /// Connects, with everything that belongs to it, within the time for that.
    pub(super) async fn connect(&self) -> Result<Socket, Failure> {
        let connecting = async {
            match self.open().await {
                Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol))) => {
                    self.takes_no_subprotocol.store(true, Ordering::Relaxed);
                    self.open().await
                }
                other => other,
            }
        };
        match timeout(self.connect_timeout, connecting).await {
            Ok(Ok(socket)) => Ok(socket),
            Ok(Err(error)) => Err(Failure::Connect(shown(&error.to_string()))),
            Err(_) => Err(Failure::Connect("it took too long".to_owned())),
        }
    }

    async fn open(&self) -> Result<Socket, Error> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
            None => Box::new(tcp),
        };
        let mut request = self.request.clone();
        if self.takes_no_subprotocol.load(Ordering::Relaxed) {
            request.headers_mut().remove(SEC_WEBSOCKET_PROTOCOL);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(ANSWER_BYTES_MAX))
            .max_frame_size(Some(ANSWER_BYTES_MAX));
        Ok(client_async_with_config(request, stream, Some(config)).await?.0)
    }
}

/// Shared by all calls.
pub(super) type SharedEndpoint = Arc<Endpoint>;
