//! One call, from its claim to its outcome in the store.

mod talk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{Either, select};
use hutong_domain::call::{FinishStatus, HungUpBy, Utterance};
use hutong_domain::dialogue;
use hutong_domain::grading::{self, Facts};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::Scene;
use hutong_domain::scene::replay::Course;
use hutong_store::IdKind;
use hutong_store::claim::{self, Claimed};
use hutong_store::finish::{Ending, Finished, finish};

use tracing::{Instrument as _, field, info_span};

use crate::line::{Briefing, CallReport, LeftOver, Recording};
use crate::scheduler::{Parts, Phase};
use talk::Talk;

/// How often writing an outcome is tried while the store fails; after that the lease runs out, and whoever
/// finds the attempt ends it.
const FINISH_TRIES_MAX: u32 = 60;
/// The pause between two tries of a store that fails.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Lives a claimed call to its end and writes what came of it. All that happens meanwhile is in one span, and so is what
/// is logged.
pub(crate) async fn run(parts: Arc<Parts>, claimed: Claimed) {
    let Claimed { call, attempt_no: attempt, company, task, line, driver, .. } = &claimed;
    let driver = driver.name();
    let span = tracing::info_span!("call", %call, attempt, %company, %task, %line, driver, outcome = field::Empty);
    live_and_record(parts, claimed).instrument(span).await;
}

async fn live_and_record(parts: Arc<Parts>, claimed: Claimed) {
    let outcome = match parts.scenes.get(claimed.company, claimed.scene, claimed.scene_version).await {
        Ok(scene) => {
            let lived = std::panic::AssertUnwindSafe(live(&parts, &claimed, &scene)).catch_unwind().await;
            let conversation = lived.unwrap_or_else(|_| {
                tracing::error!(call = %claimed.call, "call {} broke", claimed.call);
                Conversation::ended_by(Disposition::Interrupted)
            });
            record(&parts, &claimed, Some(&scene), conversation).await
        }
        Err(error) => {
            tracing::error!(call = %claimed.call, %error, "call {} has no scene to speak", claimed.call);
            record(&parts, &claimed, None, Conversation::ended_by(Disposition::LineFailed)).await
        }
    };
    match outcome {
        Ok(finished) => tracing::debug!(call = %claimed.call, ?finished, "call {} ended", claimed.call),
        Err(error) => {
            tracing::error!(call = %claimed.call, %error, "the outcome of call {} was not written", claimed.call);
        }
    }
}

/// Ends a claimed call that is not to be dialled.
pub(crate) async fn refuse(parts: Arc<Parts>, claimed: Claimed, disposition: Disposition) {
    let scene = parts.scenes.get(claimed.company, claimed.scene, claimed.scene_version).await.ok();
    if let Err(error) = record(&parts, &claimed, scene.as_deref(), Conversation::ended_by(disposition)).await {
        tracing::error!(call = %claimed.call, %error, "the end of call {} was not written", claimed.call);
    }
}

/// Ends an attempt whose process is gone. Not tried again here: whoever looks for such attempts next finds it.
///
/// # Errors
/// When the store fails.
pub(crate) async fn give_up(parts: &Parts, claimed: &Claimed) -> hutong_store::Result<Finished> {
    let scene = parts.scenes.get(claimed.company, claimed.scene, claimed.scene_version).await.ok();
    let conversation = Conversation::ended_by(Disposition::Interrupted);
    let mut ending = ending(scene.as_deref(), conversation, parts.runtime.now());
    // A claim that was taken from the store does not say which line it was dialled on.
    if let Some(LeftOver { both, customer }) = parts.lines.values().find_map(|line| line.left_over(claimed)) {
        (ending.recording, ending.customer_recording) = (Some(both), Some(customer));
    }
    write(parts, claimed, &ending).await
}

