//! Everything that decides what the tasks of a company do next, read in one place.

use std::collections::HashMap;

use hutong_domain::breaker::Allows;
use hutong_domain::hours::{Closed, Hours, Opening, opening};
use hutong_domain::ids::{CompanyId, LineId, SceneId, TaskId, VoiceId};
use hutong_domain::moment::Moment;
use hutong_domain::pace;
use hutong_domain::plan::{CompanyView, LineView, TaskView};
use hutong_domain::rules::Rules;
use hutong_domain::task::{TaskKind, TaskStatus};
use jiff::civil::{Date, Time};

use super::{Look, count};
use crate::company::{self, Company};
use crate::db::{Db, Row};
use crate::error::Result;
use crate::line::{self, Line};
use crate::line_health::{self, LineHealth};
use crate::task::{self, AWAKE, HISTORY_COLUMNS};
use crate::values;

/// A company, as its next plan needs it.
pub(super) struct Survey {
    pub(super) company: Company,
    pub(super) tasks: Vec<TaskRow>,
    pub(super) lines: Vec<LineRow>,
    pub(super) view: CompanyView,
}

/// What of a task the plan does not need, but the calls do.
pub(super) struct TaskRow {
    pub(super) id: TaskId,
    pub(super) status: TaskStatus,
    pub(super) scene: SceneId,
    pub(super) scene_version: i64,
    pub(super) voice: VoiceId,
    /// The end of the hours that it is in.
    pub(super) open_until: Option<Moment>,
    /// When something changes for it by time alone.
    wakes: Option<Moment>,
}

/// A line, and how it is doing.
pub(super) struct LineRow {
    pub(super) line: Line,
    pub(super) health: LineHealth,
    /// Whether [`LineRow::health`] is other than what is kept.
    pub(super) changed: bool,
}

/// Calls in progress that have a task, a line and a seat or none in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InProgress {
    pub(crate) task: TaskId,
    pub(crate) line: LineId,
    pub(crate) seated: bool,
    pub(crate) calls: u32,
    pub(crate) answered: u32,
}

impl Survey {
    /// Reads it; none when there is no such company. With `lock`, the company and its tasks stay as they are until the
    /// transaction ends.
    pub(super) fn read(db: &mut Db, id: CompanyId, look: &Look, lock: bool) -> Result<Option<Self>> {
        let found = if lock { company::find_locked(db, id)? } else { company::find(db, id)? };
        let Some(company) = found else { return Ok(None) };
        let (mut tasks, mut views) = (Vec::new(), Vec::new());
        for (row, view) in read_tasks(db, &company, look, lock)? {
            tasks.push(row);
            views.push(view);
        }
        let in_progress = in_progress(db, id)?;
        let lines = read_lines(db, id)?;
        for (row, view) in tasks.iter().zip(&mut views) {
            let calls = || in_progress.iter().filter(|calls| calls.task == row.id);
            view.in_progress = calls().map(|it| it.calls).sum();
            view.seated = calls().filter(|it| it.seated).map(|it| it.calls).sum();
            view.talking = calls().map(|it| it.answered).sum();
        }
        give_lines(db, id, (&tasks, &mut views), &lines)?;
        let view = CompanyView {
            seats_free: count(company.seats).saturating_sub(seats_held(&in_progress, None)),
            lost_per_mille_max: look.rules.lost_per_mille_max,
            starts_max: look.starts_max,
            lines: lines.iter().map(|line| line.view(&in_progress, look.now)).collect(),
            tasks: views,
        };
        Ok(Some(Self { company, tasks, lines, view }))
    }

    /// When something may change by time alone.
    pub(super) fn wakes(&self, now: Moment) -> Option<Moment> {
        let lines = self.lines.iter().filter(|_| !self.tasks.is_empty()).filter_map(|line| line.wakes(now));
        self.tasks.iter().filter_map(|task| task.wakes).chain(lines).min()
    }
}

impl LineRow {
    pub(super) fn view(&self, in_progress: &[InProgress], now: Moment) -> LineView {
        let Self { line, health, .. } = self;
        LineView {
            is_usable: line.is_usable(now),
            channels: line.channels.map(count),
            in_use: in_progress.iter().filter(|calls| calls.line == line.id).map(|calls| calls.calls).sum(),
            paced: line.pace.map_or(u32::MAX, |pace| pace::available(&pace, &health.pace, now).0),
            allows: health.breaker.allows(now),
        }
    }

    fn wakes(&self, now: Moment) -> Option<Moment> {
        match self.health.breaker.allows(now) {
            Allows::None { until } | Allows::Unpaid { until } => Some(until),
            Allows::Any | Allows::One => pace::available(&self.line.pace?, &self.health.pace, now).1,
        }
    }

    /// Notes that a call starts on it.
    pub(super) fn started(&mut self, now: Moment) {
        let LineHealth { pace, breaker } = self.health;
        let taken = self.line.pace.map_or(pace, |limit| pace::take(&limit, pace, 1, now));
        let health = LineHealth { pace: taken, breaker: breaker.trial_started(now) };
        self.changed |= health != self.health;
        self.health = health;
    }
}

/// The calls in progress of a company.
pub(crate) fn in_progress(db: &mut Db, company: CompanyId) -> Result<Vec<InProgress>> {
    db.query(
        &format!(
            "SELECT task_id, line_id, seated, COUNT(*), COUNT(answered_at) FROM {}
             WHERE company_id = ?1 AND ended_at IS NULL GROUP BY task_id, line_id, seated",
            db.live_attempts()
        ),
        values![company],
        |row| {
            Ok(InProgress {
                task: TaskId(row.int(0)?),
                line: LineId(row.int(1)?),
                seated: row.flag(2)?,
                calls: count(row.int(3)?),
                answered: count(row.int(4)?),
            })
        },
    )
}

