//! Tasks: started, paused, stopped, deleted, and who did it.

use hutong_domain::task::{Command, Refused, TaskKind, TaskStatus};
use hutong_store::task::{self, CommandOutcome, Move, NewTask, Settings};
use hutong_testkit::fixture::settings;
use hutong_testkit::{Fixture, TestStore, conformance};
use std::time::Duration;

conformance! {
    commands_move_a_task_and_every_move_is_kept,
    a_command_that_does_not_fit_is_refused_and_changes_nothing,
    a_command_to_another_companys_task_does_nothing,
    deleting_stops_a_task_and_can_be_done_once,
    a_finished_task_stays_finished_when_it_is_deleted,
    only_companies_with_tasks_that_the_scheduler_looks_after_are_awake,
    only_the_newest_moves_are_read_where_few_are_asked_for,
}

async fn commands_move_a_task_and_every_move_is_kept(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    let mut expected = Vec::new();
    for (command, from, to) in [
        (Command::Start, TaskStatus::NotStarted, TaskStatus::Ready),
        (Command::Pause, TaskStatus::Ready, TaskStatus::UserPaused),
        (Command::Start, TaskStatus::UserPaused, TaskStatus::Ready),
        (Command::Stop, TaskStatus::Ready, TaskStatus::Stopped),
    ] {
        let at = fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(fixture.command(id, command).await, CommandOutcome::Done);
        let found = fixture.task(id).await;
        assert_eq!((found.status, found.modified_at), (to, at));
        assert_eq!(found.ended_at.is_some(), to == TaskStatus::Stopped);
        let reason = format!("{command:?}").to_lowercase();
        expected.insert(0, Move { at, from, to, actor: "tester".to_owned(), reason });
    }

    assert_eq!(fixture.read(move |db, company| task::moves(db, company, id, 100)).await, expected);
}

async fn a_command_that_does_not_fit_is_refused_and_changes_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    let before = fixture.task(id).await;

    let refused = Refused { command: Command::Pause, status: TaskStatus::NotStarted };
    assert_eq!(fixture.command(id, Command::Pause).await, CommandOutcome::Refused(refused));

    assert_eq!(fixture.task(id).await, before);
    assert_eq!(fixture.read(move |db, company| task::moves(db, company, id, 100)).await, []);
}

async fn a_command_to_another_companys_task_does_nothing(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = theirs.insert_task(theirs.new_task()).await;
    let before = theirs.task(id).await;

    for command in [Command::Start, Command::Pause, Command::Stop] {
        assert_eq!(ours.command(id, command).await, CommandOutcome::Unknown);
    }
    let deleted = ours.write(move |db, company| task::delete(db, company, id, "tester", before.created_at)).await;
    assert_eq!(deleted, CommandOutcome::Unknown);

    assert_eq!(theirs.task(id).await, before);
}

async fn deleting_stops_a_task_and_can_be_done_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let now = fixture.clock.advance(Duration::from_secs(1));
    let delete = move |db: &mut hutong_store::Db, company| task::delete(db, company, id, "tester", now);

    assert_eq!(fixture.write(delete).await, CommandOutcome::Done);
    assert_eq!(fixture.write(delete).await, CommandOutcome::Unknown);

    let found = fixture.task(id).await;
    assert_eq!((found.status, found.deleted_at, found.ended_at), (TaskStatus::Stopped, Some(now), Some(now)));
    assert_eq!(fixture.command(id, Command::Start).await, CommandOutcome::Unknown);
    let last = fixture.read(move |db, company| task::moves(db, company, id, 1)).await;
    assert_eq!((last[0].to, last[0].reason.as_str()), (TaskStatus::Stopped, "delete"));
}

async fn a_finished_task_stays_finished_when_it_is_deleted(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await;
    fixture.finish(&claimed[0], fixture.answered(3, 1, &[("a", "b")])).await;
    assert_eq!(fixture.look(id).await.status, Some(TaskStatus::Done));
    let now = fixture.now();

    fixture.write(move |db, company| task::delete(db, company, id, "tester", now)).await;

    assert_eq!(fixture.task(id).await.status, TaskStatus::Done);
}

async fn only_companies_with_tasks_that_the_scheduler_looks_after_are_awake(store: TestStore) {
    let (timed, by_hand) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let (started, paused) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let settings_of_timed = Settings { kind: TaskKind::Timed, ..settings() };
    timed.insert_task(NewTask { settings: settings_of_timed, ..timed.new_task() }).await;
    by_hand.insert_task(by_hand.new_task()).await;
    started.running_task(settings(), 1).await;
    started.running_task(settings(), 1).await;
    let task = paused.running_task(settings(), 1).await;
    paused.command(task, Command::Pause).await;

    assert_eq!(timed.read(|db, _| task::awake(db)).await, [timed.company, started.company]);
}

async fn only_the_newest_moves_are_read_where_few_are_asked_for(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    for command in [Command::Start, Command::Pause, Command::Start] {
        fixture.command(id, command).await;
    }

    let moves = fixture.read(move |db, company| task::moves(db, company, id, 2)).await;

    assert_eq!(moves.iter().map(|it| it.to).collect::<Vec<_>>(), [TaskStatus::Ready, TaskStatus::UserPaused]);
}
