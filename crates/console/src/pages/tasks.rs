//! Tasks: the list, one task, its settings, its numbers, and what goes in and out of it.

pub(crate) mod commands;
pub(crate) mod detail;
pub(crate) mod export;
pub(crate) mod forecast;
pub(crate) mod form;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod numbers;
mod preview;
mod typed;
pub(crate) mod why;

use hutong_domain::ids::TaskId;
use hutong_domain::task::{MoveReason, TaskStatus};
use hutong_domain::window::CallingWindow;
use hutong_store::task::{self, TaskView};
use jiff::civil::Time;

use crate::error::{Error, Result};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// The part of the console that these pages belong to.
const SECTION: &str = "tasks";

/// A state in the language of the page.
pub(crate) fn status(ui: &Ui, status: TaskStatus) -> &'static str {
    ui.t(status.label(), status.english())
}

/// Why the scheduler has moved a task, in the language of the page.
pub(crate) fn reason(ui: &Ui, reason: MoveReason) -> &'static str {
    ui.t(reason.label(), reason.english())
}

/// `09:00`; the end of the day is 24:00.
pub(crate) fn clock(time: Time) -> String {
    if time >= Time::constant(23, 59, 59, 0) { "24:00".to_owned() } else { time.strftime("%H:%M").to_string() }
}

/// `09:00–12:00, 13:30–20:00`
pub(crate) fn hours(window: &CallingWindow) -> String {
    let CallingWindow { working, rest } = window;
    let (start, end) = (clock(working.start), clock(working.end));
    match rest {
        None => format!("{start}–{end}"),
        Some(rest) => format!("{start}–{}, {}–{end}", clock(rest.start), clock(rest.end)),
    }
}

/// The task, if it is the company's and is not deleted: nobody learns of another one's.
pub(crate) async fn of_company(shared: &Shared, visit: &Visit, id: TaskId) -> Result<TaskView> {
    let company = visit.company;
    let found = shared.app.store.read_snapshot(move |db| task::find_view(db, company, id)).await?;
    found.filter(|view| view.task.deleted_at.is_none()).ok_or(Error::NotFound)
}

#[cfg(test)]
mod tests {
    use hutong_domain::window::DaySpan;
    use jiff::civil::time;

    use super::*;

    #[test]
    fn hours_are_written_without_their_break() {
        let span = |start, end| DaySpan { start, end };
        let working = span(time(9, 0, 0, 0), time(23, 59, 59, 0));
        assert_eq!(hours(&CallingWindow { working, rest: None }), "09:00–24:00");
        let rest = Some(span(time(12, 0, 0, 0), time(13, 30, 0, 0)));
        assert_eq!(hours(&CallingWindow { working, rest }), "09:00–12:00, 13:30–24:00");
    }
}
