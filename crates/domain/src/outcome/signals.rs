//! What a line reports about an attempt.

use std::fmt;

/// A closed set of names that stand in the database and in files.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal $label:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name that it is kept with.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// What operators call it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label),+
                }
            }

            /// The value with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

named! {
    /// What a carrier's announcement means.
    Meaning {
        /// The number does not exist.
        Vacant = "vacant" "空号",
        /// Switched off.
        PoweredOff = "powered_off" "关机",
        /// The callee's service is suspended.
        Suspended = "suspended" "停机",
        /// In another call.
        Busy = "busy" "正在通话中",
        /// Cannot be connected, without a reason.
        Unreachable = "unreachable" "无法接通",
        /// It rang, and nobody took it.
        NoAnswer = "no_answer" "无人接听",
        /// The callee's telephone is where there is no network.
        OutOfCoverage = "out_of_coverage" "不在服务区",
        /// Our account is in arrears.
        CallerInArrears = "caller_in_arrears" "主叫欠费",
        /// Our number may not call.
        CallerBarred = "caller_barred" "呼出受限",
    }
}

named! {
    /// Who or what ended an attempt before or at its answer.
    Ended {
        /// Somebody answered.
        Answered = "answered" "已接听",
        /// The network, or the callee: a final response other than 2xx.
        Refused = "refused" "网络拒绝",
        /// We cancelled it: it had rung for as long as it may.
        RingTimeout = "ring_timeout" "振铃超时",
        /// We cancelled it: what was heard said that nobody will answer.
        Recognised = "recognised" "听出结果",
        /// We cancelled it for a reason that has nothing to do with the callee: the server stops, say.
        Cancelled = "cancelled" "主动取消",
        /// Nothing came back from the trunk: no response, or a transport error. What a library reports as 408 by
        /// itself (RFC 3261, 8.1.3.1) is this, and not [`Ended::Refused`].
        TrunkDead = "trunk_dead" "中继无响应",
    }
}

/// What was heard before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EarlyMedia {
    /// Nothing, or silence.
    #[default]
    Nothing,
    /// It rings.
    Ringback,
    /// The busy tone.
    Busy,
    /// The congestion tone: no way through the network.
    Congestion,
    /// An announcement that was recognised.
    Announcement(Meaning),
    /// Something else: a ringing melody (彩铃), most likely, or an announcement that nobody knows yet.
    Other,
}

impl EarlyMedia {
    /// The name that it is kept with; of an announcement, that of its meaning.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Ringback => "ringback",
            // The name of the meaning is `busy`.
            Self::Busy => "busy_tone",
            Self::Congestion => "congestion",
            Self::Announcement(meaning) => meaning.name(),
            Self::Other => "other",
        }
    }

    /// What operators call it; of an announcement, what it means.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nothing => "没有声音",
            Self::Ringback => "回铃音",
            Self::Busy => "忙音",
            Self::Congestion => "拥塞音",
            Self::Announcement(meaning) => meaning.label(),
            Self::Other => "彩铃或其他声音",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain = [Self::Nothing, Self::Ringback, Self::Busy, Self::Congestion, Self::Other];
        let plain = plain.into_iter().find(|it| it.name() == name);
        plain.or_else(|| Meaning::from_name(name).map(Self::Announcement))
    }
}

impl fmt::Display for EarlyMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a line reports about an attempt: everything that says how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signals {
    /// Who or what ended it.
    pub ended: Ended,
    /// The final response (RFC 3261, 21), where one came.
    pub sip_code: Option<u16>,
    /// The cause (ITU-T Q.850) of the response's Reason field (RFC 3326, RFC 6432), where it has one.
    pub q850_cause: Option<u8>,
    /// What was heard before the answer.
    pub early_media: EarlyMedia,
    /// How long the way to the callee took: from the INVITE to the first response that says more than 100; none where
    /// none came. Milliseconds.
    pub setup_ms: Option<u32>,
    /// How long it rang: from the first 180, or the first ringing tone or melody, to the end. None where it never
    /// rang; a 183 alone is no ringing. Milliseconds.
    pub ring_ms: Option<u32>,
}

impl Signals {
    /// An attempt that ended like this, of which nothing else is known.
    #[must_use]
    pub const fn new(ended: Ended) -> Self {
        let early_media = EarlyMedia::Nothing;
        Self { ended, sip_code: None, q850_cause: None, early_media, setup_ms: None, ring_ms: None }
    }
}

/// In the words of telephony, in one line.
impl fmt::Display for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, sip_code, q850_cause, early_media, setup_ms, ring_ms } = self;
        f.write_str(ended.name())?;
        sip_code.map_or(Ok(()), |code| write!(f, ", SIP {code}"))?;
        q850_cause.map_or(Ok(()), |cause| write!(f, ", Q.850 {cause}"))?;
        if *early_media != EarlyMedia::Nothing {
            write!(f, ", heard {early_media}")?;
        }
        setup_ms.map_or(Ok(()), |ms| write!(f, ", set up in {ms} ms"))?;
        ring_ms.map_or(Ok(()), |ms| write!(f, ", rang {ms} ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_reported_is_told_in_one_line() {
        let signals = Signals {
            sip_code: Some(486),
            q850_cause: Some(17),
            early_media: EarlyMedia::Announcement(Meaning::PoweredOff),
            ring_ms: Some(3_000),
            ..Signals::new(Ended::Refused)
        };
        assert_eq!(signals.to_string(), "refused, SIP 486, Q.850 17, heard powered_off, rang 3000 ms");
        assert_eq!(Signals::new(Ended::TrunkDead).to_string(), "trunk_dead");
    }
}
