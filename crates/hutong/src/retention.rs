//! Letting go of what is known of people when its days are over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_domain::ids::CompanyId;
use hutong_domain::retention::{Keep, first_moment_kept};
use hutong_recordings::{FileName, Recordings};
use hutong_store::company::Company;
use hutong_store::retention::{self, Due, Round};
use hutong_store::{Store, company, forget};
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How often it is looked for what is due. Days end at midnight, and companies change theirs at any time.
const EVERY: Duration = Duration::from_secs(3600);
/// Calls that one transaction lets go of: so few that nobody waits long behind it.
const CALLS_MAX: i64 = 100;
/// Between two transactions where more is due: others come first.
const PAUSE: Duration = Duration::from_millis(50);
/// Recordings of forgotten people that are looked for in one round.
const REMOVALS_MAX: i64 = 1000;
/// For how long such recordings are looked for: no file waits longer in a spool.
const REMOVED_AFTER: Duration = Duration::from_secs(2 * 86_400);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionConfig {
    pub(crate) transcripts_days: u32,
    pub(crate) numbers_days: u32,
}

/// What lets go.
pub(crate) struct Retention {
    pub(crate) store: Store,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) zone: TimeZone,
    /// What the installation keeps.
    pub(crate) keep: Keep,
}

impl Retention {
    /// Lets go of what is due, now and every hour, for ever.
    pub(crate) async fn run(self, recordings: Recordings) {
        loop {
            if let Err(error) = self.look(&recordings).await {
                tracing::warn!(%error, "what is due could not be deleted; it is tried again");
            }
            if let Err(error) = self.remove_recordings(&recordings).await {
                tracing::warn!(error, "recordings of forgotten numbers could not be deleted; it is tried again");
            }
            self.runtime.sleep(EVERY).await;
        }
    }

    /// Tells the recorder what companies decide, and lets go of everything that is due in each.
    async fn look(&self, recordings: &Recordings) -> hutong_store::Result<()> {
        let companies = self.store.read(company::all).await?;
        // First: nothing that is due is handed out while the rest is under way.
        let own = companies.iter().map(|company| (company.id, company.keep.recordings_days));
        recordings.keep_for(own.filter(|(_, days)| *days > 0).collect::<BTreeMap<CompanyId, u32>>());
        self.sweep(&companies).await
    }

    async fn sweep(&self, companies: &[Company]) -> hutong_store::Result<()> {
        for company in companies {
            let keep = self.keep.stricter(company.keep);
            let first_kept = |days| first_moment_kept(self.runtime.now(), days, &self.zone);
            let due = Due {
                transcripts_before: first_kept(keep.transcripts_days),
                numbers_before: first_kept(keep.numbers_days),
            };
            let Round { transcripts, numbers, .. } = self.let_go(company.id, due).await?;
            if transcripts + numbers > 0 {
                let id = company.id;
                tracing::info!(company = %id, transcripts, numbers, "company {id}: transcripts emptied, numbers masked");
            }
        }
        Ok(())
    }

    async fn let_go(&self, company: CompanyId, due: Due) -> hutong_store::Result<Round> {
        let mut total = Round::default();
        if due == Due::default() {
            return Ok(total);
        }
        loop {
            let round = self.store.write(company, move |db| retention::round(db, company, due, CALLS_MAX)).await?;
            total.transcripts += round.transcripts;
            total.numbers += round.numbers;
            if !round.more {
                return Ok(total);
            }
            self.runtime.sleep(PAUSE).await;
        }
    }

    /// Deletes recordings of people who were forgotten by another process, as far as this one has files of them.
    async fn remove_recordings(&self, recordings: &Recordings) -> Result<(), String> {
        let removals = self.store.read(|db| forget::removals(db, REMOVALS_MAX)).await.map_err(|it| it.to_string())?;
        for removal in removals {
            if let Ok(FileName { recording, .. }) = removal.name.parse() {
                recordings.remove(recording).await.map_err(|error| error.to_string())?;
            }
            if self.runtime.now().since(removal.since) > REMOVED_AFTER {
                let write = self.store.write(removal.company, move |db| forget::removed(db, &removal));
                write.await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hutong_dialer::virtual_time::VirtualRuntime;
    use hutong_domain::ids::{CallId, TaskId};
    use hutong_domain::moment::Clock as _;
    use hutong_store::{Options, Url, call};
    use hutong_testkit::Fixture;
    use hutong_testkit::clock::START;
    use hutong_testkit::fixture::settings;
    use hutong_testkit::recount::assert_counts_are_facts;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Whether a call's words are kept, and its number.
    async fn kept(store: &Store, company: CompanyId, call: CallId) -> (bool, bool) {
        let view = store.read(move |db| call::find(db, company, call)).await.unwrap().unwrap();
        (!view.record.unwrap().utterances.is_empty(), !view.customer_phone.contains('*'))
    }

    /// Several rounds of calls of a company that end now; the first of them.
    async fn called(fixture: &Fixture, numbers: usize) -> (TaskId, CallId) {
        let task = fixture.running_task(settings(), numbers).await;
        let mut first = None;
        for _ in 0..numbers {
            let claimed = fixture.claim(task, 1).await.remove(0);
            fixture.finish(&claimed, fixture.answered(9, 2, &[("意向", "A级")])).await;
            first.get_or_insert(claimed.call);
        }
        (task, first.unwrap())
    }

    #[test]
    fn words_and_numbers_go_on_their_days_and_a_company_may_be_stricter() {
        let runtime = VirtualRuntime::new(START);
        let clock = runtime.clone();
        let main = async move {
            let store = Store::open(&Options::new(Url::Memory), START).unwrap();
            let (one, strict) = (Fixture::new(&store).await, Fixture::new(&store).await);
            let numbers = usize::try_from(CALLS_MAX).unwrap() + 20;
            let (task, call) = called(&one, numbers).await;
            let (_, strict_call) = called(&strict, 1).await;
            let keep = Keep { transcripts_days: 1, ..Keep::default() };
            strict.write(move |db, id| company::set_keep(db, id, keep)).await;
            let retention = Retention {
                store: store.clone(),
                runtime: Arc::new(clock.clone()),
                zone: TimeZone::get("Asia/Shanghai").unwrap(),
                keep: Keep { recordings_days: 0, transcripts_days: 2, numbers_days: 3 },
            };
            let mut seen = Vec::new();
            for _ in 0..5 {
                let companies = store.read(company::all).await.unwrap();
                retention.sweep(&companies).await.unwrap();
                seen.push((kept(&store, one.company, call).await, kept(&store, strict.company, strict_call).await));
                assert_counts_are_facts(&store, one.company, task).await;
                (&clock as &dyn Runtime).sleep(DAY).await;
            }
            (seen, clock.now().since(START))
        };
        let (seen, passed) = runtime.run(main).unwrap();
        let (all, words, nothing) = ((true, true), (false, true), (false, false));
        assert_eq!(seen, [(all, all), (all, all), (all, words), (words, words), (nothing, nothing)]);
        // A pause lets others in where there is more than a transaction takes.
        assert_eq!(passed, DAY * 5 + PAUSE * 2);
    }
}
