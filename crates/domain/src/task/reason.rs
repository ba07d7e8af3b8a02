//! Why a task was moved.

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::hours::Closed;

/// Why the scheduler moved a task, kept with the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// A timed task's start date has come.
    StartDateReached,
    /// Dialling goes on.
    RoomToDial,
    /// What paused it has passed.
    PauseOver,
    /// No seat is free.
    #[serde(alias = "no_room")]
    NoSeat,
    /// A seat is free, but no channel.
    NoChannel,
    /// A task that was started before its first day.
    BeforeStartDate,
    /// The company does not dial on this day.
    DayOff,
    /// Outside the legal calling hours.
    OutsideLegalHours,
    /// Outside the working hours.
    OutsideWindow,
    /// In the break.
    InBreak,
    /// Only redials are left, and none is due.
    RedialsNotDue,
    /// Frequency caps hold back all numbers that are left.
    CapsReached,
    /// No line of the task can be used.
    NoUsableLine,
    /// Every line that could be used otherwise is in arrears.
    LineInArrears,
    /// Nothing was imported yet.
    NoNumbers,
    /// Every number has finished.
    AllFinished,
}

impl From<Closed> for MoveReason {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::BeforeStartDate => Self::BeforeStartDate,
            Closed::DayOff => Self::DayOff,
            Closed::OutsideLegalHours => Self::OutsideLegalHours,
            Closed::OutsideWindow => Self::OutsideWindow,
            Closed::InBreak => Self::InBreak,
        }
    }
}

impl MoveReason {
    /// The reason with the name that a move is kept with; none for those of a person's commands.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }

    /// Whether what this led to passes with time alone, without anybody's help.
    #[must_use]
    pub const fn passes(self) -> bool {
        match self {
            Self::NoSeat | Self::NoChannel | Self::NoUsableLine | Self::LineInArrears | Self::NoNumbers => false,
            Self::StartDateReached
            | Self::RoomToDial
            | Self::PauseOver
            | Self::BeforeStartDate
            | Self::DayOff
            | Self::OutsideLegalHours
            | Self::OutsideWindow
            | Self::InBreak
            | Self::RedialsNotDue
            | Self::CapsReached
            | Self::AllFinished => true,
        }
    }

    /// What operators call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::StartDateReached => "已到开始日期",
            Self::RoomToDial => "有空闲资源，继续拨打",
            Self::PauseOver => "暂停原因已消除",
            Self::NoSeat => "无空闲AI坐席",
            Self::NoChannel => "无空闲线路通道",
            Self::BeforeStartDate => Closed::BeforeStartDate.label(),
            Self::DayOff => Closed::DayOff.label(),
            Self::OutsideLegalHours => Closed::OutsideLegalHours.label(),
            Self::OutsideWindow => Closed::OutsideWindow.label(),
            Self::InBreak => Closed::InBreak.label(),
            Self::RedialsNotDue => "仅剩未到时间的重拨",
            Self::CapsReached => "剩余号码已达拨打频次上限",
            Self::NoUsableLine => "无可用线路",
            Self::LineInArrears => "线路欠费",
            Self::NoNumbers => "尚未导入号码",
            Self::AllFinished => "全部号码已完成",
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            Self::StartDateReached => "the start date has come",
            Self::RoomToDial => "there is room to dial",
            Self::PauseOver => "what paused it has passed",
            Self::NoSeat => "no seat is free",
            Self::NoChannel => "no channel is free",
            Self::BeforeStartDate => Closed::BeforeStartDate.english(),
            Self::DayOff => Closed::DayOff.english(),
            Self::OutsideLegalHours => Closed::OutsideLegalHours.english(),
            Self::OutsideWindow => Closed::OutsideWindow.english(),
            Self::InBreak => Closed::InBreak.english(),
            Self::RedialsNotDue => "only redials that are not due are left",
            Self::CapsReached => "frequency caps hold back all numbers that are left",
            Self::NoUsableLine => "no line can be used",
            Self::LineInArrears => "the lines are in arrears",
            Self::NoNumbers => "no numbers were imported",
            Self::AllFinished => "every number has finished",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_by_the_name_it_is_kept_with() {
        assert_eq!(MoveReason::from_name("outside_legal_hours"), Some(MoveReason::OutsideLegalHours));
        assert_eq!(MoveReason::from_name("no_room"), Some(MoveReason::NoSeat));
        assert_eq!(MoveReason::from_name("start"), None);
    }
}
