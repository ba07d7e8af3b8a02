//! A trunk on one UDP socket that does what a test says, and nothing else.

use std::net::SocketAddr;

use hutong_telephony::sip::Trunk;
use tokio::net::UdpSocket;

use super::agent::{LOOPBACK, soon};
use super::messages::lines;

/// The far side of a call, by hand.
pub(crate) struct Far {
    socket: UdpSocket,
}

/// A message that came.
pub(crate) struct Came {
    pub(crate) text: String,
    pub(crate) from: SocketAddr,
}

impl Came {
    /// The method of a request, or the version of an answer.
    pub(crate) fn method(&self) -> &str {
        self.text.split(' ').next().unwrap()
    }

    /// The first line of a header.
    pub(crate) fn line(&self, name: &str) -> &str {
        let begins = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase()));
        self.text.lines().find(begins).unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        self.line(name).split_once(':').unwrap().1.trim()
    }
}

impl Far {
    pub(crate) async fn new() -> Self {
        Self { socket: UdpSocket::bind((LOOPBACK, 0)).await.unwrap() }
    }

    pub(crate) fn trunk(&self) -> Trunk {
        Trunk::at(&self.socket.local_addr().unwrap().to_string())
    }

    pub(crate) async fn next(&self) -> Came {
        let mut bytes = [0; 65_535];
        let (length, from) = soon(self.socket.recv_from(&mut bytes)).await.unwrap();
        Came { text: String::from_utf8(bytes[..length].to_vec()).unwrap(), from }
    }

    /// The next message that begins so; others are passed over.
    pub(crate) async fn next_of(&self, method: &str) -> Came {
        loop {
            let came = self.next().await;
            if came.method() == method {
                return came;
            }
        }
    }

    /// Answers a request. `tag` stands in To where none is there yet.
    pub(crate) async fn answer(&self, to: &Came, status: &str, tag: &str, more: &str, body: &str) {
        let tag = if to.line("To").contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        let local = self.socket.local_addr().unwrap();
        let head = lines(&format!(
            "SIP/2.0 {status}\n{}\n{}\n{}{tag}\n{}\n{}\nContact: <sip:far@{local}>\n{more}Content-Length: {}\n\n",
            to.line("Via"),
            to.line("From"),
            to.line("To"),
            to.line("Call-ID"),
            to.line("CSeq"),
            body.len(),
        ));
        self.socket.send_to(format!("{head}{body}").as_bytes(), to.from).await.unwrap();
    }

    /// A request within the call that `invite` began and `tag` answered.
    pub(crate) async fn ask(&self, invite: &Came, tag: &str, method: &str, number: u32, more: &str, body: &str) {
        let local = self.socket.local_addr().unwrap();
        let contact = invite.value("Contact").trim_matches(['<', '>']);
        let head = lines(&format!(
            "{method} {contact} SIP/2.0\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{tag}{number}\nMax-Forwards: 70\n\
             From: {};tag={tag}\nTo: {}\n{}\nCSeq: {number} {method}\nContact: <sip:far@{local}>\n\
             {more}Content-Length: {}\n\n",
            invite.value("To"),
            invite.value("From"),
            invite.line("Call-ID"),
            body.len(),
        ));
        self.socket.send_to(format!("{head}{body}").as_bytes(), invite.from).await.unwrap();
    }

    /// How many requests of this method come until it is quiet for a while.
    pub(crate) async fn until_quiet(&self) -> Vec<String> {
        let mut methods = Vec::new();
        let mut bytes = [0; 65_535];
        let quiet = std::time::Duration::from_millis(1_200);
        while let Ok(length) = tokio::time::timeout(quiet, self.socket.recv(&mut bytes)).await {
            let text = String::from_utf8_lossy(&bytes[..length.unwrap()]).into_owned();
            methods.push(text.split(' ').next().unwrap().to_owned());
        }
        methods
    }
}
