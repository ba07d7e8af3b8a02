//! What a parameter of a statement can be made from.

use hutong_domain::call::{CallKind, CallStatus, FinishStatus, HungUpBy};
use hutong_domain::ids::{
    BlacklistEntryId, BlacklistGroupId, CallId, CompanyId, CustomerId, LineId, NodeId, RobotId, SceneId, SessionId,
    SmsTemplateId, TaskId, TaskLineId, UserId, VoiceId,
};
use hutong_domain::line::{LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_domain::task::{TaskKind, TaskStatus};

use super::Value;

macro_rules! int_values {
    ($($type:ty: $self:ident => $int:expr),+ $(,)?) => {$(
        impl From<$type> for Value<'_> {
            fn from($self: $type) -> Self {
                Self::Int(Some($int))
            }
        }

        impl From<Option<$type>> for Value<'_> {
            fn from(value: Option<$type>) -> Self {
                Self::Int(value.map(|$self| $int))
            }
        }
    )+};
}

int_values! {
    i64: it => it,
    u32: it => i64::from(it),
    bool: it => i64::from(it),
    Moment: it => it.ms(),
    BlacklistEntryId: it => it.get(),
    BlacklistGroupId: it => it.get(),
    CallId: it => it.get(),
    CompanyId: it => it.get(),
    CustomerId: it => it.get(),
    LineId: it => it.get(),
    NodeId: it => it.get(),
    RobotId: it => it.get(),
    SceneId: it => it.get(),
    SessionId: it => it.get(),
    SmsTemplateId: it => it.get(),
    TaskId: it => it.get(),
    TaskLineId: it => it.get(),
    UserId: it => it.get(),
    VoiceId: it => it.get(),
    CallKind: it => it.number(),
    CallStatus: it => it.number(),
    FinishStatus: it => it.number(),
    HungUpBy: it => it.number(),
    LineKind: it => it.number(),
    LineUse: it => it.number(),
    TaskKind: it => it.number(),
    TaskStatus: it => it.number(),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}
