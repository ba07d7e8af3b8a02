//! Things that are broken on purpose: for each rule something that breaks it, to see that it is noticed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hutong_dialer::Runtime as _;
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_domain::caps::Caps;
use hutong_domain::hours::{DiallingDays, Hours};
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Clock as _;
use hutong_domain::redial::REDIALS_MAX;
use hutong_domain::rules::{CompanyRules, Rules};
use hutong_domain::window::DaySpan;
use hutong_store::claim::{self, Claimed, Look};
use hutong_store::task::Settings;
use hutong_store::{Error, Store, node, values};
use jiff::civil::Time;

use crate::network::{Fault, Network};
use crate::scenario::{LinePlan, Scenario};

/// How often something is broken that the product mends.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a line keeps a call back.
const LATE: Duration = Duration::from_secs(50);

/// Something that is broken on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Every number is dialled twice.
    DialsTwice,
    /// Numbers are dialled a while after that was asked for, though whoever asked lost its lease meanwhile.
    DialsLate,
    /// Numbers are dialled on claims that are never committed.
    DialsBeforeCommit,
    /// Calls are placed at night.
    IgnoresLegalHours,
    /// Calls are placed outside the hours of the company.
    IgnoresCompanyHours,
    /// Calls are placed on days without calls.
    IgnoresDaysOff,
    /// Numbers on the blacklist are dialled.
    IgnoresBlacklist,
    /// Who asked never to be called again is forgotten.
    ForgetsWhoForbids,
    /// Numbers are dialled more often than the caps let them be.
    IgnoresCaps,
    /// Numbers are dialled that are in a call already.
    IgnoresBusyNumbers,
    /// Calls start on lines as fast as they can.
    IgnoresPaces,
    /// Lines that fail are not left alone.
    IgnoresBreakers,
    /// Redials do not wait for their interval.
    RedialsEarly,
    /// More redials are made than the rules ask for.
    RedialsOften,
    /// The last imports are dialled first.
    Overtakes,
    /// One task gets no seat.
    StarvesATask,
    /// Nobody does anything any more.
    Stops,
    /// More calls hold a seat than there are.
    OverbooksSeats,
    /// Lines carry more calls than they have channels.
    OverbooksChannels,
    /// Tasks have more calls in progress than they may.
    OverbooksTasks,
    /// Slots are given back while their calls go on.
    ReleasesSlotsEarly,
    /// An index of the feed is left out.
    SkipsAnIndex,
    /// A finished call is counted twice.
    CountsTwice,
    /// Waiting calls are miscounted.
    MiscountsWaiting,
}

impl Sabotage {
    /// The rules that processes go by.
    pub(crate) fn of_rules(self, rules: Rules) -> Rules {
        match self {
            Self::IgnoresLegalHours => {
                let all_day = DaySpan { start: Time::midnight(), end: Time::MAX };
                Rules { hours: Hours { legal: all_day, days: rules.hours.days.clone() }, ..rules }
            }
            Self::IgnoresDaysOff => {
                Rules { hours: Hours { days: DiallingDays::default(), ..rules.hours.clone() }, ..rules }
            }
            Self::IgnoresCaps => Rules { caps: Caps::default(), ..rules },
            _ => rules,
        }
    }

    /// A company as it is kept: its seats and rules.
    pub(crate) fn of_company(self, (seats, rules): (u32, CompanyRules)) -> (u32, CompanyRules) {
        match self {
            Self::OverbooksSeats => (seats + 5, rules),
            Self::IgnoresCompanyHours => (seats, CompanyRules { legal: None, ..rules }),
            Self::IgnoresCaps => (seats, CompanyRules { caps: Caps::default(), ..rules }),
            _ => (seats, rules),
        }
    }

    /// A line as it is kept.
    pub(crate) fn of_line(self, line: LinePlan) -> LinePlan {
        match self {
            Self::OverbooksChannels => LinePlan { channels: line.channels + 5, ..line },
            Self::IgnoresPaces => LinePlan { pace: None, ..line },
            _ => line,
        }
    }

    /// A task as it is kept.
    pub(crate) fn of_task(self, mut settings: Settings) -> Settings {
        match self {
            Self::RedialsEarly => settings.redial_rules.iter_mut().for_each(|rule| rule.interval_minutes = 0),
            Self::RedialsOften => settings.redial_rules.iter_mut().for_each(|rule| rule.times = REDIALS_MAX),
            Self::OverbooksTasks => {
                settings.quota += 5;
                settings.in_progress_max += 5;
            }
            _ => {}
        }
        settings
    }