/// Seats that these calls hold: all of them, or those of one task.
pub(crate) fn seats_held(in_progress: &[InProgress], of: Option<TaskId>) -> u32 {
    let seated = in_progress.iter().filter(|it| it.seated && of.is_none_or(|task| task == it.task));
    seated.map(|it| it.calls).sum()
}

/// The lines of a company, and how they are doing.
pub(super) fn read_lines(db: &mut Db, company: CompanyId) -> Result<Vec<LineRow>> {
    let health = line_health::of_company(db, company)?;
    let lines = line::of_company(db, company)?.into_iter();
    let row = |line: Line| LineRow { health: health.get(&line.id).copied().unwrap_or_default(), line, changed: false };
    Ok(lines.map(row).collect())
}

fn give_lines(
    db: &mut Db,
    company: CompanyId,
    (tasks, views): (&[TaskRow], &mut [TaskView]),
    lines: &[LineRow],
) -> Result<()> {
    let given = db.query(
        &format!(
            "SELECT tl.task_id, tl.line_id FROM task t
             JOIN task_line tl ON tl.company_id = t.company_id AND tl.task_id = t.id
             WHERE t.company_id = ?1 AND {AWAKE} ORDER BY tl.task_id, tl.id"
        ),
        values![company],
        |row| Ok((TaskId(row.int(0)?), LineId(row.int(1)?))),
    )?;
    let places: HashMap<LineId, usize> = lines.iter().enumerate().map(|(at, row)| (row.line.id, at)).collect();
    for (task, view) in tasks.iter().zip(views) {
        let of_task = given.iter().filter(|(id, _)| *id == task.id);
        view.lines = of_task.filter_map(|(_, line)| places.get(line).copied()).collect();
    }
    Ok(())
}

fn read_tasks(db: &mut Db, company: &Company, look: &Look, lock: bool) -> Result<Vec<(TaskRow, TaskView)>> {
    let lock = if lock && db.is_postgres() { " FOR UPDATE OF t" } else { "" };
    let hours = look.rules.hours_of(&company.rules);
    db.query(
        &format!(
            "SELECT t.id, t.status, t.kind, t.start_date, t.working_start, t.working_end, t.break_start, t.break_end,
                 t.quota, t.in_progress_max, t.elastic, t.total_count, t.modified_at, t.scene_id, t.scene_version,
                 (SELECT COUNT(*) FROM (SELECT 1 FROM call c WHERE c.company_id = ?1 AND c.task_id = t.id
                      AND c.status = 3 AND c.due_at <= ?2 LIMIT ?3) due),
                 (SELECT COUNT(*) FROM (SELECT 1 FROM call c WHERE c.company_id = ?1 AND c.task_id = t.id
                      AND c.status = 0 AND c.due_at <= ?2 LIMIT ?3) due),
                 (SELECT MIN(c.due_at) FROM call c WHERE c.company_id = ?1 AND c.task_id = t.id
                      AND c.status = 3 AND c.due_at > ?2),
                 (SELECT MIN(c.due_at) FROM call c WHERE c.company_id = ?1 AND c.task_id = t.id
                      AND c.status = 0 AND c.due_at > ?2),
                 t.voice_id, {HISTORY_COLUMNS}
             FROM task t WHERE t.company_id = ?1 AND {AWAKE} ORDER BY t.id{lock}"
        ),
        values![company.id, look.now, look.starts_max],
        |row| task_row(row, (&look.rules, &hours), look.now),
    )
}

fn task_row(row: &Row<'_>, (rules, hours): (&Rules, &Hours), now: Moment) -> Result<(TaskRow, TaskView)> {
    let (status, kind) =
        (row.number(1, "task.status", TaskStatus::from_number)?, row.number(2, "task.kind", TaskKind::from_number)?);
    let start_date: Date = row.parsed(3, "task.start_date")?;
    let moment = |civil| Moment::from_civil(civil, &rules.zone);
    let opening = opening(&task::window(row, 4)?, start_date, hours, now.civil(&rules.zone));
    let (redial, postponed) = (row.moment_or_null(17)?, row.moment_or_null(18)?);
    let (closed, open_until, mut wakes) = match opening {
        Opening::Open { until } => {
            let until = moment(until);
            (None, Some(until), [Some(until), redial, postponed].into_iter().flatten().min())
        }
        Opening::Closed { why, opens } => (Some(why), None, opens.map(moment)),
    };
    if status == TaskStatus::NotStarted && closed == Some(Closed::BeforeStartDate) {
        wakes = Some(moment(start_date.to_datetime(Time::midnight())));
    }
    let modified_at = row.moment(12)?;
    let view = TaskView {
        status,
        kind,
        closed,
        has_numbers: row.int(11)? > 0,
        due: count(row.int(15)?).saturating_add(count(row.int(16)?)),
        has_later: redial.is_some(),
        has_capped: postponed.is_some(),
        quota: count(row.int(8)?),
        in_progress_max: count(row.int(9)?),
        elastic: row.flag(10)?,
        in_progress: 0,
        seated: 0,
        talking: 0,
        history: task::history(row, 20)?,
        // Nothing but a move changes a task that is queued.
        waiting_since: (status == TaskStatus::Queued).then_some(modified_at),
        lines: Vec::new(),
    };
    let row = TaskRow {
        id: TaskId(row.int(0)?),
        status,
        scene: SceneId(row.int(13)?),
        scene_version: row.int(14)?,
        voice: VoiceId(row.int(19)?),
        open_until,
        wakes,
    };
    Ok((row, view))
}
