//! One call to try a trunk, whose steps are seen while it goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, LineId};
use hutong_domain::line::LineDriver;
use hutong_domain::message::Message;
use hutong_domain::phone::{PhoneNumber, mask};
use hutong_store::audit::Object;
use hutong_store::line::{self, Line};
use hutong_store::{Db, blacklist, company};
use hutong_telephony::sip::EndedBy;
use hutong_trunks::trial::Step;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Test calls that are kept to be looked at.
const KEPT_MAX: usize = 16;
/// Steps of a call that are kept: a callee may press keys for as long as it lasts.
const STEPS_MAX: usize = 100;

/// Test calls that go on, and the latest of those that are over.
#[derive(Default)]
pub(crate) struct TestCalls {
    last: AtomicU64,
    kept: Mutex<VecDeque<Arc<TestCall>>>,
}

/// A test call.
pub(crate) struct TestCall {
    id: u64,
    company: CompanyId,
    line: LineId,
    number: String,
    course: Mutex<Course>,
}

/// How it goes.
#[derive(Default, Clone)]
struct Course {
    steps: Vec<(Duration, Step)>,
    outcome: Option<std::result::Result<(), Message>>,
}

impl TestCalls {
    fn begin(&self, line: &Line, number: &str) -> Arc<TestCall> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (company, number) = (line.company, number.to_owned());
        let call = Arc::new(TestCall { id, company, line: line.id, number, course: Mutex::default() });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front(call.clone());
        call
    }

    fn find(&self, company: CompanyId, line: LineId, id: u64) -> Option<Arc<TestCall>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|call| (call.company, call.line, call.id) == (company, line, id)).cloned()
    }
}

impl TestCall {
    fn course(&self) -> std::sync::MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Template)]
#[template(path = "test_call.html")]
struct TestCallPart<'a> {
    ui: &'a Ui,
    address: String,
    number: String,
    course: Course,
}

/// Why no call is placed.
#[derive(Template)]
#[template(source = r#"<p class="problem" id="number-problem" role="alert">{{ words }}</p>"#, ext = "html")]
struct NotPlaced {
    words: String,
}

impl TestCallPart<'_> {
    fn words(&self, step: &Step) -> String {
        if self.ui.is_english() { step.to_string() } else { chinese(step) }
    }

    fn seconds(&self, passed: &Duration) -> String {
        format!("{:.3} s", passed.as_secs_f64())
    }
}

fn chinese(step: &Step) -> String {
    match step {
        Step::Way(from, over, to) => format!("从 {from} 经 {over} 呼叫 {to}"),
        Step::Present(took) => format!("中继在线：OPTIONS 在 {} 毫秒内应答", took.as_millis()),
        Step::Registered => "已注册".to_owned(),
        Step::Invited(call_id) => format!("已发送 INVITE，Call-ID {call_id}"),
        Step::Trying => "100：中继已收到".to_owned(),
        Step::Progress(code, false) => code.to_string(),
        Step::Progress(code, true) => format!("{code}，有早期媒体"),
        Step::Unusable(why) => format!("对方的媒体描述不可用：{why}"),
        Step::Began => "收到第一个语音包".to_owned(),
        Step::Heard(what) => format!("接通前听到：{}", what.label()),
        Step::Answered(codec) => format!("200：已接通，{codec}"),
        Step::Speaking(words) => format!("正在播放：{words}"),
        Step::Spoken => "播放完毕".to_owned(),
        Step::Pressed(key) => format!("对方按键 {key}"),
        Step::Silent => "不再收到语音包".to_owned(),
        Step::Packets(sent, received, lost, jitter) => {
            format!("语音包：发 {sent}，收 {received}，丢 {lost}；抖动 {} 毫秒", jitter.as_millis())
        }
        Step::SomebodyHeard => "听到有人说话".to_owned(),
        Step::HungUp => "已挂断".to_owned(),
        Step::Ended(ended) => {
            let cause = ended.q850.map_or_else(String::new, |cause| format!("，Q.850 原因 {cause}"));
            match (ended.by, ended.code) {
                (EndedBy::FarSide, Some(code)) => format!("被拒绝，{code}{cause}"),
                (EndedBy::FarSide, None) => format!("对方挂断{cause}"),
                (EndedBy::Us, _) => "振铃超时".to_owned(),
                (EndedBy::Silence, _) => "中继无应答".to_owned(),
            }
        }
    }
}

