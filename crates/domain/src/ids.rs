//! Typed identifiers, so that a task is never mistaken for a call.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The number as it is stored and as it stands on the wire.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A tenant.
    CompanyId,
    /// A campaign over a list of numbers.
    TaskId,
    /// One call instance: one customer of one task, however often it is dialled.
    CallId,
    /// A person to be called.
    CustomerId,
    /// A caller number with the trunk behind it.
    LineId,
    /// The use of a line by a task.
    TaskLineId,
    /// A robot: a scene put to work under a name.
    RobotId,
    /// A scene (script), whatever its version.
    SceneId,
    /// A voice recorded for a scene.
    VoiceId,
    /// A group of blacklisted numbers.
    BlacklistGroupId,
    /// A blacklisted number in a group.
    BlacklistEntryId,
    /// A text message template.
    SmsTemplateId,
    /// A user of the console.
    UserId,
    /// A time that a user is signed in to the console.
    SessionId,
    /// A running server process that holds a lease.
    NodeId,
}

impl BlacklistGroupId {
    /// The group that every company has; it cannot be changed or deleted.
    pub const DEFAULT: Self = Self(-1);
}
