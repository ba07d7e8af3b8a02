//! Recordings that a killed process left: whether a row names them.

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::CallId;
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_store::call;
use hutong_store::claim::Claimed;
use hutong_store::finish::{Ending, Finished};
use hutong_store::recording::{self, LeftOver, Standing};
use hutong_store::task::Settings;
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_recording_is_undecided_until_its_attempt_has_ended,
    a_row_that_names_a_recording_stays_as_it_is,
    no_row_names_the_recording_of_an_attempt_after_which_the_call_goes_on,
    an_unknown_attempt_is_said_to_be_unknown,
}

const BOTH: &str = "2026/11/22/7/493-1.wav";
const CUSTOMER: &str = "2026/11/22/7/493-1-customer.wav";

async fn settle(fixture: &Fixture, claimed: &Claimed) -> Standing {
    let Claimed { company, call, attempt_no, .. } = *claimed;
    let left_over = LeftOver { company, call, attempt_no, both: BOTH.to_owned(), customer: CUSTOMER.to_owned() };
    let now = fixture.now();
    fixture.write(move |db, _| recording::settle(db, &left_over, now)).await
}

/// What the call's row names.
async fn named(fixture: &Fixture, call: CallId) -> (Option<String>, Option<String>) {
    let view = fixture.read(move |db, company| call::find(db, company, call)).await.unwrap();
    (view.recording, view.customer_recording)
}

async fn a_recording_is_undecided_until_its_attempt_has_ended(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    assert_eq!(settle(&fixture, &claimed).await, Standing::Undecided);
    assert_eq!(named(&fixture, claimed.call).await, (None, None));

    // By a process that knows nothing of the recording.
    fixture.finish(&claimed, fixture.unanswered(Disposition::Interrupted)).await;

    assert_eq!(settle(&fixture, &claimed).await, Standing::Named);
    assert_eq!(named(&fixture, claimed.call).await, (Some(BOTH.to_owned()), Some(CUSTOMER.to_owned())));
    assert_eq!(settle(&fixture, &claimed).await, Standing::Named, "twice does no harm");
}

async fn a_row_that_names_a_recording_stays_as_it_is(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    let recording = Some("2026/11/21/7/493-1.wav".to_owned());
    let ending = Ending { recording: recording.clone(), ..fixture.answered(1, 1, &[]) };
    fixture.finish(&claimed, ending).await;

    assert_eq!(settle(&fixture, &claimed).await, Standing::Named);
    assert_eq!(named(&fixture, claimed.call).await, (recording, None));
}

async fn no_row_names_the_recording_of_an_attempt_after_which_the_call_goes_on(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Lost, times: 1, interval_minutes: 10 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 1).await;
    let first = fixture.claim(id, 1).await.remove(0);
    let finished = fixture.finish(&first, fixture.unanswered(Disposition::Interrupted)).await;
    let Finished::Redial { at } = finished else { panic!("{finished:?}") };
    assert_eq!(settle(&fixture, &first).await, Standing::Unnamed, "while it waits");

    fixture.clock.advance(at.since(fixture.now()));
    let second = fixture.claim(id, 1).await.remove(0);
    assert_eq!(settle(&fixture, &first).await, Standing::Unnamed, "while it is called again");
    fixture.finish(&second, fixture.unanswered(Disposition::Busy)).await;
    assert_eq!(settle(&fixture, &first).await, Standing::Unnamed, "when it is over");
    assert_eq!(named(&fixture, first.call).await, (None, None));
}

async fn an_unknown_attempt_is_said_to_be_unknown(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    assert_eq!(settle(&fixture, &Claimed { attempt_no: 2, ..claimed.clone() }).await, Standing::Unknown);
    assert_eq!(settle(&fixture, &Claimed { call: CallId(-1), ..claimed }).await, Standing::Unknown);
}
