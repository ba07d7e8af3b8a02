//! Scenes: looked at, written, published, talked to.

use std::io::{Cursor, Write as _};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use hutong_domain::access::Role;
use hutong_domain::call::{Speaker, Understanding, Utterance};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_store::audit::{self, Filter};
use hutong_store::finish::Ending;
use hutong_store::robot::{self, Publication};
use hutong_telephony::detect::wav;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::settings;

use crate::world::{Browser, Reply, World};

const SCRIPT: &str = "<script>alert(1)</script>";

/// A small scene with a script wherever a text can stand.
fn scene(greeting: &str) -> String {
    format!(
        "hutong: 1\nname: 回访{SCRIPT}\nrobot: {{ name: '回访员{SCRIPT}' }}\nvoices: ['小林{SCRIPT}']\n\
         variables:\n  - {{ name: '订单{SCRIPT}', example: '三号{SCRIPT}' }}\nnodes:\n  \
         - name: 开场{SCRIPT}\n    say: '{greeting}，{{订单{SCRIPT}}}还满意吗？'\n    branches:\n      \
         - {{ intent: 肯定, next: '致谢{SCRIPT}' }}\n      - {{ intent: 否定, next: '致谢{SCRIPT}' }}\n  \
         - {{ name: '致谢{SCRIPT}', say: '谢谢{SCRIPT}，再见。', end: {{ reason: '完成{SCRIPT}' }} }}\n\
         knowledge:\n  - {{ name: '你是谁{SCRIPT}', keywords: ['你是谁{SCRIPT}'], answer: '我是{SCRIPT}' }}\n\
         results:\n  - name: 客户意向等级\n    values: [A级(较强), 'C级{SCRIPT}', D级(需筛选)]\n    default: 'C级{SCRIPT}'\n    \
         rules:\n      - {{ when: ('肯定' in intents), value: A级(较强), because: '客户满意{SCRIPT}' }}\n"
    )
}

