//! When all is over, people are forgotten and what is known of them goes: everything must add up as before.

use futures::executor::block_on;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;
use hutong_store::forget::{self, Blacklisted, CALLS_MAX};
use hutong_store::retention::{self, Due};
use hutong_store::{Db, IdKind, Result};

use super::{CLOCKS_APART, Checked, Checker};

/// Calls that one round lets go of: so few that a campaign takes several.
const CALLS_PER_ROUND: i64 = 7;

impl Checker {
    /// Forgets the first number of each task, then lets go of everything that is known of anybody.
    pub(super) fn let_go(&mut self, now: Moment) -> Checked {
        let numbers: Vec<(CompanyId, String)> =
            self.tasks.values().filter_map(|task| Some((task.company, task.numbers.first()?.clone()))).collect();
        for (company, number) in numbers {
            self.forget(company, &number, now)?;
        }
        // Clocks of processes may be ahead, and so the ends of calls.
        let all = now.after(CLOCKS_APART);
        let due = Due { transcripts_before: Some(all), numbers_before: Some(all) };
        for company in self.companies.keys().copied() {
            while self.write(company, move |db| retention::round(db, company, due, CALLS_PER_ROUND))?.more {}
        }
        let kept = self.read(|db| {
            db.query_int(
                "SELECT COUNT(*) FROM call c LEFT JOIN call_record r ON r.company_id = c.company_id AND r.id = c.id
                 LEFT JOIN customer u ON u.company_id = c.company_id AND u.id = c.customer_id
                 WHERE strpos(c.customer_phone, '*') = 0 OR r.utterances <> '[]' OR strpos(u.phone, 'removed-') <> 1",
                &[],
            )
        })?;
        if kept > 0 { Err(format!("something is still known of the people of {kept} calls")) } else { Ok(()) }
    }

    fn forget(&mut self, company: CompanyId, number: &str, now: Moment) -> Checked {
        let spellings = vec![number.to_owned()];
        let asked = spellings.clone();
        for traces in self.read(move |db| forget::traces(db, &asked, Some(company)))? {
            let reserved = block_on(self.store.reserve(IdKind::CallResult, traces.calls.len().max(1)));
            let first_id = reserved.map_err(|error| error.to_string())?;
            for calls in traces.calls.chunks(CALLS_MAX) {
                let calls = calls.to_vec();
                let done = self.write(company, move |db| forget::forget_calls(db, company, &calls, first_id, now))?;
                done.ok_or_else(|| format!("{number} is in a call after the end"))?;
            }
            let (asked, customers) = (spellings.clone(), traces.customers);
            self.write(company, move |db| {
                forget::forget_rest(db, company, &asked, &customers, Blacklisted::KeepNumber)
            })?;
        }
        // Its attempts are not counted any more.
        if let Some(claims) = self.claims.get_mut(number) {
            claims.retain(|(by, ..)| *by != company);
        }
        Ok(())
    }

    fn write<T: Send + 'static>(
        &self,
        company: CompanyId,
        work: impl FnMut(&mut Db) -> Result<T> + Send + 'static,
    ) -> Checked<T> {
        block_on(self.store.write(company, work)).map_err(|error| error.to_string())
    }
}
