//! The commands that an operator gives.

use std::fs;

use hutong_e2e::{Client, Credentials, Installation, program};
use serde_json::{Value, json};

#[test]
fn companies_lines_scenes_and_keys_are_made_and_listed() {
    let installation = Installation::new();
    let run = |arguments: &[&str]| installation.run(arguments);
    assert_eq!(run(&["company", "add", "我的公司", "--seats", "5"]), "company 1\n");
    assert_eq!(run(&["company", "add", "别的公司", "--seats", "1"]), "company 2\n");
    assert_eq!(run(&["company", "list"]), "1\t我的公司\t5 seats\n2\t别的公司\t1 seats\n");

    let line = ["line", "add", "--company", "1", "--name", "线路", "--phone", "021-8000 0001", "--type", "sip"];
    let line = run(&[&line[..], &["--driver", "simulated", "--channels", "3"]].concat());
    assert_eq!(line, "line 1\n");
    let lines = run(&["line", "list", "--company", "1"]);
    for part in ["线路", "02180000001", "simulated", "0/3 channels", "enabled"] {
        assert!(lines.contains(part), "{lines}");
    }
    assert_eq!(run(&["line", "list", "--company", "2"]), "");

    let scene = hutong_e2e::installation::BRIEF_SCENE;
    assert_eq!(run(&["scene", "publish", scene, "--company", "1"]), "scene 1 version 1\n");
    assert_eq!(run(&["scene", "publish", scene, "--company", "1"]), "scene 1 version 2\n");
    assert_eq!(run(&["scene", "list", "--company", "1"]), "1\t简短通知\tversion 2\n");

    let Credentials { key, secret } = installation.key(1, &["--company", "2", "--edition", "2019-08"]);
    assert!(key.len() >= 16 && secret.len() >= 32, "{key} {secret}");
    let keys = run(&["key", "list"]);
    assert_eq!(keys, format!("{key}\t2019-08\tcompanies 1,2\tvalid\n"));
    assert_eq!(run(&["key", "revoke", &key]), "revoked\n");
    assert!(run(&["key", "list"]).contains("revoked"));
}

#[test]
fn a_revoked_key_is_refused_by_a_running_server() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let other = installation.key(tenant.company, &[]);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let code = |client: &Client| client.get("company/getCompanys", &json!({}))["code"].clone();
    assert_eq!(code(&client), 200);
    installation.run(&["key", "revoke", &tenant.credentials.key]);
    hutong_e2e::wait::until("the server has heard of it", || (code(&client) == 401).then_some(()));
    assert_eq!(code(&server.client(&other)), 200);
}

#[test]
fn a_key_that_is_made_while_the_server_runs_works_at_once() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let new = installation.key(tenant.company, &[]);
    assert_eq!(server.client(&new).get("company/getCompanys", &json!({}))["code"], 200);
}

#[test]
fn why_a_number_is_not_dialled_is_explained_in_two_languages() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let task = client.write("task/createTask", &tenant.new_task(&client, &json!({})));
    let numbers = ["13800138000".to_owned(), "13800138001".to_owned()];
    client.write("task/importTaskCustomer", &tenant.import(&task, &numbers));
    let task = task.to_string();
    let why =
        |more: &[&str]| installation.run(&[&["why", "--task", &task, "--number", "138-0013-8001"], more].concat());

    let explained = why(&[]);
    for part in ["任务尚未启动", "前面还有 1 个号码", "任务状态：未开始"] {
        assert!(explained.contains(part), "{explained}");
    }
    assert!(why(&["--english"]).contains("the task has not been started"));
    client.write("company/addBlackList", &json!({ "companyId": tenant.company, "mobile": "13800138001" }));
    assert!(why(&[]).contains("号码在黑名单分组“默认分组”中"));

    let before = client.read("task/notDialedCustomerList", &json!({ "taskId": task }));
    assert_eq!(before["list"][0]["customerTelephone"], "13800138000");
    installation.run(&["number", "first", "--task", &task, "--number", "13800138001"]);
    let after = client.read("task/notDialedCustomerList", &json!({ "taskId": task }));
    assert_eq!(after["list"][0]["customerTelephone"], "13800138001");

    for (task, number, message) in
        [(&task[..], "13800138002", "has no number 13800138002"), ("999", "13800138001", "no task 999")]
    {
        let done = program::run(installation.data(), &["why", "--task", task, "--number", number]);
        assert_eq!(done.code, Some(1), "{}", done.stdout);
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
}

