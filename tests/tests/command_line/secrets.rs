//! Secrets stay secret: at rest, and in the log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hutong_e2e::client::now;
use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Demo, Installation};
use serde_json::json;

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

#[test]
fn the_key_of_an_installation_is_for_its_owner_alone() {
    let installation = Installation::new();
    let _tenant = installation.tenant("公司", 1);
    let file = installation.data().join("installation.key");
    let mode = fs::metadata(&file).expect("the key file is made on first use").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
}

#[test]
fn a_key_from_the_environment_needs_no_file() {
    let installation = Installation::with_environment(&[("HUTONG_KEY", KEY)]);
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    assert_eq!(client.get("company/getCompanys", &json!({}))["code"], 200);
    assert!(!installation.data().join("installation.key").exists());
}

/// Whether a file below the folder has the text in it.
fn is_in_a_file(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).expect("the folder is there").any(|entry| {
        let bytes = fs::read(entry.expect("an entry of the folder").path()).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn the_secret_of_a_key_is_in_no_file() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    assert_eq!(client.get("company/getCompanys", &json!({}))["code"], 200);
    assert!(server.stop().status.success());
    assert!(is_in_a_file(installation.data(), &tenant.credentials.key), "the key itself is no secret");
    assert!(!is_in_a_file(installation.data(), &tenant.credentials.secret));
}

#[test]
fn no_secret_and_no_number_stands_in_the_log_however_much_is_logged() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 5);
    let server = installation.serve_with(&[("HUTONG_LOG__LEVEL", "trace")]);
    let client = server.client(&tenant.credentials);
    let (name, value) = tenant.credentials.basic();
    let basic = Request::get("/openapi/v1/company/getCompanys").header(&name, &value).send(server.address());
    assert_eq!(basic.expect("an answer").json()["code"], 200);
    let numbers = ["13800138003", "13800138004", "13800138000"].map(str::to_owned);
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 5 }), &numbers);
    // What is refused is logged, too.
    let refused = client.post("company/addBlackList", &json!({ "companyId": tenant.company, "mobile": "1391234567x" }));
    assert_eq!(refused["code"], 412);
    until("the calls are over", || {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (done["total"] == 3).then_some(())
    });
    let log = server.stop().log;
    assert!(log.lines().count() > 5, "much is logged:\n{log}");
    let sign = &tenant.credentials.signed_at(now())[2].1;
    let encoded = value.trim_start_matches("Basic ");
    let key_file = fs::read_to_string(installation.data().join("installation.key")).expect("the key file is there");
    let hidden = [&tenant.credentials.secret, sign, encoded, key_file.trim(), "1391234567x"];
    for secret in hidden.into_iter().chain(numbers.iter().map(String::as_str)) {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} stands in the log");
    }
}

#[test]
fn every_answer_names_a_request_that_stands_in_the_log() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let server = installation.serve_with(&[("HUTONG_LOG__LEVEL", "debug")]);
    let client = server.client(&tenant.credentials);
    let good = client.get("company/getCompanys", &json!({}));
    let bad = client.get("company/getPhones", &json!({}));
    assert_eq!((&good["code"], &bad["code"]), (&json!(200), &json!(412)));
    let log = server.stop().log;
    for answer in [good, bad] {
        let id = answer["requestId"].as_str().expect("a request has an id");
        assert!(log.contains(id), "{answer} has no line in the log:\n{log}");
    }
}

#[test]
fn the_settings_of_a_demo_are_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let demo = Demo::start(&folder.path().join("data"), &[]);
    let mode = fs::metadata(demo.data().join("demo.env")).expect("demo.env is there").permissions().mode();
    assert_eq!(mode & 0o077, 0, "demo.env has a secret in it: {mode:o}");
}
