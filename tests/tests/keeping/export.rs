//! A company takes its data away.

use std::fs;
use std::path::Path;
use std::process::Command;

use hutong_e2e::program;
use serde_json::Value;

use crate::site::{NUMBERS, Site};

fn export(site: &Site, to: &Path, more: &[&str]) -> program::Done {
    let company = site.tenant.company.to_string();
    let arguments = ["export", "company", "--company", &company, "--to", to.to_str().unwrap()];
    program::run(site.data(), &[&arguments[..], more].concat())
}

fn lines(folder: &Path, table: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(format!("{table}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_company_gets_all_of_its_data_and_nothing_of_others() {
    let site = Site::new();
    let call = site.call_to("13800138000");
    site.record(call);
    let other = site.installation.tenant("别人", 3);
    let client = site.server.client(&other.credentials);
    other.running_task(&client, &serde_json::json!({}), &["13800138021".to_owned()]);
    let folder = tempfile::tempdir().unwrap();
    let (plain, archive) = (folder.path().join("data"), folder.path().join("data.tar.gz"));

    let done = export(&site, &plain, &[]);

    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("3 files of recordings"), "{}", done.stdout);
    let calls = lines(&plain, "call");
    let mut numbers: Vec<&str> = calls.iter().map(|call| call["customer_phone"].as_str().unwrap()).collect();
    numbers.sort_unstable();
    let mut expected = NUMBERS;
    expected.sort_unstable();
    assert_eq!(numbers, expected);
    assert_eq!(lines(&plain, "company").len(), 1);
    let records = lines(&plain, "call_record");
    assert!(records.iter().any(|record| record["utterances"][0]["text"].is_string()), "documents are JSON in JSON");
    let recording = plain.join("recordings").join(calls.iter().find_map(|it| it["recording"].as_str()).unwrap());
    assert_eq!(fs::read_to_string(recording).unwrap(), format!("the voices of call {call}"));
    let everything: String = fs::read_dir(&plain)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for secret in ["13800138021", "别人", site.tenant.credentials.secret.as_str()] {
        assert!(!everything.contains(secret), "{secret}");
    }

    assert_eq!(export(&site, &archive, &["--without-recordings"]).code, Some(0));
    let unpacked = folder.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let run = |command: &mut Command| assert!(command.current_dir(&unpacked).output().unwrap().status.success());
    run(Command::new("tar").arg("xzf").arg(&archive));
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]));
    assert!(!unpacked.join("recordings").exists());
    assert_eq!(lines(&unpacked, "call"), calls);
    let again = export(&site, &archive, &[]);
    assert!(again.code == Some(1) && again.stderr.contains("choose another name"), "{}", again.stderr);
}