#[test]
fn companies_and_lines_are_changed_by_what_is_given() {
    let installation = Installation::new();
    let company = installation.run(&["company", "add", "公司", "--seats", "3"]);
    let company = company.trim().trim_start_matches("company ").to_owned();
    let set = |arguments: &[&str]| installation.run(&[&["company", "set", &company], arguments].concat());
    assert_eq!(set(&["--hours", "09:30-18:00"]), format!("{company}\t公司\t3 seats\t09:30–18:00\n"));
    let capped = set(&["--seats", "5", "--dials-per-day", "2", "--dials-per-week", "4"]);
    assert_eq!(capped, format!("{company}\t公司\t5 seats\t09:30–18:00\t2 dials per day\t4 dials per week\n"));
    assert_eq!(
        set(&["--hours", "all", "--dials-per-day", "0"]),
        format!("{company}\t公司\t5 seats\t4 dials per week\n")
    );

    let new = ["line", "add", "--company", &company, "--name", "线路", "--phone", "01088880000", "--type", "sip"];
    let line = installation.run(&[&new[..], &["--driver", "simulated", "--calls-per-second", "5"]].concat());
    let line = line.trim().trim_start_matches("line ").to_owned();
    let set = |arguments: &[&str]| installation.run(&[&["line", "set", &line], arguments].concat());
    assert!(set(&["--channels", "7", "--ramp", "10"]).ends_with("0/7 channels\t5 calls/s\tenabled\n"));
    assert!(set(&["--calls-per-second", "0", "--enabled", "false"]).ends_with("0/7 channels\t∞ calls/s\tdisabled\n"));

    for (arguments, message) in [
        (&["company", "set", &company, "--hours", "18:00-09:00"][..], "--hours"),
        (&["company", "set", "99", "--seats", "1"], "no company 99"),
        (&["line", "set", &line, "--ramp", "5"], "--calls-per-second"),
        (&["line", "set", "99", "--ramp", "5"], "no line 99"),
    ] {
        let done = program::run(installation.data(), arguments);
        assert_ne!(done.code, Some(0), "{arguments:?}");
        assert!(done.stderr.contains(message), "{arguments:?}: {}", done.stderr);
    }
}

#[test]
fn a_task_is_forecast_in_two_languages_and_with_other_settings() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 2);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let new = tenant.new_task(&client, &json!({ "concurrencyQuota": 2, "phoneNum": 3 }));
    let task = client.write("task/createTask", &new);
    let id = task.to_string();
    let refused = |arguments: &[&str], code: i32, message: &str| {
        let done = program::run(installation.data(), &[&["forecast", "--task"], arguments].concat());
        assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains(message), "{arguments:?}: {}", done.stderr);
    };
    refused(&[&id], 1, "has no numbers that are still to be dialled; import some");
    let numbers: Vec<String> = (0..40).map(|n| format!("120{n:08}")).collect();
    client.write("task/importTaskCustomer", &tenant.import(&task, &numbers));

    let shows = |more: &[&str], parts: &[&str]| {
        let printed = installation.run(&[&["forecast", "--task", &id], more].concat());
        for part in parts {
            assert!(printed.contains(part), "{more:?}: {part}\n{printed}");
        }
    };
    let assumed = "没有任何拨打记录，按典型值假设：接听率 30.0%，平均振铃 20.0 秒，平均通话 40.0 秒";
    let now = "任务未在运行，按现在启动计算。";
    let settings = "当前设置：公司坐席 2，任务坐席 2，同时拨打 3，线路通道 不限，时段 09:00–20:00，重拨 无。";
    let figures = ["剩余 40 个号码：未拨 40", "预计完成：", "坐席利用率：", "拨打次数：40\n", "已接听 "];
    shows(&[], &[&[assumed, now, settings][..], &figures, &["公司坐席 2→1", "同时拨打 3→2"]].concat());
    shows(&["--english"], &["typical values are assumed: 30.0% answered", "Finishes: ", "company seats 2→1", "as set"]);
    let tried = ["--seats", "4", "--quota", "4", "--phone-num", "8", "--hours", "10:00-11:00", "--runs", "3"];
    let expected = "试算设置：公司坐席 4，任务坐席 4，同时拨打 8，线路通道 不限，时段 10:00–11:00";
    shows(&tried, &[expected, "模拟 3 次", "当前设置", "时段 09:00–20:00"]);

    refused(&["999"], 1, "there is no task 999");
    refused(&[&id, "--phone-num", "5"], 2, "--phone-num must be one to two times the seats for the task, 2 to 4");
    refused(&[&id, "--hours", "20:00-22:00"], 2, "--hours must share time with the legal calling hours");
    refused(&[&id, "--hours", "evening"], 2, "09:00-20:00");
    client.write("task/stop", &json!({ "taskId": task }));
    refused(&[&id], 1, "is stopped: nothing is left to forecast");
}

#[test]
fn scenes_are_checked_with_line_and_column() {
    let check = |name: &str, text: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("scene.yaml");
        fs::write(&file, text).expect("the file is written");
        let done = program::finish(program::command().args(["scene", "check"]).arg(&file));
        assert_eq!(done.code, Some(1), "{name}: {}", done.stdout);
        let place = done.stderr.split("scene.yaml:").nth(1).unwrap_or_else(|| panic!("{name}: {}", done.stderr));
        let mut numbers = place.split(':').map(|part| part.trim().parse::<u32>());
        assert!(matches!((numbers.next(), numbers.next()), (Some(Ok(1..)), Some(Ok(1..)))), "{name}: {place}");
    };
    let good = fs::read_to_string(hutong_e2e::installation::BRIEF_SCENE).expect("the scene is there");
    check("a node that is not there", &good.replace("nodes:", "start: 开场白\nnodes:"));
    check("a key that is not there", &good.replace("voices:", "voice:"));
    check("no YAML", "hutong: [1");
    check("no levels", &good.replace("客户意向等级", "客户等级"));
}

