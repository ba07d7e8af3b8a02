//! A receiver that answers as a test wants it, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What it does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// An answer with this status and body.
    Says(u16, String),
    /// An answer with this header besides.
    Points(u16, String),
    /// The beginning of an answer; then it hangs up.
    Half,
    /// Something that is no HTTP.
    Garbage,
    /// It hangs up.
    HangsUp,
    /// A body that never ends.
    Endless,
    /// It says nothing, and keeps the connection.
    Nothing,
}

impl Answer {
    pub(crate) fn ok() -> Self {
        Self::Says(200, "success".to_owned())
    }
}

/// A request, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The path.
    pub(crate) path: String,
    /// Header lines, their names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

type Plan = Arc<Mutex<dyn FnMut(&Request) -> Answer + Send>>;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Answers each request as the plan says.
    pub(crate) async fn start(plan: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, requests) = mpsc::unbounded_channel();
        let plan: Plan = Arc::new(Mutex::new(plan));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, plan.clone(), told.clone()));
            }
        });
        Self { address, requests, accepting }
    }

    /// Where callbacks are sent to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// The names of the next callbacks, in the order in which they came.
    pub(crate) async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < count {
            names.push(self.next().await.header("idempotency-key").to_owned());
        }
        names
    }

    /// Whether nothing has come.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, plan: Plan, told: mpsc::UnboundedSender<Request>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let answer = (plan.lock().unwrap())(&request);
        let _ = told.send(request);
        if !respond(&mut stream, answer).await {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { path, headers, body: String::from_utf8(body).ok()? })
}

/// Whether the connection can go on.
async fn respond(stream: &mut BufReader<TcpStream>, answer: Answer) -> bool {
    let text = match answer {
        Answer::Says(status, body) => format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        Answer::Points(status, to) => format!("HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
        Answer::Half => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsuccess").await;
            return false;
        }
        Answer::Garbage => {
            let _ = stream.write_all(b"\x16\x03\x01 success\r\n\r\n").await;
            return false;
        }
        Answer::HangsUp => return false,
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
            return false;
        }
        Answer::Nothing => {
            let _ = stream.read_u8().await;
            return false;
        }
    };
    stream.write_all(text.as_bytes()).await.is_ok()
}
