//! The servers, and how each of them does.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hutong_domain::breaker::{Allows, Breaker};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::LineOutcome;
use tokio::time::Instant;

use super::dialect::Dialect;
use super::funasr::Funasr;
use super::openai::Openai;
use super::socket::{Endpoint, SharedEndpoint};
use super::vosk::Vosk;
use super::{CallHints, Failure, Protocol, RecogniserSettings};
use crate::server::SetupError;

/// How a recogniser does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHealth {
    /// What the operator calls it.
    pub name: Arc<str>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether it is asked.
    pub state: ServerState,
    /// Utterances that it has answered since the start.
    pub answered: u64,
    /// Utterances that it has not.
    pub failed: u64,
    /// Why the last one failed, until it answers again.
    pub last_failure: Option<Failure>,
}

/// Whether a recogniser is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// It is.
    Asked,
    /// It failed too often in a row, and is asked again with one utterance after so long.
    LeftAlone(Duration),
    /// It was left alone, and is asked with the next utterance, or has just been.
    Tried,
}

/// All servers, in the operator's order.
pub(super) struct Servers {
    all: Vec<Server>,
    /// Breakers reckon in moments; these begin when the servers are set up.
    began: Instant,
}

pub(super) struct Server {
    pub(super) name: Arc<str>,
    pub(super) way: Way,
    pub(super) answer_timeout: Duration,
    protocol: Protocol,
    language: Option<String>,
    record: Mutex<Record>,
}

/// How a server is asked.
pub(super) enum Way {
    /// While the utterance is spoken.
    Stream(SharedEndpoint),
    /// After its end.
    Whole(Openai),
}

#[derive(Default)]
struct Record {
    breaker: Breaker,
    answered: u64,
    failed: u64,
    last_failure: Option<Failure>,
}

impl Servers {
    pub(super) fn new(settings: Vec<RecogniserSettings>) -> Result<Self, SetupError> {
        let mut names = HashSet::new();
        for RecogniserSettings { name, .. } in &settings {
            if !names.insert(name.clone()) {
                return Err(SetupError::SameName(name.clone()));
            }
        }
        let all = settings.into_iter().map(Server::new).collect::<Result<_, _>>()?;
        Ok(Self { all, began: Instant::now() })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, server: usize) -> Option<&Server> {
        self.all.get(server)
    }

    /// The first server that may be asked, understands the language, and is none of `not`. Where it is on trial, this is
    /// the trial: say what came of it.
    pub(super) fn choose(&self, hints: &CallHints, not: &[usize], now: Instant) -> Option<usize> {
        let candidates =
            self.all.iter().enumerate().filter(|(index, it)| it.understands(hints) && !not.contains(index));
        let now = self.moment(now);
        for (index, server) in candidates {
            let mut record = server.record();
            match record.breaker.allows(now) {
                Allows::Any => return Some(index),
                Allows::One => {
                    record.breaker = record.breaker.trial_started(now);
                    return Some(index);
                }
                Allows::None { .. } | Allows::Unpaid { .. } => {}
            }
        }
        None
    }

    /// The first server that is likely to be asked next, for a connection to be opened in advance.
    pub(super) fn likely(&self, hints: &CallHints, now: Instant) -> Option<usize> {
        let now = self.moment(now);
        let is_likely = |it: &Server| it.understands(hints) && it.record().breaker.allows(now) == Allows::Any;
        self.all.iter().position(is_likely)
    }

    /// How long an answer may take, whoever is asked.
    pub(super) fn answer_timeout(&self, hints: &CallHints) -> Duration {
        self.all.iter().filter(|it| it.understands(hints)).map(|it| it.answer_timeout).max().unwrap_or_default()
    }

    /// Takes down what came of asking a server.
    pub(super) fn record(&self, server: usize, asked: Instant, outcome: Option<&Failure>) {
        let Some(server) = self.get(server) else { return };
        let line = match outcome {
            None => LineOutcome::Worked,
            Some(_) => LineOutcome::Failed,
        };
        let mut record = server.record();
        record.breaker = record.breaker.record(line, self.moment(asked), self.moment(Instant::now()));
        match outcome {
            None => record.answered += 1,
            Some(_) => record.failed += 1,
        }
        record.last_failure = outcome.cloned();
    }

    /// Takes down that asking a server came to nothing that would say how it does.
    pub(super) fn record_nothing(&self, server: usize, asked: Instant) {
        let Some(server) = self.get(server) else { return };
        let mut record = server.record();
        let (asked, now) = (self.moment(asked), self.moment(Instant::now()));
        record.breaker = record.breaker.record(LineOutcome::SaysNothing, asked, now);
    }

