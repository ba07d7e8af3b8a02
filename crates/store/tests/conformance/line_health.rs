//! What is kept of how lines are doing.

use std::collections::HashMap;
use std::time::Duration;

use hutong_domain::breaker::{Breaker, BreakerState};
use hutong_domain::ids::{CompanyId, LineId};
use hutong_domain::pace::PaceState;
use hutong_store::line_health::{self, LineHealth};
use hutong_testkit::TestStore;
use hutong_testkit::clock::START;

hutong_testkit::conformance! {
    what_is_kept_of_a_line_is_read_again,
}

async fn what_is_kept_of_a_line_is_read_again(store: TestStore) {
    let (company, line) = (CompanyId(1), LineId(3));
    let later = START.after(Duration::from_secs(30));
    let pace = PaceState { thousandths: -1500, at: later, ramp_from: START };
    for state in [
        BreakerState::Closed,
        BreakerState::Open { until: later },
        BreakerState::Trial { since: START },
        BreakerState::InArrears { since: START },
    ] {
        let health = LineHealth { pace, breaker: Breaker { failures: 5, opened: 2, state } };
        store.write(company, move |db| line_health::keep(db, company, line, &health)).await.unwrap();
        let found = store.read(move |db| line_health::of_company(db, company)).await.unwrap();
        assert_eq!(found, HashMap::from([(line, health)]));
    }
    let others = store.read(|db| line_health::of_company(db, CompanyId(2))).await.unwrap();
    assert_eq!(others, HashMap::new());
}
