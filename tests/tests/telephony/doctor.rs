//! `hutong doctor` on an installation with lines over SIP.

use std::net::UdpSocket;

use futures::executor::block_on;
use hutong_domain::ids::CompanyId;
use hutong_domain::outcome::Meaning;
use hutong_e2e::callees::Callees;
use hutong_e2e::program::{self, Done};
use hutong_store::{Options, Store, Url, announcement};
use hutong_testkit::clock::START;

use crate::company::{Company, FIRST_LINE};

fn doctor(company: &Company, environment: &[(&str, &str)]) -> Done {
    let mut command = program::command();
    command.env("HUTONG_DATA", company.installation.data()).envs(environment.iter().copied());
    program::finish(command.arg("doctor"))
}

/// One thing is to be mended, and the line about it has all of these words.
fn sick(company: &Company, environment: &[(&str, &str)], words: &[&str]) {
    all_sick(company, environment, &[words]);
}

/// These things are to be mended and no others, and the line about each has all of its words.
fn all_sick(company: &Company, environment: &[(&str, &str)], expected: &[&[&str]]) {
    let Done { code, stdout, .. } = doctor(company, environment);
    let problems: Vec<&str> = stdout.lines().filter(|line| line.starts_with("mend ")).collect();
    assert_eq!((code, problems.len()), (Some(1), expected.len()), "{stdout}");
    for (problem, words) in problems.iter().zip(expected) {
        assert!(words.iter().all(|word| problem.contains(word)), "{words:?} in {stdout}");
    }
}

#[test]
fn all_is_well_with_a_trunk_that_answers() {
    let callees = Callees::start();
    let mut company = Company::new("5");
    company.line(FIRST_LINE, callees.address(), &[]);
    let well = |company: &Company, more: &[&str]| {
        let Done { code, stdout, stderr, .. } = doctor(company, &[]);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let trunk = format!("line 1 ({FIRST_LINE}) of company 1: the trunk {} answers OPTIONS", callees.address());
        let words = [
            &trunk,
            "media ports 20000 to 29999",
            "announcements ship",
            "room for",
            "can be written, read and deleted",
        ];
        for word in words.iter().chain(more) {
            assert!(stdout.lines().any(|line| line.starts_with("ok ") && line.contains(word)), "{word} in {stdout}");
        }
    };
    well(&company, &["nothing waits in it", "no server is running"]);
    company.serve();
    well(&company, &["0 calls are recorded", "a server is running"]);
    let kept = hutong_e2e::recording::files(&company.installation.data().join("recordings"));
    assert!(kept.is_empty(), "{kept:?}");
}

#[test]
fn a_trunk_that_does_not_answer_or_does_not_know_us_is_to_be_mended() {
    let callees = Callees::start();
    let company = Company::new("5");
    let line = company.line(FIRST_LINE, callees.address(), &[]);
    let set = |arguments: &[&str]| company.installation.run(&[&["line", "set", &line.to_string()], arguments].concat());
    // The farm is no registrar.
    set(&["--register", "--user", "account"]);
    sick(&company, &[], &["line 1", "refuses the registration with"]);
    set(&["--register", "false", "--server", "nowhere.invalid", "--sandbox", "false"]);
    // On a trunk where words do not come as text, somebody has to recognise them.
    all_sick(&company, &[], &[&["line 1", "nowhere.invalid"], &["no recogniser"]]);
    set(&["--server", callees.address(), "--sandbox", "true"]);
    drop(callees);
    sick(&company, &[], &["line 1", "OPTIONS"]);
    // Nobody can know then.
    set(&["--options-seconds", "0"]);
    assert_eq!(doctor(&company, &[]).code, Some(0));
}

#[test]
fn ports_that_are_too_few_or_taken_are_to_be_mended() {
    let company = Company::new("5");
    let line = company.line(FIRST_LINE, "127.0.0.1:5070", &["--options-seconds", "0"]);
    let ports = |first: u16, last: u16| {
        [("HUTONG_MEDIA__PORT_FIRST", first.to_string()), ("HUTONG_MEDIA__PORT_LAST", last.to_string())]
    };
    let few = ports(20_000, 20_007);
    let few = few.each_ref().map(|(name, value)| (*name, value.as_str()));
    sick(&company, &few, &["room for 4 calls", "up to 2000"]);
    company.installation.run(&["line", "set", &line.to_string(), "--channels", "1"]);

    let taken = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let one = ports(port & !1, port | 1);
    let one = one.each_ref().map(|(name, value)| (*name, value.as_str()));
    sick(&company, &one, &["other programs have 1 of 1 pairs"]);
    let listen = format!("0.0.0.0:{port}");
    sick(&company, &[("HUTONG_SIP__LISTEN", &listen)], &["SIP cannot be listened to", &listen]);
}

#[test]
fn places_that_recordings_cannot_go_to_are_to_be_mended() {
    let company = Company::new("5");
    company.line(FIRST_LINE, "127.0.0.1:5070", &["--options-seconds", "0"]);
    let in_the_way = tempfile::NamedTempFile::new().unwrap();
    let path = in_the_way.path().to_str().unwrap();
    sick(&company, &[("HUTONG_RECORDINGS__SPOOL", path)], &["spool folder", path]);
    sick(&company, &[("HUTONG_RECORDINGS__URL", path)], &["recordings cannot be kept in folder", path]);
    // Taken, so that nobody else listens there, and not listened to.
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", nobody.local_addr().unwrap());
    let bucket = [
        ("HUTONG_RECORDINGS__URL", "s3://calls/all"),
        ("HUTONG_RECORDINGS__S3_ENDPOINT", &endpoint),
        ("HUTONG_RECORDINGS__S3_REGION", "here"),
        ("HUTONG_RECORDINGS__S3_ACCESS_KEY_ID", "id"),
        ("HUTONG_RECORDINGS__S3_SECRET_ACCESS_KEY", "hunter2"),
    ];
    sick(&company, &bucket, &["s3://calls/all at http://127.0.0.1:", "could not be written"]);
    assert!(!doctor(&company, &bucket).stdout.contains("hunter2"));
}

#[test]
fn what_the_store_holds_and_nobody_can_use_is_to_be_mended() {
    let company = Company::new("5");
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "hunter2\n").unwrap();
    let account = ["--user", "account", "--password-file", password.path().to_str().unwrap(), "--options-seconds", "0"];
    company.line(FIRST_LINE, "127.0.0.1:5070", &account);
    let store = Store::open(&Options::new(Url::Sqlite(company.installation.data().join("hutong.db"))), START).unwrap();
    let insert = |db: &mut _| announcement::insert(db, "移动", Meaning::Vacant, "no fingerprint", START);
    block_on(store.write(CompanyId(0), insert)).unwrap();
    drop(store);
    sick(&company, &[], &["announcement 1 (移动)"]);
    company.installation.run(&["announcement", "remove", "1"]);
    assert_eq!(doctor(&company, &[]).code, Some(0));

    std::fs::remove_file(company.installation.data().join("installation.key")).unwrap();
    let Done { code, stdout, .. } = doctor(&company, &[]);
    assert!(code == Some(1) && stdout.contains("the password of the line"), "{stdout}");
}
