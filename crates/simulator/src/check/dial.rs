//! What must hold whenever a number is dialled.

use std::time::Duration;

use hutong_domain::hours::closed;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::is_of_caller;
use hutong_store::{Db, Result, values};

use super::{CLOCKS_APART, Checked, Checker, TaskModel, Unrest};
use crate::network::Dialled;
use crate::scenario::CLOCK_ERROR_MAX_MS;

/// A number may be blacklisted after its process was told that it is not, while that answer is on its way from a slow
/// store.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// The clocks of processes are wrong by no more than this.
const CLOCK_ERROR_MAX: Duration = Duration::from_millis(CLOCK_ERROR_MAX_MS.unsigned_abs());

/// An attempt, as the store says.
struct Attempt {
    node: i64,
    phone: String,
    line: i64,
}

/// An attempt of a call before the one that is dialled.
struct Earlier {
    ended_at: Option<Moment>,
    disposition: Option<Disposition>,
}

impl Checker {
    /// A number was dialled: on a committed attempt, once, at a time when it may be, as often as it may be.
    pub(crate) fn dialled(&mut self, dialled: &Dialled) -> Checked {
        let claimed = &dialled.claimed;
        let name = format!("call {}, attempt {}", claimed.call, claimed.attempt_no);
        self.is_held(dialled)
            .and_then(|()| self.is_the_only_call(dialled))
            .and_then(|()| self.may_be_called(dialled))
            .and_then(|()| self.is_open(dialled))
            .and_then(|()| self.is_due(dialled))
            .map_err(|why| format!("{name} {why}"))?;
        let since = self.lines.get(&claimed.line).and_then(super::LineModel::outage_from);
        let troubles = since.map_or(0, |since| {
            self.unrest.spans.iter().filter(|(from, until)| *from <= dialled.at && since <= *until).count()
        });
        match self.lines.get_mut(&claimed.line) {
            Some(line) => line.dialled(dialled.at, troubles).map_err(|why| format!("line {}: {why}", claimed.line)),
            None => Err(format!("{name} was dialled on no line")),
        }
    }

    /// It is dialled once, by the process that holds it, as it was claimed.
    fn is_held(&mut self, Dialled { claimed, .. }: &Dialled) -> Checked {
        let (call, attempt_no) = (claimed.call, claimed.attempt_no);
        if !self.dialled.insert((call, attempt_no)) {
            return Err("was dialled twice".to_owned());
        }
        let company = claimed.company;
        let found = self.read(move |db| live_attempt(db, company, (call, attempt_no)))?;
        let Some(attempt) = found.filter(|attempt| attempt.node == claimed.node.get()) else {
            return Err(format!("was dialled by node {}, which does not hold it", claimed.node));
        };
        if attempt.phone != claimed.customer_phone || attempt.line != claimed.line.get() {
            let (phone, line) = (&claimed.customer_phone, claimed.line);
            return Err(format!("dialled {phone} on line {line}, not {} on line {}", attempt.phone, attempt.line));
        }
        Ok(())
    }

    /// No other call to the number goes on. One whose process had stood still, or lost its store, for longer than its
    /// lease may: its attempt has ended as lost, and nobody can tell that its line still talks.
    fn is_the_only_call(&self, Dialled { claimed, beside, .. }: &Dialled) -> Checked {
        let Some((call, attempt_no)) = *beside else { return Ok(()) };
        let found = self.read(move |db| {
            db.query_one(
                "SELECT disposition FROM attempt WHERE call_id = ?1 AND attempt_no = ?2 AND ended_at IS NOT NULL",
                values![call, attempt_no],
                |row| row.text_or_null(0),
            )
        })?;
        let is_lost = found.flatten().as_deref().and_then(Disposition::from_name) == Some(Disposition::Interrupted);
        if is_lost {
            return Ok(());
        }
        Err(format!("was dialled while {} was in call {call}, attempt {attempt_no}", claimed.customer_phone))
    }

    fn may_be_called(&self, Dialled { at, claimed, .. }: &Dialled) -> Checked {
        let Some(company) = self.companies.get(&claimed.company) else { return Err("is of no company".to_owned()) };
        let Some(since) = company.blacklist.get(&claimed.customer_phone) else { return Ok(()) };
        // Between the answer and the dial its process may have stood still, for as long as its lease lasts.
        let stood_still = Unrest::touches(&self.unrest.standstills, (*since, *at));
        let slack = ANSWER_MAX + if stood_still { hutong_dialer::lease::LEASE + CLOCKS_APART } else { Duration::ZERO };
        if *at > since.after(slack) {
            let ago = at.since(*since);
            return Err(format!("was dialled though {} is blacklisted since {ago:?}", claimed.customer_phone));
        }
        Ok(())
    }

