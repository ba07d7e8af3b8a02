//! One utterance, until it is understood or given up.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::dialect::{Dialect, Step};
use super::hearing::Call;
use super::servers::{Servers, Way};
use super::socket::{SharedEndpoint, Socket};
use super::take::{Reader, Take};
use super::{CallHints, Check, Failure, HearingEvent};
use crate::server::shown;

/// An utterance whose server fails while it is spoken is sent again once …
const ATTEMPTS_SPEAKING_MAX: usize = 2;
/// … and once more when its speaker has ended, if that failed as well: by then the server may be there again.
const ATTEMPTS_MAX: usize = 3;
/// When so many per cent of the time for an answer have passed, another server is asked as well, if there is one.
const SECOND_OPINION_PERCENT: u32 = 60;
/// Messages of a server about one utterance.
const MESSAGES_MAX: usize = 2_000;
/// How long saying goodbye to a server may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// One utterance of a call.
pub(super) struct Utterance {
    pub(super) number: u32,
    pub(super) take: Arc<Take>,
    pub(super) servers: Arc<Servers>,
    pub(super) hints: CallHints,
    /// Without it, nothing is told, and nothing is taken down of how a server does.
    pub(super) call: Option<Arc<Call>>,
}

/// What asking a server came to: its number, and the text.
type Attempt<'a> = BoxFuture<'a, (usize, Result<String, Failure>)>;
type Attempts<'a> = FuturesUnordered<Attempt<'a>>;

impl Utterance {
    /// Asks one server only.
    pub(super) async fn check(servers: &Arc<Servers>, server: usize, samples: &[i16], hints: &CallHints) -> Check {
        let name = servers.get(server).map_or_else(|| Arc::from(""), |it| it.name.clone());
        let (take, now) = (Arc::new(Take::new()), Instant::now());
        take.push(samples);
        take.finish(now);
        let utterance = Self { number: 0, take, servers: servers.clone(), hints: hints.clone(), call: None };
        let outcome = utterance.attempt(server, now, false).await.1;
        Check { name, outcome: outcome.map(|text| (text, now.elapsed())) }
    }

    /// Asks servers until one has understood it, or the time is up.
    pub(super) async fn understand(&self) -> HearingEvent {
        let (outcome, finished) = self.outcome().await;
        let utterance = self.number;
        match outcome {
            Ok((server, text)) => {
                let by = self.servers.get(server).map_or_else(|| Arc::from(""), |it| it.name.clone());
                HearingEvent::Final { utterance, text, took: finished.elapsed(), by }
            }
            Err(why) => {
                tracing::warn!(utterance, %why, "utterance {utterance} is not understood");
                HearingEvent::Failed { utterance, why }
            }
        }
    }

    async fn outcome(&self) -> (Result<(usize, String), Failure>, Instant) {
        let (mut asked, mut running, mut why) = (Vec::new(), Attempts::new(), Failure::NoServer);
        let is_too_long = self.while_spoken(&mut asked, &mut running, &mut why).await;
        let finished = Reader::new(self.take.clone()).finished().await;
        if is_too_long {
            return (Err(Failure::TooLong), finished);
        }
        if running.is_empty() && asked.len() < ATTEMPTS_MAX {
            running.extend(self.next(&mut asked, true));
        }
        let limit = self.servers.answer_timeout(&self.hints);
        let deadline = finished + limit;
        let mut second_opinion = Some(finished + limit * SECOND_OPINION_PERCENT / 100);
        while !running.is_empty() {
            tokio::select! {
                biased;
                Some((server, outcome)) = running.next() => match outcome {
                    Ok(text) => return (Ok((server, text)), finished),
                    Err(failure) => {
                        why = self.failed(server, failure);
                        if asked.len() < ATTEMPTS_SPEAKING_MAX && Instant::now() < deadline {
                            running.extend(self.next(&mut asked, false));
                        }
                    }
                },
                () = sleep_until(second_opinion.unwrap_or(deadline)), if second_opinion.is_some() => {
                    second_opinion = None;
                    if asked.len() < ATTEMPTS_MAX {
                        running.extend(self.other(&mut asked));
                    }
                }
                () = sleep_until(deadline) => return (Err(Failure::TooLate), finished),
            }
        }
        (Err(why), finished)
    }