async fn publish(world: &World, yaml: &str) -> i64 {
    let publication = Publication::of(&Scene::parse(yaml).unwrap(), yaml);
    world.ours.write(move |db, company| robot::publish(db, company, &publication, START)).await.0.get()
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What a hidden field of a form holds.
fn hidden(reply: &Reply, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let rest = reply.html.split(&begin).nth(1).unwrap_or_else(|| panic!("no {name} in {}", reply.html));
    rest.split('"').next().unwrap().to_owned()
}

/// Asks for a job until it has ended.
async fn ended(browser: &Browser<'_>, mut reply: Reply) -> Reply {
    while let Some(rest) = reply.html.split("hx-get=\"").nth(1) {
        let path = rest.split('"').next().unwrap().to_owned();
        tokio::task::yield_now().await;
        reply = browser.part(&path).await;
    }
    reply
}

#[tokio::test]
async fn the_list_shows_what_there_is_and_nothing_that_a_viewer_may_not_do() {
    let world = World::new().await;
    world.finished_task().await;
    let viewer = world.browser(Role::Viewer).await;
    let page = viewer.get(&world.path("scenes")).await;
    page.shows("金融催缴").shows("催缴").lacks("scenes/new").lacks("编辑");
    let operator = world.browser(Role::Operator).await;
    operator.get(&world.path("scenes")).await.shows("scenes/new");
}

#[tokio::test]
async fn every_page_of_a_scene_escapes_what_is_in_it() {
    let world = World::new().await;
    let id = publish(&world, &scene("您好")).await;
    let operator = world.browser(Role::Operator).await;
    let pages = ["", "/prompts", "/rules", "/text", "/talk", "/unheard", "/versions", "/edit"];
    for page in pages.map(|page| world.path(&format!("scenes/{id}{page}"))).into_iter().chain([world.path("scenes")]) {
        let reply = operator.get(&page).await;
        assert_eq!(reply.status, StatusCode::OK, "{page} {}", reply.html);
        reply.shows("回访&#60;script&#62;").lacks(SCRIPT);
    }
    operator.get(&world.path(&format!("scenes/{id}"))).await.shows("<svg").shows("flow-card end").shows("/text#L8\"");
    operator.get(&world.path(&format!("scenes/{id}?version=2"))).await.shows("没有这个页面");
}

#[tokio::test]
async fn viewers_look_and_change_nothing() {
    let world = World::new().await;
    let id = publish(&world, &scene("您好")).await;
    let viewer = world.browser(Role::Viewer).await;
    for page in ["", "/prompts", "/rules", "/text", "/talk", "/unheard", "/versions"] {
        let reply = viewer.get(&world.path(&format!("scenes/{id}{page}"))).await;
        assert_eq!(reply.status, StatusCode::OK, "{page}");
        reply.lacks("编辑").lacks("/edit");
    }
    let text = form(&[("document", "a"), ("digest", ""), ("known", "1"), ("text", "a")]);
    let changes = ["scenes/draft/check", "scenes/draft/preview", "scenes/draft/publish", "scenes/draft/talk"];
    let changes = changes.map(str::to_owned).into_iter().chain([format!("scenes/{id}/unheard")]);
    for change in changes {
        assert_eq!(viewer.post(&world.path(&change), &text).await.status, StatusCode::FORBIDDEN, "{change}");
    }
    assert_eq!(viewer.get(&world.path(&format!("scenes/{id}/edit"))).await.status, StatusCode::FORBIDDEN);
    let theirs = format!("/c/{}/scenes/{id}", world.theirs.company);
    assert_eq!(viewer.get(&theirs).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_text_is_checked_as_one_writes_and_problems_have_their_place() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let check = world.path("scenes/draft/check");
    let wrong = scene("您好").replace("next: '致谢", "next: '致榭");
    let reply = operator.post(&check, &form(&[("document", &wrong)])).await;
    reply.shows("检查不通过").shows("data-line=\"11\"").shows("没有节点").lacks(SCRIPT);
    operator.post(&check, &form(&[("document", &scene("您好"))])).await.lacks("检查不通过");
    operator.post(&check, &form(&[("document", "a: [")])).await.shows("检查不通过");
    let long = operator.post(&check, &form(&[("document", &"#".repeat(600 << 10))])).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    long.shows("512 KiB");
}

#[tokio::test]
async fn what_is_published_is_what_was_looked_at() {
    let world = World::new().await;
    publish(&world, &scene("您好")).await;
    let operator = world.browser(Role::Operator).await;
    let (preview, publish_path) = (world.path("scenes/draft/preview"), world.path("scenes/draft/publish"));
    let changed = scene("下午好");
    let looked = operator.post(&preview, &form(&[("document", &changed)])).await;
    looked.shows("class=\"removed\"").shows("class=\"added\"").shows("下午好").shows("还没有任务用过它");
    let (digest, known) = (hidden(&looked, "digest"), hidden(&looked, "known"));
    let publish = async |document: &str, more: &[(&str, &str)]| {
        let mut fields = vec![("document", document), ("digest", digest.as_str()), ("known", known.as_str())];
        fields.extend(more);
        ended(&operator, operator.post_parts(&publish_path, &fields, None).await).await
    };
    let other = publish(&scene("晚上好"), &[("text_only", "on")]).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    // There is no voice server, and nobody has recorded it.
    let silent = publish(&changed, &[]).await;
    silent.shows("没有录音，未发布").shows("data-line=");
    // A browser ends lines in its own way.
    let by_browser = changed.replace('\n', "\r\n");
    let done = publish(&by_browser, &[("text_only", "on")]).await;
    done.shows("已发布").shows("data-published").lacks(SCRIPT);
    let (latest, document, log) = world
        .ours
        .read(|db, company| {
            let scene = robot::scene_of_name(db, company, &format!("回访{SCRIPT}"))?.unwrap();
            let document = robot::document(db, company, scene.id, scene.latest_version)?;
            let filter = Filter { company: Some(company), action: Some("scene".to_owned()), ..Filter::default() };
            Ok((scene.latest_version, document, audit::list(db, &filter, 9)?))
        })
        .await;
    assert_eq!((latest, document), (2, changed.clone()));
    assert_eq!(log.iter().map(|entry| entry.actor.as_str()).collect::<Vec<_>>(), ["user operator"]);
    // Somebody else was faster.
    let late = publish(&changed, &[("text_only", "on")]).await;
    late.shows("有人已发布了第");
    operator.get(&world.path("scenes")).await.shows("user operator");
}

/// An archive with these files.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn what_people_recorded_is_uploaded_and_kept_for_the_next_version() {
    let world = World::new().await;
    let yaml = |greeting: &str| {
        scene(greeting).replace(&format!("voices: ['小林{SCRIPT}']"), "voices: [{ name: 小林, recordings: 小林 }]")
    };
    let id = publish(&world, &yaml("您好")).await;
    let operator = world.browser(Role::Operator).await;
    let publish = async |yaml: &str, recordings: Option<&[u8]>| {
        let looked = operator.post(&world.path("scenes/draft/preview"), &form(&[("document", yaml)])).await;
        looked.shows("name=\"recordings\"");
        let (digest, known) = (hidden(&looked, "digest"), hidden(&looked, "known"));
        let fields = [("document", yaml), ("digest", &digest), ("known", &known)];
        let file = recordings.map(|bytes| ("recordings", "recorded.zip", bytes));
        ended(&operator, operator.post_parts(&world.path("scenes/draft/publish"), &fields, file).await).await
    };
    publish(&yaml("您好"), None).await.shows("没有录音，未发布");
    publish(&yaml("您好"), Some(b"RIFF")).await.shows("ZIP");
    // The list that the page hands out comes back beside the files that it names.
    let list = operator.get(&world.path(&format!("scenes/{id}/prompts.csv"))).await;
    list.shows("file,place,text").shows("您好");
    let mut files = vec![("prompts.csv".to_owned(), list.html.clone().into_bytes())];
    let named = list.html.lines().skip(1).map(|line| line.split(',').next().unwrap());
    files.extend(named.map(|name| (format!("小林/{name}"), wav::write_alaw(&[1_000; 4_000]))));
    publish(&yaml("您好"), Some(&archive(&files))).await.shows("没有录音，未发布");
    files[0].0 = "小林/prompts.csv".to_owned();
    let broken = [files[0].clone(), (files[1].0.clone(), b"no sound".to_vec())];
    publish(&yaml("您好"), Some(&archive(&broken))).await.shows("录音文件无法读取");
    publish(&yaml("您好"), Some(&archive(&files))).await.shows("已发布").shows("句录音");
    operator.get(&world.path(&format!("scenes/{id}/prompts"))).await.shows("<audio").lacks("没有录音");
    publish(&yaml("您好"), None).await.shows("已发布");
    publish(&yaml("晚上好"), None).await.shows("没有录音，未发布").shows("晚上好");
}

#[tokio::test]
async fn what_does_not_pass_its_checks_is_not_published() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let reply = operator.post(&world.path("scenes/draft/preview"), &form(&[("document", "name: 甲")])).await;
    reply.shows("改好后才能发布").lacks("draft/publish");
}

