//! Talking to a scene in writing: with a published version, or with a text that is not published yet.
//!
//! Conversations are in memory alone, each for the user who began it, and end by themselves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum_extra::extract::Form;
use hutong_dialer::mind::{self, Mind};
use hutong_domain::access::Permission;
use hutong_domain::call::{CallResult, Match, Speaker, Understanding, Utterance};
use hutong_domain::dialogue::{self, Action, Event, KeyEntry, Opening, Step};
use hutong_domain::ids::CompanyId;
use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_domain::scene::Scene;
use hutong_domain::scene::outline::{Outline, Variable};
use hutong_domain::scene::rehearsal::Rehearsal;
use serde::Deserialize;

use super::edit::parse;
use super::{Head, ScenePath, Subject, WantedVersion, given_document, words};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Conversations that are kept at once: of more, those that were left longest ago end.
const TALKS_MAX: u64 = 200;
/// How long a conversation waits for its next turn.
const TALK_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Turns of a conversation, keys and silences included: scenes end theirs long before.
const TURNS_MAX: usize = 300;
/// Characters of what is said in a turn.
const SAID_CHARS_MAX: usize = 500;
/// Meanings that are shown beside the one that was understood.
const WEIGHED_MAX: usize = 6;
/// What fields of variables begin with in a form.
const VARIABLE: &str = "v:";

/// Conversations by their number.
pub(crate) struct Talks {
    last: AtomicU64,
    known: moka::sync::Cache<u64, Arc<Talk>>,
}

impl Default for Talks {
    fn default() -> Self {
        let known = moka::sync::Cache::builder().max_capacity(TALKS_MAX).time_to_idle(TALK_TIME_MAX).build();
        Self { last: AtomicU64::new(0), known }
    }
}

/// A conversation.
struct Talk {
    id: u64,
    company: CompanyId,
    user: String,
    scene: Arc<Scene>,
    so_far: Mutex<SoFar>,
}

#[derive(Clone)]
struct SoFar {
    rehearsal: Rehearsal,
    turns: Vec<Turn>,
    listens: Option<KeyEntry>,
}

impl Talk {
    /// What a language model takes words for that the rules do not understand, as in a call.
    async fn choice(&self, mind: &dyn Mind, text: &str) -> Option<String> {
        let rehearsal = self.so_far.lock().unwrap_or_else(PoisonError::into_inner).rehearsal.clone();
        if dialogue::would_understand(&self.scene, rehearsal.state(), text) {
            return None;
        }
        let robot_said = rehearsal.transcript().iter().rev().find(|it| it.speaker == Speaker::Robot);
        let robot_said = robot_said.map(|it| it.text.clone()).unwrap_or_default();
        mind::choice(mind, (&self.scene, rehearsal.state()), robot_said, text).await
    }
}

/// What happened, and what came of it.
#[derive(Clone)]
struct Turn {
    /// Whether a language model understood it.
    by_model: bool,
    /// What the customer did, in words; empty at the beginning.
    did: String,
    is_speech: bool,
    understanding: Option<Understanding>,
    /// What else was near, the nearest first.
    weighed: Vec<Match>,
    /// The node where it was heard, and the one that it led to.
    from: String,
    to: String,
    says: Vec<String>,
    then: String,
}

impl Talks {
    fn begin(&self, visit: &Visit, scene: Arc<Scene>, variables: &BTreeMap<String, String>) -> Arc<Talk> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // One after the other chooses other wordings.
        let opening = Opening { seed: id, now: visit.ui.now.civil(&visit.ui.zone) };
        let rehearsal = Rehearsal::begin(&scene, variables, opening);
        let mut so_far = SoFar { rehearsal, turns: Vec::new(), listens: None };
        so_far.step(&visit.ui, &scene, &Event::Answered, String::new());
        let (company, user) = (visit.company, visit.signed_in.user.name.clone());
        let talk = Arc::new(Talk { id, company, user, scene, so_far: Mutex::new(so_far) });
        self.known.insert(id, talk.clone());
        talk
    }

    fn find(&self, visit: &Visit, id: u64) -> Option<Arc<Talk>> {
        let is_own = |talk: &Arc<Talk>| talk.company == visit.company && talk.user == visit.signed_in.user.name;
        self.known.get(&id).filter(is_own)
    }
}

