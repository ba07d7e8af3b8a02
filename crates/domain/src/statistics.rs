//! The buckets of `durationStat` and `chatRoundStat`, per `query.md`.

/// Names of the talk time buckets, in the order in which they are listed.
pub const TALK_TIME_BUCKETS: [&str; 4] = ["<10s", "10-59s", "1分-1分59秒", ">=2分"];

/// Names of the chat round buckets, in the order in which they are listed.
pub const CHAT_ROUND_BUCKETS: [&str; 4] = ["0-9次", "10-19次", "20-29次", ">=30次"];

/// Position in [`TALK_TIME_BUCKETS`] of a call that lasted so many seconds.
#[must_use]
pub const fn talk_time_bucket(talk_s: i64) -> usize {
    match talk_s {
        ..10 => 0,
        10..60 => 1,
        60..120 => 2,
        120.. => 3,
    }
}

/// Position in [`CHAT_ROUND_BUCKETS`] of a call in which the robot spoke so many times.
#[must_use]
pub const fn chat_round_bucket(rounds: i64) -> usize {
    match rounds {
        ..10 => 0,
        10..20 => 1,
        20..30 => 2,
        30.. => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_where_their_names_say() {
        let talk = |s| TALK_TIME_BUCKETS[talk_time_bucket(s)];
        assert_eq!(
            [0, 9, 10, 59, 60, 119, 120, 9999].map(talk),
            ["<10s", "<10s", "10-59s", "10-59s", "1分-1分59秒", "1分-1分59秒", ">=2分", ">=2分"]
        );
        let rounds = |n| CHAT_ROUND_BUCKETS[chat_round_bucket(n)];
        assert_eq!(
            [0, 9, 10, 19, 20, 29, 30].map(rounds),
            ["0-9次", "0-9次", "10-19次", "10-19次", "20-29次", "20-29次", ">=30次"]
        );
    }
}