    /// The task's window, the company's hours and the law let it be dialled, by the clock of its process, and in true time
    /// as far as that clock can be wrong.
    fn is_open(&self, Dialled { at, clock, claimed, .. }: &Dialled) -> Checked {
        let Some(TaskModel { company, settings, .. }) = self.tasks.get(&claimed.task) else {
            return Err("is of no task".to_owned());
        };
        let rules = self.companies.get(company).map(|company| company.rules).unwrap_or_default();
        let hours = self.rules.hours_of(&rules);
        let closed = |at: Moment| closed(&settings.window, settings.start_date, &hours, at.civil(&self.rules.zone));
        let error = i64::try_from(CLOCK_ERROR_MAX.as_millis()).unwrap_or(0);
        let ever_open = [-error, 0, error].into_iter().any(|error| closed(Moment(at.ms() + error)).is_none());
        match closed(*clock).or(if ever_open { None } else { closed(*at) }) {
            Some(why) => Err(format!("was dialled at {}, {why:?}", clock.civil(&self.rules.zone))),
            None => Ok(()),
        }
    }

    /// It is the first attempt, or a rule has a redial left for how the one before ended, and its interval is over.
    fn is_due(&mut self, Dialled { at, claimed, .. }: &Dialled) -> Checked {
        let Some(TaskModel { settings, .. }) = self.tasks.get(&claimed.task) else { return Ok(()) };
        let rules = &settings.redial_rules;
        let most = |of_caller: bool| {
            rules.iter().filter(|rule| is_of_caller(rule.status) == of_caller).map(|rule| rule.times).max().unwrap_or(0)
        };
        let dials = self.dials.entry((claimed.task, claimed.customer_phone.clone())).or_default();
        *dials += 1;
        if *dials > 1 + most(false) + most(true) {
            return Err(format!("was dialled too often: {dials} times"));
        }
        if claimed.attempt_no == 1 {
            return Ok(());
        }
        let (company, call, attempt_no) = (claimed.company, claimed.call, claimed.attempt_no);
        let earlier = self.read(move |db| earlier_attempts(db, company, call, attempt_no))?;
        let mut spent = [0, 0];
        let mut due = Moment(0);
        for attempt in &earlier {
            let (Some(ended_at), Some(disposition)) = (attempt.ended_at, attempt.disposition) else {
                return Err("was dialled while another attempt goes on".to_owned());
            };
            let status = disposition.finish_status();
            let Some(spent) = spent.get_mut(usize::from(is_of_caller(status))) else { continue };
            let Some(rule) = rules.iter().find(|rule| rule.status == status && *spent < rule.times) else {
                return Err(format!("was dialled too often: after {status:?}, with {spent} redials made"));
            };
            *spent += 1;
            due = ended_at.after(Duration::from_secs(u64::from(rule.interval_minutes) * 60));
        }
        // The end of the attempt before and the beginning of this one may have been seen by clocks that differ.
        if at.after(CLOCKS_APART) < due {
            return Err(format!("was dialled again too soon, by {:?}", due.since(*at)));
        }
        Ok(())
    }
}

fn live_attempt(db: &mut Db, company: CompanyId, (call, attempt_no): (CallId, i64)) -> Result<Option<Attempt>> {
    db.query_one(
        "SELECT a.node_id, c.customer_phone, a.line_id
         FROM attempt a JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
         WHERE a.company_id = ?1 AND a.call_id = ?2 AND a.attempt_no = ?3 AND a.ended_at IS NULL",
        values![company, call, attempt_no],
        |row| Ok(Attempt { node: row.int(0)?, phone: row.text(1)?, line: row.int(2)? }),
    )
}

fn earlier_attempts(db: &mut Db, company: CompanyId, call: CallId, before: i64) -> Result<Vec<Earlier>> {
    db.query(
        "SELECT ended_at, disposition FROM attempt WHERE company_id = ?1 AND call_id = ?2 AND attempt_no < ?3
         ORDER BY attempt_no",
        values![company, call, before],
        |row| {
            let disposition = row.str_or_null(1)?.and_then(Disposition::from_name);
            Ok(Earlier { ended_at: row.moment_or_null(0)?, disposition })
        },
    )
}