    pub(super) fn health(&self, now: Instant) -> Vec<ServerHealth> {
        let now = self.moment(now);
        let health = |server: &Server| {
            let record = server.record();
            let state = match record.breaker.allows(now) {
                Allows::Any => ServerState::Asked,
                Allows::One => ServerState::Tried,
                Allows::None { until } | Allows::Unpaid { until } => ServerState::LeftAlone(until.since(now)),
            };
            ServerHealth {
                name: server.name.clone(),
                protocol: server.protocol,
                state,
                answered: record.answered,
                failed: record.failed,
                last_failure: record.last_failure.clone(),
            }
        };
        self.all.iter().map(health).collect()
    }

    fn moment(&self, at: Instant) -> Moment {
        Moment(0).after(at.saturating_duration_since(self.began))
    }
}

impl Server {
    fn new(settings: RecogniserSettings) -> Result<Self, SetupError> {
        let way = match settings.protocol {
            Protocol::Funasr => Way::Stream(Arc::new(Endpoint::new(&settings, Some("binary"))?)),
            Protocol::Vosk => Way::Stream(Arc::new(Endpoint::new(&settings, None)?)),
            Protocol::Openai => Way::Whole(Openai::new(&settings)?),
        };
        let RecogniserSettings { name, protocol, language, answer_timeout, .. } = settings;
        Ok(Self { name: name.into(), way, answer_timeout, protocol, language, record: Mutex::default() })
    }

    /// How an utterance is told to it, where it is told while it is spoken.
    pub(super) fn dialect(&self, utterance: u32, hints: &CallHints) -> Box<dyn Dialect> {
        match self.protocol {
            Protocol::Vosk => Box::new(Vosk::default()),
            Protocol::Funasr | Protocol::Openai => Box::new(Funasr::new(utterance, hints)),
        }
    }

    fn understands(&self, hints: &CallHints) -> bool {
        match (&self.language, &hints.language) {
            (Some(own), Some(spoken)) => own == spoken,
            _ => true,
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hutong_domain::breaker::{FAILURES_MAX, OPEN_FIRST};

    fn servers() -> Servers {
        let at = |name: &str, language: Option<&str>| RecogniserSettings {
            language: language.map(str::to_owned),
            ..RecogniserSettings::at(name, Protocol::Vosk, "ws://127.0.0.1:1")
        };
        Servers::new(vec![at("first", Some("zh")), at("second", None), at("third", Some("en"))]).unwrap()
    }

    fn speaking(language: &str) -> CallHints {
        CallHints { language: Some(language.to_owned()), hotwords: Vec::new() }
    }

    #[test]
    fn the_first_that_understands_the_language_is_asked() {
        let servers = servers();
        let check = |language: &str, not: &[usize], expected: Option<usize>| {
            assert_eq!(servers.choose(&speaking(language), not, Instant::now()), expected, "{language} {not:?}");
        };
        check("zh", &[], Some(0));
        check("zh", &[0], Some(1));
        check("zh", &[0, 1], None);
        check("en", &[], Some(1));
        check("en", &[1], Some(2));
    }

    #[test]
    fn one_that_fails_again_and_again_is_left_alone_and_tried_once_after_a_while() {
        let (servers, now) = (servers(), Instant::now());
        for _ in 0..FAILURES_MAX {
            assert_eq!(servers.choose(&speaking("zh"), &[], now), Some(0));
            servers.record(0, now, Some(&Failure::TooLate));
        }
        assert_eq!(servers.choose(&speaking("zh"), &[], now), Some(1));
        let health = servers.health(now).remove(0);
        assert!(matches!(health.state, ServerState::LeftAlone(_)), "{health:?}");
        assert_eq!((health.failed, health.last_failure), (5, Some(Failure::TooLate)));
        let later = now + OPEN_FIRST * 2;
        assert_eq!(servers.likely(&speaking("zh"), later), Some(1));
        assert_eq!(servers.choose(&speaking("zh"), &[], later), Some(0), "the trial");
        assert_eq!(servers.choose(&speaking("zh"), &[], later), Some(1), "there is one trial at a time");
        servers.record(0, later, None);
        assert_eq!(servers.choose(&speaking("zh"), &[], later), Some(0));
    }

    #[test]
    fn two_of_the_same_name_are_refused() {
        let one = RecogniserSettings::at("one", Protocol::Vosk, "ws://127.0.0.1:1");
        let error = Servers::new(vec![one.clone(), one]).err();
        assert_eq!(error, Some(SetupError::SameName("one".to_owned())));
    }
}
