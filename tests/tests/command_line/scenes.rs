//! Scenes against their dialogues and against past calls; what was not understood; results judged by hand.

use std::fs;
use std::path::{Path, PathBuf};

use hutong_e2e::wait::until;
use hutong_e2e::{Installation, program};
use serde_json::{Value, json};

const SCENES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/domain/scenes");

/// A scene with its dialogues beside it, in a folder of its own.
fn scene_in(folder: &Path) -> PathBuf {
    for file in ["real-estate.yaml", "real-estate.tests.yaml"] {
        fs::copy(Path::new(SCENES).join(file), folder.join(file)).expect("the built-in scene is copied");
    }
    folder.join("real-estate.yaml")
}

fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the scene is read");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    fs::write(file, text.replacen(from, to, 1)).expect("the scene is written");
}

/// Runs a command that fails: what it complained about, and what it printed.
fn refused(installation: &Installation, arguments: &[&str]) -> (String, String) {
    let done = program::run(installation.data(), arguments);
    assert_eq!(done.code, Some(1), "{arguments:?}: {}{}", done.stdout, done.stderr);
    (done.stderr, done.stdout)
}

#[test]
fn a_scene_whose_dialogues_fail_is_not_published_unless_one_insists() {
    let installation = Installation::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = scene_in(folder.path());
    let scene = file.to_str().expect("a path of letters");
    installation.run(&["company", "add", "公司", "--seats", "1"]);
    let tested = installation.run(&["scene", "test", scene]);
    assert!(tested.ends_with(" passed, 0 failed\n") && !tested.contains("FAIL"), "{tested}");
    assert_eq!(installation.run(&["scene", "publish", scene, "--company", "1"]), "scene 1 version 1\n");

    change(
        &file,
        "value: A级(较强)\n        because: 客户同意到现场看房",
        "value: B级(一般)\n        because: 客户同意到现场看房",
    );

    let (complaint, printed) = refused(&installation, &["scene", "publish", scene, "--company", "1"]);
    assert!(complaint.contains("--untested"), "{complaint}");
    assert!(
        printed.contains("FAIL") && printed.contains("expected 客户意向等级 A级(较强), got B级(一般)"),
        "{printed}"
    );
    let (_, printed) = refused(&installation, &["scene", "test", scene]);
    assert!(printed.contains("FAIL"), "{printed}");
    let insisted = installation.run(&["scene", "publish", scene, "--company", "1", "--untested"]);
    assert_eq!(insisted, "scene 1 version 2\n");
}

