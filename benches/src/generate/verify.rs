//! Counts what was generated, for a sample of tasks, and compares it with the counters.

use anyhow::{Result, ensure};
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_store::{Options, Store, Url, task, values};
use hutong_testkit::recount::assert_counts_are_facts;

use super::content::chance;
use crate::dataset::{Dataset, Facts};

/// Tasks that are counted besides the measured ones.
const SAMPLE: u64 = 25;

/// # Errors
/// When a count is not what the rows say. A counter that is not true panics.
pub(super) async fn verify(dataset: &Dataset, facts: &Facts) -> Result<()> {
    let store = Store::open(&Options::new(Url::Sqlite(dataset.database())), super::BEGINNING)?;
    let measured = [
        facts.million_finished,
        facts.million_paused,
        facts.million_waiting,
        facts.thousand_finished,
        facts.thousand_waiting,
    ];
    let drawn = (0..SAMPLE).map(|n| TaskId(1 + i64::try_from(chance(n, 11) % facts.tasks.unsigned_abs()).unwrap_or(0)));
    for id in measured.into_iter().chain(drawn) {
        assert_counts_are_facts(&store, facts.company, id).await;
        results_are_listed(&store, facts.company, id).await?;
    }
    let calls = store.read(|db| db.query_int("SELECT COUNT(*) FROM call", &[])).await?;
    ensure!(calls == facts.calls, "{calls} calls were written, not {}", facts.calls);
    Ok(())
}

/// The rows that the feed's filter reads say the same as the counters.
async fn results_are_listed(store: &Store, company: CompanyId, id: TaskId) -> Result<()> {
    let (listed, counted) = store
        .read_snapshot(move |db| {
            let listed = db.query(
                "SELECT name, value, COUNT(*) FROM call_result WHERE company_id = ?1 AND task_id = ?2
                 GROUP BY name, value",
                values![company, id],
                |row| Ok((row.text(0)?, row.text(1)?, row.int(2)?)),
            )?;
            Ok((listed, task::result_counts(db, company, id)?))
        })
        .await?;
    let mut counted: Vec<_> = counted.into_iter().map(|count| (count.name, count.value, count.calls)).collect();
    counted.sort();
    ensure!(listed == counted, "task {id} counts {counted:?} results, but lists {listed:?}");
    Ok(())
}
