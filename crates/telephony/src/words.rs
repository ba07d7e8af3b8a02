//! The text channel of the sandbox: the callee farm says what its people said.
//!
//! Without a recogniser, the words of a callee cannot be known. The farm's are sent along within the call (SIP INFO), and
//! are taken on trunks alone that are marked as sandbox, which only a loopback address can be: no real trunk can put
//! words into anybody's mouth.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The type of such a message.
pub const CONTENT_TYPE: &str = "application/vnd.hutong.words+json";
/// The longest utterance that is taken.
const SPOKEN_MAX: Duration = Duration::from_secs(60);
/// The longest text that is taken, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

/// What a callee said, sent when it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The words.
    pub text: String,
    /// How long it took to say them, in milliseconds.
    pub spoken_ms: u32,
}

impl Words {
    /// Reads a message; none where it is something else.
    #[must_use]
    pub fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let words: Self = (content_type == CONTENT_TYPE).then(|| serde_json::from_slice(body).ok()).flatten()?;
        (words.text.len() <= TEXT_BYTES_MAX && words.spoken() <= SPOKEN_MAX).then_some(words)
    }

    /// How long it took to say them.
    #[must_use]
    pub fn spoken(&self) -> Duration {
        Duration::from_millis(u64::from(self.spoken_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_a_sensible_size_are_taken() {
        let check = |content_type, body: &str, taken| {
            assert_eq!(Words::read(content_type, body.as_bytes()).is_some(), taken, "{body}");
        };
        check(CONTENT_TYPE, r#"{"text":"喂","spoken_ms":400}"#, true);
        check("text/plain", r#"{"text":"喂","spoken_ms":400}"#, false);
        check(CONTENT_TYPE, r#"{"text":"喂"}"#, false);
        check(CONTENT_TYPE, r#"{"text":"喂","spoken_ms":4000000}"#, false);
        check(CONTENT_TYPE, &format!(r#"{{"text":"{}","spoken_ms":1}}"#, "x".repeat(3_000)), false);
    }
}
