//! FunASR's runtime protocol, as `websocket_protocol.md` of its runtime has it, and as its servers speak it.
//!
//! Two servers are in use, and differ in what the document leaves open. The one in C++ says `is_final: false` until the
//! last answer, which always comes, if without a text and a mode. The one in Python says `is_final: true` until then, and
//! answers nothing where it hears nothing. So texts are taken by their mode alone, and `is_final` only shortens waiting:
//! what it means is learned from the answers before the end, where it can mean but one thing.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::activity::Activity;
use super::dialect::{Dialect, Step};
use super::upsample::Doubler;
use super::{CallHints, Failure, text};

/// 60 ms at 8 kHz: what `chunk_size` and `chunk_interval` below say, and what the server in Python reckons with.
const FRAME_SAMPLES: usize = 480;
/// How much likelier a hotword is made; the document's example.
const HOTWORD_WEIGHT: u32 = 20;
/// After an answer that may be the last one, another is waited for so long.
const SETTLE: Duration = Duration::from_millis(300);
/// A sound of less may be a cough, of which a server has nothing to say.
const SHORT_MS: usize = 600;

/// One utterance.
pub(super) struct Funasr {
    begin: Value,
    doubler: Doubler,
    activity: Activity,
    /// Sentences that are understood.
    committed: String,
    /// What the first pass made of the sentence that is not.
    online: String,
    /// Frames that had been sent when the last sentence was understood.
    committed_at: usize,
    /// What `is_final` is in the last answer, once that is known.
    last_is: Option<bool>,
    has_ended: bool,
    patience: Option<Duration>,
}

/// Of all that servers send, what is of use here.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    mode: String,
    text: Option<String>,
    is_final: Option<bool>,
}

impl Funasr {
    pub(super) fn new(utterance: u32, hints: &CallHints) -> Self {
        let hotwords: serde_json::Map<String, Value> =
            hints.hotwords().map(|word| (word.to_owned(), Value::from(HOTWORD_WEIGHT))).collect();
        let mut begin = json!({
            "mode": "2pass",
            "chunk_size": [5, 10, 5],
            "chunk_interval": 10,
            "wav_name": format!("utterance-{utterance}"),
            "wav_format": "pcm",
            "audio_fs": 16_000,
            "is_speaking": true,
            // A string with JSON in it: another type makes the server in C++ throw.
            "hotwords": Value::Object(hotwords).to_string(),
            "itn": true,
        });
        if let Some(language) = &hints.language {
            // For SenseVoice, which knows five.
            begin["svs_lang"] = Value::from(language.as_str());
        }
        Self {
            begin,
            doubler: Doubler::default(),
            activity: Activity::default(),
            committed: String::new(),
            online: String::new(),
            committed_at: 0,
            last_is: None,
            has_ended: false,
            patience: None,
        }
    }

    fn commit(&mut self, text: &str) {
        text::join(&mut self.committed, text);
        self.online.clear();
        self.committed_at = self.activity.len();
    }

    fn so_far(&self) -> String {
        let mut whole = self.committed.clone();
        text::join(&mut whole, &self.online);
        whole
    }

    fn after_the_end(&mut self, is_sentence: bool, is_first: bool, text: &str, is_final: Option<bool>) -> Step {
        let is_last = match self.last_is {
            Some(last_is) => is_final == Some(last_is),
            // The only answer so far. That of one sentence is the last one; one without a text comes at the end only.
            None if text.is_empty() => is_final == Some(true),
            None => is_sentence && is_first && !self.activity.has_gap(),
        };
        if is_last {
            return Step::Done(self.so_far());
        }
        if is_sentence {
            self.patience = Some(SETTLE);
        }
        Step::Partial(self.so_far())
    }
}

impl Dialect for Funasr {
    fn frame_samples(&self) -> usize {
        FRAME_SAMPLES
    }

    fn begin(&mut self) -> Message {
        Message::text(self.begin.to_string())
    }

