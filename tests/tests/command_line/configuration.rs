//! `hutong config`, configuration files, and the environment.

use std::fs;

use hutong_e2e::program::{self, Done};
use hutong_e2e::{Installation, Server};
use serde_json::json;

fn check_file(text: &str, environment: &[(&str, &str)]) -> Done {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("hutong.toml");
    fs::write(&file, text).expect("the file is written");
    program::finish(program::command().args(["config", "check"]).arg(&file).envs(environment.iter().copied()))
}

#[test]
fn the_default_configuration_is_printed_and_is_fine() {
    let printed = program::finish(program::command().args(["config", "default"]));
    assert_eq!(printed.code, Some(0));
    for key in ["listen", "data", "zone", "[store]", "url", "legal_start", "drain_s", "clock_skew_s", "level"] {
        assert!(printed.stdout.contains(key), "{key}");
    }
    let checked = check_file(&printed.stdout, &[]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("ok"), "{}", checked.stdout);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let check = |text: &str, environment: &[(&str, &str)], wrong: &str, near: &str| {
        let done = check_file(text, environment);
        assert_eq!(done.code, Some(2), "{text}: {}", done.stdout);
        assert!(done.stderr.contains(wrong) && done.stderr.contains(near), "{text}: {}", done.stderr);
    };
    check("lisen = \"127.0.0.1:1\"", &[], "lisen", "\"listen\"");
    check("[store]\nulr = \"sqlite:x\"", &[], "store.ulr", "\"url\"");
    check("[dialing]\ndrain = 3", &[], "dialing.drain", "\"drain_s\"");
    check("", &[("HUTONG_STORE__ULR", "sqlite:x")], "ulr", "\"url\"");
    check("", &[("HUTONG_ZONES", "UTC")], "zones", "\"zone\"");
}

#[test]
fn a_wrong_value_is_refused_by_its_key() {
    let check = |text: &str, environment: &[(&str, &str)], key: &str| {
        let done = check_file(text, environment);
        assert_eq!(done.code, Some(2), "{text}: {}", done.stdout);
        assert!(done.stderr.contains(key), "{text}: {}", done.stderr);
    };
    check("zone = \"Asia/Nowhere\"", &[], "zone");
    check("[dialing]\nlegal_start = \"21:00:00\"", &[], "dialing.legal_end");
    check("[dialing]\nlegal_start = \"nine\"", &[], "dialing.legal_start");
    check("[store]\nurl = \"mysql://x\"", &[], "store.url");
    check("[api]\nconnections_max = 0", &[], "api.connections_max");
    check("[log]\nformat = \"xml\"", &[], "log.format");
    check("", &[("HUTONG_DIALING__CALLS_MAX", "many")], "dialing.calls_max");
    let no_toml = check_file("listen = ", &[]);
    assert_eq!(no_toml.code, Some(2), "{}", no_toml.stderr);
}

#[test]
fn the_environment_wins_over_the_file_and_an_option_over_both() {
    let installation = Installation::new();
    let file = installation.data().join("hutong.toml");
    let data = installation.data().join("kept");
    fs::write(&file, "listen = \"nowhere\"\ndata = \"not-here\"\n[log]\nlevel = \"off\"\n")
        .expect("the file is written");
    let mut command = program::command();
    command.arg("serve").arg("--config").arg(&file).args(["--listen", "127.0.0.1:0"]);
    command.env("HUTONG_DATA", &data).env("HUTONG_LOG__LEVEL", "info").env("HUTONG_LISTEN", "nowhere either");
    let server = Server::start(&mut command);
    assert!(data.join("hutong.db").is_file(), "the data folder of the environment");
    assert!(!installation.data().join("not-here").exists());
    assert!(server.stop().status.success());
}

#[test]
fn dates_and_times_are_those_of_the_configured_zone() {
    let installation = Installation::with_environment(&[("HUTONG_ZONE", "Pacific/Kiritimati")]);
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let today = || {
        let zone = jiff::tz::TimeZone::get("Pacific/Kiritimati").expect("the zone is known");
        hutong_e2e::client::now().to_zoned(zone).date().to_string()
    };
    let before = today();
    let task = client.write("task/createTask", &tenant.new_task(&client, &json!({})));
    let after = today();
    let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
    let made = detail["callPhones"][0]["gmtCreate"].as_str().expect("a moment").to_owned();
    assert!([&before, &after].iter().any(|day| made.starts_with(*day)), "{made} is not {before} or {after}");
}

#[test]
fn a_log_in_json_is_json_line_by_line() {
    let installation = Installation::new();
    let log = installation.serve_with(&[("HUTONG_LOG__FORMAT", "json")]).log();
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn a_log_that_goes_to_no_terminal_has_no_colours() {
    let installation = Installation::new();
    let mut command = program::command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(installation.data()).env_remove("NO_COLOR");
    let server = Server::start(&mut command);
    assert!(!server.log().contains('\u{1b}'), "{:?}", server.log());
}