    /// Asks servers until the utterance is complete; whether it is too long.
    async fn while_spoken<'a>(&'a self, asked: &mut Vec<usize>, running: &mut Attempts<'a>, why: &mut Failure) -> bool {
        let mut reader = Reader::new(self.take.clone());
        running.extend(self.next(asked, true));
        loop {
            tokio::select! {
                biased;
                is_too_long = reader.complete() => {
                    if is_too_long {
                        running.clear();
                    }
                    return is_too_long;
                }
                Some((server, outcome)) = running.next() => {
                    // A server that is done before the end has not heard it.
                    let failure = outcome.err().unwrap_or_else(|| Failure::Protocol("it was done too early".to_owned()));
                    *why = self.failed(server, failure);
                    if asked.len() < ATTEMPTS_SPEAKING_MAX {
                        running.extend(self.next(asked, true));
                    }
                }
            }
        }
    }

    fn failed(&self, server: usize, why: Failure) -> Failure {
        let name = self.servers.get(server).map_or("", |it| &*it.name);
        tracing::info!(recogniser = name, utterance = self.number, %why, "{name} did not understand an utterance");
        why
    }

    /// Asks a server that has not been asked, or else the first one again.
    fn next(&self, asked: &mut Vec<usize>, tell: bool) -> Option<Attempt<'_>> {
        let now = Instant::now();
        let server = self.servers.choose(&self.hints, asked, now);
        let server = server.or_else(|| self.servers.choose(&self.hints, &[], now).filter(|_| !asked.is_empty()))?;
        asked.push(server);
        Some(self.attempt(server, now, tell).boxed())
    }

    /// Asks a server that has not been asked.
    fn other(&self, asked: &mut Vec<usize>) -> Option<Attempt<'_>> {
        let now = Instant::now();
        let server = self.servers.choose(&self.hints, asked, now)?;
        asked.push(server);
        Some(self.attempt(server, now, false).boxed())
    }

    /// Asks a server, and takes down how it does.
    async fn attempt(&self, server: usize, asked: Instant, tell: bool) -> (usize, Result<String, Failure>) {
        let Some(it) = self.servers.get(server) else { return (server, Err(Failure::NoServer)) };
        let record = Record { utterance: self, server, asked, is_done: false };
        let timeout = it.answer_timeout;
        let asking = async {
            match &it.way {
                Way::Stream(endpoint) => self.stream(server, endpoint, asked, timeout, tell).await,
                Way::Whole(openai) => {
                    Reader::new(self.take.clone()).finished().await;
                    openai.transcribe(&self.take.samples(), &self.hints).await
                }
            }
        };
        let outcome = tokio::select! {
            // What has been understood until the last moment counts.
            biased;
            outcome = asking => outcome,
            () = self.time_is_up(asked, timeout) => Err(Failure::TooLate),
        };
        record.done(&outcome);
        (server, outcome)
    }

    /// Waits until a server that was asked at `asked` has had its time, which begins at the end of speech.
    async fn time_is_up(&self, asked: Instant, timeout: Duration) {
        let finished = Reader::new(self.take.clone()).finished().await;
        sleep_until(finished.max(asked) + timeout).await;
    }

    async fn stream(
        &self,
        server: usize,
        endpoint: &SharedEndpoint,
        asked: Instant,
        timeout: Duration,
        tell: bool,
    ) -> Result<String, Failure> {
        let Some(dialect) = self.servers.get(server).map(|it| it.dialect(self.number, &self.hints)) else {
            return Err(Failure::NoServer);
        };
        let spare = self.call.as_ref().and_then(|call| call.spare_of(server));
        let socket = match spare {
            Some(spare) => spare.take().await,
            None => Err(Failure::NoServer),
        };
        let socket = match socket {
            Ok(socket) => socket,
            Err(_) => endpoint.connect().await?,
        };
        let reader = Reader::new(self.take.clone());
        Conversation { utterance: self, dialect, reader, asked, timeout, tell }.hold(socket).await
    }
}

