//! What the protocols over WebSockets have in common.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::Failure;

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// What has been understood so far.
    Partial(String),
    /// The utterance is understood.
    Done(String),
}

/// One utterance on one connection, without the connection.
pub(super) trait Dialect: Send {
    /// Samples of 8 kHz that a message carries.
    fn frame_samples(&self) -> usize;

    /// What is sent before the audio.
    fn begin(&mut self) -> Message;

    /// A message with audio; the last one of an utterance may have fewer samples than a frame.
    fn audio(&mut self, samples: &[i16]) -> Message;

    /// What is sent after the audio.
    fn end(&mut self) -> Message;

    /// Takes an answer in.
    ///
    /// # Errors
    /// [`Failure::Protocol`] where it is none of this protocol.
    fn heard(&mut self, answer: &str) -> Result<Step, Failure>;

    /// How long to wait for another answer from now on, where the utterance may be understood already.
    fn patience(&self) -> Option<Duration>;

    /// What has been understood when nothing more comes: the patience or the time is up, or the server has closed.
    fn settle(&self) -> Option<String>;

    /// Whether a server that is there may well have nothing to say about this utterance.
    fn may_be_nothing(&self) -> bool;
}
