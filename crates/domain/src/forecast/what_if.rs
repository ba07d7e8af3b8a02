//! What other settings would change.

use super::{Campaign, Line};
use crate::window::{CallingWindow, DaySpan};

/// Settings that are changed; what is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Seats of the company.
    pub seats: Option<u32>,
    /// Calls that may talk at once (`concurrencyQuota`). Calls in progress change in proportion.
    pub quota: Option<u32>,
    /// Calls that may be in progress at once (`concurrencyPhone`).
    pub in_progress_max: Option<u32>,
    /// Whether it takes idle seats beyond its quota (`openElasticity`).
    pub elastic: Option<bool>,
    /// So many times the channels of each line.
    pub channels_times: Option<u32>,
    /// Its hours.
    pub window: Option<CallingWindow>,
    /// No number is dialled again, except for redials that are planned.
    pub no_redials: bool,
}

impl Change {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it changes what limits this campaign; otherwise it leads to the same outcome.
    #[must_use]
    pub fn makes_a_difference(&self, campaign: &Campaign) -> bool {
        !self.is_none() && Limits::of(&self.applied_to(campaign)) != Limits::of(campaign)
    }

    /// The campaign with these settings.
    #[must_use]
    pub fn applied_to(&self, campaign: &Campaign) -> Campaign {
        let mut changed = campaign.clone();
        let Self { seats, quota, in_progress_max, elastic, channels_times, window, no_redials } = self;
        changed.seats = seats.unwrap_or(changed.seats);
        if let Some(quota) = *quota {
            let scaled = u64::from(changed.in_progress_max) * u64::from(quota) / u64::from(changed.quota.max(1));
            changed.in_progress_max = u32::try_from(scaled).unwrap_or(u32::MAX).max(quota);
            changed.quota = quota;
        }
        changed.in_progress_max = in_progress_max.unwrap_or(changed.in_progress_max);
        changed.elastic = elastic.unwrap_or(changed.elastic);
        for line in &mut changed.lines {
            line.channels = line.channels.map(|channels| channels.saturating_mul(channels_times.unwrap_or(1)));
        }
        changed.window = window.unwrap_or(changed.window);
        if *no_redials {
            changed.redial_rules.clear();
        }
        changed
    }
}

/// Changes that make a difference to this campaign: half and twice the calls that talk at once, with what is needed for
/// them; with and without dialling beyond the seats; idle seats, channels, hours and redials.
#[must_use]
pub fn worth_trying(campaign: &Campaign) -> Vec<Change> {
    let Campaign { quota, in_progress_max, .. } = *campaign;
    let talking = campaign.seats_usable();
    let changes = [
        talk_at_once(campaign, talking / 2),
        talk_at_once(campaign, talking.saturating_mul(2)),
        Change { in_progress_max: Some(quota.saturating_mul(2)), ..Change::default() },
        Change { in_progress_max: Some(quota).filter(|_| in_progress_max > quota), ..Change::default() },
        Change { elastic: Some(true), ..Change::default() },
        Change { channels_times: Some(2), ..Change::default() },
        Change { window: Some(CallingWindow { working: campaign.hours.legal, rest: None }), ..Change::default() },
        Change { no_redials: true, ..Change::default() },
    ];
    changes.into_iter().filter(|change| change.makes_a_difference(campaign)).collect()
}

/// What lets so many calls talk at once.
fn talk_at_once(campaign: &Campaign, calls: u32) -> Change {
    let Campaign { seats, quota, elastic, .. } = *campaign;
    if calls == 0 {
        return Change::default();
    }
    // Less is asked of what limits now: the seats, or the quota where it is below them.
    let seats_limit = elastic || seats <= quota;
    Change {
        seats: Some(calls).filter(|_| calls > seats || seats_limit),
        quota: Some(calls).filter(|_| !elastic && (calls > quota || !seats_limit)),
        ..Change::default()
    }
}

/// What limits a campaign: settings with the same limits lead to the same outcome.
#[derive(Debug, PartialEq, Eq)]
struct Limits {
    talking: u64,
    in_progress: u64,
    working: Option<DaySpan>,
    rest: Option<DaySpan>,
    redials: bool,
}

impl Limits {
    fn of(campaign: &Campaign) -> Self {
        let channels = campaign.lines.iter().map(|Line { channels, .. }| channels.map_or(u64::MAX, u64::from));
        let most = channels.fold(0, u64::saturating_add).min(campaign.numbers());
        let talking = u64::from(campaign.seats_usable());
        let own = u64::from(if campaign.elastic { campaign.quota.max(campaign.seats) } else { campaign.quota });
        let beyond = u64::from(campaign.in_progress_max).saturating_sub(own) * talking / own.max(1);
        let working = campaign.window.working.intersection(&campaign.hours.legal);
        Self {
            talking: talking.min(most),
            in_progress: talking.saturating_add(beyond).min(most),
            rest: working.and_then(|working| campaign.window.rest?.intersection(&working)),
            working,
            redials: !campaign.redial_rules.is_empty(),
        }
    }
}