impl SoFar {
    fn step(&mut self, ui: &Ui, scene: &Scene, event: &Event, did: String) {
        let from = self.rehearsal.state().node().to_owned();
        let (weighed, by_model) = match event {
            Event::Heard { text, choice, .. } => {
                (dialogue::weigh(scene, self.rehearsal.state(), text), choice.is_some())
            }
            _ => (Vec::new(), false),
        };
        let Step { understanding, node, actions } = self.rehearsal.step(scene, event);
        let mut says = Vec::new();
        let mut then = String::new();
        self.listens = None;
        for action in actions {
            match action {
                Action::Say { text, .. } => says.push(text),
                Action::Listen(listen) => self.listens = Some(listen.keys),
                Action::Transfer { to, .. } => then = format!("{}{to}", ui.t("转人工：", "hands over to ")),
                Action::HangUp { reason } => then = format!("{}{reason}", ui.t("挂机：", "hangs up: ")),
            }
        }
        let is_speech = matches!(event, Event::Heard { .. });
        let weighed = weighed.into_iter().take(WEIGHED_MAX).collect();
        self.turns.push(Turn { by_model, did, is_speech, understanding, weighed, from, to: node, says, then });
    }
}

/// A conversation as it stands.
#[derive(Template)]
#[template(path = "scenes/talk.html")]
pub(super) struct TalkPart {
    ui: Ui,
    id: u64,
    name: String,
    threshold: f64,
    so_far: SoFar,
    results: Vec<CallResult>,
    is_full: bool,
}

impl TalkPart {
    fn of(ui: Ui, talk: &Talk) -> Self {
        let so_far = talk.so_far.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let results = so_far.rehearsal.results(&talk.scene);
        let is_full = so_far.turns.len() >= TURNS_MAX;
        let (name, threshold) = (talk.scene.name().to_owned(), talk.scene.threshold());
        Self { ui, id: talk.id, name, threshold, so_far, results, is_full }
    }

    fn is_ended(&self) -> bool {
        self.so_far.rehearsal.state().is_ended()
    }

    fn is_transferring(&self) -> bool {
        self.so_far.rehearsal.state().is_transferring()
    }

    fn takes_keys(&self) -> bool {
        !matches!(self.so_far.listens, None | Some(KeyEntry::Unused))
    }

    fn said(&self, evidence: &hutong_domain::call::Evidence) -> Option<&Utterance> {
        self.so_far.rehearsal.transcript().get(evidence.utterance)
    }

    fn score(&self, score: &f64) -> String {
        format!("{score:.2}")
    }

    /// Whether a meaning is the one that counted.
    fn is_hit(&self, turn: &Turn, near: &Match) -> bool {
        matches!(&turn.understanding, Some(Understanding::Matched(hit)) if hit.name == near.name && hit.knowledge == near.knowledge)
    }
}

#[derive(Template)]
#[template(path = "scenes/talk_page.html")]
struct TalkPage {
    ui: Ui,
    head: Head,
    variables: Vec<Variable>,
}

impl TalkPage {
    fn kind<'a>(&self, kind: &'a str) -> &'a str {
        words::variable_kind(&self.ui, kind)
    }
}

/// `GET /c/{company}/scenes/{scene}/talk`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let subject = Subject::read(&shared, &visit, scene, version, "talk").await?;
    let variables = subject.outline()?.variables;
    html(&TalkPage { ui: visit.ui.in_section("scenes"), head: subject.head, variables })
}

/// `POST /c/{company}/scenes/{scene}/talk`: begins one with a published version.
pub(crate) async fn begin(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(WantedVersion { version }): Query<WantedVersion>,
    Form(given): Form<BTreeMap<String, String>>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let Subject { head, .. } = Subject::read(&shared, &visit, scene, version, "talk").await?;
    let scene = shared.scenes.get(visit.company, head.id, head.version).await?;
    let variables = variables(&visit.ui, &scene, &given)?;
    let talk = shared.talks.begin(&visit, scene, &variables);
    html(&TalkPart::of(visit.ui, &talk))
}