#[tokio::test]
async fn one_talks_to_a_version_until_its_end_and_sees_why() {
    let world = World::new().await;
    let id = publish(&world, &scene("您好")).await;
    let viewer = world.browser(Role::Viewer).await;
    let variable = format!("v:订单{SCRIPT}");
    let begun = viewer.post(&world.path(&format!("scenes/{id}/talk")), &form(&[(&variable, "五号")])).await;
    begun.shows("您好，五号还满意吗？").shows("name=\"event\"").lacks(SCRIPT);
    let path = begun.html.split("hx-post=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let turn = viewer.post(&path, &form(&[("event", "heard"), ("text", "呱呱呱呱")])).await;
    turn.shows("没听懂");
    let empty = viewer.post(&path, &form(&[("event", "heard"), ("text", " ")])).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let last = viewer.post(&path, &form(&[("event", "heard"), ("text", "满意的，是的")])).await;
    last.shows("肯定")
        .shows("通话已结束")
        .shows("客户意向等级：A级(较强)")
        .shows("客户满意")
        .lacks("name=\"event\"")
        .lacks(SCRIPT);
    let others = world.browser(Role::Operator).await;
    assert_eq!(others.post(&path, &form(&[("event", "silence")])).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let theirs = path.replace(&format!("/c/{}/", world.ours.company), &format!("/c/{}/", world.theirs.company));
    assert_eq!(viewer.post(&theirs, &form(&[("event", "silence")])).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_text_that_is_not_published_can_be_talked_to() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let talk = world.path("scenes/draft/talk");
    operator.post(&talk, &form(&[("document", &scene("中午好"))])).await.shows("中午好，三号").lacks(SCRIPT);
    let wrong = operator.post(&talk, &form(&[("document", "a: [")])).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_was_not_understood_is_listed_until_the_scene_has_learnt_it() {
    let world = World::new().await;
    let (ours, scene) = (&world.ours, world.ours.scene());
    let task = ours.running_task(settings(), 2).await;
    for claimed in ours.claim(task, 2).await {
        let said = Utterance {
            speaker: Speaker::Customer,
            text: format!("火星上有{SCRIPT}吗"),
            start_ms: 0,
            end_ms: 900,
            at: START,
            understanding: Some(Understanding::Unknown),
            node: "开场".to_owned(),
            latency: None,
            recogniser: None,
        };
        let ending =
            Ending { utterances: vec![said], ..ours.answered(9, 3, &[("客户意向等级", "C级(很少)")]) };
        ours.finish(&claimed, ending).await;
    }
    let (path, operator) = (world.path(&format!("scenes/{scene}/unheard")), world.browser(Role::Operator).await);
    let page = operator.get(&path).await;
    page.shows("<td class=\"number\">2</td>").shows("火星上有").shows("2 通电话").lacks(SCRIPT);
    world.browser(Role::Viewer).await.get(&path).await.shows("火星上有").lacks("已处理");
    let text = hidden(&page, "text").replace("&#60;", "<").replace("&#62;", ">");
    let part = operator.post(&path, &form(&[("text", &text)])).await;
    assert_eq!(part.status, StatusCode::OK);
    part.lacks("火星上有").lacks("<html");
    operator.get(&world.path("scenes")).await.shows("金融催缴").lacks("/unheard\"");
}

#[tokio::test]
async fn past_calls_are_played_before_a_scene_is_published() {
    let world = World::new().await;
    world.finished_task().await;
    let operator = world.browser(Role::Operator).await;
    let yaml = BUILT_IN.iter().find(|it| it.file.starts_with("debt")).unwrap().yaml;
    let looked = operator.post(&world.path("scenes/draft/preview"), &form(&[("document", yaml)])).await;
    looked.shows("文本与最新版本相同").shows("正在重放以往通话");
    // The calls of this world kept no course: there is nothing to play, and that is said.
    ended(&operator, looked).await.shows("没有可以重放的通话");
}

#[tokio::test]
async fn a_scene_that_ships_can_be_heard() {
    let world = World::new().await;
    let yaml = BUILT_IN.iter().find(|it| it.file.starts_with("real")).unwrap().yaml;
    let id = publish(&world, yaml).await;
    let viewer = world.browser(Role::Viewer).await;
    let page = viewer.get(&world.path(&format!("scenes/{id}/prompts"))).await;
    page.lacks("没有录音");
    let src = page.html.split("src=\"/c/").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let sound = viewer.get(&format!("/c/{src}")).await;
    assert_eq!((sound.status, sound.headers[CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "audio/wav"));
    assert!(sound.html.starts_with("RIFF") && sound.html.len() > 8_000);
    let beyond = format!("/c/{}", src.replace("text=0", "text=99999"));
    assert_eq!(viewer.get(&beyond).await.status, StatusCode::NOT_FOUND);
}
