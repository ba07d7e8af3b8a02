//! A receiver of callbacks that answers as a test wants it, byte by byte.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// An answer with this status and body.
    Says(u16, String),
    /// A redirect with this status to this address.
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
    /// The callback is taken.
    #[must_use]
    pub fn ok() -> Self {
        Self::Says(200, "success".to_owned())
    }
}

/// A request, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The path, with the query.
    pub path: String,
    /// Headers, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// A header; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

type Plan = Arc<Mutex<dyn FnMut(&Request) -> Answer + Send>>;

/// A receiver on a free port of this machine, with threads of its own.
pub struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    stopped: Arc<AtomicBool>,
}

impl Receiver {
    /// Answers each request as the plan says.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(plan: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address of its own");
        let (told, requests) = mpsc::unbounded_channel();
        let plan: Plan = Arc::new(Mutex::new(plan));
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = stopped.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (plan, told) = (plan.clone(), told.clone());
                if let Ok(stream) = stream {
                    std::thread::spawn(move || serve(stream, &plan, &told));
                }
            }
        });
        Self { address, requests, stopped }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where callbacks are sent to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    /// The next request.
    ///
    /// # Panics
    /// When there will be none.
    pub async fn next(&mut self) -> Request {
        self.requests.recv().await.expect("the receiver runs")
    }

    /// The next request, if one has come.
    pub fn try_next(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// The names of the next callbacks, in the order in which they came.
    pub async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        while names.len() < count {
            names.push(self.next().await.header("idempotency-key").to_owned());
        }
        names
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, plan: &Plan, told: &mpsc::UnboundedSender<Request>) {
    let mut stream = BufReader::new(stream);
    while let Ok(request) = read(&mut stream) {
        let answer = (plan.lock().expect("the plan does not panic"))(&request);
        let _ = told.send(request);
        if !respond(&mut stream, answer).unwrap_or(false) {
            return;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Request> {
    let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let path = line.split(' ').nth(1).ok_or_else(ended)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.ok_or_else(ended)?];
    stream.read_exact(&mut body)?;
    Ok(Request { path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Whether the connection goes on.
fn respond(stream: &mut BufReader<TcpStream>, answer: Answer) -> io::Result<bool> {
    let writer = stream.get_mut();
    let text = match answer {
        Answer::Says(status, body) => format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        Answer::Points(status, to) => format!("HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"),
        Answer::Half => {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsuccess")?;
            return Ok(false);
        }
        Answer::Garbage => {
            writer.write_all(b"\x16\x03\x01 success\r\n\r\n")?;
            return Ok(false);
        }
        Answer::HangsUp => return Ok(false),
        Answer::Endless => {
            writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")?;
            loop {
                writer.write_all(&[b' '; 4096])?;
            }
        }
        Answer::Nothing => {
            // Until the other side has had enough.
            let _ = stream.read(&mut [0]);
            return Ok(false);
        }
    };
    writer.write_all(text.as_bytes())?;
    Ok(true)
}