/// `POST /c/{company}/scenes/draft/talk`: begins one with a text, whose variables have their examples or defaults.
pub(crate) async fn begin_draft(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(super::edit::Draft { document }): Form<super::edit::Draft>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let document = given_document(&document, &visit.ui)?;
    let Ok(scene) = parse(&document).await? else {
        let words =
            visit.ui.t("话术没有通过检查，先改好错误", "The scene does not pass its checks: mend the errors first");
        return Err(Error::Refused(words.to_owned()));
    };
    let outline =
        Outline::read(&document).map_err(|problem| Error::Refused(visit.ui.message(&problem.message).to_owned()))?;
    let examples = outline.variables.into_iter().filter_map(|it| Some((it.name, it.default.or(it.example)?)));
    let talk = shared.talks.begin(&visit, Arc::new(scene), &examples.collect());
    html(&TalkPart::of(visit.ui, &talk))
}

/// What a form gives for the variables; those without a value are left out.
fn variables(ui: &Ui, scene: &Scene, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let named = given.iter().filter_map(|(name, value)| Some((name.strip_prefix(VARIABLE)?, value.trim())));
    let mut variables = BTreeMap::new();
    for (name, value) in named.filter(|(_, value)| !value.is_empty()) {
        if value.chars().count() > SAID_CHARS_MAX {
            return Err(too_long(ui, name));
        }
        scene.check_value(name, value).map_err(|Message { en, zh }| {
            Error::Refused(ui.message(&say!("{name}: {en}", "{name}：{zh}")).to_owned())
        })?;
        variables.insert(name.to_owned(), value.to_owned());
    }
    Ok(variables)
}

fn too_long(ui: &Ui, what: &str) -> Error {
    let zh = format!("{what}：最多 {SAID_CHARS_MAX} 个字");
    let en = format!("{what}: at most {SAID_CHARS_MAX} characters");
    Error::Refused(ui.t(&zh, &en).to_owned())
}

/// Which conversation a path names.
#[derive(Deserialize)]
pub(crate) struct TalkPath {
    talk: u64,
}

/// What happens next.
#[derive(Deserialize)]
pub(crate) struct Next {
    /// `heard`, `interrupted`, `silence`, `key`, `hung_up`, `machine`, `deaf`, `transferred` or `transfer_failed`.
    event: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    key: String,
}

/// `POST /c/{company}/scenes/talks/{talk}`: the next turn.
pub(crate) async fn next(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(TalkPath { talk }): Path<TalkPath>,
    Form(next): Form<Next>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let ui = visit.ui.clone();
    let gone =
        || Error::Refused(ui.t("这段对话已经结束，请重新开始", "This conversation is gone: begin again").to_owned());
    let talk = shared.talks.find(&visit, talk).ok_or_else(gone)?;
    let (mut event, did) = event(&ui, next)?;
    if let (Event::Heard { text, choice, .. }, Some(mind)) = (&mut event, &shared.mind) {
        *choice = talk.choice(&**mind, text).await;
    }
    {
        let mut so_far = talk.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        if so_far.turns.len() < TURNS_MAX && !so_far.rehearsal.state().is_ended() {
            so_far.step(&ui, &talk.scene, &event, did);
        }
    }
    html(&TalkPart::of(ui, &talk))
}

