//! Lines and speech: caller numbers with their trunks, and who hears and speaks on them.

pub(crate) mod one;
pub(crate) mod speech;
pub(crate) mod test;
pub(crate) mod trunk;

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use hutong_domain::access::Permission;
use hutong_domain::breaker::BreakerState;
use hutong_domain::ids::LineId;
use hutong_domain::line::{LineDriver, LineKind};
use hutong_store::Db;
use hutong_store::line::{self, Line};
use hutong_store::line_health::{self, LineHealth};

use crate::equipment::{SpeechServers, TrunkState};
use crate::error::Result;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

const SECTION: &str = "lines";

#[derive(Template)]
#[template(path = "lines.html")]
struct Lines {
    ui: Ui,
    rows: Vec<Listed>,
    speech: SpeechServers,
}

/// A line as pages show it.
struct Listed {
    line: Line,
    in_use: i64,
    tasks: i64,
    health: LineHealth,
    trunk: Option<TrunkState>,
}

/// What a line's type is called.
fn kind(ui: &Ui, kind: LineKind) -> &'static str {
    match kind {
        LineKind::Mobile => ui.t("手机号", "mobile"),
        LineKind::Fixed => ui.t("固话", "fixed line"),
        LineKind::Hidden => ui.t("无主叫", "no caller shown"),
        LineKind::Sip => "SIP",
    }
}

/// How the trunk stands, as a mood and words; none for lines without one.
fn trunk_words(ui: &Ui, listed: &Listed) -> Option<(&'static str, String)> {
    if listed.line.driver != LineDriver::Sip {
        return None;
    }
    let Some(state) = &listed.trunk else {
        return Some(("", ui.t("未启用", "not looked after").to_owned()));
    };
    let registered = match state.is_registered {
        Some(true) => ui.t("已注册", "registered"),
        Some(false) => ui.t("未注册", "not registered"),
        None => "",
    };
    let options = state.answered_in.map(|took| format!("OPTIONS {} ms", took.as_millis()));
    let words: Vec<&str> =
        [Some(registered), options.as_deref()].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    if state.is_up {
        let words = if words.is_empty() { ui.t("可用", "up").to_owned() } else { words.join(" · ") };
        Some(("good", words))
    } else {
        Some(("bad", state.trouble.as_ref().map_or_else(|| ui.t("不可用", "down"), |why| ui.message(why)).to_owned()))
    }
}

/// Why the line is left alone; none where it is used.
fn breaker_words(ui: &Ui, health: &LineHealth) -> Option<String> {
    match health.breaker.state {
        BreakerState::Closed => None,
        BreakerState::Open { until } => Some(format!("{} {}", ui.t("已熔断至", "left alone until"), ui.lately(until))),
        BreakerState::Trial { .. } => Some(ui.t("试拨中", "on trial").to_owned()),
        BreakerState::InArrears { since } => {
            Some(format!("{} {}", ui.t("欠费，自", "in arrears since"), ui.lately(since)))
        }
    }
}

impl Lines {
    fn kind(&self, line: &Line) -> &'static str {
        kind(&self.ui, line.kind)
    }

    fn trunk(&self, listed: &Listed) -> Option<(&'static str, String)> {
        trunk_words(&self.ui, listed)
    }

    fn breaker(&self, listed: &Listed) -> Option<String> {
        breaker_words(&self.ui, &listed.health)
    }

    fn may_try(&self) -> bool {
        self.ui.may(Permission::PlaceCalls)
    }
}

/// The company's lines with how they do.
async fn read(shared: &Shared, visit: &Visit) -> Result<Vec<Listed>> {
    let company = visit.company;
    let read = move |db: &mut Db| {
        let lines = line::of_company(db, company)?;
        let (in_use, tasks) = (line::channels_in_use(db, company)?, line::tasks_of_lines(db, company)?);
        Ok((lines, in_use, tasks, line_health::of_company(db, company)?))
    };
    let (lines, in_use, tasks, mut health) = shared.app.store.read_snapshot(read).await?;
    let mut trunks: HashMap<LineId, TrunkState> = shared.installation.equipment.trunks().into_iter().collect();
    let listed = |line: Line| Listed {
        in_use: in_use.get(&line.id).copied().unwrap_or(0),
        tasks: tasks.get(&line.id).copied().unwrap_or(0),
        health: health.remove(&line.id).unwrap_or_default(),
        trunk: trunks.remove(&line.id),
        line,
    };
    Ok(lines.into_iter().map(listed).collect())
}

/// `GET /c/{company}/lines`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    let rows = read(&shared, &visit).await?;
    let speech = shared.installation.equipment.speech();
    html(&Lines { ui: visit.ui.in_section(SECTION), rows, speech })
}
