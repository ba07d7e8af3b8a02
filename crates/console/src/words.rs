//! What things are called, in both languages, where the domain has no words of its own.

use hutong_domain::call::FinishStatus;
use hutong_domain::ledger::LineState;
use hutong_domain::task::TaskStatus;

use crate::ui::{Given, Ui};

/// Whether a line can be used now, or why not.
pub(crate) fn line_state(ui: &Ui, state: &LineState) -> String {
    let (zh, en) = match state {
        LineState::Usable => ("可用".to_owned(), "usable".to_owned()),
        LineState::Disabled => ("已停用".to_owned(), "switched off".to_owned()),
        LineState::Inbound => ("仅呼入".to_owned(), "incoming only".to_owned()),
        LineState::NotValid { from: Some(from) } => {
            let from = ui.when(from);
            (format!("{from} 起有效"), format!("valid from {from} on"))
        }
        LineState::NotValid { from: None } => ("已过有效期".to_owned(), "not valid any more".to_owned()),
        LineState::LeftAlone { until } => {
            let until = ui.lately(until);
            (format!("熔断，{until} 再试"), format!("left alone, tried again at {until}"))
        }
        LineState::NoChannel => ("通道已满".to_owned(), "every channel in use".to_owned()),
        LineState::Paced { .. } => ("限速中".to_owned(), "paced".to_owned()),
    };
    ui.t(&zh, &en).to_owned()
}

/// The colour of a line's state.
pub(crate) const fn line_tone(state: &LineState) -> &'static str {
    match state {
        LineState::Usable => "good",
        LineState::NoChannel | LineState::Paced { .. } => "info",
        LineState::LeftAlone { .. } => "bad",
        LineState::Disabled | LineState::Inbound | LineState::NotValid { .. } => "",
    }
}

/// The colour of a task's state.
pub(crate) fn task_tone(status: impl Given<TaskStatus>) -> &'static str {
    match status.given() {
        TaskStatus::Running => "good",
        TaskStatus::Ready | TaskStatus::UserPaused => "info",
        TaskStatus::SystemPaused | TaskStatus::Queued => "warn",
        TaskStatus::RobotExpired | TaskStatus::LineInArrears | TaskStatus::SmsInArrears => "bad",
        TaskStatus::NotStarted | TaskStatus::Done | TaskStatus::Stopped => "",
    }
}

/// The colour of how a call ended.
pub(crate) fn finish_tone(status: impl Given<FinishStatus>) -> &'static str {
    match status.given() {
        FinishStatus::Answered => "good",
        FinishStatus::Lost | FinishStatus::CallerUnavailable | FinishStatus::CallerInArrears => "bad",
        _ => "",
    }
}
