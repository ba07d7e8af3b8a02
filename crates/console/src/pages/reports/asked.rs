//! What a report is asked to be of.

use hutong_domain::report::{BadDays, DAYS_MAX, Days};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;

use super::Choice;
use crate::error::{Error, Result};
use crate::ui::Ui;

/// Days that are shown where nobody has chosen any, and other choices: their code and words.
const QUICK: [(&str, &str, &str); 5] = [
    ("today", "今日", "Today"),
    ("yesterday", "昨日", "Yesterday"),
    ("7", "近 7 日", "Last 7 days"),
    ("30", "近 30 日", "Last 30 days"),
    ("month", "本月", "This month"),
];
const USUAL: &str = "7";

/// What the rows of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Day,
    Hour,
    Task,
    Line,
    Robot,
}

impl By {
    const ALL: [Self; 5] = [Self::Day, Self::Hour, Self::Task, Self::Line, Self::Robot];

    /// Its name in addresses.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Task => "task",
            Self::Line => "line",
            Self::Robot => "robot",
        }
    }

    pub(crate) fn words(self, ui: &Ui) -> &'static str {
        match self {
            Self::Day => ui.t("日期", "Day"),
            Self::Hour => ui.t("时段", "Hour"),
            Self::Task => ui.t("任务", "Task"),
            Self::Line => ui.t("线路", "Line"),
            Self::Robot => ui.t("机器人", "Robot"),
        }
    }
}

/// What stands in the address. What is empty is not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// One of the quick choices.
    pub(super) days: String,
    pub(super) from: String,
    pub(super) to: String,
    by: String,
    pub(super) task: String,
    pub(super) line: String,
    pub(super) robot: String,
}

impl Asked {
    /// The address of a report of the same, but for these fields.
    pub(super) fn address(&self, changed: &[(&str, &str)]) -> String {
        let Self { days, from, to, by, task, line, robot } = self;
        let fields =
            [("days", days), ("from", from), ("to", to), ("by", by), ("task", task), ("line", line), ("robot", robot)];
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        for (name, value) in fields {
            let value = changed.iter().find(|(of, _)| *of == name).map_or(value.as_str(), |(_, value)| value);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// What the rows are; days where it is not said.
    pub(super) fn by(&self) -> By {
        By::ALL.into_iter().find(|by| by.code() == self.by).unwrap_or(By::Day)
    }

    /// The quick choice that holds, if one does.
    fn chosen(&self) -> &str {
        match self.days.as_str() {
            "" if self.from.is_empty() && self.to.is_empty() => USUAL,
            days => days,
        }
    }

    /// The days, or what is wrong with them.
    pub(super) fn days(&self, ui: &Ui, today: Date) -> std::result::Result<Days, String> {
        let back = |days: i64| today.saturating_sub(days.days());
        let (first, last) = match self.chosen() {
            "today" => (today, today),
            "yesterday" => (back(1), back(1)),
            "30" => (back(29), today),
            "month" => (today.first_of_month(), today),
            "" => {
                let (from, to) = (self.day(ui, &self.from)?, self.day(ui, &self.to)?);
                (from.or(to).unwrap_or(today), to.or(from).unwrap_or(today))
            }
            _ => (back(6), today),
        };
        Days::new(first, last).map_err(|error| {
            let zh = match error {
                BadDays::Backwards { first, last } => format!("结束日期 {last} 早于开始日期 {first}"),
                BadDays::TooMany(count) => format!("最多查询 {DAYS_MAX} 天，所选为 {count} 天"),
            };
            ui.t(&zh, &error.to_string()).to_owned()
        })
    }

    fn day(&self, ui: &Ui, text: &str) -> std::result::Result<Option<Date>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || ui.t("日期应写作 2026-11-27", "Days are written 2026-11-27").to_owned();
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// What it is narrowed to; what is no id is left out.
    pub(super) fn narrowed(&self) -> Vec<(By, i64)> {
        let all = [(By::Task, &self.task), (By::Line, &self.line), (By::Robot, &self.robot)];
        all.into_iter().filter_map(|(of, text)| Some((of, text.parse().ok()?))).collect()
    }

    /// The same, and an error for what is no id.
    pub(super) fn checked(&self, ui: &Ui) -> Result<Vec<(By, i64)>> {
        let given = [&self.task, &self.line, &self.robot].into_iter().filter(|text| !text.is_empty()).count();
        let narrowed = self.narrowed();
        if narrowed.len() == given {
            return Ok(narrowed);
        }
        Err(Error::Refused(ui.t("任务、线路和机器人应为编号", "Tasks, lines and robots are given by id").to_owned()))
    }

    pub(super) fn quick(&self, ui: &Ui) -> Vec<Choice> {
        let choice = |(code, zh, en): (&str, _, _)| {
            let address = self.address(&[("days", code), ("from", ""), ("to", "")]);
            (address, ui.t(zh, en), self.chosen() == code)
        };
        QUICK.into_iter().map(choice).collect()
    }

    pub(super) fn groupings(&self, ui: &Ui, now: By) -> Vec<Choice> {
        By::ALL.into_iter().map(|by| (self.address(&[("by", by.code())]), by.words(ui), by == now)).collect()
    }
}