/// One utterance on one connection.
struct Conversation<'a> {
    utterance: &'a Utterance,
    dialect: Box<dyn Dialect>,
    reader: Reader,
    asked: Instant,
    timeout: Duration,
    tell: bool,
}

impl Conversation<'_> {
    async fn hold(mut self, socket: Socket) -> Result<String, Failure> {
        let (mut sink, mut answers) = socket.split();
        let frame = self.dialect.frame_samples();
        sink.send(self.dialect.begin()).await.map_err(|error| lost(&error))?;
        // After the end: since when nothing new has come, until when that is waited for, and whether anybody is there.
        let (mut quiet_since, mut deadline, mut is_there) = (self.asked, None, false);
        for _ in 0..MESSAGES_MAX {
            let now = Instant::now();
            let patience = self.dialect.patience().map_or(self.timeout, |patience| patience);
            let until = deadline.map_or(now, |deadline: Instant| deadline.min(quiet_since + patience));
            tokio::select! {
                samples = self.reader.next(frame), if deadline.is_none() => match samples {
                    Some(samples) => sink.send(self.dialect.audio(&samples)).await.map_err(|error| lost(&error))?,
                    None => {
                        sink.feed(self.dialect.end()).await.map_err(|error| lost(&error))?;
                        sink.send(Message::Ping(Bytes::new())).await.map_err(|error| lost(&error))?;
                        quiet_since = Instant::now();
                        deadline = Some(self.reader.finished().await.max(self.asked) + self.timeout);
                    }
                },
                answer = answers.next() => match answer {
                    Some(Ok(Message::Text(text))) => {
                        quiet_since = Instant::now();
                        match self.dialect.heard(&text)? {
                            Step::Done(text) => {
                                goodbye(sink);
                                return Ok(text);
                            }
                            Step::Partial(text) => self.tell(text),
                        }
                    }
                    Some(Ok(Message::Pong(_))) => is_there = true,
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Err(Failure::Protocol("it answered in binary".to_owned())),
                    Some(Ok(Message::Close(_))) | None => return self.closed(deadline, "it was closed".to_owned()),
                    Some(Err(error)) => return self.closed(deadline, shown(&error.to_string())),
                },
                () = sleep_until(until), if deadline.is_some() => {
                    goodbye(sink);
                    return match self.dialect.settle() {
                        Some(text) => Ok(text),
                        None if is_there && self.dialect.may_be_nothing() => Ok(String::new()),
                        None => Err(Failure::TooLate),
                    };
                }
            }
        }
        Err(Failure::Protocol(format!("more than {MESSAGES_MAX} messages about one utterance")))
    }

    /// A server that closes after the end may have said all there is to say.
    fn closed(&self, deadline: Option<Instant>, why: String) -> Result<String, Failure> {
        let all = deadline.and_then(|_| self.dialect.patience()).and_then(|_| self.dialect.settle());
        all.ok_or(Failure::Lost(why))
    }

    fn tell(&self, text: String) {
        if let Some(call) = self.utterance.call.as_ref().filter(|_| self.tell && !text.is_empty()) {
            call.tell_partial(HearingEvent::Partial { utterance: self.utterance.number, text });
        }
    }
}

fn lost(error: &Error) -> Failure {
    Failure::Lost(shown(&error.to_string()))
}

/// Closes a connection as it should be, while nobody waits for that.
fn goodbye(mut sink: futures::stream::SplitSink<Socket, Message>) {
    tokio::spawn(async move {
        let _ = timeout(CLOSE_TIMEOUT, sink.close()).await;
    });
}

/// Takes down how a server does; one that was given up before it could show it, as nothing.
struct Record<'a> {
    utterance: &'a Utterance,
    server: usize,
    asked: Instant,
    is_done: bool,
}

impl Record<'_> {
    fn done(mut self, outcome: &Result<String, Failure>) {
        self.is_done = true;
        if self.utterance.call.is_some() {
            self.utterance.servers.record(self.server, self.asked, outcome.as_ref().err());
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.is_done && self.utterance.call.is_some() {
            self.utterance.servers.record_nothing(self.server, self.asked);
        }
    }
}
