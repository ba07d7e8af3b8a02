//! The protocol of Vosk's WebSocket server.
//!
//! Every message with audio is answered once, with a `partial` or, where a sentence has ended, its `text`; `eof` is
//! answered with the `text` of the rest.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::dialect::{Dialect, Step};
use super::{Failure, text};

/// 200 ms at 8 kHz, as Vosk's own clients send it.
const FRAME_SAMPLES: usize = 1_600;
/// Where answers cannot be counted, the last text is one after which no other comes for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// One utterance.
#[derive(Default)]
pub(super) struct Vosk {
    committed: String,
    partial: String,
    /// Messages that are to be answered, and answers.
    asked: usize,
    answered: usize,
    has_ended: bool,
    patience: Option<Duration>,
}

#[derive(Deserialize)]
struct Answer {
    partial: Option<String>,
    text: Option<String>,
}

impl Vosk {
    fn so_far(&self) -> String {
        let mut whole = self.committed.clone();
        text::join(&mut whole, &self.partial);
        whole
    }
}

impl Dialect for Vosk {
    fn frame_samples(&self) -> usize {
        FRAME_SAMPLES
    }

    fn begin(&mut self) -> Message {
        Message::text(json!({ "config": { "sample_rate": 8_000 } }).to_string())
    }

    fn audio(&mut self, samples: &[i16]) -> Message {
        self.asked += 1;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Message::binary(bytes)
    }

    fn end(&mut self) -> Message {
        self.asked += 1;
        self.has_ended = true;
        Message::text(json!({ "eof": 1 }).to_string())
    }

    fn heard(&mut self, answer: &str) -> Result<Step, Failure> {
        let answer: Answer = serde_json::from_str(answer).map_err(|error| Failure::Protocol(error.to_string()))?;
        self.answered += 1;
        match (answer.text, answer.partial) {
            (Some(text), _) => {
                text::join(&mut self.committed, &text::clean(&text));
                self.partial.clear();
                if self.has_ended {
                    self.patience = Some(SETTLE);
                }
            }
            (None, Some(partial)) => self.partial = text::clean(&partial),
            (None, None) => return Err(Failure::Protocol("neither `partial` nor `text`".to_owned())),
        }
        if self.committed.len() > text::CHARS_MAX * 4 {
            return Err(Failure::Protocol("it has more to say than anybody can have said".to_owned()));
        }
        let is_last = self.has_ended && self.answered >= self.asked && self.partial.is_empty();
        Ok(if is_last { Step::Done(self.so_far()) } else { Step::Partial(self.so_far()) })
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn settle(&self) -> Option<String> {
        Some(self.so_far()).filter(|text| !text.is_empty() || self.patience.is_some())
    }

    fn may_be_nothing(&self) -> bool {
        // It always answers.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(script: &[&str]) -> (Step, Option<Duration>) {
        let (mut dialect, mut step) = (Vosk::default(), Step::Partial(String::new()));
        for line in script {
            match *line {
                "audio" => assert_eq!(dialect.audio(&[1; 1_600]).into_data().len(), 3_200),
                "end" => assert_eq!(dialect.end(), Message::text(r#"{"eof":1}"#)),
                answer => step = dialect.heard(answer).unwrap(),
            }
        }
        (step, dialect.patience())
    }

    #[test]
    fn the_answer_to_the_end_is_the_last_one() {
        let (partial, first) = (r#"{"partial":"你好 我"}"#, r#"{"result":[],"text":"你好 我 是"}"#);
        let last = r#"{"text":"李 先生"}"#;
        let done = Step::Done("你好我是李先生".to_owned());
        assert_eq!(after(&["audio", partial]).0, Step::Partial("你好我".to_owned()));
        assert_eq!(after(&["audio", partial, "audio", first, "end", last]).0, done);
        assert_eq!(after(&["audio", "audio", "end", partial, first, last]).0, done);
        assert_eq!(after(&["audio", "audio", "end", partial, first]).1, Some(SETTLE));
        assert_eq!(after(&["audio", "end", partial, r#"{"text":""}"#]).0, Step::Done(String::new()));
    }

    #[test]
    fn answers_of_another_kind_are_an_error() {
        for answer in ["", "{}", "[1]", r#"{"text":7}"#] {
            assert!(matches!(Vosk::default().heard(answer), Err(Failure::Protocol(_))), "{answer}");
        }
    }
}
