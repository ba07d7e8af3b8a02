//! Whether a campaign may dial, and what day and hour it is: reckoned anew only when it changes.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};

use crate::forecast::{Campaign, HORIZON};
use crate::hours::{Closed, Opening, opening};
use crate::moment::Moment;

/// Where clocks are set back, the end of a span can be shown before it has come: it is looked for again so much later.
const AGAIN: Duration = Duration::from_mins(1);

/// The time of day, as far as a campaign goes by it.
pub(super) struct Shift {
    /// Why it may not dial; none when it may.
    pub(super) closed: Option<Closed>,
    /// When that changes; none where it does not.
    pub(super) until: Option<Moment>,
    /// The day when it last changed.
    pub(super) date: Date,
    hour: u8,
    hour_until: Moment,
}

impl Shift {
    pub(super) fn new(campaign: &Campaign) -> Self {
        let date = campaign.now.civil(&campaign.zone).date();
        let mut shift = Self { closed: None, until: Some(campaign.now), date, hour: 0, hour_until: campaign.now };
        shift.turn(campaign, campaign.now);
        shift
    }

    /// Looks at the clock; whether anything has changed since.
    pub(super) fn turn(&mut self, campaign: &Campaign, now: Moment) -> bool {
        if self.until.is_none_or(|until| now < until) {
            return false;
        }
        let civil = now.civil(&campaign.zone);
        let (closed, until) = match opening(&campaign.window, campaign.start_date, &campaign.hours, civil) {
            Opening::Open { until } => (None, Some(until)),
            Opening::Closed { why, opens } => (Some(why), opens),
        };
        self.closed = closed;
        self.date = civil.date();
        self.until = until
            .map(|until| Moment::from_civil(until, &campaign.zone))
            .map(|until| if until > now { until } else { now.after(AGAIN) });
        true
    }

    /// The hour of the day, from 0 to 23.
    pub(super) fn hour(&mut self, campaign: &Campaign, now: Moment) -> u8 {
        if now >= self.hour_until {
            let civil = now.civil(&campaign.zone);
            self.hour = hour(civil);
            let past = Duration::from_secs(
                60 * u64::from(civil.minute().unsigned_abs()) + u64::from(civil.second().unsigned_abs()),
            );
            self.hour_until = now.after(Duration::from_hours(1).saturating_sub(past));
        }
        self.hour
    }
}

pub(super) fn hour(civil: DateTime) -> u8 {
    civil.hour().unsigned_abs()
}

/// When a play ends at the latest.
pub(super) fn end(campaign: &Campaign) -> Moment {
    let start = Moment::from_civil(campaign.start_date.to_datetime(Time::midnight()), &campaign.zone);
    campaign.now.max(start).after(HORIZON)
}
