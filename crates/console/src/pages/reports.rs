//! Reports: what was done in some days, and what came of it.

mod asked;
mod table;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures::stream;
use hutong_domain::access::Permission;
use hutong_domain::ids::{CompanyId, LineId, RobotId, TaskId};
use hutong_domain::report::{Counts, Days, GRADES};
use hutong_store::report::{self, Question};
use hutong_store::{Db, line, robot, task};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

pub(crate) use asked::{Asked, By};
use table::{Row, cells, heads};

use crate::charts::Columns;
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::sheet::{Cell, Kind};
use crate::ui::Ui;
use crate::visitor::Visit;

/// Rows that a page shows at most: more would make it large.
const ROWS_SHOWN: usize = 300;
/// The part of the console that these pages belong to.
const SECTION: &str = "reports";

/// Everything that a report shows.
struct Report {
    rows: Vec<Row>,
    total: Counts,
    /// Each day, or each hour where it is of one day.
    course: Vec<(String, Counts)>,
    /// What it is narrowed to: which, what it is called, and the address without it.
    narrowed: Vec<(&'static str, String, String)>,
}

/// A choice that leads to another report: its address, what it is called, and whether it is the one that is shown.
type Choice = (String, &'static str, bool);

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportPage {
    ui: Ui,
    asked: Asked,
    by: By,
    /// The days that are shown, as the form has them.
    from: String,
    to: String,
    problem: String,
    /// None where something that is asked for is not fit.
    report: Option<Report>,
}

impl ReportPage {
    fn quick(&self) -> Vec<Choice> {
        self.asked.quick(&self.ui)
    }

    fn groupings(&self) -> Vec<Choice> {
        self.asked.groupings(&self.ui, self.by)
    }

    fn export(&self, extension: &str) -> String {
        format!("{}{}", self.ui.url(&format!("reports/{extension}")), self.asked.address(&[]))
    }

    fn heads(&self) -> Vec<String> {
        heads(&self.ui, self.by)
    }

    fn shown(&self, counts: &Counts) -> Vec<String> {
        let shown = |cell: Cell| match cell {
            Cell::Text(text) => text,
            Cell::Number(number) => number.map_or_else(|| "—".to_owned(), |number| self.ui.count(number)),
            Cell::Seconds(seconds) => seconds.map_or_else(|| "—".to_owned(), |seconds| self.ui.duration(seconds)),
            Cell::PerMille(part) => part.map_or_else(|| "—".to_owned(), |part| self.ui.percent(part, 1000)),
        };
        cells(counts).into_iter().map(shown).collect()
    }

    /// The rows of the page: of more, the file has the others.
    fn rows<'a>(&self, report: &'a Report) -> &'a [Row] {
        report.rows.get(..ROWS_SHOWN).unwrap_or(&report.rows)
    }

    fn is_cut(&self, report: &Report) -> bool {
        report.rows.len() > ROWS_SHOWN
    }

    fn is_of_hours(&self) -> bool {
        self.from == self.to || self.by == By::Hour
    }

    fn chart(&self, report: &Report) -> Columns {
        // Every so many columns are named: all of them would be a grey line.
        let step = report.course.len().div_ceil(12).max(1);
        let figures = report.course.iter().enumerate().map(|(at, (label, counts))| {
            let (dialled, answered) = (self.ui.count(counts.dialled), self.ui.count(counts.answered));
            let share = self.ui.percent(counts.answered, counts.dialled);
            let zh = format!("{label}：拨打 {dialled}，接听 {answered}（{share}）");
            let en = format!("{label}: {dialled} dialled, {answered} answered ({share})");
            let title = self.ui.t(&zh, &en).to_owned();
            let label = if at % step == 0 { short(label) } else { String::new() };
            (label, counts.dialled, counts.answered, title)
        });
        Columns::new(figures.collect())
    }

    /// Intent levels, each with how many calls came to it; the last are all others.
    fn grades(&self, report: &Report) -> Vec<(String, i64)> {
        let others = self.ui.t("其他", "others").to_owned();
        let names = GRADES.iter().map(|grade| format!("{grade}{}", self.ui.t("级", ""))).chain([others]);
        names.zip(report.total.by_grade).collect()
    }

    fn most(&self, report: &Report) -> i64 {
        report.total.by_grade.iter().copied().max().unwrap_or(0)
    }
}

/// `2026-11-27` is 11-27, and `09:00` is 9.
fn short(label: &str) -> String {
    match label.split_once(':') {
        Some((hour, _)) => hour.trim_start_matches('0').to_owned() + if hour == "00" { "0" } else { "" },
        None => label.get(5..).unwrap_or(label).to_owned(),
    }
}

fn hour_label(hour: usize) -> String {
    format!("{hour:02}:00")
}