/// The number to call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenNumber {
    number: String,
}

/// `POST /c/{company}/lines/{line}/test`
pub(crate) async fn begin(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(String, i64)>,
    Form(GivenNumber { number }): Form<GivenNumber>,
) -> Result<Response> {
    visit.require(Permission::PlaceCalls)?;
    let line = line_of(&shared, &visit, id).await?;
    let called = match callable(&shared, &visit, &line, &number).await? {
        Ok(called) => called,
        Err(words) => return Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&NotPlaced { words })?).into_response()),
    };
    let trial = shared.trial(&visit.ui)?;
    let (company, line_id, by) = (visit.company, line.id, visit.by());
    let note = json!({ "test_call_to": mask(&called) });
    let kept =
        move |db: &mut Db| by.note(db, Action::CallPlace, &Object::Line(company, line_id), None, Some(note.clone()));
    shared.app.store.write(company, kept).await?;
    let call = shared.test_calls.begin(&line, &called);
    let (clock, begun, told) = (shared.app.clock.clone(), shared.app.clock.now(), call.clone());
    let tell = Arc::new(move |step: Step| {
        let mut course = told.course();
        if course.steps.len() < STEPS_MAX {
            course.steps.push((clock.now().since(begun), step));
        }
    });
    let placed = shared.installation.equipment.test_call(line, called, tell);
    let over = call.clone();
    tokio::spawn(async move {
        let outcome = placed.await;
        over.course().outcome = Some(outcome);
        drop(trial);
    });
    Ok(part(&visit, &call)?.into_response())
}

/// The line, where it is one of the company with a trunk.
async fn line_of(shared: &Shared, visit: &Visit, id: i64) -> Result<Line> {
    let found = shared.app.store.read(move |db| line::find(db, LineId(id))).await?;
    let line = found.filter(|line| line.company == visit.company).ok_or(Error::NotFound)?;
    if line.driver != LineDriver::Sip || !line.enabled {
        let words = visit.ui.t("只有已启用的 SIP 线路可以试拨", "Only a SIP line that is enabled can be tried");
        return Err(Error::Refused(words.to_owned()));
    }
    Ok(line)
}

/// The number, where it may be called now: the law counts for test calls too.
async fn callable(
    shared: &Shared,
    visit: &Visit,
    line: &Line,
    number: &str,
) -> Result<std::result::Result<String, String>> {
    let ui = &visit.ui;
    let refused = |words: &str| Ok(Err(words.to_owned()));
    let Some(called) = PhoneNumber::parse(number) else {
        return refused(ui.t("号码应为 3 至 20 位数字", "A number has 3 to 20 digits"));
    };
    let (company, called) = (line.company, called.as_str().to_owned());
    let asked = called.clone();
    let read = move |db: &mut Db| Ok((company::find(db, company)?, blacklist::contains(db, company, &asked)?));
    let (found, is_blacklisted) = shared.app.store.read(read).await?;
    if is_blacklisted {
        return refused(ui.t("该号码在黑名单中", "The number is on the blacklist"));
    }
    let hours = shared.app.rules.hours_of(&found.map(|company| company.rules).unwrap_or_default());
    let now = shared.app.clock.now().civil(&ui.zone);
    if !hours.legal.contains(now.time()) || !hours.days.dials(now.date()) {
        return refused(ui.t("此刻不在合法拨打时段", "No calls may be made at this hour"));
    }
    Ok(Ok(called))
}

fn part(visit: &Visit, call: &TestCall) -> Result<Html> {
    let address = visit.ui.url(&format!("lines/{}/test/{}", call.line, call.id));
    let (number, course) = (visit.ui.phone(&call.number), call.course().clone());
    html(&TestCallPart { ui: &visit.ui, address, number, course })
}

/// `GET /c/{company}/lines/{line}/test/{call}`: how it goes.
pub(crate) async fn steps(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, line, id)): Path<(String, i64, u64)>,
) -> Result<Html> {
    visit.require(Permission::PlaceCalls)?;
    let call = shared.test_calls.find(visit.company, LineId(line), id).ok_or(Error::NotFound)?;
    part(&visit, &call)
}
