//! A call instance: one customer of one task, from import to its final outcome.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A closed set of numbers that stand in the database and on the wire.
macro_rules! numbered {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$vdoc:meta])* $variant:ident = $number:literal $label:literal $english:literal),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $number),+
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The number in the database and on the wire.
            #[must_use]
            pub const fn number(self) -> i64 {
                self as i64
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_number(number: i64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// What operators call it.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label),+
                }
            }

            /// The same in English.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self {
                    $(Self::$variant => $english),+
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.number())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <i64 as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_number(number).ok_or_else(|| {
                    serde::de::Error::invalid_value(serde::de::Unexpected::Signed(number), &stringify!($name))
                })
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// Where a call instance stands.
    CallStatus {
        /// Imported, never dialled.
        NotStarted = 0 "未开始" "not started",
        /// Claimed: being dialled or talking.
        InProgress = 1 "进行中" "in progress",
        /// Finished for good.
        Done = 2 "已完成" "done",
        /// Waiting for a redial.
        AwaitingRedial = 3 "二次拨打调度中" "waiting for a redial",
    }
}

numbered! {
    /// How a call ended, seen from the campaign.
    FinishStatus {
        /// Somebody answered and a robot talked.
        Answered = 0 "已接听" "answered",
        /// The callee declined.
        Rejected = 1 "拒接" "declined",
        /// Could not be reached.
        NoAnswer = 2 "无应答" "could not be reached",
        /// The caller number cannot be used, or our side failed to place the call.
        CallerUnavailable = 3 "主叫号码不可用" "caller number unavailable",
        /// No such number.
        Vacant = 4 "空号" "no such number",
        /// Switched off.
        PoweredOff = 5 "关机" "switched off",
        /// Busy.
        Busy = 6 "占线" "busy",
        /// Service suspended.
        Suspended = 7 "停机" "service suspended",
        /// It rang, and nobody took it.
        Missed = 8 "未接" "rang unanswered",
        /// The caller's account is in arrears.
        CallerInArrears = 9 "主叫欠费" "caller's account in arrears",
        /// Answered with no free seat, or lost by us.
        Lost = 10 "呼损" "answered without a free seat, or lost by us",
        /// The number is blacklisted and was not dialled.
        Blacklisted = 11 "黑名单" "blacklisted",
        /// Outside the line's coverage.
        OutOfCoverage = 22 "线路盲区" "outside the line's coverage",
    }
}

/// The four counts that a finished call can fall into, per `contract/query.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountBucket {
    /// `calledCount`
    Called,
    /// `rejectedCount`
    Rejected,
    /// `unavailableCount`
    Unavailable,
    /// `fromUnavailableCount`
    CallerUnavailable,
}

impl FinishStatus {
    /// The count that a call with this outcome is added to.
    #[must_use]
    pub const fn bucket(self) -> CountBucket {
        match self {
            Self::Answered => CountBucket::Called,
            Self::Rejected => CountBucket::Rejected,
            Self::CallerUnavailable | Self::CallerInArrears => CountBucket::CallerUnavailable,
            Self::NoAnswer
            | Self::Vacant
            | Self::PoweredOff
            | Self::Busy
            | Self::Suspended
            | Self::Missed
            | Self::Lost
            | Self::Blacklisted
            | Self::OutOfCoverage => CountBucket::Unavailable,
        }
    }
}

numbered! {
    /// Who hung up.
    HungUpBy {
        /// The robot.
        Robot = 0 "AI" "robot",
        /// The customer.
        Customer = 1 "用户" "customer",
    }
}

numbered! {
    /// Why a call was made at all (`callType` of a call).
    CallKind {
        /// A trial, free of charge.
        FreeTrial = 0 "免费试用" "free trial",
        /// Part of a task.
        Task = 1 "任务" "task",
        /// Placed by itself through the API.
        Single = 2 "用户单独拨打" "placed by itself",
        /// A paid trial.
        PaidTrial = 3 "收费试用" "paid trial",
        /// Placed by the operator of the installation.
        BackOffice = 4 "后台拨打" "placed by the back office",
        /// A person talked.
        Human = 100 "人工拨打" "placed by a person",
    }
}

