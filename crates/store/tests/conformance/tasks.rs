//! Tasks: made, read back, changed.

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{LineId, SmsTemplateId, TaskId};
use hutong_domain::line::LineKind;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::{Command, Refused, TaskKind, TaskStatus};
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::line;
use hutong_store::task::{self, CommandOutcome, Counters, Extras, NewTask, Settings, TaskView};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{new_line, settings};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::civil::{date, time};

conformance! {
    a_task_is_read_back_as_it_was_made,
    a_task_of_another_company_is_not_found,
    a_view_has_the_names_and_the_lines_in_their_order,
    an_update_changes_every_setting,
    lines_that_stay_keep_their_ids_over_an_update,
    an_update_of_a_dialling_task_is_refused_and_changes_nothing,
    a_line_given_twice_is_used_once,
}

/// Settings of which none is what it usually is.
fn unusual_settings() -> Settings {
    let span = |start, end| DaySpan::new(time(start, 0, 0, 0), time(end, 30, 15, 0)).unwrap();
    Settings {
        name: "五月 50% 'off' \"_\"".to_owned(),
        kind: TaskKind::Timed,
        start_date: date(2026, 5, 31),
        window: CallingWindow { working: span(9, 20), rest: Some(span(12, 13)) },
        line_kind: Some(LineKind::Fixed),
        quota: 3,
        in_progress_max: 7,
        elastic: true,
        redial_rules: vec![
            RedialRule { status: FinishStatus::Busy, times: 3, interval_minutes: 10 },
            RedialRule { status: FinishStatus::NoAnswer, times: 1, interval_minutes: 120 },
        ],
        remark: "备注\n第二行".to_owned(),
        extras: Extras {
            sms_type: Some(2),
            sms_send_level: vec!["A级(较强)".to_owned()],
            sms_template: Some(SmsTemplateId(9)),
            default_intention_rule: Some(true),
        },
    }
}

async fn view(fixture: &Fixture, id: TaskId) -> TaskView {
    fixture.read(move |db, company| task::find_view(db, company, id)).await.unwrap()
}

async fn add_line(fixture: &Fixture, phone: &'static str) -> LineId {
    fixture
        .write(move |db, company| line::insert(db, &line::Line { phone: phone.to_owned(), ..new_line(company) }))
        .await
}

async fn a_task_is_read_back_as_it_was_made(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let new = NewTask { settings: unusual_settings(), ..fixture.new_task() };
    let id = fixture.insert_task(new.clone()).await;

    let found = fixture.task(id).await;

    assert_eq!(found.settings, new.settings);
    assert_eq!((found.id, found.company, found.status), (id, fixture.company, TaskStatus::NotStarted));
    assert_eq!(
        (found.robot, found.scene, found.scene_version, found.voice),
        (new.robot, new.scene, new.scene_version, new.voice)
    );
    assert_eq!((found.created_at, found.modified_at), (START, START));
    assert_eq!((found.ended_at, found.deleted_at), (None, None));
    assert_eq!(found.counters, Counters::default());
}

async fn a_task_of_another_company_is_not_found(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = theirs.insert_task(theirs.new_task()).await;

    let (found, viewed, owner, unknown) = ours
        .read(move |db, company| {
            Ok((
                task::find(db, company, id)?,
                task::find_view(db, company, id)?,
                task::owner(db, id)?,
                task::owner(db, TaskId(4711))?,
            ))
        })
        .await;

    assert_eq!((found, viewed), (None, None));
    assert_eq!((owner, unknown), (Some(theirs.company), None));
}

async fn a_view_has_the_names_and_the_lines_in_their_order(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (second, third) = (add_line(&fixture, "2222").await, add_line(&fixture, "3333").await);
    let lines = vec![third, fixture.line, second];
    let id = fixture.insert_task(NewTask { lines: lines.clone(), ..fixture.new_task() }).await;

    let view = view(&fixture, id).await;

    assert_eq!(view.task, fixture.task(id).await);
    assert_eq!([view.robot_name, view.scene_name, view.voice_name], ["小呼", "回访话术", "女声"]);
    assert_eq!(view.lines.iter().map(|it| it.line).collect::<Vec<_>>(), lines);
    let first = &view.lines[0];
    assert_eq!((first.phone.as_str(), first.line_name.as_str(), first.task), ("3333", "线路", id));
    assert_eq!((first.created_at, first.modified_at), (START, START));
    let usable = fixture.read(move |db, company| line::of_task(db, company, id)).await;
    assert_eq!(usable.iter().map(|line| line.id).collect::<Vec<_>>(), lines);
}

async fn an_update_changes_every_setting(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    for changed in [unusual_settings(), settings()] {
        let now = fixture.clock.advance(std::time::Duration::from_secs(1));
        let expected = changed.clone();

        let outcome = fixture.write(move |db, company| task::update(db, company, id, &changed, None, now)).await;

        assert_eq!(outcome, CommandOutcome::Done);
        let found = fixture.task(id).await;
        assert_eq!((found.settings, found.modified_at), (expected, now));
        assert_eq!(view(&fixture, id).await.lines.len(), 1);
    }
}

async fn lines_that_stay_keep_their_ids_over_an_update(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (second, third) = (add_line(&fixture, "2222").await, add_line(&fixture, "3333").await);
    let id = fixture.insert_task(NewTask { lines: vec![fixture.line, second], ..fixture.new_task() }).await;
    let before = view(&fixture, id).await.lines;

    let outcome = fixture
        .write(move |db, company| task::update(db, company, id, &settings(), Some(&[second, third]), START))
        .await;

    assert_eq!(outcome, CommandOutcome::Done);
    let after = view(&fixture, id).await.lines;
    assert_eq!(after[0], before[1]);
    assert_eq!(after.iter().map(|it| it.line).collect::<Vec<_>>(), [second, third]);
}

async fn an_update_of_a_dialling_task_is_refused_and_changes_nothing(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let other = Fixture::new(&store).await;
    let id = fixture.insert_task(fixture.new_task()).await;
    fixture.command(id, Command::Start).await;
    let before = view(&fixture, id).await;
    let update =
        move |db: &mut hutong_store::Db, company| task::update(db, company, id, &unusual_settings(), Some(&[]), START);

    let refused = Refused { command: Command::Update, status: TaskStatus::Ready };
    assert_eq!(fixture.write(update).await, CommandOutcome::Refused(refused));
    assert_eq!(other.write(update).await, CommandOutcome::Unknown);

    assert_eq!(view(&fixture, id).await, before);
}

async fn a_line_given_twice_is_used_once(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let lines = vec![fixture.line, fixture.line];
    let id = fixture.insert_task(NewTask { lines, ..fixture.new_task() }).await;

    assert_eq!(view(&fixture, id).await.lines.len(), 1);
}
