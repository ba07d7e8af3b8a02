//! A lean HTTP/1.1 client: requests are bytes made beforehand, answers are read by their Content-Length.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::dataset::Facts;
use crate::requests::Request;

/// Room for an answer's head and most bodies.
const BUFFER_BYTES: usize = 64 << 10;

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request; the body of its answer.
    ///
    /// # Errors
    /// When the answer is no success of the API: a fast error is no result.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (mut head, mut whole) = (0, usize::MAX);
        while filled < whole {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            if head == 0
                && let Some(end) = self.buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                head = end + 4;
                whole = head + content_length(&self.buffer[..head])?;
            }
        }
        let body = &self.buffer[head..whole];
        if !body.starts_with(b"{\"code\":200,") {
            bail!("refused: {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        }
        Ok(body)
    }
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = str::from_utf8(head)?;
    let line = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    line.with_context(|| format!("no content-length: {head}"))?.parse().context("content-length")
}

/// The key that requests are signed with.
pub(crate) struct Signer {
    app_key: String,
    mac: Hmac<Sha1>,
}

impl Signer {
    pub(crate) fn new(facts: &Facts) -> Result<Self> {
        let mac = Hmac::new_from_slice(facts.secret.as_bytes()).ok().context("the secret cannot be a key")?;
        Ok(Self { app_key: facts.app_key.clone(), mac })
    }

    /// The three headers of the contract, with the time that it is now.
    pub(crate) fn headers(&self) -> [(&'static str, String); 3] {
        let datetime = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut mac = self.mac.clone();
        mac.update(format!("{}\n{datetime}", self.app_key).as_bytes());
        let sign = STANDARD.encode(mac.finalize().into_bytes());
        [("appkey", self.app_key.clone()), ("datetime", datetime), ("sign", sign)]
    }

    /// The bytes of a request, good for as long as the server takes the signature.
    pub(crate) fn bytes(&self, request: &Request) -> Vec<u8> {
        let Request { path, query, body, .. } = request;
        let method = if body.is_empty() { "GET" } else { "POST" };
        let mark = if query.is_empty() { "" } else { "?" };
        let mut text = format!("{method} {path}{mark}{query} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in self.headers() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        format!("{text}\r\n{body}").into_bytes()
    }
}
