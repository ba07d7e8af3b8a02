//! Users, keys and the audit log, as an administrator has them.

use std::io::Write as _;
use std::process::Stdio;

use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Credentials, Installation, Server, Tenant, program};
use hutong_telephony::detect::wav;
use serde_json::{Value, json};

/// What a command printed that was given this on its standard input.
fn with_input(installation: &Installation, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = program::command();
    command.args(arguments).env("HUTONG_DATA", installation.data());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that needs no password does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The audit log, newest first.
fn log(installation: &Installation, filter: &[&str]) -> Vec<Value> {
    let printed = installation.run(&[&["audit", "--format", "jsonl"], filter].concat());
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A company with a task whose two calls are over, and one of its calls that was answered.
fn finished(installation: &Installation) -> (Tenant, Server, Client, u64) {
    let tenant = installation.tenant("公司", 5);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let task = tenant.running_task(&client, &json!({}), &["13800138000", "13800138001"].map(str::to_owned));
    let done = until("the calls are over", || {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (done["total"] == 2).then_some(done)
    });
    let call = done["list"][0]["callInstanceId"].as_u64().unwrap();
    (tenant, server, client, call)
}

/// Commands that change something, in an order in which each can be done, with what the log has to say of it.
fn changes(tenant: &Tenant, waiting: &str, call: u64, key: &str, sound: &str) -> Vec<(&'static str, String)> {
    let (company, line, scene) = (tenant.company, tenant.line, hutong_e2e::installation::BRIEF_SCENE);
    let new_line = "--name 线 --phone 02180000002 --type sip --driver simulated";
    vec![
        ("company.create", "company add 别的公司 --seats 1".to_owned()),
        ("company.update", format!("company set {company} --seats 7")),
        ("line.create", format!("line add --company {company} {new_line}")),
        ("line.update", format!("line set {line} --channels 9")),
        ("scene.publish", format!("scene publish {scene} --company {company}")),
        ("announcement.create", format!("announcement add {sound} --means 空号")),
        ("announcement.delete", "announcement remove 1".to_owned()),
        ("number.first", format!("number first --task {waiting} --number 13800138003")),
        ("number.forget", "number forget 13800138003".to_owned()),
        ("call.grade", format!("grade --call {call} --result 客户意向等级 --value A级(较强)")),
        ("callback.set", format!("callback set --company {company} --of calls --url https://crm.example.com/")),
        ("callback.unset", format!("callback unset --company {company} --of calls")),
        ("key.create", format!("key create --company {company}")),
        ("key.update", format!("key set {key} --allow 127.0.0.1")),
        ("key.bind", format!("key bind {key} --company 2")),
        ("key.unbind", format!("key unbind {key} --company 2")),
        ("key.rotate", format!("key rotate {key}")),
        ("key.revoke", format!("key revoke {key}")),
        ("user.create", format!("user add Anna --role operator --company {company} --generate")),
        ("user.password", "user password anna --generate".to_owned()),
        ("user.role", "user role anna viewer".to_owned()),
        ("user.companies", "user companies anna".to_owned()),
        ("user.disable", "user disable anna".to_owned()),
        ("user.enable", "user enable anna".to_owned()),
    ]
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

#[test]
fn every_command_that_changes_something_leaves_one_row_and_others_none() {
    let installation = Installation::new();
    let (tenant, _server, client, call) = finished(&installation);
    let waiting = client.write("task/createTask", &tenant.new_task(&client, &json!({})));
    let numbers = ["13800138002", "13800138003"].map(str::to_owned);
    client.write("task/importTaskCustomer", &tenant.import(&waiting, &numbers));
    let (waiting, key) = (waiting.to_string(), installation.key(tenant.company, &[]).key);
    let sound: Vec<i16> = (0..32_000).map(|n: i32| i16::try_from(n * (n % 97) % 9_000).unwrap()).collect();
    let file = installation.data().join("announcement.wav");
    std::fs::write(&file, wav::write_alaw(&sound)).unwrap();
    let script = changes(&tenant, &waiting, call, &key, &file.display().to_string());
    let rows = log(&installation, &[]).len();
    for (at, (action, command)) in script.iter().enumerate() {
        installation.run(&words(command));
        let log = log(&installation, &[]);
        assert_eq!(log.len(), rows + at + 1, "{command} leaves one row");
        assert_eq!(log[0]["action"], *action, "{command}");
        assert!(log[0]["actor"].as_str().unwrap().starts_with("command line "), "{}", log[0]);
    }
    let again = format!("company set {} --seats 7", tenant.company);
    let (show, grade) = (format!("key show {key}"), format!("grade --call {call}"));
    for command in [&again, &show, &grade, "company list", "key list", "user list", "user sessions anna"] {
        installation.run(&words(command));
    }
    let (revoke, rotate) = (format!("key revoke {key}"), format!("key rotate {key}"));
    let unknown = format!("number first --task {waiting} --number 13900000000");
    let refused =
        ["key create --company 99", "user add anna --generate", "user role nobody admin", "announcement remove 1"];
    for command in [&revoke, &rotate, &unknown].into_iter().map(String::as_str).chain(refused) {
        assert_ne!(program::run(installation.data(), &words(command)).code, Some(0), "{command}");
    }
    let log = log(&installation, &[]);
    assert_eq!(log.len(), rows + script.len());
    let text = format!("{log:?}");
    assert!(!text.contains("1380013800") && !text.contains("argon2"), "{text}");
}

#[test]
fn the_log_is_asked_for_by_whom_what_and_when() {
    let installation = Installation::new();
    let (tenant, _server, _client, _) = finished(&installation);
    let company = tenant.company.to_string();
    let actions = |filter: &[&str]| -> Vec<String> {
        log(&installation, filter).iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&["--actor", "key"]), ["task.start", "task.import", "task.create"]);
    assert_eq!(actions(&["--actor", &format!("key {}", tenant.credentials.key)]).len(), 3);
    assert_eq!(
        actions(&["--actor", "command line", "--company", &company]),
        ["scene.publish", "line.create", "company.create"]
    );
    assert_eq!(actions(&["--action", "key."]), ["key.create"]);
    assert_eq!(actions(&["--until", "2020-01-01"]), [""; 0]);
    assert_eq!(actions(&["--since", "2020-01-01", "--action", "task"]).len(), 3);
    let page = log(&installation, &["--limit", "2"]);
    let next = log(&installation, &["--limit", "2", "--before", &page[1]["id"].to_string()]);
    assert_eq!((page.len(), next.len()), (2, 2));
    assert_eq!(next[0]["id"].as_u64(), page[1]["id"].as_u64().map(|id| id - 1));
    let text = installation.run(&["audit", "--action", "task.start"]);
    let parts: Vec<&str> = text.trim().split('\t').collect();
    assert_eq!(parts[3..], ["task.start", "task 1", "company 1", "-{\"status\":0}", "+{\"status\":3}"], "{text}");
    let wrong = program::run(installation.data(), &["audit", "--since", "yesterday"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--since"), "{}", wrong.stderr);
}

#[test]
fn a_user_is_made_with_a_password_from_standard_input() {
    let installation = Installation::new();
    installation.run(&["company", "add", "公司", "--seats", "1"]);
    let add =
        |arguments: &[&str], input: &str| with_input(&installation, &[&["user", "add"], arguments].concat(), input);
    let (code, printed, complaint) = add(&["Anna", "--role", "admin"], "correct horse battery\n");
    assert_eq!((code, printed.as_str()), (Some(0), "anna\tadmin\tall companies\tenabled\n"), "{complaint}");
    let (code, printed, _) = add(&["bert", "--company", "1", "--generate"], "");
    assert_eq!(code, Some(0));
    let (row, password) = printed.split_once('\n').unwrap();
    assert_eq!(row, "bert\tviewer\tcompanies 1\tenabled");
    assert!(password.trim().strip_prefix("PASSWORD=").is_some_and(|password| password.len() == 24), "{printed}");
    for (arguments, input, code, why) in [
        (&["carl"][..], "short\n", 2, "at least 12 characters"),
        (&["carl"], "", 2, "at least 12 characters"),
        (&["a b"], "correct horse battery\n", 2, "the name of a user"),
        (&["ANNA"], "correct horse battery\n", 1, "there is a user anna already"),
        (&["carl", "--company", "9"], "correct horse battery\n", 1, "no company 9"),
        (&["carl", "--role", "admin", "--company", "1"], "correct horse battery\n", 2, "--company"),
        (&["carl", "--role", "root"], "correct horse battery\n", 2, "admin, operator or viewer"),
    ] {
        let (exit, printed, complaint) = add(arguments, input);
        assert_eq!((exit, printed.as_str()), (Some(code), ""), "{arguments:?}: {complaint}");
        assert!(complaint.contains(why), "{arguments:?}: {complaint}");
    }
    let (code, ..) = with_input(&installation, &["user", "password", "bert"], "another long password\r\n");
    assert_eq!(code, Some(0));
    installation.run(&["user", "disable", "bert"]);
    assert_eq!(installation.run(&["user", "companies", "bert"]), "bert\tviewer\tall companies\tdisabled\n");
    assert_eq!(installation.run(&["user", "list"]).lines().count(), 2);
}

fn code(client: &Client) -> Value {
    client.get("company/getCompanys", &json!({}))["code"].clone()
}

#[test]
fn a_rotated_secret_takes_over_from_the_old_one() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let old = server.client(&tenant.credentials);
    assert_eq!(code(&old), 200);
    let rotate = |more: &[&str]| {
        Credentials::printed(&installation.run(&[&["key", "rotate", &tenant.credentials.key], more].concat()))
    };
    let second = rotate(&[]);
    let new = server.client(&second);
    until("the server knows the new secret", || (code(&new) == 200).then_some(()));
    assert_eq!(code(&old), 200, "the old one is good for a week");
    let shown = installation.run(&["key", "show", &second.key]);
    assert!(shown.contains("old secret good until") && !shown.contains(&second.secret), "{shown}");

    let third = server.client(&rotate(&["--overlap", "0"]));
    until("the server refuses the one before", || (code(&new) == 401).then_some(()));
    assert_eq!((code(&old), code(&third)), (json!(401), json!(200)));
    let done = program::run(installation.data(), &["key", "rotate", &second.key, "--overlap", "91d"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("at most 90d"), "{}", done.stderr);
}

#[test]
fn a_key_is_good_from_its_addresses_alone() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let elsewhere = installation.key(tenant.company, &["--allow", "192.0.2.0/24", "--allow", "2001:db8::/32"]);
    let server = installation.serve_with(&[("HUTONG_API__TRUSTED_PROXIES", "[\"127.0.0.1\"]")]);
    let client = server.client(&elsewhere);
    assert_eq!(code(&client), 403);
    let (name, basic) = elsewhere.basic();
    let through_proxy = |forwarded: &str| {
        let request = Request::get("/openapi/v1/company/getCompanys").header(&name, &basic);
        request.header("X-Forwarded-For", forwarded).send(server.address()).unwrap().json()["code"].clone()
    };
    assert_eq!(through_proxy("192.0.2.7"), 200);
    assert_eq!(through_proxy("192.0.2.7, 203.0.113.9"), 403);
    assert_eq!(through_proxy("203.0.113.9, 2001:db8::7"), 200);
    let set = |more: &[&str]| installation.run(&[&["key", "set", &elsewhere.key], more].concat());
    assert!(set(&["--allow", "127.0.0.0/8"]).ends_with("\tfrom 127.0.0.0/8\n"));
    until("the server knows the new addresses", || (code(&client) == 200).then_some(()));
    assert!(set(&["--allow-all"]).ends_with("\tvalid\n"));
    let wrong = program::run(installation.data(), &["key", "set", &elsewhere.key, "--allow", "10.0.0.1/8"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("--allow") && wrong.stderr.contains("10.0.0.0/8"), "{}", wrong.stderr);
}