/// The event that a form means, and the same in words.
fn event(ui: &Ui, next: Next) -> Result<(Event, String)> {
    let Next { event, text, key } = next;
    let words = |zh: &str, en: &str| ui.t(zh, en).to_owned();
    if text.chars().count() > SAID_CHARS_MAX {
        return Err(too_long(ui, ui.t("客户说", "what the customer says")));
    }
    Ok(match event.as_str() {
        "heard" | "interrupted" if text.trim().is_empty() => {
            return Err(Error::Refused(words("请写下客户说的话", "Write what the customer says")));
        }
        "heard" => (Event::heard(text.trim()), text.trim().to_owned()),
        "interrupted" => {
            let did = text.trim().to_owned();
            (Event::Heard { text: did.clone(), interrupted: true, choice: None }, did)
        }
        "silence" => (Event::Silence, words("（沉默）", "(silence)")),
        "key" => {
            let mut keys = key.chars();
            match (keys.next(), keys.next()) {
                (Some(digit @ ('0'..='9' | '*' | '#')), None) => {
                    (Event::Key { digit }, format!("{} {digit}", ui.t("按键", "key")))
                }
                _ => return Err(Error::Refused(words("按键是 0–9、* 或 # 之一", "A key is one of 0–9, * and #"))),
            }
        }
        "hung_up" => (Event::HungUp, words("（客户挂机）", "(the customer hangs up)")),
        "machine" => (Event::Machine, words("（语音信箱）", "(an answering machine)")),
        "deaf" => (Event::Deaf, words("（识别不可用）", "(nothing can be recognised)")),
        "transferred" => (Event::Transferred, words("（人工接起）", "(a person takes it)")),
        "transfer_failed" => {
            (Event::TransferFailed { reason: "not taken".to_owned() }, words("（人工未接）", "(nobody takes it)"))
        }
        _ => return Err(Error::Refused(words("没有这种事件", "There is no such event"))),
    })
}

#[cfg(test)]
mod tests {
    use hutong_domain::moment::Moment;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::ui::Look;

    fn ui() -> Ui {
        Ui { look: Look::default(), zone: TimeZone::UTC, now: Moment(0), user: None, company: None, section: "" }
    }

    fn next(event: &str, text: &str, key: &str) -> Next {
        Next { event: event.to_owned(), text: text.to_owned(), key: key.to_owned() }
    }

    /// Takes everything for the last of what is offered.
    #[derive(Debug)]
    struct TakesTheLast;

    impl Mind for TakesTheLast {
        fn choose(&self, question: mind::Question) -> hutong_dialer::runtime::BoxFuture<'_, Option<usize>> {
            assert_eq!(question.robot_said, "您好，方便吗？");
            Box::pin(async move { question.choices.len().checked_sub(1) })
        }
    }

    #[tokio::test]
    async fn a_language_model_is_asked_where_the_rules_understand_nothing_as_in_a_call() {
        let yaml = "hutong: 1\nname: 话\nrobot: { name: 人 }\nnodes:\n  - { name: 甲, say: '您好，方便吗？', branches: \
                    [{ intent: 肯定, next: 乙 }, { intent: 忙碌, next: 乙 }] }\n  - { name: 乙, say: 再见, end: { reason: 完 } }\n\
                    results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]\n";
        let scene = Arc::new(Scene::parse(yaml).unwrap());
        let opening = Opening { seed: 1, now: jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0) };
        let rehearsal = Rehearsal::begin(&scene, &BTreeMap::new(), opening);
        let mut so_far = SoFar { rehearsal, turns: Vec::new(), listens: None };
        so_far.step(&ui(), &scene, &Event::Answered, String::new());
        let (company, user) = (CompanyId(1), "anna".to_owned());
        let talk = Talk { id: 1, company, user, scene, so_far: Mutex::new(so_far) };
        assert_eq!(talk.choice(&TakesTheLast, "方便的").await, None);
        assert_eq!(talk.choice(&TakesTheLast, "呱呱呱呱").await.as_deref(), Some("忙碌"));
    }

    #[test]
    fn a_form_means_one_event() {
        let check = |given: Next, expected: Event| assert_eq!(event(&ui(), given).unwrap().0, expected);
        check(next("heard", " 好的 ", ""), Event::heard("好的"));
        check(next("key", "", "#"), Event::Key { digit: '#' });
        check(next("silence", "", ""), Event::Silence);
        for wrong in [next("heard", " ", ""), next("key", "", "12"), next("key", "", "a"), next("", "", "")] {
            assert!(matches!(event(&ui(), wrong), Err(Error::Refused(_))));
        }
        let long = next("heard", &"好".repeat(SAID_CHARS_MAX + 1), "");
        assert!(matches!(event(&ui(), long), Err(Error::Refused(_))));
    }
}