/// What happened in a call.
struct Conversation {
    disposition: Disposition,
    answered_at: Option<Moment>,
    hung_up_by: Option<HungUpBy>,
    chat_rounds: i64,
    utterances: Vec<Utterance>,
    course: Option<Course>,
    state: Option<dialogue::State>,
    report: CallReport,
}

impl Conversation {
    fn ended_by(disposition: Disposition) -> Self {
        Self {
            disposition,
            answered_at: None,
            hung_up_by: None,
            chat_rounds: 0,
            utterances: Vec::new(),
            course: None,
            state: None,
            report: CallReport::default(),
        }
    }
}

async fn live(parts: &Parts, claimed: &Claimed, scene: &Scene) -> Conversation {
    let Some(line) = parts.lines.get(&claimed.driver) else {
        tracing::error!(call = %claimed.call, driver = claimed.driver.name(), "no such line driver is running");
        return Conversation::ended_by(Disposition::LineFailed);
    };
    if let Err(disposition) = last_look(parts, claimed).instrument(info_span!("claim")).await {
        return Conversation::ended_by(disposition);
    }
    // Said before it rings: what was dialled can be told from the log even of a process that dies now.
    let (id, attempt, node) = (claimed.call, claimed.attempt_no, claimed.node);
    tracing::debug!(call = %id, attempt, %node, "call {id} is dialled");
    let mut call = info_span!("dial").in_scope(|| {
        let mut call = line.dial(claimed);
        call.brief(briefing(parts, claimed, scene));
        call
    });
    let answered = unless_stopped(parts, call.answered())
        .instrument(info_span!("ring"))
        .await
        .unwrap_or(Err(Disposition::Interrupted));
    if let Err(disposition) = answered {
        call.hang_up().await;
        return Conversation { report: call.report(), ..Conversation::ended_by(disposition) };
    }
    let answered_at = parts.runtime.now();
    let seat = {
        let claimed = claimed.clone();
        let write = parts.store.write(claimed.company, move |db| claim::answer(db, &claimed, answered_at));
        write.instrument(info_span!("answer")).await
    };
    if !matches!(seat, Ok(true)) {
        call.hang_up().await;
        let report = call.report();
        return Conversation { answered_at: Some(answered_at), report, ..Conversation::ended_by(Disposition::NoSeat) };
    }
    Talk::new(parts, claimed, scene, answered_at).run(call.as_mut()).await
}

/// What is known of the customer.
fn variables(claimed: &Claimed) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = claimed.properties.clone();
    variables.insert("客户名称".to_owned(), claimed.customer_name.clone());
    variables.insert("联系方式".to_owned(), claimed.customer_phone.clone());
    variables
}

fn briefing(parts: &Parts, claimed: &Claimed, scene: &Scene) -> Briefing {
    let now = parts.runtime.now().civil(&parts.settings.rules.zone);
    Briefing {
        language: scene.language(),
        hotwords: scene.hotwords(),
        slot_texts: scene.slot_texts(&variables(claimed), now),
    }
}

/// The last look before the number rings: the claim may be older than it was meant to be.
async fn last_look(parts: &Parts, claimed: &Claimed) -> Result<(), Disposition> {
    let still = || {
        let now = parts.runtime.now();
        parts.lease.is_valid(claimed.node, now) && now < claimed.dial_before
    };
    while still() {
        let asked = claimed.clone();
        match parts.store.read(move |db| claim::may_dial(db, &asked)).await {
            // Asked of the clock again: the answer may have taken its time.
            Ok(true) if still() => return Ok(()),
            Ok(true) => {}
            Ok(false) => return Err(Disposition::Interrupted),
            Err(error) => {
                tracing::warn!(call = %claimed.call, %error, "call {} waits for the store", claimed.call);
                parts.runtime.sleep(STORE_RETRY).await;
            }
        }
    }
    Err(Disposition::Interrupted)
}

