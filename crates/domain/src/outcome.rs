//! From what a line reports to how the call finished: the one table.
//!
//! [`Signals`] is what a line reports, [`Signals::disposition`] is the table.

mod signals;
mod table;

pub use signals::{EarlyMedia, Ended, Meaning, Signals};

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
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
    /// The disposition with the name that an attempt is kept with.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// The name that an attempt is kept with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::RangOut => "rang_out",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::PoweredOff => "powered_off",
            Self::Suspended => "suspended",
            Self::Vacant => "vacant",
            Self::OutOfCoverage => "out_of_coverage",
            Self::LineFailed => "line_failed",
            Self::LineInArrears => "line_in_arrears",
            Self::NoSeat => "no_seat",
            Self::Interrupted => "interrupted",
            Self::Blacklisted => "blacklisted",
        }
    }

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

    /// What the attempt says about its line.
    #[must_use]
    pub const fn line_outcome(self) -> LineOutcome {
        match self {
            // The call reached the callee's network, and it told what became of it.
            Self::Answered
            | Self::NoSeat
            | Self::Declined
            | Self::RangOut
            | Self::Busy
            | Self::PoweredOff
            | Self::Suspended
            | Self::Vacant => LineOutcome::Worked,
            Self::LineFailed => LineOutcome::Failed,
            Self::LineInArrears => LineOutcome::InArrears,
            // Without a reason, or not carried to that place only: it may be the line or the callee. We broke
            // it off ourselves, or never dialled.
            Self::Unreachable | Self::OutOfCoverage | Self::Interrupted | Self::Blacklisted => LineOutcome::SaysNothing,
        }
    }

    /// What the attempt says about how many people answer; none where it never had the chance to be answered.
    #[must_use]
    pub const fn response(self) -> Option<Response> {
        match self {
            Self::Answered => Some(Response::Answered),
            Self::NoSeat => Some(Response::Lost),
            Self::Declined
            | Self::RangOut
            | Self::Unreachable
            | Self::Busy
            | Self::PoweredOff
            | Self::Suspended
            | Self::Vacant
            | Self::OutOfCoverage => Some(Response::Unanswered),
            // Failures of our side would make people look as if they never answered, and the line's recovery
            // would meet far too many calls.
            Self::LineFailed | Self::LineInArrears | Self::Interrupted | Self::Blacklisted => None,
        }
    }
}

/// What an attempt says about its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineOutcome {
    /// It carried the call.
    Worked,
    /// It did not.
    Failed,
    /// It did not, since its account is in arrears.
    InArrears,
    /// Neither.
    SaysNothing,
}

/// What became of an attempt, as far as dialling beyond the seats is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Nobody answered.
    Unanswered,
    /// Somebody answered, and found a seat.
    Answered,
    /// Somebody answered, and found none (呼损).
    Lost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_has_one_name() {
        for disposition in
            [Disposition::Answered, Disposition::RangOut, Disposition::LineInArrears, Disposition::NoSeat]
        {
            assert_eq!(Disposition::from_name(disposition.name()), Some(disposition));
        }
    }

    #[test]
    fn an_outcome_says_what_it_proves_of_the_line_and_of_the_callee() {
        let check = |disposition: Disposition, line, response| {
            assert_eq!((disposition.line_outcome(), disposition.response()), (line, response), "{disposition:?}");
        };
        use LineOutcome::{Failed, InArrears, SaysNothing, Worked};
        check(Disposition::Answered, Worked, Some(Response::Answered));
        check(Disposition::NoSeat, Worked, Some(Response::Lost));
        for disposition in [
            Disposition::Declined,
            Disposition::RangOut,
            Disposition::Busy,
            Disposition::PoweredOff,
            Disposition::Suspended,
            Disposition::Vacant,
        ] {
            check(disposition, Worked, Some(Response::Unanswered));
        }
        check(Disposition::Unreachable, SaysNothing, Some(Response::Unanswered));
        check(Disposition::OutOfCoverage, SaysNothing, Some(Response::Unanswered));
        check(Disposition::LineFailed, Failed, None);
        check(Disposition::LineInArrears, InArrears, None);
        check(Disposition::Interrupted, SaysNothing, None);
        check(Disposition::Blacklisted, SaysNothing, None);
    }
}
