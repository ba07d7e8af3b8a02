//! What only a running server has: its trunks, and the servers of speech that it asks.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hutong_domain::ids::LineId;
use hutong_domain::message::Message;
use hutong_store::line::Line;
use hutong_trunks::trial::Step;

/// Who is told the steps of a test call.
pub type Tell = Arc<dyn Fn(Step) + Send + Sync>;

/// What the binary does for the console with its trunks and servers of speech. Why something failed is told in words.
pub trait Equipment: Send + Sync {
    /// Where every trunk stands that is looked after.
    fn trunks(&self) -> Vec<(LineId, TrunkState)>;
    /// Places one call on a line's trunk.
    fn test_call(&self, line: Line, number: String, tell: Tell) -> BoxFuture<'static, Result<(), Message>>;
    /// The servers of speech that are configured, and how they do.
    fn speech(&self) -> SpeechServers;
    /// Has a text spoken: linear samples of 8 kHz.
    fn speak(&self, text: String) -> BoxFuture<'_, Result<Vec<i16>, Message>>;
    /// Asks each recogniser for what is said in a WAV file.
    fn understand(&self, file: Vec<u8>) -> BoxFuture<'_, Result<Vec<Understood>, Message>>;
}

/// Where a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrunkState {
    /// Whether calls can be placed.
    pub is_up: bool,
    /// Whether it knows us; none where it wants no registration.
    pub is_registered: Option<bool>,
    /// How long the last OPTIONS took to be answered.
    pub answered_in: Option<Duration>,
    /// Why calls cannot be placed, or what else is the matter.
    pub trouble: Option<Message>,
}

/// The servers of speech.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpeechServers {
    /// Who understands, in the operator's order.
    pub recognisers: Vec<Recogniser>,
    /// Whose voice renders; none where no voice server is configured.
    pub voice: Option<String>,
    /// The language model that is asked; none where none is configured.
    pub mind: Option<String>,
}

/// A recogniser, and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recogniser {
    /// What the operator calls it.
    pub name: String,
    /// What it speaks.
    pub protocol: &'static str,
    /// It failed too often, and is asked again after so long.
    pub left_alone: Option<Duration>,
    /// Utterances that it has answered since the start.
    pub answered: u64,
    /// Utterances that it has not.
    pub failed: u64,
    /// Why the last one failed, until it answers again.
    pub last_failure: Option<String>,
}

/// What a recogniser made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// The recogniser's name.
    pub name: String,
    /// The words, and how long they took after the end of the audio; or why there are none.
    pub outcome: Result<(String, Duration), Message>,
}
