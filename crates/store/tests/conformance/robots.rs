//! Robots: scenes that are published and put to work.

use hutong_domain::audit::{Action, Actor};
use hutong_domain::ids::{RobotId, SceneId};
use hutong_domain::moment::Moment;
use hutong_store::audit::{By, Object};
use hutong_store::robot::{self, Publication, PublishedVersion, SceneHead};
use hutong_store::task;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{publication, settings};
use hutong_testkit::{Fixture, TestStore, conformance};

conformance! {
    a_publication_makes_scene_voices_and_robot,
    the_same_name_is_a_new_version_of_the_same_scene,
    a_published_version_never_changes,
    versions_tell_who_published_them_and_which_tasks_speak_them,
    a_robot_is_taken_out_of_use_and_put_back,
    another_companys_robots_are_out_of_reach,
}

const LATER: Moment = Moment(START.ms() + 1000);

async fn publish(fixture: &Fixture, publication: Publication) -> (SceneId, i64) {
    fixture.write(move |db, company| robot::publish(db, company, &publication, LATER)).await
}

fn second_version() -> Publication {
    Publication {
        document: "scene: 第二版".to_owned(),
        robot_name: "小通".to_owned(),
        industry_two: "回访".to_owned(),
        voices: vec!["男声".to_owned(), "方言".to_owned()],
        ..publication()
    }
}

async fn versions_tell_who_published_them_and_which_tasks_speak_them(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let scene = fixture.scene();
    let task = fixture.running_task(settings(), 1).await;
    fixture.running_task(settings(), 1).await;
    let second = second_version();
    let by = By { actor: Actor::User("老王".to_owned()), at: LATER };
    fixture
        .write(move |db, company| {
            let (id, version) = robot::publish(db, company, &second, LATER)?;
            let after = serde_json::json!({ "latest_version": version });
            by.note(db, Action::ScenePublish, &Object::Scene(company, id), None, Some(after))
        })
        .await;
    fixture.write(move |db, company| task::delete(db, company, task, "test", LATER)).await;
    let first = PublishedVersion { scene, version: 1, at: START, by: None, tasks: 1 };
    let second =
        PublishedVersion { version: 2, at: LATER, by: Some("user 老王".to_owned()), tasks: 0, ..first.clone() };
    let versions = fixture.read(move |db, company| robot::versions(db, company, Some(scene))).await;
    assert_eq!(versions, [second.clone(), first]);
    assert_eq!(fixture.read(|db, company| robot::versions(db, company, None)).await, [second]);
    assert_eq!(fixture.read(robot::tasks_by_scene).await, [(scene, 1)].into());
    let head = fixture.read(|db, company| robot::scene_of_name(db, company, "回访话术")).await;
    assert_eq!(head.as_ref().map(|head| (head.id, head.latest_version)), Some((scene, 2)));
    assert_eq!(fixture.read(move |db, company| robot::find_scene(db, company, scene)).await, head);
    let other = Fixture::new(&store).await;
    assert_eq!(other.read(move |db, company| robot::versions(db, company, Some(scene))).await, []);
    assert_eq!(other.read(move |db, company| robot::find_scene(db, company, scene)).await, None);
}

async fn a_publication_makes_scene_voices_and_robot(store: TestStore) {
    let fixture = Fixture::new(&store).await;

    let robots = fixture.read(robot::of_company).await;

    let [robot] = robots.as_slice() else { panic!("{robots:?}") };
    assert_eq!((robot.company, robot.name.as_str(), robot.online), (fixture.company, "小呼", true));
    assert_eq!((robot.industry_one.as_str(), robot.industry_two.as_str()), ("金融", "催缴"));
    assert_eq!((robot.scene_version, robot.modified_at), (1, START));
    assert_eq!(robot.voices.iter().map(|voice| voice.name.as_str()).collect::<Vec<_>>(), ["女声", "男声"]);
    let expected = SceneHead { id: robot.scene, name: "回访话术".to_owned(), latest_version: 1, created_at: START };
    assert_eq!(fixture.read(robot::scenes).await, [expected]);
    let id = robot.id;
    assert_eq!(fixture.read(move |db, company| robot::find(db, company, id)).await.as_ref(), Some(robot));
}

async fn the_same_name_is_a_new_version_of_the_same_scene(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let scene = fixture.scene();

    assert_eq!(publish(&fixture, second_version()).await, (scene, 2));

    let robots = fixture.read(robot::of_company).await;
    assert_eq!((robots.len(), robots[0].id), (1, fixture.robot.id));
    assert_eq!((robots[0].name.as_str(), robots[0].scene_version, robots[0].modified_at), ("小通", 2, LATER));
    assert_eq!(robots[0].voices[..2], fixture.robot.voices);
    assert_eq!(robots[0].voices[2].name, "方言");
    let latest = fixture.read(move |db, company| robot::latest_version(db, company, scene)).await;
    assert_eq!(latest, Some(2));

    let other = Publication { scene_name: "别的".to_owned(), ..publication() };
    let (other, version) = publish(&fixture, other).await;
    assert!(other != scene && version == 1);
    assert_eq!(fixture.read(robot::of_company).await.len(), 2);
}

async fn a_published_version_never_changes(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let (company, scene) = (fixture.company, fixture.scene());
    publish(&fixture, second_version()).await;
    let document = |version| store.read(move |db| robot::document(db, company, scene, version));

    assert_eq!(document(1).await.unwrap(), "scene: 回访话术");
    assert_eq!(document(2).await.unwrap(), "scene: 第二版");
    assert!(document(3).await.is_err());
}

async fn a_robot_is_taken_out_of_use_and_put_back(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.robot.id;
    for online in [false, true] {
        assert!(fixture.write(move |db, company| robot::set_online(db, company, id, online, LATER)).await);
        let found = fixture.read(move |db, company| robot::find(db, company, id)).await.unwrap();
        assert_eq!((found.online, found.modified_at), (online, LATER));
    }
    assert!(!fixture.write(|db, company| robot::set_online(db, company, RobotId(4711), true, LATER)).await);
}

async fn another_companys_robots_are_out_of_reach(store: TestStore) {
    let (ours, theirs) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let (robot, scene) = (theirs.robot.id, theirs.scene());

    assert_eq!(ours.read(move |db, company| robot::find(db, company, robot)).await, None);
    assert_eq!(ours.read(move |db, company| robot::latest_version(db, company, scene)).await, None);
    assert!(!ours.write(move |db, company| robot::set_online(db, company, robot, false, LATER)).await);
    let company = ours.company;
    assert!(store.read(move |db| robot::document(db, company, scene, 1)).await.is_err());
    assert_eq!(theirs.read(robot::of_company).await, std::slice::from_ref(&theirs.robot));
}
