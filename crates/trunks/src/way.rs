//! The way of a call to its callee, in times and reports.

use hutong_domain::moment::Moment;
use hutong_domain::outcome::{EarlyMedia, Ended, Signals};
use hutong_telephony::sip::Ended as SipEnded;

/// The status that says that it rings.
const RINGING: u16 = 180;

/// The way of a call to its callee.
pub(crate) struct Way {
    placed: Moment,
    /// When the first response came that says more than 100.
    reached: Option<Moment>,
    /// When it began to ring.
    rang: Option<Moment>,
}

impl Way {
    pub(crate) fn begun(now: Moment) -> Self {
        Self { placed: now, reached: None, rang: None }
    }

    pub(crate) fn progress(&mut self, code: u16, now: Moment) {
        if self.reached.is_none() {
            self.reached = Some(now);
            metrics::histogram!("hutong_call_setup_seconds").record(now.since(self.placed).as_secs_f64());
        }
        if code == RINGING {
            self.rang.get_or_insert(now);
        }
    }

    pub(crate) fn heard(&mut self, verdict: EarlyMedia, now: Moment) {
        if matches!(verdict, EarlyMedia::Ringback | EarlyMedia::Other) {
            self.rang.get_or_insert(now);
        }
    }

    pub(crate) fn signals(
        &self,
        ended: Ended,
        how: Option<&SipEnded>,
        early_media: EarlyMedia,
        now: Moment,
    ) -> Signals {
        let ms = |from: Moment, until: Moment| u32::try_from(until.since(from).as_millis()).unwrap_or(u32::MAX);
        Signals {
            ended,
            sip_code: how.and_then(|how| how.code),
            q850_cause: how.and_then(|how| how.q850),
            early_media,
            setup_ms: self.reached.map(|reached| ms(self.placed, reached)),
            ring_ms: self.rang.map(|rang| ms(rang, now)),
        }
    }
}