    pub(crate) fn of_lines(self) -> Fault {
        match self {
            Self::DialsTwice => Fault::Twice,
            Self::DialsLate => Fault::Late(LATE),
            _ => Fault::None,
        }
    }

    /// What is done to the store again and again.
    fn statement(self) -> Option<&'static str> {
        Some(match self {
            Self::ReleasesSlotsEarly => "UPDATE attempt SET ended_at = 1 WHERE company_id = ?1 AND ended_at IS NULL",
            Self::SkipsAnIndex => "UPDATE task SET next_call_index = next_call_index + 1 WHERE company_id = ?1",
            Self::CountsTwice => "UPDATE task SET finish_0 = finish_0 + 1 WHERE company_id = ?1",
            Self::MiscountsWaiting => "UPDATE waiting_block SET waiting = waiting + 1 WHERE company_id = ?1",
            Self::IgnoresBusyNumbers => "DELETE FROM busy_number WHERE company_id = ?1",
            Self::ForgetsWhoForbids => "DELETE FROM blacklist_entry WHERE company_id = ?1",
            Self::IgnoresBreakers => {
                "UPDATE line_health SET failures = 0, opened = 0, open_until = NULL, trial_since = NULL
                 WHERE company_id = ?1"
            }
            Self::Overtakes => {
                // In one block of waiting calls, so that only their order is wrong.
                "UPDATE call SET import_no = 500 - import_no WHERE company_id = ?1 AND status = 0 AND import_no <= 500"
            }
            Self::StarvesATask => {
                "UPDATE task SET quota = 0, in_progress_max = 0
                 WHERE company_id = ?1 AND id = (SELECT MIN(id) FROM task)"
            }
            _ => return None,
        })
    }

    /// Goes on breaking, beside everything else.
    pub(crate) fn begin(
        self,
        scenario: &Scenario,
        (runtime, store, network): (&VirtualRuntime, &Store, &Network),
        (companies, rules): (Vec<CompanyId>, Arc<Rules>),
        processes: Vec<VirtualRuntime>,
    ) {
        let (runtime, store, network) = (runtime.clone(), store.clone(), network.clone());
        let started = scenario.companies.iter().flat_map(|company| &company.tasks).map(|task| task.started_after);
        let begins = runtime.now().after(started.max().unwrap_or_default() + AGAIN);
        match self {
            Self::Stops => runtime.clone().spawn(Box::pin(async move {
                runtime.sleep_until(begins).await;
                processes.iter().for_each(VirtualRuntime::freeze);
            })),
            Self::DialsBeforeCommit => runtime.clone().spawn(Box::pin(async move {
                loop {
                    runtime.sleep_until(runtime.now().after(LATE)).await;
                    for company in companies.clone() {
                        let claimed = claim_without_commit(&store, company, rules.clone(), &runtime).await;
                        claimed.iter().for_each(|claimed| network.begin((runtime.now(), runtime.now()), claimed));
                    }
                }
            })),
            _ => {
                let Some(statement) = self.statement() else { return };
                runtime.clone().spawn(Box::pin(async move {
                    loop {
                        runtime.sleep_until(runtime.now().after(AGAIN)).await;
                        for company in companies.clone() {
                            let broken = store.write(company, move |db| db.execute(statement, values![company]));
                            // A store that refuses is as good: nothing is broken then.
                            let _ = broken.await;
                        }
                    }
                }));
            }
        }
    }
}

/// What a process would claim, if its transaction were committed.
async fn claim_without_commit(
    store: &Store,
    company: CompanyId,
    rules: Arc<Rules>,
    runtime: &VirtualRuntime,
) -> Vec<Claimed> {
    let now = runtime.now();
    let lease = now.after(Duration::from_secs(3600));
    let Ok(node) = store.write(company, move |db| node::register(db, now, lease)).await else { return Vec::new() };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let claimed = seen.clone();
    let refused = store.write(company, move |db| {
        // More calls than there are going on: the company has to have room for another one.
        db.execute("UPDATE company SET seats = seats + 5 WHERE id = ?1", values![company])?;
        let look = Look { node, now, rules: rules.clone(), starts_max: 1 };
        *claimed.lock().unwrap_or_else(PoisonError::into_inner) = claim::look(db, company, &look)?.claimed;
        Err::<(), Error>(Error::Closed)
    });
    let _ = refused.await;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *seen)
}
