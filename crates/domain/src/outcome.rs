//! From what a line reports to how the call finished: the one table.

use serde::{Deserialize, Serialize};

use crate::call::FinishStatus;

/// How an attempt ended, in the words of telephony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Answered, and a robot talked.
    Answered,
    /// The callee declined while it rang.
    Declined,
    /// It rang until the ring time-out.
    RangOut,
    /// Not reachable, for a reason that the network does not tell.
    Unreachable,
    /// Busy.
    Busy,
    /// Switched off.
    PoweredOff,
    /// The callee's service is suspended.
    Suspended,
    /// The number does not exist.
    Vacant,
    /// Outside coverage.
    OutOfCoverage,
    /// The line refused the caller number, or the call could not be placed from our side.
    LineFailed,
    /// The line's account is in arrears.
    LineInArrears,
    /// Answered, but every seat was taken.
    NoSeat,
    /// We lost the call: the server stopped or broke while it was in progress.
    Interrupted,
    /// Never dialled: the number is on the blacklist.
    Blacklisted,
}

impl Disposition {
    /// The finish status that the campaign records.
    #[must_use]
    pub const fn finish_status(self) -> FinishStatus {
        match self {
            Self::Answered => FinishStatus::Answered,
            Self::Declined => FinishStatus::Rejected,
            Self::RangOut => FinishStatus::Missed,
            Self::Unreachable => FinishStatus::NoAnswer,
            Self::Busy => FinishStatus::Busy,
            Self::PoweredOff => FinishStatus::PoweredOff,
            Self::Suspended => FinishStatus::Suspended,
            Self::Vacant => FinishStatus::Vacant,
            Self::OutOfCoverage => FinishStatus::OutOfCoverage,
            Self::LineFailed => FinishStatus::CallerUnavailable,
            Self::LineInArrears => FinishStatus::CallerInArrears,
            Self::NoSeat | Self::Interrupted => FinishStatus::Lost,
            Self::Blacklisted => FinishStatus::Blacklisted,
        }
    }
}
