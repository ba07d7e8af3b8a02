//! The agent that is tortured, and a friend who calls it and is called.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hutong_telephony::sip::{
    Ended, IncomingCall, Listen, Number, OutgoingCall, Refusal, Signal, Transport, Trunk, UserAgent,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::messages::request;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What is waited for comes within this, or the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Who answers; everybody else is unknown (404).
pub(crate) const NUMBER: &str = "13800138000";
pub(crate) const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

/// An agent under torture.
pub(crate) struct Victim {
    pub(crate) agent: UserAgent,
    friend: UserAgent,
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// An agent that answers [`NUMBER`] and stays in the call until the caller hangs up.
async fn answering() -> UserAgent {
    let (sender, mut calls) = mpsc::channel::<IncomingCall>(64);
    let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), Some(sender)).await.unwrap();
    tokio::spawn(async move {
        while let Some(mut call) = calls.recv().await {
            tokio::spawn(async move {
                if call.number != NUMBER {
                    call.refuse(Refusal { code: 404, q850: Some(1) });
                    return;
                }
                call.answer(SDP.to_owned());
                while !matches!(call.next().await, Signal::Ended(_)) {}
            });
        }
    });
    agent
}

impl Victim {
    pub(crate) async fn new() -> Self {
        Self { agent: answering().await, friend: answering().await }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.agent.local_address()
    }

    /// Calls go both ways over UDP and TCP, and then nothing is left of anything.
    pub(crate) async fn is_as_before(&self) {
        for transport in [Transport::Udp, Transport::Tcp] {
            for (caller, callee) in [(&self.friend, &self.agent), (&self.agent, &self.friend)] {
                let trunk = Trunk { transport, ..Trunk::at(&callee.local_address().to_string()) };
                let mut call = place(caller, &trunk);
                assert_eq!(until_answered(&mut call).await, SDP.as_bytes());
            }
        }
        self.is_at_rest().await;
    }

    /// Everything that was sent by datagrams before has been read: an OPTIONS behind it is answered.
    pub(crate) async fn has_read_all(&self) {
        let probe = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
        let me = probe.local_addr().unwrap();
        let options = request("OPTIONS", &format!("probe{}", me.port()), "");
        let options = options.replace("VICTIM", &self.address().to_string()).replace("ME", &me.to_string());
        let mut answer = [0; 2_000];
        // Sent again where a full buffer has lost it.
        soon(async {
            loop {
                probe.send_to(options.as_bytes(), self.address()).await.unwrap();
                if tokio::time::timeout(Duration::from_millis(500), probe.recv(&mut answer)).await.is_ok() {
                    return;
                }
            }
        })
        .await;
        assert!(answer.starts_with(b"SIP/2.0 200"));
    }

    pub(crate) async fn is_at_rest(&self) {
        soon(async {
            while self.agent.stats().calls + self.agent.stats().dialogs > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

pub(crate) fn place(agent: &UserAgent, trunk: &Trunk) -> OutgoingCall {
    agent.place(trunk, LOOPBACK, (Number::Shown("02180000001"), NUMBER), SDP.to_owned()).unwrap()
}

pub(crate) async fn until_answered(call: &mut OutgoingCall) -> Vec<u8> {
    loop {
        match soon(call.next()).await {
            Signal::Answered { sdp } => return sdp,
            Signal::Ended(ended) => panic!("{ended:?}"),
            _ => {}
        }
    }
}

pub(crate) async fn until_ended(call: &mut OutgoingCall) -> Ended {
    loop {
        if let Signal::Ended(ended) = soon(call.next()).await {
            return ended;
        }
    }
}

/// Bytes of memory that this process has in use.
pub(crate) fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}
