//! Answers of recognisers, whatever they are.

use super::dialect::{Dialect, Step};
use super::funasr::Funasr;
use super::vosk::Vosk;
use super::{CallHints, text};

/// An utterance with a pause in it, its end where there is an empty line, and lines as answers.
pub(crate) fn fuzz(who: u8, lines: &str) {
    let mut dialect: Box<dyn Dialect> = match who % 2 {
        0 => Box::new(Funasr::new(1, &CallHints::default())),
        _ => Box::new(Vosk::default()),
    };
    let (loud, quiet) = ([9_000; 1_600], [3; 1_600]);
    let has_pause = who & 0x80 != 0;
    let mut has_ended = false;
    let frame = dialect.frame_samples();
    for line in lines.split('\n') {
        let said = if has_pause && line.len() % 2 == 0 { &quiet } else { &loud };
        if !has_ended {
            dialect.audio(said.get(..frame).unwrap_or(said));
        }
        if line.is_empty() && !has_ended {
            dialect.end();
            has_ended = true;
        }
        match dialect.heard(line) {
            Ok(Step::Done(_)) => assert!(has_ended, "an utterance is understood before its end"),
            Ok(Step::Partial(_)) | Err(_) => {}
        }
        let whole = dialect.settle().unwrap_or_default();
        assert!(whole.len() <= text::CHARS_MAX * 8, "a text of {} bytes", whole.len());
        let clean = text::clean(line);
        assert!(!clean.contains("<|") || !clean.contains("|>") || clean.find("|>") < clean.find("<|"), "{clean:?}");
    }
}