    fn audio(&mut self, samples: &[i16]) -> Message {
        self.activity.push(samples);
        let mut doubled = self.doubler.double(samples);
        // A whole frame: the server in Python divides by the length of each in milliseconds.
        doubled.resize(FRAME_SAMPLES * 2, 0);
        let bytes: Vec<u8> = doubled.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Message::binary(bytes)
    }

    fn end(&mut self) -> Message {
        self.has_ended = true;
        // Whether a server answers once more that has answered for all that was said is up to the server.
        if !self.committed.is_empty() && !self.activity.speaks_after(self.committed_at) {
            self.patience = Some(SETTLE);
        }
        Message::text(json!({ "is_speaking": false }).to_string())
    }

    fn heard(&mut self, answer: &str) -> Result<Step, Failure> {
        let answer: Answer = serde_json::from_str(answer).map_err(|error| Failure::Protocol(error.to_string()))?;
        let text = text::clean(answer.text.as_deref().unwrap_or_default());
        if self.committed.len() + self.online.len() + text.len() > text::CHARS_MAX * 4 {
            return Err(Failure::Protocol("it has more to say than anybody can have said".to_owned()));
        }
        let is_first = self.committed.is_empty();
        let is_sentence = matches!(answer.mode.as_str(), "2pass-offline" | "offline");
        match answer.mode.as_str() {
            "2pass-offline" | "offline" => self.commit(&text),
            "2pass-online" | "online" => text::join(&mut self.online, &text),
            // The last answer of the server in C++, where nothing was understood.
            "" if text.is_empty() => {}
            other => return Err(Failure::Protocol(format!("its mode is {:?}", crate::server::shown(other)))),
        }
        if self.has_ended {
            return Ok(self.after_the_end(is_sentence, is_first, &text, answer.is_final));
        }
        self.last_is = answer.is_final.map(|it| !it).or(self.last_is);
        Ok(Step::Partial(self.so_far()))
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn settle(&self) -> Option<String> {
        // Better the first pass than nothing.
        Some(self.so_far()).filter(|text| !text.is_empty() || self.patience.is_some())
    }

    fn may_be_nothing(&self) -> bool {
        self.activity.said_ms() < SHORT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loud and quiet tenths of a second.
    fn samples(pattern: &str) -> Vec<i16> {
        let tenth = |said: bool| (0..800_i16).map(move |n| if said { (n % 8 - 4) * 2_000 } else { n % 3 });
        pattern.chars().flat_map(|it| tenth(it == '#')).collect()
    }

    /// What is sent and answered: audio where there are loud and quiet tenths, `end`, else an answer; then what came of
    /// the last answer, and how long another is waited for.
    fn check(script: &[&str], expected: &Step, patience: Option<Duration>) {
        let mut dialect = Funasr::new(7, &CallHints::default());
        let mut step = Step::Partial(String::new());
        for line in script {
            if *line == "end" {
                dialect.end();
            } else if line.starts_with('{') {
                step = dialect.heard(line).unwrap();
            } else {
                samples(line).chunks(FRAME_SAMPLES).for_each(|frame| {
                    let Message::Binary(bytes) = dialect.audio(frame) else { panic!("audio is binary") };
                    assert_eq!(bytes.len(), 1_920);
                });
            }
        }
        assert_eq!((&step, dialect.patience()), (expected, patience), "{script:?}");
    }

    fn done(text: &str) -> Step {
        Step::Done(text.to_owned())
    }

    const ONE: &str = "..######.......";
    const TWO: &str = "..####.........";

    #[test]
    fn the_server_in_cpp_is_done_with_its_last_answer() {
        let online = r#"{"mode":"2pass-online","text":"喂","is_final":false}"#;
        let last = r#"{"mode":"2pass-offline","text":"喂，你好。","is_final":true}"#;
        check(&[ONE, online, "end", last], &done("喂，你好。"), None);
        check(&[ONE, "end", last], &done("喂，你好。"), None);
        check(&[ONE, online, "end", r#"{"text":"","is_final":true}"#], &done("喂"), None);
        check(&[ONE, "end", r#"{"text":"","is_final":true}"#], &done(""), None);
        let first = r#"{"mode":"2pass-offline","text":"喂。","is_final":false}"#;
        let second = r#"{"mode":"2pass-offline","text":"你是谁？","is_final":true}"#;
        check(&[TWO, first, ONE, "end", second], &done("喂。你是谁？"), None);
        check(&[TWO, online, ONE, "end", first], &Step::Partial("喂。".to_owned()), Some(SETTLE));
        check(&[TWO, online, ONE, "end", first, second], &done("喂。你是谁？"), Some(SETTLE));
    }

    #[test]
    fn the_server_in_python_means_the_opposite_by_is_final() {
        let online = r#"{"mode":"2pass-online","text":"喂","is_final":true}"#;
        let last = r#"{"mode":"2pass-offline","text":"你是谁？","is_final":false}"#;
        check(&[ONE, online, "end", last], &done("你是谁？"), None);
        let first = r#"{"mode":"2pass-offline","text":"喂。","is_final":true}"#;
        check(&[TWO, first, ONE, "end", last], &done("喂。你是谁？"), None);
        check(&[TWO, online, ONE, "end", first], &Step::Partial("喂。".to_owned()), Some(SETTLE));
        // All that was said is understood before the end, after which nothing more may come.
        check(&[ONE, first, "end"], &Step::Partial("喂。".to_owned()), Some(SETTLE));
        check(&[TWO, first, ONE, "end"], &Step::Partial("喂。".to_owned()), None);
    }

    #[test]
    fn a_server_whose_is_final_means_nothing_is_waited_for_a_moment() {
        for is_final in ["true", "false", "null"] {
            let first = format!(r#"{{"mode":"offline","text":"喂。","is_final":{is_final}}}"#);
            let second = format!(r#"{{"mode":"offline","text":"你是谁？","is_final":{is_final}}}"#);
            let both = Step::Partial("喂。你是谁？".to_owned());
            check(&[TWO, &first, ONE, "end", &second], &both, Some(SETTLE));
            check(&[ONE, "end", &second], &done("你是谁？"), None);
        }
    }

    #[test]
    fn answers_of_another_kind_are_an_error() {
        for answer in ["", "null", "[]", "{", "hello", r#"{"mode":"3pass","text":"x"}"#, r#"{"text":"ERROR. no"}"#] {
            let mut dialect = Funasr::new(1, &CallHints::default());
            assert!(matches!(dialect.heard(answer), Err(Failure::Protocol(_))), "{answer}");
        }
        let mut dialect = Funasr::new(1, &CallHints::default());
        let answer = format!(r#"{{"mode":"2pass-online","text":"{}"}}"#, "啊".repeat(900));
        let outcomes: Vec<bool> = (0..3).map(|_| dialect.heard(&answer).is_ok()).collect();
        assert_eq!(outcomes, [true, false, false]);
    }

    #[test]
    fn hints_go_along_as_servers_want_them() {
        let hints = CallHints {
            language: Some("zh".to_owned()),
            hotwords: vec!["花呗".to_owned(), "\"quoted\"".to_owned(), "花呗".to_owned()],
        };
        let Message::Text(begin) = Funasr::new(3, &hints).begin() else { panic!("it is text") };
        let begin: Value = serde_json::from_str(&begin).unwrap();
        let hotwords: Value = serde_json::from_str(begin["hotwords"].as_str().unwrap()).unwrap();
        assert_eq!(hotwords, json!({ "花呗": 20, "\"quoted\"": 20 }));
        assert_eq!((begin["svs_lang"].as_str(), begin["is_speaking"].as_bool()), (Some("zh"), Some(true)));
    }
}
