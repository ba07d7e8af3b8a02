//! Scenes that people have recorded, published again.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests, which may fail like tests")]

use std::collections::BTreeMap;
use std::path::Path;

use hutong_domain::audit::Actor;
use hutong_domain::scene::Scene;
use hutong_prompts::{SHIPPED_SPEAKER, Voice};
use hutong_scenes::{NoAudio, Published, Publishing, Recordings, SceneAudio, SceneVoice, Speaker, Studio, publish};
use hutong_store::audit::By;
use hutong_store::scenes::Scenes;
use hutong_store::{Options, Store, Url, robot};
use hutong_telephony::detect::wav;
use hutong_testkit::Fixture;
use hutong_testkit::clock::START;

fn scene(greeting: &str, level: &str) -> String {
    format!(
        "hutong: 1\nname: 录音回访\nrobot: {{ name: 回访员 }}\nvoices: [{{ name: 小林, recordings: 小林 }}]\nnodes:\n  \
         - {{ name: 开场, say: {greeting}, end: {{ reason: 完成 }} }}\n\
         results:\n  - {{ name: 客户意向等级, values: [A级, D级(需筛选)], default: {level} }}\n"
    )
}

/// Records every text of a scene, a tone each, in the folder that it names.
fn record(scene: &Scene, folder: &Path) {
    let folder = folder.join("小林");
    std::fs::create_dir_all(&folder).unwrap();
    let tone: Vec<i16> = (0..4_000_i16).map(|at| if at % 20 < 10 { 6_000 } else { -6_000 }).collect();
    std::fs::write(folder.join("tone.wav"), wav::write_alaw(&tone)).unwrap();
    let rows = scene.fixed_texts().iter().map(|text| format!("tone.wav,{},\"{}\"\n", text.place, text.text));
    std::fs::write(folder.join("prompts.csv"), format!("file,place,text\n{}", rows.collect::<String>())).unwrap();
}

struct World {
    fixture: Fixture,
    studio: Studio,
}

impl World {
    async fn new() -> Self {
        let store = Store::open(&Options::new(Url::Memory), START).unwrap();
        let fixture = Fixture::new(&store).await;
        let speaker = Speaker { name: SHIPPED_SPEAKER.to_owned(), speed: 1.0 };
        Self { fixture, studio: Studio { store, server: None, speaker } }
    }

    async fn gather(&self, yaml: &str, recordings: Recordings<'_>) -> Result<SceneAudio, NoAudio> {
        let scene = Scene::parse(yaml).unwrap();
        self.studio.gather(self.fixture.company, &scene, recordings, &|| {}).await
    }

    async fn publish(&self, yaml: &str, audio: SceneAudio, known: Option<i64>) -> Published {
        let by = By { actor: Actor::User("anna".to_owned()), at: START };
        let scene = &Scene::parse(yaml).unwrap();
        let publishing = Publishing { company: self.fixture.company, scene, document: yaml, audio, known, by };
        publish(&self.studio.store, publishing).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_recorded_once_speaks_the_next_version_as_well() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let first = scene("您好，打扰您了。", "A级");
    record(&Scene::parse(&first).unwrap(), folder.path());
    let audio = world.gather(&first, Recordings::Beside(folder.path())).await.unwrap();
    let Published::Done { scene: id, version: 1 } = world.publish(&first, audio, Some(0)).await else { panic!() };
    // Another rule, the same words: nobody needs the folder any more.
    let second = scene("您好，打扰您了。", "D级(需筛选)");
    let audio = world.gather(&second, Recordings::Published).await.unwrap();
    assert!(audio.count() > 0);
    assert_eq!(world.publish(&second, audio, Some(1)).await, Published::Done { scene: id, version: 2 });
    let company = world.fixture.company;
    let voice = world.fixture.read(move |db, company| robot::voices(db, company, id)).await[0].id;
    let (store, speaker) = (&world.studio.store, &world.studio.speaker);
    let open = SceneVoice::open(store, &Scenes::new(store.clone()), (company, id, 2), voice, speaker).await.unwrap();
    let spoken = open.speak(&Voice::default(), "您好，打扰您了。");
    assert_eq!((spoken.clips.len(), spoken.missing.as_str()), (1, ""));
    assert!(open.speaker().is_none());
    // Words that nobody has recorded are named with their place.
    match world.gather(&scene("下午好，打扰您了。", "A级"), Recordings::Published).await {
        Err(NoAudio::Missing(missing)) => {
            let [problem] = missing.as_slice() else { panic!("{missing:?}") };
            assert_eq!(problem.line, 6);
            assert!(problem.message.en.contains("下午好"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_recorded_anew_is_added_to_what_was_recorded_before() {
    let (world, first_folder, second_folder) =
        (World::new().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = scene("[您好。, 喂。]", "A级");
    record(&Scene::parse(&first).unwrap(), first_folder.path());
    let audio = world.gather(&first, Recordings::Beside(first_folder.path())).await.unwrap();
    world.publish(&first, audio, None).await;
    let second = scene("[您好。, 下午好。]", "A级");
    record(&Scene::parse(&scene("下午好。", "A级")).unwrap(), second_folder.path());
    let added = BTreeMap::from([("小林".to_owned(), second_folder.path().join("小林"))]);
    let audio = world.gather(&second, Recordings::Added(&added)).await.unwrap();
    assert!(matches!(world.publish(&second, audio, None).await, Published::Done { version: 2, .. }));
    // The next version needs neither folder; what nobody has recorded is still named.
    world.gather(&second, Recordings::Added(&BTreeMap::new())).await.unwrap();
    let third = scene("[您好。, 晚上好。]", "A级");
    assert!(
        matches!(world.gather(&third, Recordings::Added(&added)).await, Err(NoAudio::Missing(it)) if it.len() == 1)
    );
}

#[tokio::test]
async fn a_list_does_not_lead_out_of_its_folder() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let yaml = scene("您好。", "A级");
    record(&Scene::parse(&yaml).unwrap(), folder.path());
    std::fs::copy(folder.path().join("小林/tone.wav"), folder.path().join("other.wav")).unwrap();
    for file in ["../other.wav".to_owned(), folder.path().join("other.wav").display().to_string()] {
        let list = format!("file,place,text\n{file},开场,您好。\n");
        std::fs::write(folder.path().join("小林/prompts.csv"), list).unwrap();
        match world.gather(&yaml, Recordings::Beside(folder.path())).await {
            Err(NoAudio::Recordings { why, .. }) => assert!(why.contains("leads out of the folder"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_was_overtaken_publishes_nothing() {
    let world = World::new().await;
    let yaml = scene("您好，打扰您了。", "A级");
    assert_eq!(world.publish(&yaml, SceneAudio::default(), Some(3)).await, Published::Overtaken { latest: 0 });
    assert!(matches!(world.publish(&yaml, SceneAudio::default(), Some(0)).await, Published::Done { version: 1, .. }));
    assert_eq!(world.publish(&yaml, SceneAudio::default(), Some(0)).await, Published::Overtaken { latest: 1 });
    assert!(matches!(world.publish(&yaml, SceneAudio::default(), None).await, Published::Done { version: 2, .. }));
}
