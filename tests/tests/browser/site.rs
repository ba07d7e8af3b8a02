//! A server with the pages that a test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Path, status, type and body.
type Page = (&'static str, u16, &'static str, &'static str);

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const SCRIPT: &str = "text/javascript";
/// As strict as that of the product.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      style-src 'unsafe-inline'; form-action 'self'";

/// A running server, ended when it is dropped.
pub(crate) struct Site {
    address: String,
    is_over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Site {
    /// Serves these pages, and an icon.
    pub(crate) fn serve(pages: &'static [Page]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap().to_string();
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let serving = thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !told.load(Ordering::Acquire)) {
                // Browsers open connections that they do not use yet.
                thread::spawn(move || answer(&stream, pages));
            }
        });
        Self { address, is_over, serving: Some(serving) }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(&self.address);
        let _ = self.serving.take().map(JoinHandle::join);
    }
}

/// Browsers may leave in the middle of it.
fn answer(mut stream: &TcpStream, pages: &[Page]) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next()?.ok()?;
    let _head = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
    let path = request.split([' ', '?']).nth(1)?;
    let icon = ("/favicon.ico", 200, "image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    let page = pages.iter().chain([&icon]).find(|(known, ..)| *known == path);
    let (_, status, kind, body) = page.copied().unwrap_or((path, 404, "text/plain", "there is no such page"));
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncontent-security-policy: \
         {POLICY}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()
}
