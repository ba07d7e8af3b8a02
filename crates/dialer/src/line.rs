//! What carries a call: the border between a conversation and its line.

use std::time::Duration;

use hutong_domain::dialogue::{Interruption, Listen};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, Signals};
use hutong_domain::scene::Language;
use hutong_domain::transfer::{Destination, TransferFailure, TransferWay};
use hutong_store::claim::Claimed;

use crate::runtime::BoxFuture;

/// A kind of line: places calls.
pub trait Line: Send + Sync {
    /// Begins to dial. The attempt is committed: from here on the number may ring.
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall>;

    /// What a process that was killed had recorded of an attempt, where that is found here. Whether it is kept is decided
    /// by what the store says of the call in the end.
    fn left_over(&self, _attempt: &Claimed) -> Option<LeftOver> {
        None
    }
}

/// A call on a line. Every wait ends: by the line's own time-outs, or because the other side is gone.
pub trait LiveCall: Send {
    /// What the call is about: told before [`LiveCall::answered`] is asked.
    fn brief(&mut self, _briefing: Briefing) {}

    /// Waits until somebody answers.
    ///
    /// # Errors
    /// How the attempt ended where nobody did.
    fn answered(&mut self) -> BoxFuture<'_, Result<(), Disposition>>;

    /// Speaks `text` to its end, or until the customer interrupts or hangs up.
    fn say<'a>(&'a mut self, text: &'a str, interruption: Interruption) -> BoxFuture<'a, Said>;

    /// Waits for the customer to say or press something.
    fn listen(&mut self, listen: Listen) -> BoxFuture<'_, Heard>;

    /// Hands the call over to a person. Where that fails, the call goes on; otherwise it is over when this ends.
    fn transfer<'a>(&'a mut self, _to: &'a TransferTarget) -> BoxFuture<'a, Transferred> {
        Box::pin(std::future::ready(Transferred::Failed(TransferFailure::Unsupported)))
    }

    /// Ends the call from our side.
    fn hang_up(&mut self) -> BoxFuture<'_, ()>;

    /// What the line has to say about the call, asked once, after [`LiveCall::hang_up`].
    fn report(&mut self) -> CallReport {
        CallReport::default()
    }
}

/// What a call is about, as far as its line has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Briefing {
    /// The language that is spoken.
    pub language: Language,
    /// Words that a recogniser had better expect.
    pub hotwords: Vec<String>,
    /// What is said to this customer alone, to be rendered before somebody answers.
    pub slot_texts: Vec<String>,
}

/// To whom a call is handed over, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferTarget {
    /// To whom.
    pub to: Destination,
    /// In which way.
    pub how: TransferWay,
    /// For how long the person is waited for.
    pub ring: Duration,
    /// What the customer hears meanwhile, again and again; silence where there is none.
    pub wait: Option<String>,
}

/// What came of handing a call over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transferred {
    /// The person took the call, and it is over for us.
    Taken {
        /// When the person took it.
        from: Moment,
        /// When it was over for us: at once where the far side carries it on.
        until: Moment,
        /// Who ended it.
        by: PartedBy,
    },
    /// Nobody took it: the call goes on.
    Failed(TransferFailure),
    /// The customer hung up before anybody took it.
    HungUp,
}

/// Who ended a call that a person took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartedBy {
    /// The customer.
    Customer,
    /// The person.
    Person,
    /// We did: it goes on without us, or lasted too long.
    Us,
}

/// What a line has to say about a call that is over.
#[derive(Default)]
pub struct CallReport {
    /// What the network reported.
    pub signals: Option<Signals>,
    /// What was recorded.
    pub recording: Option<Recording>,
}

/// A recording of a call that is over; it is kept unless it is discarded.
pub struct Recording {
    /// The name of both voices together.
    pub both: String,
    /// The name of the customer alone.
    pub customer: String,
    /// Throws it away.
    pub discard: Box<dyn FnOnce() + Send + Sync>,
}

/// A recording that a killed process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    /// The name of both voices together.
    pub both: String,
    /// The name of the customer alone.
    pub customer: String,
}

/// How a prompt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// When its first sound was sent.
    pub from: Moment,
    /// When its last sound was sent.
    pub until: Moment,
    /// Whether the customer cut it off by speaking. What they said is heard next.
    pub interrupted: bool,
    /// Whether the customer hung up meanwhile.
    pub hung_up: bool,
    /// Whether an answering machine has taken the call, as was found out meanwhile.
    pub machine: bool,
}

/// What the customer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Said something.
    Words {
        /// The words; empty where a prompt was cut off by what turned out to be none.
        text: String,
        /// When they began.
        from: Moment,
        /// When they ended.
        until: Moment,
        /// Who understood them, and when; none where they came as a text.
        recognition: Option<Recognition>,
    },
    /// Said 嗯 or the like while the robot spoke: a sign of listening, and no turn.
    Aside {
        /// The words.
        text: String,
        /// When they began.
        from: Moment,
        /// When they ended.
        until: Moment,
    },
    /// Said something that nobody could recognise: no recogniser answers.
    Lost,
    /// Pressed a key.
    Key(char),
    /// It is an answering machine, which listens now.
    Machine,
    /// Said nothing for as long as was waited.
    Silence,
    /// Hung up.
    HungUp,
}

/// Who understood a customer's words, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognition {
    /// The recogniser.
    pub by: String,
    /// When it was decided that the customer had ended.
    pub decided: Moment,
    /// When the words were known.
    pub at: Moment,
}
