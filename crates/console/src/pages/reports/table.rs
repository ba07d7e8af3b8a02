//! The table of a report, the same on the page and in files.

use hutong_domain::ids::{LineId, RobotId, TaskId};
use hutong_domain::report::{Counts, GRADES};
use hutong_store::report::Named;
use jiff::civil::Date;

use super::{Asked, By, hour_label};
use crate::sheet::Cell;
use crate::ui::Ui;

/// A row.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) counts: Counts,
    /// The address of the report of this alone; of a day, by the hour. Empty where there is none.
    pub(super) narrower: String,
}

impl Row {
    pub(super) fn of_days(asked: &Asked, days: Vec<(Date, Counts)>) -> Vec<Self> {
        let row = |(day, counts): (Date, Counts)| {
            let label = day.to_string();
            let narrower = [("days", ""), ("from", &label), ("to", &label), ("by", By::Hour.code())];
            Self { narrower: asked.address(&narrower), label, counts }
        };
        days.into_iter().map(row).collect()
    }

    pub(super) fn of_hours(hours: &[Counts; 24]) -> Vec<Self> {
        let row = |(hour, counts): (usize, &Counts)| Self {
            label: hour_label(hour),
            counts: *counts,
            narrower: String::new(),
        };
        hours.iter().enumerate().map(row).collect()
    }

    pub(super) fn of_tasks(ui: &Ui, asked: &Asked, tasks: Vec<Named<TaskId>>) -> Vec<Self> {
        let none = ui.t("单独呼叫（不属于任务）", "calls by themselves");
        named(asked, By::Task, none, tasks.into_iter().map(|it| (it.id.get(), it.name, it.counts)))
    }

    pub(super) fn of_lines(ui: &Ui, asked: &Asked, lines: Vec<Named<LineId>>) -> Vec<Self> {
        let none = ui.t("未经线路（导入的号码）", "no line (numbers imported)");
        named(asked, By::Line, none, lines.into_iter().map(|it| (it.id.get(), it.name, it.counts)))
    }

    pub(super) fn of_robots(ui: &Ui, asked: &Asked, robots: Vec<Named<RobotId>>) -> Vec<Self> {
        let none = ui.t("未知机器人", "no robot");
        named(asked, By::Robot, none, robots.into_iter().map(|it| (it.id.get(), it.name, it.counts)))
    }
}

/// Whoever is narrowed to something sees its days, and what 0 stands for where that can be asked for.
fn named(asked: &Asked, by: By, none: &str, rows: impl Iterator<Item = (i64, String, Counts)>) -> Vec<Row> {
    let row = |(id, name, counts): (i64, String, Counts)| {
        let label = match (id, name) {
            (0, _) => none.to_owned(),
            (_, name) if name.is_empty() => format!("#{id}"),
            (_, name) => name,
        };
        let narrower = if id == 0 && by == By::Robot {
            String::new()
        } else {
            asked.address(&[(by.code(), &id.to_string()), ("by", By::Day.code())])
        };
        Row { label, counts, narrower }
    };
    rows.map(row).collect()
}

/// The head: what rows are, and what [`cells`] are.
pub(super) fn heads(ui: &Ui, by: By) -> Vec<String> {
    let mut heads: Vec<&str> = vec![
        by.words(ui),
        ui.t("导入", "Imported"),
        ui.t("拨打", "Dialled"),
        ui.t("拨打号码", "Numbers"),
        ui.t("接听", "Answered"),
        ui.t("接听率", "Rate"),
        ui.t("通话时长", "Talk time"),
        ui.t("平均时长", "Mean"),
    ];
    let grades = GRADES.map(|grade| grade.to_string());
    heads.extend(grades.iter().map(String::as_str));
    heads.extend([
        ui.t("呼损", "Lost"),
        ui.t("呼损率", "Lost rate"),
        ui.t("响应均值 ms", "Latency ms"),
        ui.t("响应 P95 ms", "P95 ms"),
    ]);
    heads.into_iter().map(str::to_owned).collect()
}

/// The figures of a row.
pub(super) fn cells(counts: &Counts) -> Vec<Cell> {
    let mut cells = vec![
        Cell::number(counts.imported),
        Cell::number(counts.dialled),
        Cell::number(counts.numbers_dialled),
        Cell::number(counts.answered),
        Cell::PerMille(counts.answered_per_mille()),
        Cell::Seconds(Some(counts.talk_s)),
        Cell::Seconds(counts.mean_talk_s()),
    ];
    cells.extend(GRADES.map(|grade| Cell::number(counts.of_grade(grade))));
    cells.extend([
        Cell::number(counts.lost),
        Cell::PerMille(counts.lost_per_mille()),
        Cell::Number(counts.mean_turn_ms()),
        Cell::Number(counts.turn_ms_p95()),
    ]);
    cells
}