/// Who said a line of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The robot.
    Robot,
    /// The customer.
    Customer,
}

/// How the robot took a customer's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Understanding {
    /// Nothing had to be understood: the robot did not ask, or went on talking.
    NotNeeded,
    /// The words hit a branch of the scene or a knowledge entry.
    Matched(Match),
    /// The robot had no answer.
    Unknown,
}

/// What the customer's words hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Name of the branch or of the knowledge entry.
    pub name: String,
    /// The sample wording that came nearest.
    pub sample: String,
    /// From 0 to 1.
    pub score: f64,
    /// Position of the knowledge entry in its scene, from 1; none where a branch was hit.
    pub knowledge: Option<u32>,
}

/// One utterance, in the order in which they were said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// Who spoke.
    pub speaker: Speaker,
    /// The words.
    pub text: String,
    /// Where in the recording the words begin, in milliseconds from the answer.
    pub start_ms: i64,
    /// Where in the recording the words end, in milliseconds from the answer.
    pub end_ms: i64,
    /// When it was said.
    pub at: Moment,
    /// How it was taken; none for the robot's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub understanding: Option<Understanding>,
    /// The scene node that was active.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// How long the customer waited for these words of the robot; none where they answer nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<TurnLatency>,
    /// What recognised these words of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recogniser: Option<String>,
}

/// From the end of the customer's speech to the first packet of the robot's answer, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TurnLatency {
    /// The silence that had to pass before the customer was taken to have finished, in milliseconds.
    pub pause_ms: u32,
    /// What the recogniser took beyond that, in milliseconds.
    pub recognition_ms: u32,
    /// Everything of ours: understanding, the dialogue, the first packet, in milliseconds.
    pub ours_ms: u32,
}

impl TurnLatency {
    /// All of it, in milliseconds.
    #[must_use]
    pub const fn total_ms(self) -> u32 {
        self.pause_ms.saturating_add(self.recognition_ms).saturating_add(self.ours_ms)
    }
}

/// One conclusion about a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallResult {
    /// For example 客户意向等级.
    pub name: String,
    /// For example A级(较强).
    pub value: String,
    /// The rule that concluded it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kind of rule, for example `BY_ANALYZE_USER_LEVEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where in the transcript the evidence stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// A place in a transcript that bears out a conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "StoredEvidence")]
pub struct Evidence {
    /// Position of the utterance in its transcript, from 0.
    pub utterance: usize,
    /// Where in the recording it begins, in milliseconds from the answer.
    pub from_ms: i64,
    /// Where in the recording it ends, in milliseconds from the answer.
    pub until_ms: i64,
}

/// Calls that were stored before evidence had its times have bare positions.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredEvidence {
    Position(usize),
    Place { utterance: usize, from_ms: i64, until_ms: i64 },
}

impl From<StoredEvidence> for Evidence {
    fn from(stored: StoredEvidence) -> Self {
        match stored {
            StoredEvidence::Position(utterance) => Self { utterance, from_ms: 0, until_ms: 0 },
            StoredEvidence::Place { utterance, from_ms, until_ms } => Self { utterance, from_ms, until_ms },
        }
    }
}

/// The result name of the intent level, which every finished call has.
pub const INTENT_LEVEL: &str = "客户意向等级";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_as_it_was_written_before_it_had_times() {
        let read: Vec<Evidence> = serde_json::from_str(r#"[3, {"utterance":4,"from_ms":10,"until_ms":20}]"#).unwrap();
        let place = |utterance, from_ms, until_ms| Evidence { utterance, from_ms, until_ms };
        assert_eq!(read, [place(3, 0, 0), place(4, 10, 20)]);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Evidence>>(&written).unwrap(), read);
    }

    #[test]
    fn every_finish_status_falls_into_the_bucket_of_the_contract() {
        for &status in FinishStatus::ALL {
            let expected = match status.number() {
                0 => CountBucket::Called,
                1 => CountBucket::Rejected,
                3 | 9 => CountBucket::CallerUnavailable,
                _ => CountBucket::Unavailable,
            };
            assert_eq!(status.bucket(), expected, "{status:?}");
            assert_eq!(FinishStatus::from_number(status.number()), Some(status));
        }
    }
}
