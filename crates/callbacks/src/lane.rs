//! The callbacks of one company: sent until nothing is due any more.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use hutong_domain::callback::pause_after;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::callback::address::{Address, Subject};
use hutong_store::callback::delivery::{self, Attempt, Batch, Due, Verdict};
use hutong_store::key::AppKey;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::client::Reply;
use crate::sender::Callbacks;
use crate::{Draft, NoLetter};

/// Callbacks that are read at a time, of those never tried and of those tried before.
const BATCH: i64 = 100;
/// Letters that are drafted at a time.
const DRAFTS_MAX: usize = 32;
/// Outcomes that are written at a time.
const RECORDED_MAX: usize = 64;
/// How long an outcome waits for others to be written with it. What a crash loses of them is sent again.
const GATHERED_FOR_MAX: Duration = Duration::from_millis(20);
/// The pause between two tries of a store that fails.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Sends what is due for a company, unless another process does.
pub(crate) async fn run(callbacks: Arc<Callbacks>, company: CompanyId, stopped: watch::Receiver<bool>) {
    if let Err(error) = drain(&callbacks, company, &stopped).await {
        tracing::warn!(%company, %error, "callbacks of company {company} wait for the store");
    }
}

async fn drain(callbacks: &Callbacks, company: CompanyId, stopped: &watch::Receiver<bool>) -> hutong_store::Result<()> {
    let mut answers = true;
    loop {
        let (node, now) = ((callbacks.node)(), callbacks.clock.now());
        if !callbacks.store.write(company, move |db| delivery::take_lane(db, company, node, now)).await? {
            return Ok(());
        }
        let batch = callbacks.store.read(move |db| delivery::batch(db, company, now, BATCH)).await?;
        if batch.due.is_empty() || *stopped.borrow() {
            return callbacks.store.write(company, move |db| delivery::leave_lane(db, company, node)).await;
        }
        answers = send_all(callbacks, company, batch, answers, stopped).await;
    }
}

/// Sends a batch and keeps what came of it. A receiver that does not answer (`answers`) gets one request at a time.
/// Whether it answered this time.
async fn send_all(
    callbacks: &Callbacks,
    company: CompanyId,
    batch: Batch,
    answers: bool,
    stopped: &watch::Receiver<bool>,
) -> bool {
    let Batch { due, addresses, keys } = batch;
    let ways: Vec<Way> = addresses.into_iter().map(|address| Way::new(address, &keys)).collect();
    let (outcomes, recorded) = mpsc::channel(due.len());
    let at_once = if answers { callbacks.settings.tasks_at_once.max(1) } else { 1 };
    let ways = &ways;
    let sending = async move {
        let each_task = by_task(due).into_iter().map(|due| {
            let outcomes = outcomes.clone();
            async move {
                let mut answered = true;
                for some in chunks(due) {
                    let signed_with = |due: &Due| way(ways, due).and_then(|way| way.key.clone());
                    let wanted = some.iter().map(|due| (due.clone(), signed_with(due))).collect();
                    let drafts = callbacks.letters.drafts(wanted).await;
                    for (due, draft) in some.iter().zip(each(drafts, some.len())) {
                        if *stopped.borrow() {
                            return answered;
                        }
                        if let Some(attempt) = attempt(callbacks, due, draft, way(ways, due)).await {
                            answered = attempt.http_status.is_some();
                            // There is room for all of them.
                            let _ = outcomes.send(attempt).await;
                        }
                    }
                }
                answered
            }
        });
        stream::iter(each_task)
            .buffer_unordered(at_once)
            .fold(true, |all, answered| async move { all && answered })
            .await
    };
    let (answers, ()) = tokio::join!(sending, record(callbacks, company, recorded, stopped));
    answers
}

/// Where callbacks go, and who signs them.
struct Way {
    address: Address,
    key: Option<Arc<AppKey>>,
}

impl Way {
    /// Signed with the key that the address names, or the company's oldest.
    fn new(address: Address, keys: &[AppKey]) -> Self {
        let key = address.signer(keys).cloned().map(Arc::new);
        Self { address, key }
    }
}

/// The way of a callback; none where its address was taken away.
fn way<'a>(ways: &'a [Way], due: &Due) -> Option<&'a Way> {
    let subject = Subject::of(due.name.kind);
    ways.iter().find(|way| way.address.subject == subject)
}

/// The callbacks of each task, in their order.
fn by_task(due: Vec<Due>) -> Vec<Vec<Due>> {
    let mut tasks: Vec<Vec<Due>> = Vec::new();
    for due in due {
        match tasks.iter_mut().find(|known| known.first().is_some_and(|first| first.task == due.task)) {
            Some(known) => known.push(due),
            None => tasks.push(vec![due]),
        }
    }
    tasks
}

