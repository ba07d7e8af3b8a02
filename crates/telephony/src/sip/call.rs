//! What calls in both directions have in common: what happens to them, and how they end.

use hutong_domain::message::Message;
use hutong_domain::say;
use tokio::sync::oneshot;

use super::transfer::{ReferRequest, Referred};

/// What happens to a call, in its order.
#[derive(Debug)]
pub enum Signal {
    /// The next hop took the request (100).
    Trying,
    /// It rings (180), or is on its way (181 to 199).
    Progress {
        /// The status code.
        code: u16,
        /// The session description, where the answer carries one: early media.
        sdp: Option<Vec<u8>>,
    },
    /// Answered.
    Answered {
        /// The session description; empty where the answer carries none.
        sdp: Vec<u8>,
    },
    /// The far side asks for something that has to be replied to.
    Request(Request),
    /// What came of asking the far side to call somebody else in our place.
    Referred(Referred),
    /// Over. Nothing comes after it.
    Ended(Ended),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// The final status code of an unanswered call.
    pub code: Option<u16>,
    /// The Q.850 cause that came with it (RFC 3326).
    pub q850: Option<u8>,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The far side: it refused, cancelled, or hung up.
    FarSide,
    /// We did.
    Us,
    /// Nobody said so: no answer came at all, the connection broke, or the session timer ran out.
    Silence,
}

impl Ended {
    /// Ended without a word.
    #[must_use]
    pub const fn in_silence() -> Self {
        Self { by: EndedBy::Silence, code: None, q850: None }
    }
}

/// A request inside a call.
#[derive(Debug)]
pub enum Request {
    /// A re-INVITE or UPDATE with a session description.
    Session(SessionChange),
    /// An INFO.
    Info {
        /// Its Content-Type.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// A REFER: the far side hands the call over. Only calls from outside are asked; others refuse it.
    Refer(ReferRequest),
}

/// The far side's wish to change the session; refused with 488 where it is dropped without an answer.
#[derive(Debug)]
pub struct SessionChange {
    /// Its session description; none where it asks for ours.
    pub offer: Option<Vec<u8>>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// The answer to a [`SessionChange`].
#[derive(Debug)]
pub enum Reply {
    /// 200 with this session description.
    Accept(String),
    /// 488 Not Acceptable Here.
    Refuse,
}

impl SessionChange {
    /// Answers it.
    pub fn reply(self, reply: Reply) {
        // Whoever waited for it gave up meanwhile: nobody is left to be told.
        let _ = self.reply.send(reply);
    }
}

/// Why signalling could not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SipError {
    /// A socket could not be opened.
    #[error("{what}: {cause}")]
    Socket {
        /// Which one.
        what: String,
        /// Why.
        cause: String,
    },
    /// An address, number or header cannot be written in SIP.
    #[error("{0}")]
    Malformed(String),
    /// The far side does not answer, or the connection to it broke.
    #[error("{0}")]
    Unreachable(String),
    /// The far side is there, but TLS could not be agreed on, or its certificate does not show that it is who it should be.
    #[error("{0}")]
    Untrusted(String),
}

impl SipError {
    /// The same in both languages; what libraries say of it stays as they say it.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Socket { what, cause } => say!("{what}: {cause}", "无法打开端口（{what}）：{cause}"),
            Self::Malformed(why) => say!("{why}", "不能用于 SIP：{why}"),
            Self::Unreachable(why) => say!("{why}", "中继不可达：{why}"),
            Self::Untrusted(why) => say!("{why}", "TLS 无法确认对方身份：{why}"),
        }
    }
}
