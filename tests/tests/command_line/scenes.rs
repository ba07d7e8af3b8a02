//! Scenes against their dialogues and against past calls; what was not understood; results judged by hand.

use std::fs;
use std::path::{Path, PathBuf};

use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Server, program};
use serde_json::{Value, json};
use tempfile::TempDir;

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

    change(&file, AGREED_A, AGREED_B);

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

const AGREED_A: &str = "value: A级(较强)\n        because: 客户同意到现场看房";
const AGREED_B: &str = "value: B级(一般)\n        because: 客户同意到现场看房";

/// A scene whose conversations are over in a few seconds.
const SHORT: &str = "
hutong: 1
name: 简短回访
robot: { name: 回访机器人 }
voices: [标准女声]
defaults:
  on_unknown: { say: 什么？, limit: 1 }
nodes:
  - name: 开场
    say: 您好。
    branches:
      - { intent: 肯定, next: 致谢 }
      - { intent: 否定, next: 告别 }
  - { name: 致谢, say: 谢谢。, end: { reason: 客户同意 } }
  - { name: 告别, say: 再见。, end: { reason: 客户拒绝 } }
closing: { say: 再见。, reason: 没有听懂 }
results:
  - name: 客户意向等级
    values: [A级(较强), B级(一般), D级(需筛选)]
    default: D级(需筛选)
    rules:
      - when: ('致谢' in visited)
        value: A级(较强)
        because: 客户同意。
";

/// A server whose calls on the short scene have finished: somebody agreed, somebody declined, somebody puzzled.
struct Campaign {
    installation: Installation,
    _folder: TempDir,
    _server: Server,
    client: Client,
    file: PathBuf,
    company: String,
    task: i64,
    /// The calls, in the order of [`NUMBERS`].
    calls: [String; 3],
}

const NUMBERS: [&str; 3] = ["13800138000", "13800138021", "13800138024"];

impl Campaign {
    fn finished() -> Self {
        let installation = Installation::new();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("short.yaml");
        fs::write(&file, SHORT).expect("the scene is written");
        let tenant = installation.tenant("公司", 5);
        let company = tenant.company.to_string();
        installation.run(&["scene", "publish", path(&file), "--company", &company, "--text-only"]);
        let server = installation.serve();
        let client = server.client(&tenant.credentials);
        let robots = client.read("company/getRobots", &json!({ "companyId": tenant.company }));
        let robot = robots.as_array().and_then(|robots| robots.iter().find(|it| it["robotName"] == "回访机器人"));
        let robot = robot.unwrap_or_else(|| panic!("no robot for the scene in {robots}"))["robotDefId"].clone();
        let more = json!({ "robotDefId": robot, "concurrencyQuota": 5 });
        let task = tenant.running_task(&client, &more, &NUMBERS.map(str::to_owned));
        until("the task is done", || {
            let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
            (detail["status"] == 2).then_some(())
        });
        let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        let calls = NUMBERS.map(|number| {
            let call = calls.iter().find(|call| call["customerTelephone"] == number);
            call.unwrap_or_else(|| panic!("no call to {number} in {calls:?}"))["callInstanceId"].to_string()
        });
        Self { installation, _folder: folder, _server: server, client, file, company, task, calls }
    }

    /// What `hutong scene test` takes for the past calls of this campaign.
    fn test(&self) -> [&str; 5] {
        ["scene", "test", path(&self.file), "--company", &self.company]
    }

    /// The calls that the running server lists with this level.
    fn with_level(&self, value: &str) -> Vec<String> {
        let wanted = json!([{ "name": "客户意向等级", "value": value }]);
        let question = json!({ "callJobId": self.task, "resultQueryList": wanted });
        let calls = self.client.all("task/queryDoneTaskPhones", &question);
        calls.iter().map(|call| call["callInstanceId"].to_string()).collect()
    }
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path of letters")
}