/// What `wait` gives; none when the process has to stop first.
async fn unless_stopped<T>(parts: &Parts, wait: impl Future<Output = T> + Send) -> Option<T> {
    let stopped = parts.phase.wait_for(Phase::HangingUp);
    match select(std::pin::pin!(wait), std::pin::pin!(stopped)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// Grades the call and writes its end; tried again for as long as the store fails.
async fn record(
    parts: &Parts,
    claimed: &Claimed,
    scene: Option<&Scene>,
    conversation: Conversation,
) -> hutong_store::Result<Finished> {
    let ended_at = parts.runtime.now();
    let mut conversation = conversation;
    let recording = conversation.report.recording.take();
    let mut ending = ending(scene, conversation, ended_at);
    if let Some(Recording { both, customer, .. }) = &recording {
        (ending.recording, ending.customer_recording) = (Some(both.clone()), Some(customer.clone()));
    }
    tracing::Span::current().record("outcome", ending.disposition.name());
    let outcome = write_patiently(parts, claimed, &ending).instrument(info_span!("finish")).await;
    count(claimed, &ending);
    // No row names the recording of an attempt after which the call goes on.
    if let (Ok(Finished::Redial { .. }), Some(recording)) = (&outcome, recording) {
        (recording.discard)();
    }
    outcome
}

/// Counts an attempt that has ended, for whoever watches.
fn count(claimed: &Claimed, ending: &Ending) {
    let (outcome, driver) = (ending.disposition.name(), claimed.driver.name());
    metrics::counter!("hutong_attempts_total", "outcome" => outcome, "driver" => driver).increment(1);
    if let Some(answered_at) = ending.answered_at {
        let talk = ending.ended_at.since(answered_at);
        metrics::histogram!("hutong_talk_seconds", "driver" => driver).record(talk.as_secs_f64());
    }
}

async fn write_patiently(parts: &Parts, claimed: &Claimed, ending: &Ending) -> hutong_store::Result<Finished> {
    let mut tries = 0;
    loop {
        match write(parts, claimed, ending).await {
            Err(error) if tries < FINISH_TRIES_MAX => {
                tries += 1;
                tracing::warn!(call = %claimed.call, %error, tries, "the outcome of call {} waits for the store", claimed.call);
                parts.runtime.sleep(STORE_RETRY).await;
            }
            outcome => return outcome,
        }
    }
}

fn ending(scene: Option<&Scene>, conversation: Conversation, ended_at: Moment) -> Ending {
    let Conversation { disposition, answered_at, hung_up_by, chat_rounds, utterances, course, state, report } =
        conversation;
    let mut ending = Ending {
        disposition,
        signals: report.signals,
        answered_at,
        ended_at,
        hung_up_by,
        chat_rounds,
        utterances,
        course,
        do_not_call: state.as_ref().is_some_and(dialogue::State::do_not_call),
        results: Vec::new(),
        recording: None,
        customer_recording: None,
        first_utterance_id: 0,
        first_result_id: 0,
    };
    let facts = Facts {
        finish_status: disposition.finish_status(),
        talk_ms: ending.talk_s().saturating_mul(1000),
        chat_rounds,
        state: state.as_ref().filter(|_| disposition.finish_status() == FinishStatus::Answered),
        transcript: &ending.utterances,
    };
    ending.results = scene.map_or_else(grading::without_scene, |scene| grading::grade(scene, &facts));
    ending
}

async fn write(parts: &Parts, claimed: &Claimed, ending: &Ending) -> hutong_store::Result<Finished> {
    let (claimed, mut ending) = (claimed.clone(), ending.clone());
    if !ending.utterances.is_empty() {
        ending.first_utterance_id = parts.store.reserve(IdKind::Utterance, ending.utterances.len()).await?;
    }
    ending.first_result_id = parts.store.reserve(IdKind::CallResult, ending.results.len()).await?;
    parts.store.write(claimed.company, move |db| finish(db, &claimed, &ending)).await
}
