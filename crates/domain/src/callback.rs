//! Callbacks: what is reported to a company's integrators, when it is tried again, and what counts as delivered.
//! Per `callbacks.md`.

use std::time::Duration;

use crate::call::numbered;
use crate::task::TaskStatus;

/// How often a callback is tried before it is given up.
pub const ATTEMPTS_MAX: u32 = 28;
/// How long a receiver has for its whole answer.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at. What says that it was delivered is shorter.
pub const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Seconds from each attempt to the next one; the last pause is repeated.
const PAUSES_S: [u64; 16] = [10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];

numbered! {
    /// What a callback reports.
    CallbackKind {
        /// A call has finished for good.
        Call = 0 "通话" "call",
        /// Somebody changed a result of a finished call.
        ManualChange = 1 "人工修改" "changed result",
        /// A task came into another state.
        Task = 2 "任务" "task",
    }
}

impl CallbackKind {
    /// The name in the ids of callbacks and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::ManualChange => "change",
            Self::Task => "task",
        }
    }
}

/// Whether a task that came into this state is reported.
#[must_use]
pub const fn reports(status: TaskStatus) -> bool {
    match status {
        TaskStatus::Done
        | TaskStatus::UserPaused
        | TaskStatus::SystemPaused
        | TaskStatus::Stopped
        | TaskStatus::LineInArrears
        | TaskStatus::SmsInArrears => true,
        TaskStatus::NotStarted
        | TaskStatus::Running
        | TaskStatus::Ready
        | TaskStatus::Queued
        | TaskStatus::RobotExpired => false,
    }
}

/// How long after the attempt with this number, from 1, the next one comes; none after the last.
#[must_use]
pub fn pause_after(attempt: u32) -> Option<Duration> {
    if attempt >= ATTEMPTS_MAX {
        return None;
    }
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX).min(PAUSES_S.len() - 1);
    PAUSES_S.get(index).copied().map(Duration::from_secs)
}

/// Whether an answer says that the callback was taken: HTTP 2xx, and `success` in one of its spellings.
#[must_use]
pub fn is_delivered(status: u16, body: &[u8]) -> bool {
    if !(200..300).contains(&status) {
        return false;
    }
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii();
    if body == b"success" || body == br#""success""# {
        return true;
    }
    let Ok(serde_json::Value::Object(answer)) = serde_json::from_slice(body) else { return false };
    answer.get("code").and_then(serde_json::Value::as_u64) == Some(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_tried_28_times_over_more_than_a_day() {
        let pauses: Vec<u64> = (1..).map_while(pause_after).map(|pause| pause.as_secs()).collect();
        let minutes = |minutes: u64| minutes * 60;
        let mut expected = vec![10, 30];
        expected.extend((1..=10).chain([20, 30, 60]).map(minutes));
        expected.extend([minutes(120); 12]);
        assert_eq!(pauses, expected);
        assert_eq!(pauses.len() + 1, 28);
    }

    #[test]
    fn only_success_is_delivered() {
        let check = |status: u16, body: &str, expect: bool| {
            assert_eq!(is_delivered(status, body.as_bytes()), expect, "{status} {body}");
        };
        for body in ["success", " success\r\n", "\"success\"", "{\"code\":200}", "\u{feff}success"] {
            check(200, body, true);
            check(201, body, true);
            for status in [100, 199, 300, 302, 404, 500] {
                check(status, body, false);
            }
        }
        check(200, "{\"code\": 200, \"resultMsg\": \"成功\", \"data\": null}\n", true);
        for body in [
            "",
            "error",
            "SUCCESS",
            "successful",
            "'success'",
            "{}",
            "{\"code\":500}",
            "{\"code\":\"200\"}",
            "[200]",
            "200",
            "{\"code\":200",
            "{\"data\":{\"code\":200}}",
            "null",
            "\u{0}",
        ] {
            check(200, body, false);
        }
    }

    #[test]
    fn an_answer_that_is_no_text_is_not_delivered() {
        assert!(!is_delivered(200, &[0xff, 0xfe, 0x00]));
        assert!(!is_delivered(200, &vec![b'['; ANSWER_BYTES_MAX]));
    }
}