#[test]
fn built_in_scenes_pass_their_own_tests() {
    let scenes = program::repository().join("crates/domain/scenes");
    let mut tested = 0;
    for entry in fs::read_dir(&scenes).expect("the folder of the scenes") {
        let script = entry.expect("an entry of the folder").path();
        let name = script.file_name().and_then(|name| name.to_str()).expect("a name in text").to_owned();
        let Some(scene) = name.strip_suffix(".tests.yaml") else { continue };
        let scene = scenes.join(scene).with_extension("yaml");
        let checked = program::finish(program::command().args(["scene", "check"]).arg(&scene));
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
        let command = ["scene", "test"];
        let done = program::finish(program::command().args(command).arg(&scene).arg("--script").arg(&script));
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains(" passed, 0 failed"), "{}", done.stdout);
        tested += 1;
    }
    assert!(tested >= 2);
    let schema = program::finish(program::command().args(["scene", "schema"]));
    let schema: Value = serde_json::from_str(&schema.stdout).expect("a schema is JSON");
    assert!(schema["properties"]["nodes"].is_object());
}

#[test]
fn a_dialogue_that_goes_otherwise_than_written_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = folder.path().join("script.yaml");
    let text = "- name: 说错的话\n  opening: { node: 通知, says: 再见 }\n  turns: []\n";
    fs::write(&script, text).expect("the file is written");
    let scene = hutong_e2e::installation::BRIEF_SCENE;
    let done = program::finish(program::command().args(["scene", "test", scene, "--script"]).arg(&script));
    assert_eq!(done.code, Some(1), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("FAIL 说错的话"), "{}", done.stdout);
}

#[test]
fn a_call_sends_a_signed_request_and_prints_the_answer() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let url = format!("http://{}", server.address());
    let answer = |arguments: &[&str]| -> Value {
        let printed = installation.run(&[&["call"], arguments, &["--url", &url]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    };
    let tasks = format!("/openapi/v1/task/getTasks?companyId={}", tenant.company);
    assert_eq!(answer(&[&tasks])["code"], 200);
    assert_eq!(answer(&["get", &tasks, "--key", &tenant.credentials.key])["code"], 200);
    let body = json!({ "companyId": tenant.company, "mobile": "13900000001" }).to_string();
    assert_eq!(answer(&["POST", "/openapi/v1/company/addBlackList", "--body", &body])["code"], 200);
    // The newest key that is valid signs.
    let newest = installation.key(tenant.company, &[]);
    installation.run(&["key", "revoke", &newest.key]);
    assert_eq!(answer(&[&tasks])["code"], 200);
    let done = program::run(installation.data(), &["call", &tasks, "--url", "http://127.0.0.1:9"]);
    assert_eq!(done.code, Some(1), "nobody answers there: {}", done.stdout);
}

#[test]
fn the_doctor_says_what_to_mend_until_all_is_well() {
    let installation = Installation::new();
    let doctor = || {
        let done = program::run(installation.data(), &["doctor"]);
        (done.code, done.stdout)
    };
    let sick = |word: &str| {
        let (code, printed) = doctor();
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains("mend") && printed.contains(word), "{printed}");
    };
    sick("hutong company add");
    installation.run(&["company", "add", "公司", "--seats", "1"]);
    sick("hutong line add");
    let line = ["line", "add", "--company", "1", "--name", "线路", "--phone", "02180000001", "--type", "fixed"];
    installation.run(&[&line[..], &["--driver", "simulated"]].concat());
    sick("hutong scene publish");
    installation.run(&["scene", "publish", hutong_e2e::installation::BRIEF_SCENE, "--company", "1"]);
    let (code, printed) = doctor();
    assert_eq!(code, Some(0), "{printed}");
    let _key = installation.key(1, &[]);
    fs::remove_file(installation.data().join("installation.key")).expect("the key file is there");
    sick("installation.key");
}

#[test]
fn the_reference_is_served_without_any_other_server() {
    let installation = Installation::new();
    let server = installation.serve();
    let get = |path: &str| hutong_e2e::http::Request::get(path).send(server.address()).expect("an answer");
    for path in ["/healthz", "/readyz", "/docs/", "/openapi.json"] {
        assert_eq!(get(path).status, 200, "{path}");
    }
    assert_eq!(get("/openapi.json").json()["openapi"], "3.1.0");
    let page = String::from_utf8(get("/docs/").body).expect("a page is text");
    let sources: Vec<&str> = page.split(['"', '\'']).filter(|part| part.starts_with("http")).collect();
    assert!(sources.is_empty(), "the page loads something from elsewhere: {sources:?}");
    let relative = page.split('"').filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    for source in relative {
        let path = format!("/docs/{}", source.trim_start_matches("./"));
        assert_eq!(get(&path).status, 200, "{path}");
    }
}
