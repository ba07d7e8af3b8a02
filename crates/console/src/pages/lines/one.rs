//! One line: making it, changing it, taking it out of use.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::audit::Action;
use hutong_domain::ids::{LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::pace::Pace;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::task::TaskStatus;
use hutong_store::Db;
use hutong_store::audit::Object;
use hutong_store::line::{self, Line};
use hutong_telephony::sip::Trunk;
use hutong_trunks::settings;
use serde::Deserialize;

use super::trunk::{GivenTrunk, problem};
use super::{Listed, SECTION, breaker_words, kind, read, trunk_words};
use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

const CHANNELS_MAX: i64 = 1_000_000;
const CALLS_PER_S_MAX: u32 = 10_000;
const RAMP_S_MAX: u64 = 3600;
const NAME_CHARS_MAX: usize = 100;
/// Calls are charged by the minute.
const BILL_PERIOD_S: i64 = 60;
/// Tasks of a line that are shown.
const TASKS_SHOWN: i64 = 20;
const KINDS: [LineKind; 4] = [LineKind::Mobile, LineKind::Fixed, LineKind::Hidden, LineKind::Sip];

#[derive(Template)]
#[template(path = "line_new.html", blocks = ["form"])]
struct NewLine {
    ui: Ui,
    given: Given,
    trunk: GivenTrunk,
    problems: Problems,
    has_password: bool,
}

#[derive(Template)]
#[template(path = "line.html", blocks = ["line"])]
struct OneLine {
    ui: Ui,
    it: Listed,
    given: Given,
    trunk: GivenTrunk,
    problems: Problems,
    has_password: bool,
    tasks: Vec<(TaskId, String, TaskStatus)>,
    done: String,
}

/// A line as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    name: String,
    phone: String,
    kind: String,
    driver: String,
    channels: String,
    calls_per_s: String,
    ramp_s: String,
}

/// One form for both.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GivenLine {
    #[serde(flatten)]
    line: Given,
    #[serde(flatten)]
    trunk: GivenTrunk,
}

/// What a form says of how much a line carries.
struct Carries {
    channels: Option<i64>,
    pace: Option<Pace>,
}

impl Given {
    fn of(line: &Line) -> Self {
        Self {
            name: line.name.clone(),
            phone: line.phone.clone(),
            kind: line.kind.number().to_string(),
            driver: line.driver.name().to_owned(),
            channels: line.channels.map(|channels| channels.to_string()).unwrap_or_default(),
            calls_per_s: line.pace.map(|pace| pace.per_s.to_string()).unwrap_or_default(),
            ramp_s: line.pace.map(|pace| pace.ramp.as_secs().to_string()).unwrap_or_default(),
        }
    }

    fn carries(&self, ui: &Ui, problems: &mut Problems) -> Carries {
        let number = |text: &str, most: i64| {
            let text = text.trim();
            if text.is_empty() {
                Some(0)
            } else {
                text.parse::<i64>().ok().filter(|number| (0..=most).contains(number))
            }
        };
        let mut limited = |field: &'static str, text: &str, most: i64| {
            let found = number(text, most);
            if found.is_none() {
                let (zh, en) = (
                    format!("应为 0 至 {most} 的整数，0 或留空为不限"),
                    format!("A number from 0 to {most}; 0 or nothing for no limit"),
                );
                problems.add(field, ui.t(&zh, &en));
            }
            found.unwrap_or(0)
        };
        let channels = limited("channels", &self.channels, CHANNELS_MAX);
        let per_s = u32::try_from(limited("calls_per_s", &self.calls_per_s, CALLS_PER_S_MAX.into())).unwrap_or(0);
        let ramp = limited("ramp_s", &self.ramp_s, i64::try_from(RAMP_S_MAX).unwrap_or(i64::MAX)).unsigned_abs();
        if per_s == 0 && ramp > 0 {
            problems.add("ramp_s", ui.t("爬坡需要先填写每秒呼叫数", "A ramp needs calls a second to come up to"));
        }
        let pace = (per_s > 0).then(|| Pace { per_s, ramp: Duration::from_secs(ramp) });
        Carries { channels: (channels > 0).then_some(channels), pace }
    }

    fn is_kind(&self, kind: &LineKind) -> bool {
        self.kind == kind.number().to_string()
    }

    fn is_simulated(&self) -> bool {
        self.driver == LineDriver::Simulated.name()
    }
}