/// What a task, line or robot is called; its id where it has no name, or is nobody's business.
fn name(db: &mut Db, company: CompanyId, by: By, id: i64) -> hutong_store::Result<String> {
    let found = match by {
        By::Task => task::find(db, company, TaskId(id))?.map(|task| task.settings.name),
        By::Line => line::find(db, LineId(id))?.filter(|line| line.company == company).map(|line| line.name),
        By::Robot => robot::find(db, company, RobotId(id))?.map(|robot| robot.name),
        By::Day | By::Hour => None,
    };
    Ok(found.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("#{id}")))
}

async fn read(shared: &Shared, ui: &Ui, asked: &Asked, (question, by): (Question, By)) -> Result<Report> {
    let (ui, asked) = (ui.clone(), asked.clone());
    let read = move |db: &mut Db| {
        let total = report::total(db, &question)?;
        let rows = match by {
            By::Day => Row::of_days(&asked, report::by_day(db, &question)?),
            By::Hour => Row::of_hours(&report::by_hour_of_day(db, &question)?),
            By::Task => Row::of_tasks(&ui, &asked, report::by_task(db, &question)?),
            By::Line => Row::of_lines(&ui, &asked, report::by_line(db, &question)?),
            By::Robot => Row::of_robots(&ui, &asked, report::by_robot(db, &question)?),
        };
        let is_of_hours = by == By::Hour || question.days.is_some_and(|days| days.first() == days.last());
        let course = if is_of_hours {
            let hours = report::by_hour_of_day(db, &question)?;
            hours.into_iter().enumerate().map(|(hour, counts)| (hour_label(hour), counts)).collect()
        } else {
            report::by_day(db, &question)?.into_iter().map(|(day, counts)| (day.to_string(), counts)).collect()
        };
        let mut narrowed = Vec::new();
        for (of, id) in asked.narrowed() {
            let name = name(db, question.company, of, id)?;
            narrowed.push((of.words(&ui), name, asked.address(&[(of.code(), "")])));
        }
        Ok(Report { rows, total, course, narrowed })
    };
    Ok(shared.app.store.read_snapshot(read).await?)
}

fn question(visit: &Visit, asked: &Asked, days: Days, zone: TimeZone) -> Result<Question> {
    let mut question = Question::of_company(visit.company, days, zone);
    for (of, id) in asked.checked(&visit.ui)? {
        match of {
            By::Task => question.task = Some(TaskId(id)),
            By::Line => question.line = Some(LineId(id)),
            By::Robot => question.robot = Some(RobotId(id)),
            By::Day | By::Hour => {}
        }
    }
    Ok(question)
}

/// `GET /c/{company}/reports`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit, Query(asked): Query<Asked>) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let ui = visit.ui.in_section(SECTION);
    let (by, today) = (asked.by(), today(&ui));
    let days = asked.days(&ui, today);
    let (from, to) = match &days {
        Ok(days) => (days.first().to_string(), days.last().to_string()),
        Err(_) => (asked.from.clone(), asked.to.clone()),
    };
    let found = match days {
        Ok(days) => question(&visit, &asked, days, ui.zone.clone()),
        Err(problem) => Err(Error::Refused(problem)),
    };
    let (report, problem) = match found {
        Ok(question) => (Some(read(&shared, &ui, &asked, (question, by)).await?), String::new()),
        Err(Error::Refused(problem)) => (None, problem),
        Err(error) => return Err(error),
    };
    html(&ReportPage { ui, asked, by, from, to, problem, report })
}

fn today(ui: &Ui) -> Date {
    ui.now.civil(&ui.zone).date()
}

/// The kind of file that a path names: `/c/{company}/reports/{extension}`.
#[derive(Deserialize)]
pub(crate) struct ExportPath {
    extension: String,
}

/// `GET /c/{company}/reports/{extension}`: what the page shows, as a file.
pub(crate) async fn export(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ExportPath { extension }): Path<ExportPath>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    visit.require(Permission::SeeCalls)?;
    let kind = Kind::from_extension(&extension)?;
    let (ui, by) = (&visit.ui, asked.by());
    let days = asked.days(ui, today(ui)).map_err(Error::Refused)?;
    let report = read(&shared, ui, &asked, (question(&visit, &asked, days, ui.zone.clone())?, by)).await?;
    let line = |label: String, counts: &Counts| [Cell::Text(label)].into_iter().chain(cells(counts)).collect();
    let mut rows: Vec<Vec<Cell>> = report.rows.iter().map(|row| line(row.label.clone(), &row.counts)).collect();
    rows.push(line(ui.t("合计", "Total").to_owned(), &report.total));
    let name = format!("report-{}-{}-{}-by-{}", visit.company, days.first(), days.last(), by.code());
    kind.download(&name, heads(ui, by), stream::iter([Ok(rows)])).await
}
