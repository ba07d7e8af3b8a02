//! Lines: caller numbers, and what carries their calls.

use crate::call::numbered;

numbered! {
    /// The type of a line (`phoneType`).
    LineKind {
        /// A mobile number.
        Mobile = 0 "手机号" "mobile number",
        /// A fixed-line number.
        Fixed = 1 "固话" "fixed line",
        /// No caller number is shown.
        Hidden = 2 "无主叫" "no caller number",
        /// A SIP trunk.
        Sip = 6 "SIP" "SIP",
    }
}

numbered! {
    /// Which way calls go on a line (`sceneType`).
    LineUse {
        /// Incoming calls only.
        Inbound = 1 "呼入" "inbound",
        /// Outgoing calls only.
        Outbound = 2 "呼出" "outbound",
        /// Both.
        Both = 3 "呼入呼出" "inbound and outbound",
    }
}

/// What carries the calls of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineDriver {
    /// Callees that exist only inside the server: for trials, demonstrations and tests.
    Simulated,
    /// A SIP trunk.
    Sip,
}

impl LineDriver {
    /// The name in the database, on the command line and in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Sip => "sip",
        }
    }

    /// The driver with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Simulated, Self::Sip].into_iter().find(|driver| driver.name() == name)
    }
}