impl NewLine {
    fn kinds(&self) -> [(LineKind, &'static str); 4] {
        KINDS.map(|it| (it, kind(&self.ui, it)))
    }
}

impl OneLine {
    fn base(&self) -> String {
        self.ui.url(&format!("lines/{}", self.it.line.id))
    }

    fn kind(&self) -> &'static str {
        kind(&self.ui, self.it.line.kind)
    }

    fn is_sip(&self) -> bool {
        self.it.line.driver == LineDriver::Sip
    }

    fn trunk_state(&self) -> Option<(&'static str, String)> {
        trunk_words(&self.ui, &self.it)
    }

    fn breaker(&self) -> Option<String> {
        breaker_words(&self.ui, &self.it.health)
    }

    fn status(&self, status: &TaskStatus) -> &'static str {
        self.ui.t(status.label(), status.english())
    }
}

/// `GET /c/{company}/lines/new`
pub(crate) async fn new(visit: Visit) -> Result<Html> {
    visit.require(Permission::ManageLines)?;
    let given = Given { kind: LineKind::Sip.number().to_string(), driver: "sip".to_owned(), ..Given::default() };
    let mut trunk = GivenTrunk::of(&Trunk::at(""));
    trunk.server.clear();
    html(&NewLine {
        ui: visit.ui.in_section(SECTION),
        given,
        trunk,
        problems: Problems::default(),
        has_password: false,
    })
}

/// `POST /c/{company}/lines`
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(GivenLine { line: given, trunk }): Form<GivenLine>,
) -> Result<Response> {
    visit.require(Permission::ManageLines)?;
    match made(&shared, &visit, &given, &trunk) {
        Ok(new) => {
            let (company, by) = (visit.company, visit.by());
            let insert = move |db: &mut Db| {
                let id = line::insert(db, &new)?;
                by.made(db, Action::LineCreate, &Object::Line(company, id))?;
                Ok(id)
            };
            let id = shared.app.store.write(company, insert).await?;
            Ok(go_to(&visit.ui.url(&format!("lines/{id}"))))
        }
        Err(problems) => {
            let ui = visit.ui.in_section(SECTION);
            let page = NewLine { ui, given, trunk, problems, has_password: false };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_form().render()?)).into_response())
        }
    }
}

fn made(shared: &Shared, visit: &Visit, given: &Given, trunk: &GivenTrunk) -> std::result::Result<Line, Problems> {
    let (ui, mut problems) = (&visit.ui, Problems::default());
    let name = given.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        problems.add("name", ui.t("名称应有 1 至 100 个字符", "A name has 1 to 100 characters"));
    }
    let phone = PhoneNumber::parse(&given.phone);
    if phone.is_none() {
        problems.add("phone", ui.t("主叫号码应为 3 至 20 位数字", "A caller number has 3 to 20 digits"));
    }
    let kind = given.kind.parse().ok().and_then(LineKind::from_number);
    if kind.is_none() {
        problems.add("kind", ui.t("请选择类型", "Choose a type"));
    }
    let Carries { channels, pace } = given.carries(ui, &mut problems);
    let driver = if given.is_simulated() { LineDriver::Simulated } else { LineDriver::Sip };
    let settings = match driver {
        LineDriver::Simulated => "{}".to_owned(),
        LineDriver::Sip => {
            let trunk = trunk.over(ui, &Trunk::at(""))?;
            settings::seal(&trunk, &shared.app.vault).map_err(|error| problem(ui, &error))?
        }
    };
    let (Some(phone), Some(kind), true) = (phone, kind, problems.is_empty()) else { return Err(problems) };
    Ok(Line {
        id: LineId(0),
        company: visit.company,
        name,
        phone: phone.as_str().to_owned(),
        kind,
        driver,
        channels,
        pace,
        bill_period_s: BILL_PERIOD_S,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings,
        created_at: ui.now,
    })
}

