//! A server that does everything, and logs all that it can: no secret and no number stands in its log.

use hutong_e2e::callees::Callees;
use hutong_e2e::http::Request;
use hutong_e2e::kept_logs::register_secret;

use crate::company::{Company, FIRST_LINE, SECOND_LINE};

const NUMBERS: [&str; 2] = ["13800138026", "13800138006"];
const PASSWORD: &str = "password-of-the-trunk";
const VOICE_KEY: &str = "key-of-the-voice-server";
const MIND_KEY: &str = "key-of-the-language-model";
const TRACES_KEY: &str = "key-of-the-collector";
const S3_SECRET: &str = "secret-of-the-bucket";

#[test]
fn a_server_that_does_everything_logs_no_secret_and_no_number() {
    let callees = Callees::start_at("127.0.0.1:0");
    let mut company = Company::new("3");
    let password = company.installation.data().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let with_password = ["--user", "account", "--password-file", password.to_str().unwrap()];
    let first = company.line(FIRST_LINE, callees.address(), &with_password);
    // Nobody is there: it registers in vain, and says so.
    let _dead = company.line(SECOND_LINE, "127.0.0.1:9", &[&with_password[..], &["--register"]].concat());
    let dead = "http://127.0.0.1:9";
    let client = company.serve_with(&[
        ("HUTONG_LOG__LEVEL", "trace"),
        ("HUTONG_LOG__FORMAT", "json"),
        ("HUTONG_SPEECH__VOICE__URL", dead),
        ("HUTONG_SPEECH__VOICE__KEY", VOICE_KEY),
        ("HUTONG_SPEECH__MIND__URL", dead),
        ("HUTONG_SPEECH__MIND__MODEL", "model"),
        ("HUTONG_SPEECH__MIND__KEY", MIND_KEY),
        ("HUTONG_TRACES__URL", dead),
        ("HUTONG_TRACES__KEY", TRACES_KEY),
        ("HUTONG_RECORDINGS__S3_ENDPOINT", dead),
        ("HUTONG_RECORDINGS__S3_REGION", "region"),
        ("HUTONG_RECORDINGS__URL", "s3://bucket/calls"),
        ("HUTONG_RECORDINGS__S3_ACCESS_KEY_ID", "id"),
        ("HUTONG_RECORDINGS__S3_SECRET_ACCESS_KEY", S3_SECRET),
    ]);
    let secrets = [PASSWORD, VOICE_KEY, MIND_KEY, TRACES_KEY, S3_SECRET];
    secrets.into_iter().for_each(register_secret);
    let done = company.dialled(&client, &[first], 3, &NUMBERS);
    let server = company.server.take().unwrap();
    for path in ["/metrics", "/readyz", "/docs/"] {
        let _ = Request::get(path).send(server.address()).unwrap();
    }
    let log = server.stop().log;
    assert!(log.lines().count() > 50, "much is logged:\n{log}");
    for secret in secrets.into_iter().chain(NUMBERS) {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None, "{secret} stands in the log");
    }
    // Whoever looks for a call finds all lines of it.
    for call in &done {
        let id = call["callInstanceId"].as_i64().unwrap().to_string();
        let lines: Vec<serde_json::Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let is_of = |span: &serde_json::Value| span["name"] == "call" && span["call"] == id.as_str();
        let of_call = lines.iter().filter(|line| line["spans"].as_array().is_some_and(|spans| spans.iter().any(is_of)));
        assert!(of_call.count() >= 2, "call {id} is dialled, and ends:\n{log}");
    }
}
