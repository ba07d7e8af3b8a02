//! The overview: what goes on in a company, and what of it needs somebody.

use hutong_domain::breaker::{Breaker, BreakerState};
use hutong_domain::ledger::LineState;
use hutong_domain::outcome::Disposition;
use hutong_domain::task::{Command, MoveReason, TaskStatus};
use hutong_store::line_health::{self, LineHealth};
use hutong_store::overview::{self, Overview};
use hutong_store::{line, task};
use hutong_testkit::clock::zone;
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    what_goes_on_is_counted,
    a_company_without_anything_has_an_overview,
    tasks_that_do_not_go_on_are_told_of_with_the_reason,
}

async fn overview(fixture: &Fixture) -> Overview {
    let now = fixture.now();
    fixture.read(move |db, company| overview::of_company(db, company, (&zone(), now))).await.unwrap()
}

async fn what_goes_on_is_counted(store: TestStore) {
    let fixture = Fixture::with_seats(&store, 5).await;
    let id = fixture.running_task(settings(), 9).await;
    let claimed = fixture.claim(id, 4).await;
    fixture.answer(&claimed[0]).await;
    fixture.finish(&claimed[1], fixture.answered(9, 1, &[("客户意向等级", "A级(较强)")])).await;
    fixture.finish(&claimed[2], fixture.unanswered(Disposition::Busy)).await;

    let seen = overview(&fixture).await;

    assert_eq!((seen.in_progress, seen.talking, seen.seats_in_use, seen.seats), (2, 1, 2, 5));
    let line = &seen.lines[0];
    assert_eq!((seen.lines.len(), line.line.id, line.in_use, line.state), (1, fixture.line, 2, LineState::Usable));
    assert_eq!((seen.today.imported, seen.today.dialled, seen.today.answered, seen.today.of_grade('A')), (9, 4, 1, 1));
    assert_eq!((seen.hours[10], seen.waiting), (seen.today, 5));
    assert_eq!(seen.tasks, [(TaskStatus::Running, 1)]);
    assert_eq!((seen.needy, seen.needy_total), (Vec::new(), 0));
}

async fn a_company_without_anything_has_an_overview(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let seen = overview(&fixture).await;
    assert_eq!((seen.in_progress, seen.waiting, seen.today.dialled, seen.tasks), (0, 0, 0, Vec::new()));
    let nobody = fixture.now();
    let unknown = hutong_domain::ids::CompanyId(99);
    let found = fixture.read(move |db, _| overview::of_company(db, unknown, (&zone(), nobody))).await;
    assert_eq!(found, None);
}

async fn tasks_that_do_not_go_on_are_told_of_with_the_reason(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let paused = fixture.running_task(settings(), 0).await;
    fixture.look(paused).await;
    let by_hand = fixture.running_task(settings(), 1).await;
    fixture.command(by_hand, Command::Pause).await;
    let ended = fixture.running_task(settings(), 1).await;
    fixture.command(ended, Command::Stop).await;
    assert_eq!(overview(&fixture).await.needy.len(), 1);

    let until = fixture.now().after(std::time::Duration::from_secs(60));
    let running = fixture.running_task(settings(), 1).await;
    fixture
        .write(move |db, company| {
            let line = line::of_company(db, company)?.remove(0).id;
            let breaker = Breaker { failures: 5, opened: 1, state: BreakerState::Open { until } };
            line_health::keep(db, company, line, &LineHealth { breaker, ..LineHealth::default() })
        })
        .await;
    let seen = overview(&fixture).await;

    assert_eq!(seen.lines[0].state, LineState::LeftAlone { until });
    let told: Vec<_> = seen.needy.iter().map(|it| (it.task, it.status, it.reason)).collect();
    let no_numbers = Some(MoveReason::NoNumbers);
    assert_eq!(told, [(running, TaskStatus::Ready, None), (paused, TaskStatus::SystemPaused, no_numbers)]);
    assert_eq!(seen.needy[0].no_line.as_ref().unwrap()[0].state, LineState::LeftAlone { until });
    assert_eq!((seen.waiting, seen.needy_total), (2, 2));
    assert_eq!(seen.tasks.iter().map(|(_, tasks)| tasks).sum::<i64>(), 3);
    let moves = fixture.read(move |db, company| task::moves(db, company, paused, 1)).await;
    assert_eq!(seen.needy[1].since, moves[0].at);
}