async fn one(shared: &Shared, visit: &Visit, id: i64) -> Result<OneLine> {
    let it = read(shared, visit).await?.into_iter().find(|it| it.line.id == LineId(id)).ok_or(Error::NotFound)?;
    let (company, line_id) = (visit.company, it.line.id);
    let tasks = shared.app.store.read(move |db| line::tasks_of_line(db, company, line_id, TASKS_SHOWN)).await?;
    let opened = settings::open(&it.line.settings, &shared.app.vault);
    let is_sip = it.line.driver == LineDriver::Sip;
    let has_password = opened.as_ref().is_ok_and(|trunk| trunk.password.is_some());
    let problems = match &opened {
        Err(error) if is_sip => problem(&visit.ui, error),
        _ => Problems::default(),
    };
    let trunk = opened.as_ref().map(GivenTrunk::of).unwrap_or_default();
    let (ui, given, done) = (visit.ui.in_section(SECTION), Given::of(&it.line), String::new());
    Ok(OneLine { ui, it, given, trunk, problems, has_password, tasks, done })
}

/// `GET /c/{company}/lines/{line}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(String, i64)>,
) -> Result<Html> {
    html(&one(&shared, &visit, id).await?)
}

/// `POST /c/{company}/lines/{line}`
pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(String, i64)>,
    Form(GivenLine { line: given, trunk }): Form<GivenLine>,
) -> Result<Response> {
    visit.require(Permission::ManageLines)?;
    let page = one(&shared, &visit, id).await?;
    match changed(&shared, &visit.ui, &page.it.line, &given, &trunk) {
        Ok(line) => {
            write(&shared, &visit, line).await?;
            let done = visit.ui.t("已保存", "Saved").to_owned();
            let page = OneLine { done, ..one(&shared, &visit, id).await? };
            Ok(Html(page.as_line().render()?).into_response())
        }
        Err(problems) => {
            let page = OneLine { given, trunk, problems, ..page };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_line().render()?)).into_response())
        }
    }
}

fn changed(
    shared: &Shared,
    ui: &Ui,
    line: &Line,
    given: &Given,
    trunk: &GivenTrunk,
) -> std::result::Result<Line, Problems> {
    let mut problems = Problems::default();
    let Carries { channels, pace } = given.carries(ui, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut line = Line { channels, pace, ..line.clone() };
    if line.driver == LineDriver::Sip {
        let before = settings::open(&line.settings, &shared.app.vault).map_err(|error| problem(ui, &error))?;
        let after = trunk.over(ui, &before)?;
        line.settings =
            settings::reseal(&after, &line.settings, &shared.app.vault).map_err(|error| problem(ui, &error))?;
    }
    Ok(line)
}

async fn write(shared: &Shared, visit: &Visit, line: Line) -> Result<()> {
    let (company, by) = (visit.company, visit.by());
    let update = move |db: &mut Db| {
        by.change(db, Action::LineUpdate, &Object::Line(company, line.id), |db| line::update(db, &line))
    };
    shared.app.store.write(company, update).await?;
    // Calls may start on it at once.
    shared.app.wake.notify_one();
    Ok(())
}

/// Whether a line is used.
#[derive(Debug, Deserialize)]
pub(crate) struct GivenEnabled {
    enabled: bool,
}

/// `POST /c/{company}/lines/{line}/enabled`
pub(crate) async fn set_enabled(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(String, i64)>,
    Form(GivenEnabled { enabled }): Form<GivenEnabled>,
) -> Result<Response> {
    visit.require(Permission::ManageLines)?;
    let line = one(&shared, &visit, id).await?.it.line;
    write(&shared, &visit, Line { enabled, ..line }).await?;
    let words = if enabled { visit.ui.t("已启用", "Enabled") } else { visit.ui.t("已停用", "Disabled") };
    let page = OneLine { done: words.to_owned(), ..one(&shared, &visit, id).await? };
    Ok(Html(page.as_line().render()?).into_response())
}
