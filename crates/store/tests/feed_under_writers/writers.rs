//! Processes that claim and finish calls.

use futures::future::join_all;
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_store::claim::Claimed;
use hutong_store::finish::{Ending, Finished};
use hutong_testkit::Fixture;
use tokio::sync::watch;

/// Calls that a writer has in progress at once.
const CLAIMS: u32 = 64;
/// AI seats: enough for all writers.
pub(crate) const SEATS: i64 = 1000;
/// The name of the result that every call has.
pub(crate) const LEVEL: &str = "意向";

/// Claims and finishes calls of the task until none is left, and says how many.
pub(crate) async fn finish_calls(fixture: &Fixture, task: TaskId, finished: &watch::Sender<usize>) {
    loop {
        let claimed = fixture.claim(task, CLAIMS).await;
        if claimed.is_empty() {
            return;
        }
        join_all(claimed.iter().map(|claimed| finish(fixture, claimed))).await;
        finished.send_modify(|count| *count += claimed.len());
    }
}

async fn finish(fixture: &Fixture, claimed: &Claimed) {
    let finished = fixture.finish(claimed, ending(fixture, claimed.call.get())).await;
    assert!(matches!(finished, Finished::Done { .. }), "{finished:?}");
}

/// How call `n` ends: one of many ways, which follow from `n` alone.
fn ending(fixture: &Fixture, n: i64) -> Ending {
    match n % 5 {
        0 => fixture.unanswered(Disposition::Vacant),
        1 => fixture.unanswered(Disposition::Busy),
        _ => {
            let level = ["A", "B", "C", "D"][usize::try_from(n % 4).unwrap()];
            fixture.answered(n % 90, n % 13, &[(LEVEL, level), ("行业", "金融")])
        }
    }
}
