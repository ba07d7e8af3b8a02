//! Lines: kept, listed, corrupt.

use hutong_domain::ids::TaskId;
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::Moment;
use hutong_store::line::{self, Line};
use hutong_store::{Error, values};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::new_line;
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_line_is_read_back_as_it_was_made,
    a_task_dials_on_its_own_lines_only,
    a_line_that_cannot_be_read_says_which_it_is,
}

async fn a_line_is_read_back_as_it_was_made(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let unusual = Line {
        name: "干线".to_owned(),
        kind: LineKind::Hidden,
        driver: LineDriver::Sip,
        channels: Some(30),
        bill_period_s: 6,
        enabled: false,
        valid_from: Some(START),
        valid_until: Some(Moment(START.ms() + 1)),
        line_use: None,
        settings: r#"{"proxy":"sip:127.0.0.1"}"#.to_owned(),
        ..new_line(fixture.company)
    };
    let new = unusual.clone();
    let id = fixture.write(move |db, _| line::insert(db, &new)).await;

    let lines = fixture.read(line::of_company).await;

    assert_eq!(lines[0], Line { id: fixture.line, ..new_line(fixture.company) });
    assert_eq!(lines[1..], [Line { id, ..unusual }]);
    assert!(lines[0].is_usable(START) && lines[0].line_use == Some(LineUse::Outbound));
    assert_eq!(other.read(line::of_company).await.len(), 1);
}

async fn a_task_dials_on_its_own_lines_only(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    fixture.write(|db, company| line::insert(db, &new_line(company))).await;
    let id = fixture.insert_task(fixture.new_task()).await;

    assert_eq!(fixture.read(line::tasks_of_lines).await, [(fixture.line, 1)].into());
    let line = fixture.line;
    let tasks = fixture.read(move |db, company| line::tasks_of_line(db, company, line, 10)).await;
    assert_eq!(tasks.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [id]);

    let of = |id| move |db: &mut hutong_store::Db, company| line::of_task(db, company, id);
    let lines = fixture.read(of(id)).await;

    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), [fixture.line]);
    assert_eq!(fixture.read(of(TaskId(4711))).await, []);
}

async fn a_line_that_cannot_be_read_says_which_it_is(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (company, id) = (fixture.company, fixture.line);
    fixture
        .write(move |db, company| {
            db.execute("UPDATE line SET driver = 'pigeon' WHERE company_id = ?1 AND id = ?2", values![company, id])
        })
        .await;

    let error = store.read(move |db| line::of_company(db, company)).await.unwrap_err();

    let Error::Corrupt { column, id: row, found } = error else { panic!("{error}") };
    assert_eq!((column, row, found.as_str()), ("line.driver", id.get(), "pigeon"));
}
