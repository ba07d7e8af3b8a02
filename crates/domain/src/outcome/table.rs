//! The table.

use super::{Disposition, EarlyMedia, Ended, Meaning, Signals};

/// Who rings for longer before "busy" comes was declined by hand: a mobile telephone reports both as cause 17 (3GPP
/// TS 24.008, "user determined user busy"), and a busy one does not ring. Shorter ringing is what some trunks say
/// before they have asked the network.
pub(super) const DECLINE_RING_MS: u32 = 2_000;

impl Signals {
    /// How the attempt ended, in the words of telephony. Every combination has a row; the first that fits counts.
    ///
    /// | what was reported | outcome | why |
    /// | --- | --- | --- |
    /// | answered | 已接听 | |
    /// | an announcement with a reason: 空号, 关机, 停机, 正在通话中, 主叫欠费, 呼出受限 | that reason | it is what the callee's network says; on the way, codes are translated, and often to 480 or 503 |
    /// | the trunk is dead, a 408 of our own included | line failed | our side: the callee was never reached |
    /// | we cancelled it for reasons of our own | interrupted | it says nothing about the callee |
    /// | a Q.850 cause that is specific, see `of_cause` | its row | nearer to the callee's network than the code, which gateways make from it (RFC 3398, 7.2.4.1) |
    /// | a SIP code that is specific, see `of_code` | its row | |
    /// | an announcement without a reason: 无法接通, 不在服务区, 无人接听 | unreachable; rang out for 无人接听 | it is played for whatever the network cannot tell better |
    /// | the busy tone | busy, or declined | 486 is what it should have been |
    /// | the congestion tone | unreachable | some network on the way is full; our trunk worked |
    /// | 5xx, or a code that no one knows, after it rang or sound came | unreachable | our trunk carried it; another network failed |
    /// | 5xx before anything was heard of it | line failed | the trunk itself; 503 is how it says that it is full (RFC 3261, 21.5.4) |
    /// | anything else, and it rang | rang out | our ring timer, 408, 480 or 487 by the network's timer: nobody took it |
    /// | anything else | unreachable | 480 without ringing: not there, for reasons that nobody tells |
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        if self.ended == Ended::Answered {
            return Disposition::Answered;
        }
        if let EarlyMedia::Announcement(meaning) = self.early_media
            && let Some(said) = self.of_announcement(meaning)
        {
            return said;
        }
        match self.ended {
            Ended::TrunkDead => return Disposition::LineFailed,
            Ended::Cancelled => return Disposition::Interrupted,
            Ended::Answered | Ended::Refused | Ended::RingTimeout | Ended::Recognised => {}
        }
        let cause = self.q850_cause.and_then(|cause| self.of_cause(cause));
        // What answers our own CANCEL is 487, or another code whose reason is the CANCEL: it says nothing.
        let code = self.sip_code.filter(|_| self.ended == Ended::Refused);
        cause.or_else(|| code.and_then(|code| self.of_code(code))).unwrap_or_else(|| self.of_sound(code))
    }

    /// Whether it rang, or something was played that is played instead of ringing.
    const fn rang(&self) -> bool {
        self.ring_ms.is_some() || matches!(self.early_media, EarlyMedia::Ringback | EarlyMedia::Other)
    }

    fn busy(&self) -> Disposition {
        let declined = self.ring_ms.is_some_and(|ms| ms >= DECLINE_RING_MS);
        if declined { Disposition::Declined } else { Disposition::Busy }
    }

    fn nobody(&self) -> Disposition {
        if self.rang() { Disposition::RangOut } else { Disposition::Unreachable }
    }

    /// What an announcement says; none where it gives no reason.
    fn of_announcement(&self, meaning: Meaning) -> Option<Disposition> {
        Some(match meaning {
            Meaning::Vacant => Disposition::Vacant,
            Meaning::PoweredOff => Disposition::PoweredOff,
            Meaning::Suspended => Disposition::Suspended,
            Meaning::Busy => self.busy(),
            Meaning::CallerInArrears => Disposition::LineInArrears,
            Meaning::CallerBarred => Disposition::LineFailed,
            // 线路盲区 is where our line does not reach; this is a callee in a tunnel: 无法接通.
            Meaning::Unreachable | Meaning::NoAnswer | Meaning::OutOfCoverage => return None,
        })
    }

    /// What a cause of ITU-T Q.850 (table 1) says; none where it gives no reason.
    ///
    /// | cause | outcome | why |
    /// | --- | --- | --- |
    /// | 1, 5, 22, 28 | vacant | unallocated, misdialled, changed, incomplete number |
    /// | 2, 3 | outside the line's coverage | no route: our line does not reach this place |
    /// | 17 | busy, or declined after ringing | user busy, also "user determined user busy" |
    /// | 18 | rang out, or unreachable | no user responding: a telephone that rings, or one that is not found |
    /// | 19 | rang out | no answer from the user, who was alerted |
    /// | 20 | switched off | subscriber absent: not registered in the mobile network (3GPP TS 23.018) |
    /// | 21 | declined | call rejected |
    /// | 54, 55 | unreachable | incoming calls barred |
    /// | 87, 88 | unreachable | not for us, or no telephone |
    /// | 8, 9, 25, 27, 29 | line failed | pre-emption, routing error, out of order, facility rejected |
    /// | 34 – 47 | line failed | no circuit, network out of order, temporary failure, congestion |
    /// | 49 – 53, 56 – 79 | line failed | a service that we do not have |
    /// | 81 – 86, 90 – 101, 103 – 111 | line failed | messages that were not understood |
    /// | 4, 16, 23, 24, 26, 31, 102, 127 and others | by the code | cleared normally, diverted, a timer, another network: no reason |
    fn of_cause(&self, cause: u8) -> Option<Disposition> {
        Some(match cause {
            1 | 5 | 22 | 28 => Disposition::Vacant,
            2 | 3 => Disposition::OutOfCoverage,
            17 => self.busy(),
            18 => self.nobody(),
            19 => Disposition::RangOut,
            20 => Disposition::PoweredOff,
            21 => Disposition::Declined,
            54 | 55 | 87 | 88 => Disposition::Unreachable,
            8 | 9 | 25 | 27 | 29 | 34..=47 | 49..=53 | 56..=79 | 81..=86 | 90..=101 | 103..=111 => {
                Disposition::LineFailed
            }
            _ => return None,
        })
    }

    /// What a response says by itself; none where it gives no reason.
    ///
    /// | code | outcome | why |
    /// | --- | --- | --- |
    /// | 404, 410, 484, 485, 604 | vacant | RFC 3398, 7.2.4.1 makes them from causes 1, 22 and 28 |
    /// | 486, 600 | busy, or declined after ringing | cause 17 |
    /// | 603, 607 | declined | by the callee; 607 also says that such calls are unwanted (RFC 8197) |
    /// | 402 | line in arrears | what Chinese platforms answer when the account is empty |
    /// | 401, 403, 407, 433, 608 | line failed | our credentials (401 and 407 after they were sent), our number, or a filter on the way (RFC 8688) |
    /// | 408, 480, 487 | by what was heard | timers, ours or the network's; nobody there |
    /// | any other 3xx, 4xx, 6xx | line failed | our request: a place, a codec (488, 606), an extension |
    /// | 5xx and others | by what was heard | |
    fn of_code(&self, code: u16) -> Option<Disposition> {
        Some(match code {
            404 | 410 | 484 | 485 | 604 => Disposition::Vacant,
            486 | 600 => self.busy(),
            603 | 607 => Disposition::Declined,
            402 => Disposition::LineInArrears,
            408 | 480 | 487 => return None,
            300..=499 | 600..=699 => Disposition::LineFailed,
            _ => return None,
        })
    }

    /// What was heard, where neither cause nor code gives a reason.
    fn of_sound(&self, code: Option<u16>) -> Disposition {
        match self.early_media {
            EarlyMedia::Announcement(Meaning::NoAnswer) => return Disposition::RangOut,
            EarlyMedia::Announcement(_) | EarlyMedia::Congestion => return Disposition::Unreachable,
            EarlyMedia::Busy => return self.busy(),
            EarlyMedia::Nothing | EarlyMedia::Ringback | EarlyMedia::Other => {}
        }
        match code {
            Some(408 | 480 | 487) | None => self.nobody(),
            Some(_) if self.rang() => Disposition::Unreachable,
            Some(_) => Disposition::LineFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::LineOutcome;

    const NOTHING: Signals = Signals::new(Ended::Refused);

    fn check(signals: Signals, expected: Disposition) {
        assert_eq!(signals.disposition(), expected, "{signals:?}");
    }

    #[test]
    fn an_announcement_with_a_reason_counts_more_than_any_code() {
        use Disposition::{Busy, LineFailed, LineInArrears, PoweredOff, Suspended, Vacant};
        for (meaning, expected) in [
            (Meaning::Vacant, Vacant),
            (Meaning::PoweredOff, PoweredOff),
            (Meaning::Suspended, Suspended),
            (Meaning::Busy, Busy),
            (Meaning::CallerInArrears, LineInArrears),
            (Meaning::CallerBarred, LineFailed),
        ] {
            let early_media = EarlyMedia::Announcement(meaning);
            for ended in [Ended::Refused, Ended::RingTimeout, Ended::Recognised, Ended::TrunkDead, Ended::Cancelled] {
                for (sip_code, q850_cause) in [(None, None), (Some(480), Some(19)), (Some(503), Some(38))] {
                    check(Signals { ended, sip_code, q850_cause, early_media, ..NOTHING }, expected);
                }
            }
        }
    }

    #[test]
    fn an_announcement_without_a_reason_counts_where_nothing_else_gives_one() {
        use Disposition::{PoweredOff, RangOut, Unreachable, Vacant};
        let heard = |meaning, sip_code, q850_cause, expected| {
            check(
                Signals { early_media: EarlyMedia::Announcement(meaning), sip_code, q850_cause, ..NOTHING },
                expected,
            );
        };
        heard(Meaning::Unreachable, Some(480), None, Unreachable);
        heard(Meaning::Unreachable, Some(480), Some(20), PoweredOff);
        heard(Meaning::Unreachable, Some(404), None, Vacant);
        heard(Meaning::Unreachable, Some(503), None, Unreachable);
        heard(Meaning::OutOfCoverage, Some(480), Some(31), Unreachable);
        heard(Meaning::NoAnswer, Some(480), None, RangOut);
        heard(Meaning::NoAnswer, None, None, RangOut);
    }

    #[test]
    fn a_cause_says_more_than_the_code_that_was_made_from_it() {
        use Disposition::{Busy, Declined, LineFailed, OutOfCoverage, PoweredOff, RangOut, Unreachable, Vacant};
        for (cause, expected) in [
            (1, Vacant),
            (3, OutOfCoverage),
            (17, Busy),
            (18, Unreachable),
            (19, RangOut),
            (20, PoweredOff),
            (21, Declined),
            (22, Vacant),
            (27, LineFailed),
            (28, Vacant),
            (34, LineFailed),
            (38, LineFailed),
            (41, LineFailed),
            (42, LineFailed),
            (52, LineFailed),
            (55, Unreachable),
            (88, Unreachable),
            (97, LineFailed),
        ] {
            for sip_code in [None, Some(404), Some(480), Some(503)] {
                check(Signals { sip_code, q850_cause: Some(cause), ..NOTHING }, expected);
            }
        }
        check(Signals { q850_cause: Some(18), ring_ms: Some(30_000), ..NOTHING }, RangOut);
        // Causes without a reason leave it to the code.
        for cause in [16, 31, 102, 127, 0, 200] {
            check(Signals { sip_code: Some(404), q850_cause: Some(cause), ..NOTHING }, Vacant);
            check(Signals { sip_code: Some(480), q850_cause: Some(cause), ..NOTHING }, Unreachable);
        }
    }

    #[test]
    fn a_code_counts_where_there_is_no_cause() {
        use Disposition::{Busy, Declined, LineFailed, LineInArrears, RangOut, Unreachable, Vacant};
        for (code, silent, rang) in [
            (301, LineFailed, LineFailed),
            (401, LineFailed, LineFailed),
            (402, LineInArrears, LineInArrears),
            (403, LineFailed, LineFailed),
            (404, Vacant, Vacant),
            (407, LineFailed, LineFailed),
            (408, Unreachable, RangOut),
            (410, Vacant, Vacant),
            (480, Unreachable, RangOut),
            (484, Vacant, Vacant),
            (486, Busy, Declined),
            (487, Unreachable, RangOut),
            (488, LineFailed, LineFailed),
            (500, LineFailed, Unreachable),
            (503, LineFailed, Unreachable),
            (504, LineFailed, Unreachable),
            (600, Busy, Declined),
            (603, Declined, Declined),
            (604, Vacant, Vacant),
            (606, LineFailed, LineFailed),
            (608, LineFailed, LineFailed),
        ] {
            let refused = Signals { sip_code: Some(code), ..NOTHING };
            check(refused, silent);
            check(Signals { ring_ms: Some(8_000), ..refused }, rang);
            check(Signals { early_media: EarlyMedia::Ringback, ring_ms: Some(8_000), ..refused }, rang);
        }
        check(Signals { sip_code: Some(486), ring_ms: Some(DECLINE_RING_MS - 1), ..NOTHING }, Busy);
    }

    #[test]
    fn what_we_ended_ourselves_is_not_read_from_the_answer_to_our_cancel() {
        use Disposition::{Busy, Interrupted, LineFailed, RangOut, Unreachable};
        let timeout = Signals { sip_code: Some(487), ..Signals::new(Ended::RingTimeout) };
        check(Signals { ring_ms: Some(30_000), ..timeout }, RangOut);
        check(Signals { early_media: EarlyMedia::Other, ..timeout }, RangOut);
        check(Signals { sip_code: Some(503), ring_ms: Some(30_000), ..timeout }, RangOut);
        check(timeout, Unreachable);
        check(Signals { sip_code: Some(487), ..Signals::new(Ended::Cancelled) }, Interrupted);
        check(Signals { early_media: EarlyMedia::Busy, ..Signals::new(Ended::Recognised) }, Busy);
        check(Signals { early_media: EarlyMedia::Congestion, ..Signals::new(Ended::Recognised) }, Unreachable);
        check(Signals { sip_code: Some(408), ..Signals::new(Ended::TrunkDead) }, LineFailed);
        check(Signals { ring_ms: Some(9_000), ..Signals::new(Ended::TrunkDead) }, LineFailed);
    }

    #[test]
    fn tones_count_where_the_code_gives_no_reason() {
        use Disposition::{Busy, Declined, Unreachable, Vacant};
        let heard = |early_media, sip_code, ring_ms, expected| {
            check(Signals { early_media, sip_code: Some(sip_code), ring_ms, ..NOTHING }, expected);
        };
        heard(EarlyMedia::Busy, 480, None, Busy);
        heard(EarlyMedia::Busy, 503, None, Busy);
        heard(EarlyMedia::Busy, 480, Some(9_000), Declined);
        heard(EarlyMedia::Congestion, 503, None, Unreachable);
        heard(EarlyMedia::Busy, 404, None, Vacant);
    }

    #[test]
    fn names_are_read_back() {
        for meaning in Meaning::ALL {
            assert_eq!(EarlyMedia::from_name(meaning.name()), Some(EarlyMedia::Announcement(*meaning)));
        }
        for early in [EarlyMedia::Nothing, EarlyMedia::Ringback, EarlyMedia::Busy, EarlyMedia::Congestion] {
            assert_eq!(EarlyMedia::from_name(early.name()), Some(early));
        }
        for ended in Ended::ALL {
            assert_eq!(Ended::from_name(ended.name()), Some(*ended));
        }
        assert_eq!(EarlyMedia::from_name("music"), None);
    }

    fn early_media() -> impl Strategy<Value = EarlyMedia> {
        prop_oneof![
            prop::sample::select(Meaning::ALL).prop_map(EarlyMedia::Announcement),
            prop::sample::select(vec![
                EarlyMedia::Nothing,
                EarlyMedia::Ringback,
                EarlyMedia::Busy,
                EarlyMedia::Congestion,
                EarlyMedia::Other,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn only_what_was_answered_is_answered_and_every_report_has_an_outcome(
            ended in prop::sample::select(Ended::ALL),
            sip_code in any::<Option<u16>>(),
            q850_cause in any::<Option<u8>>(),
            early_media in early_media(),
            setup_ms in any::<Option<u32>>(),
            ring_ms in any::<Option<u32>>(),
        ) {
            let signals = Signals { ended, sip_code, q850_cause, early_media, setup_ms, ring_ms };
            let disposition = signals.disposition();
            prop_assert_eq!(disposition == Disposition::Answered, ended == Ended::Answered);
            // What only our own side knows never comes out of what a line reports.
            prop_assert!(!matches!(disposition, Disposition::NoSeat | Disposition::Blacklisted));
            prop_assert!(disposition != Disposition::Interrupted || ended == Ended::Cancelled);
            if ended == Ended::TrunkDead && !matches!(early_media, EarlyMedia::Announcement(_)) {
                prop_assert_eq!(disposition.line_outcome(), LineOutcome::Failed);
            }
        }
    }
}