/// A few at a time: what is read for a letter is not to be old when it is sent.
fn chunks(due: Vec<Due>) -> impl Iterator<Item = Vec<Due>> {
    let mut due = due.into_iter();
    std::iter::from_fn(move || {
        let some: Vec<Due> = due.by_ref().take(DRAFTS_MAX).collect();
        (!some.is_empty()).then_some(some)
    })
}

/// A draft for each of so many, or why there is none.
fn each(drafts: Result<Vec<Option<Draft>>, NoLetter>, count: usize) -> Vec<Result<Option<Draft>, NoLetter>> {
    match drafts {
        Ok(drafts) => drafts.into_iter().map(Ok).collect(),
        Err(error) => std::iter::repeat_n(error, count).map(Err).collect(),
    }
}

/// Sends one; none where the process has no room for it any more.
async fn attempt(
    callbacks: &Callbacks,
    due: &Due,
    draft: Result<Option<Draft>, NoLetter>,
    way: Option<&Way>,
) -> Option<Attempt> {
    let Some(Way { address, key: _ }) = way else {
        // An operator may ask for it once more after the address was taken away.
        return Some(moot(due, callbacks.clock.now(), "there is no address any more"));
    };
    // The semaphore is never closed.
    let _slot = callbacks.in_flight.acquire().await.ok()?;
    let now = callbacks.clock.now();
    let reply = match draft.and_then(|draft| draft.map(|draft| draft(now)).transpose()) {
        Ok(Some(letter)) => callbacks.poster.post(address, &due.name.to_string(), letter).await,
        Ok(None) => return Some(moot(due, now, "what it reports is not kept any more")),
        Err(error) => {
            let name = due.name;
            tracing::error!(%name, %error, "callback {name} could not be written");
            Reply::failed(format!("it could not be written: {error}"))
        }
    };
    let attempt = judged(due, reply, callbacks.clock.now());
    watched(&attempt, attempt.at.since(now));
    Some(attempt)
}

/// There is nothing to tell, or nobody.
fn moot(due: &Due, at: Moment, why: &str) -> Attempt {
    let (name, number, answer) = (due.name, due.attempts.saturating_add(1), why.to_owned());
    Attempt { name, number, at, verdict: Verdict::GivenUp, http_status: None, answer }
}

fn judged(due: &Due, reply: Reply, at: Moment) -> Attempt {
    let number = due.attempts.saturating_add(1);
    let verdict = match pause_after(number) {
        _ if reply.delivered => Verdict::Delivered,
        Some(pause) => Verdict::Again(at.after(pause)),
        None => Verdict::GivenUp,
    };
    Attempt { name: due.name, number, at, verdict, http_status: reply.status, answer: reply.text }
}

fn watched(attempt: &Attempt, took: Duration) {
    // What a receiver answers may have numbers in it: it is in the store, and in no log.
    let Attempt { name, number, verdict, http_status, answer: _, at: _ } = attempt;
    let outcome = match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Again(_) => "failed",
        Verdict::GivenUp => "given_up",
    };
    metrics::counter!("hutong_callback_attempts_total", "kind" => name.kind.name(), "outcome" => outcome).increment(1);
    metrics::histogram!("hutong_callback_seconds").record(took.as_secs_f64());
    match verdict {
        Verdict::Delivered => tracing::debug!(%name, number, "callback {name} was delivered"),
        Verdict::Again(_) => tracing::debug!(%name, number, ?http_status, "callback {name} was not taken"),
        Verdict::GivenUp => tracing::warn!(%name, number, ?http_status, "callback {name} is given up"),
    }
}

/// Keeps what came of attempts, for as long as the store fails: what is not kept would be sent again at once.
async fn record(
    callbacks: &Callbacks,
    company: CompanyId,
    mut outcomes: mpsc::Receiver<Attempt>,
    stopped: &watch::Receiver<bool>,
) {
    while let Some(first) = outcomes.recv().await {
        let mut some = vec![first];
        let more = async {
            while some.len() < RECORDED_MAX
                && let Some(next) = outcomes.recv().await
            {
                some.push(next);
            }
        };
        let _ = timeout(GATHERED_FOR_MAX, more).await;
        let attempts: Arc<[Attempt]> = some.into();
        loop {
            let these = attempts.clone();
            match callbacks.store.write(company, move |db| delivery::record(db, company, &these)).await {
                Ok(()) => break,
                Err(error) if *stopped.borrow() => {
                    tracing::warn!(%company, %error, "what came of callbacks was not kept; they are sent again");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%company, %error, "callbacks of company {company} wait for the store");
                    #[expect(clippy::disallowed_methods, reason = "waits for the disk, in no campaign's time")]
                    tokio::time::sleep(STORE_RETRY).await;
                }
            }
        }
    }
}