#[test]
fn what_a_person_judges_counts_at_once_also_for_a_running_server() {
    let campaign = Campaign::finished();
    let (installation, call) = (&campaign.installation, &campaign.calls[0]);
    assert_eq!(campaign.with_level("A级(较强)"), [call.as_str()]);
    assert_eq!(campaign.with_level("B级(一般)"), Vec::<String>::new());
    let told = installation.run(&["grade", "--call", call]);
    assert!(told.contains("客户意向等级\tA级(较强)\t客户同意。\tBY_ANALYZE_USER_LEVEL\n"), "{told}");
    assert!(told.contains(" s\tME\t“"), "the words that bear it out are quoted: {told}");
    let judge = ["grade", "--call", call, "--result", "客户意向等级", "--value"];
    let (complaint, _) = refused(installation, &[&judge[..], &["B"]].concat());
    assert!(complaint.contains("客户意向等级 cannot be B; it can be A级(较强)、B级(一般)"), "{complaint}");

    let told = installation.run(&[&judge[..], &["B级(一般)", "--by", "质检员", "--note", "只是客气"]].concat());

    assert!(told.contains("\t质检员\t客户意向等级\tA级(较强) → B级(一般)\t只是客气\n"), "{told}");
    assert_eq!(campaign.with_level("A级(较强)"), Vec::<String>::new());
    assert_eq!(campaign.with_level("B级(一般)"), [call.as_str()]);
    let id = call.parse::<i64>().expect("an id");
    let detail = campaign.client.read("task/phoneLogInfo", &json!({ "callInstanceId": id }));
    let shown =
        detail["taskResult"].as_array().and_then(|all| all.iter().find(|it| it["resultName"] == "客户意向等级"));
    assert_eq!(shown.map(|shown| &shown["resultValue"]), Some(&Value::from("B级(一般)")), "{detail}");
}

#[test]
fn past_calls_are_played_against_a_new_version() {
    let campaign = Campaign::finished();
    let (installation, call) = (&campaign.installation, &campaign.calls[0]);
    // The version that was spoken concludes what was concluded.
    let same = installation.run(&[&campaign.test()[..], &["--fail-on-flips"]].concat());
    assert!(same.contains("calls that come out otherwise\t0 of 3 (0.0 %)"), "{same}");
    installation.run(&["grade", "--call", call, "--result", "客户意向等级", "--value", "B级(一般)"]);
    change(&campaign.file, "value: A级(较强)", "value: B级(一般)");
    let script = campaign.file.with_file_name("none.yaml");
    fs::write(&script, "[]").expect("a script is written");
    let test = [&campaign.test()[..], &["--script", path(&script)]].concat();

    let flipped = installation.run(&test);

    for line in [
        format!("call {call}: 客户意向等级 A级(较强) → B级(一般) (by hand: B级(一般))\n"),
        "calls that come out otherwise\t1 of 3 (33.3 %)\n".to_owned(),
        "results judged by hand\t1: the rules agreed with 0 before, with 1 now\n".to_owned(),
        "1\t客户意向等级\tA级(较强) → B级(一般)\n".to_owned(),
    ] {
        assert!(flipped.contains(&line), "{line:?} is not in\n{flipped}");
    }
    let (complaint, _) = refused(installation, &[&test[..], &["--fail-on-flips"]].concat());
    assert!(complaint.contains("come out otherwise"), "{complaint}");
    let (task, unknown) = (campaign.task.to_string(), (campaign.task + 1).to_string());
    let of_task = installation.run(&[&test[..], &["--task", &task, "--calls", "2"]].concat());
    assert!(of_task.contains(" of 2 ("), "{of_task}");
    let (complaint, _) = refused(installation, &[&test[..], &["--task", &unknown]].concat());
    assert!(complaint.contains("has no task"), "{complaint}");
    let later = installation.run(&[&test[..], &["--since", "2200-01-01"]].concat());
    assert!(later.contains("no past conversation"), "{later}");
}

#[test]
fn what_nobody_understood_is_listed_until_it_is_handled() {
    let campaign = Campaign::finished();
    let installation = &campaign.installation;
    let unheard = ["scene", "unheard", "--company", &campaign.company, "--scene", "简短回访"];

    let listed = installation.run(&unheard);

    let first = listed.lines().next().expect("somebody said what no scene expects");
    assert!(first.contains(&format!("call {}", campaign.calls[2])), "{first}");
    let text = first.split(['“', '”']).nth(1).expect("words in quotation marks");
    assert_eq!(installation.run(&[&unheard[..], &["--handled", text]].concat()), "forgotten\n");
    assert!(!installation.run(&unheard).contains(&format!("“{text}”")));
    let (complaint, _) = refused(installation, &[&unheard[..], &["--handled", text]].concat());
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
