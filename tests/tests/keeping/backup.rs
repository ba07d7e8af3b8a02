//! Backups of an installation that runs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use hutong_e2e::wait::until;
use hutong_e2e::{Server, program};
use serde_json::json;

use crate::site::{PUBLIC_URL, Site};

fn backup(site: &Site, file: &Path, options: &[&str]) -> program::Done {
    program::run(site.data(), &[&["backup", file.to_str().unwrap()], options].concat())
}

fn restore(file: &Path, data: &Path, options: &[&str]) -> program::Done {
    let arguments = ["restore", file.to_str().unwrap(), "--data", data.to_str().unwrap()];
    program::finish(program::command().args(arguments).args(options))
}

/// What is in a folder, but for the file that says that it is in use.
fn listed(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_server_on_a_restored_folder_answers_as_the_one_that_was_backed_up() {
    let site = Site::new();
    let recorded = site.record(site.call_to("13800138000"));
    site.call_somebody();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hutong.tar.gz");

    let done = backup(&site, &file, &["--with-key", "--with-recordings"]);

    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("3 recordings, the installation's key"), "{}", done.stdout);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(listed(folder.path()), ["hutong.tar.gz"]);
    let verified = program::run(folder.path(), &["backup", "verify", file.to_str().unwrap()]);
    assert!(verified.code == Some(0) && verified.stdout.contains("whole"), "{}{}", verified.stdout, verified.stderr);
    let data = folder.path().join("restored");
    let restored = restore(&file, &data, &[]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert_eq!(listed(&data), ["hutong.db", "installation.key", "recordings"]);
    for path in &recorded {
        let kept = data.join(path.strip_prefix(site.data()).unwrap());
        assert_eq!(fs::read(path).unwrap(), fs::read(kept).unwrap());
    }
    let again = Server::serve(&data, &[PUBLIC_URL]);
    let client = again.client(&site.tenant.credentials);
    let (expected, found) = (site.answers(&site.client()), site.answers(&client));
    assert_eq!(expected.len(), 17);
    assert_eq!(expected, found);
    assert!(expected.iter().any(|(_, answer)| answer.contains("-1.wav")), "a recording has its address");
    // What was in progress ends as calls do whose server has died, and the installation lives on.
    let task = site.tenant.running_task(&client, &json!({}), &["13800138006".to_owned()]);
    until("a new task is done", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": site.tenant.company, "taskId": task }));
        (detail["status"] == 2).then_some(())
    });
}

#[test]
fn a_backup_without_the_key_says_so_and_is_restored_with_the_right_one_alone() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("b.tar.gz"), folder.path().join("data"));
    let done = backup(&site, &file, &[]);
    assert!(done.stdout.contains("installation's key is not in it"), "{}", done.stdout);
    assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("installation.key"));
    let wrong = folder.path().join("wrong.key");
    fs::write(&wrong, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();

    let refused = restore(&file, &data, &["--key", wrong.to_str().unwrap()]);

    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("not the key"), "{}", refused.stderr);
    assert_eq!(listed(folder.path()), ["b.tar.gz", "wrong.key"], "nothing is left of it");
    let without = restore(&file, &folder.path().join("without"), &[]);
    assert!(without.code == Some(0) && without.stdout.contains("without/installation.key"), "{}", without.stdout);
    let key = site.data().join("installation.key");
    assert_eq!(restore(&file, &data, &["--key", key.to_str().unwrap()]).code, Some(0));
    let server = Server::serve(&data, &[]);
    // Signed with a secret that only this key opens.
    assert_eq!(site.feed(&server.client(&site.tenant.credentials)).len(), 5);
}

#[test]
fn a_folder_that_is_in_use_or_has_something_in_it_is_not_restored_over() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.tar.gz");
    assert_eq!(backup(&site, &file, &[]).code, Some(0));
    let check = |data: &Path, why: &str| {
        let done = restore(&file, data, &[]);
        assert_eq!(done.code, Some(1), "{}", done.stdout);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    };
    check(site.data(), "another hutong server uses this data folder");
    let Site { server, installation, .. } = site;
    let _ = server.stop();
    check(installation.data(), "has a store already");
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes.txt"), "x").unwrap();
    check(&other, "is not empty");
    assert_eq!(listed(&other), ["notes.txt"]);
    fs::remove_file(other.join("notes.txt")).unwrap();
    assert_eq!(restore(&file, &other, &[]).code, Some(0), "an empty one is good");
}

#[test]
fn a_file_that_is_there_is_written_over_only_when_it_is_asked_for() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.tar.gz");
    fs::write(&file, "precious").unwrap();
    let refused = backup(&site, &file, &[]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert_eq!(backup(&site, &file, &["--force"]).code, Some(0));
    assert_eq!(program::run(folder.path(), &["backup", "verify", file.to_str().unwrap()]).code, Some(0));
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_under_its_name_and_the_next_one_takes_over() {
    let site = Site::new();
    let folder = tempfile::tempdir().unwrap();
    let (file, part) = (folder.path().join("b.tar.gz"), folder.path().join("b.tar.gz.part"));
    // Twenty gigabytes of nothing, which take no room, and take their time.
    let [large, ..] = site.record(site.call_to("13800138000"));
    fs::File::create(&large).unwrap().set_len(20 << 30).unwrap();
    let mut command = program::command();
    command.env("HUTONG_DATA", site.data()).args(["backup", file.to_str().unwrap(), "--with-recordings"]);
    let mut writing = command.stdout(Stdio::null()).spawn().unwrap();
    until("the archive is being written", || fs::metadata(&part).is_ok_and(|part| part.len() > 100_000).then_some(()));
    let second = backup(&site, &file, &[]);
    assert!(second.code == Some(1) && second.stderr.contains("another process writes"), "{}", second.stderr);
    writing.kill().unwrap();
    writing.wait().unwrap();
    assert!(!file.exists());
    let refused = program::run(folder.path(), &["backup", "verify", part.to_str().unwrap()]);
    assert!(refused.code == Some(1) && refused.stderr.contains("not a whole backup"), "{}", refused.stderr);

    assert_eq!(backup(&site, &file, &[]).code, Some(0));

    assert_eq!(listed(folder.path()), ["b.tar.gz"]);
    assert_eq!(program::run(folder.path(), &["backup", "verify", file.to_str().unwrap()]).code, Some(0));
}

#[test]
fn on_postgres_the_command_is_said_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://hutong:s3cret@db.example.com:5433/calls";
    let mut command = program::command();
    command.env("HUTONG_DATA", folder.path()).env("HUTONG_STORE__URL", url).args(["backup", "b.dump"]);
    let done = program::finish(&mut command);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    let expected =
        "pg_dump --format=custom --host=db.example.com --port=5433 --username=hutong --dbname=calls --file=b.dump";
    assert!(done.stderr.contains(expected) && !done.stderr.contains("s3cret"), "{}", done.stderr);
}