#[test]
fn past_calls_are_played_against_a_new_version_and_judged_by_hand() {
    let installation = Installation::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = scene_in(folder.path());
    let scene = file.to_str().expect("a path of letters");
    let tenant = installation.tenant("公司", 5);
    let company = tenant.company.to_string();
    installation.run(&["scene", "publish", scene, "--company", &company]);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let robots = client.read("company/getRobots", &json!({ "companyId": tenant.company }));
    let robot = robots.as_array().and_then(|robots| robots.iter().find(|it| it["sceneDefName"] == "房产电销"));
    let robot = robot.unwrap_or_else(|| panic!("no robot for the scene in {robots}"))["robotDefId"].clone();
    let numbers = ["00", "21", "24"].map(|case| format!("138001380{case}"));
    let task = tenant.running_task(&client, &json!({ "robotDefId": robot, "concurrencyQuota": 5 }), &numbers);
    until("the task is done", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (detail["status"] == 2).then_some(())
    });
    let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
    let call_to = |number: &str| {
        let call = calls.iter().find(|call| call["customerTelephone"] == number);
        call.unwrap_or_else(|| panic!("no call to {number} in {calls:?}"))["callInstanceId"].to_string()
    };

    // The version that was spoken concludes what was concluded.
    let test = ["scene", "test", scene, "--company", &company];
    let same = installation.run(&[&test[..], &["--fail-on-flips"]].concat());
    assert!(same.contains("calls that come out otherwise\t0 of 3 (0.0 %)"), "{same}");

    // A person knows better, and it counts at once, also for the server that runs.
    let agreeing = call_to(&numbers[0]);
    let level = |value: &str| {
        let wanted = json!([{ "name": "客户意向等级", "value": value }]);
        let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task, "resultQueryList": wanted }));
        calls.iter().map(|call| call["callInstanceId"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(level("A级(较强)"), [agreeing.as_str()]);
    assert_eq!(level("B级(一般)"), Vec::<String>::new());
    let told = installation.run(&["grade", "--call", &agreeing]);
    assert!(told.contains("客户意向等级\tA级(较强)\t客户同意到现场看房。\tBY_ANALYZE_USER_LEVEL\n"), "{told}");
    assert!(told.contains(" s\tME\t“"), "the words that bear it out are quoted: {told}");
    let judge = ["grade", "--call", &agreeing, "--result", "客户意向等级", "--value"];
    let (complaint, _) = refused(&installation, &[&judge[..], &["B"]].concat());
    assert!(complaint.contains("客户意向等级 cannot be B; it can be A级(较强)、B级(一般)"), "{complaint}");
    let more = ["B级(一般)", "--by", "质检员", "--note", "只是客气"];
    let told = installation.run(&[&judge[..], &more].concat());
    assert!(told.contains("\t质检员\t客户意向等级\tA级(较强) → B级(一般)\t只是客气\n"), "{told}");
    assert_eq!((level("A级(较强)"), level("B级(一般)")), (Vec::new(), vec![agreeing.clone()]));
    let detail =
        client.read("task/phoneLogInfo", &json!({ "callInstanceId": agreeing.parse::<i64>().expect("an id") }));
    let shown =
        detail["taskResult"].as_array().and_then(|all| all.iter().find(|it| it["resultName"] == "客户意向等级"));
    assert_eq!(shown.map(|shown| &shown["resultValue"]), Some(&Value::from("B级(一般)")), "{detail}");

    // A version that agrees with that person.
    change(
        &file,
        "value: A级(较强)\n        because: 客户同意到现场看房",
        "value: B级(一般)\n        because: 客户同意到现场看房",
    );
    let script = folder.path().join("none.yaml");
    fs::write(&script, "[]").expect("a script is written");
    let script = ["--script", script.to_str().expect("a path of letters")];
    let flipped = installation.run(&[&test[..], &script].concat());
    for line in [
        format!("call {agreeing}: 客户意向等级 A级(较强) → B级(一般) (by hand: B级(一般))\n"),
        "calls that come out otherwise\t1 of 3 (33.3 %)\n".to_owned(),
        "results judged by hand\t1: the rules agreed with 0 before, with 1 now\n".to_owned(),
        "1\t客户意向等级\tA级(较强) → B级(一般)\n".to_owned(),
    ] {
        assert!(flipped.contains(&line), "{line:?} is not in\n{flipped}");
    }
    let (complaint, _) = refused(&installation, &[&test[..], &script, &["--fail-on-flips"]].concat());
    assert!(complaint.contains("come out otherwise"), "{complaint}");

    // What nobody understood.
    let unheard = ["scene", "unheard", "--company", &company, "--scene", "房产电销"];
    let listed = installation.run(&unheard);
    let first = listed.lines().next().unwrap_or_else(|| panic!("somebody said what no scene expects: {calls:?}"));
    let text = first.split(['“', '”']).nth(1).expect("words in quotation marks");
    assert!(first.contains(&format!("call {}", call_to(&numbers[2]))), "{first}");
    assert_eq!(installation.run(&[&unheard[..], &["--handled", text]].concat()), "forgotten\n");
    assert!(!installation.run(&unheard).contains(&format!("“{text}”")));
    let (complaint, _) = refused(&installation, &[&unheard[..], &["--handled", text]].concat());
    assert!(complaint.contains(text), "{complaint}");
}

#[test]
fn a_test_without_anything_to_test_against_is_wrong_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let brief = hutong_e2e::installation::BRIEF_SCENE;
    for arguments in [
        &["scene", "test", brief][..],
        &["scene", "test", brief, "--task", "1"],
        &["scene", "test", brief, "--company", "1", "--since", "yesterday"],
        &["grade", "--call", "1", "--value", "A"],
        &["grade", "--call", "1", "--result", "客户意向等级"],
    ] {
        let done = program::run(folder.path(), arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}{}", done.stdout, done.stderr);
    }
    for (arguments, complaint) in [
        (&["grade", "--call", "99"][..], "no call 99"),
        (&["scene", "test", brief, "--company", "99"], "no company 99"),
    ] {
        let done = program::run(folder.path(), arguments);
        assert_eq!(done.code, Some(1), "{arguments:?}: {}", done.stdout);
        assert!(done.stderr.contains(complaint), "{arguments:?}: {}", done.stderr);
    }
}
