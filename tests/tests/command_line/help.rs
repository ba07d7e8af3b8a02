//! `--help` and exit codes.

use std::path::Path;

use hutong_e2e::program::{self, Done};

fn run(arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().expect("a temporary folder");
    program::run(folder.path(), arguments)
}

/// The help of the command names all of these.
fn check(command: &str, names: &[&str]) {
    let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
    let done = run(&arguments);
    assert_eq!(done.code, Some(0), "{command}: {}", done.stderr);
    for name in names {
        assert!(done.stdout.contains(name), "`{command} --help` does not name {name}:\n{}", done.stdout);
    }
}

#[test]
fn help_of_every_command_names_its_options() {
    let all = [
        "demo",
        "serve",
        "config",
        "company",
        "key",
        "user",
        "audit",
        "line",
        "scene",
        "call",
        "callback",
        "export",
        "why",
        "forecast",
        "grade",
        "doctor",
        "backup",
        "restore",
        "completions",
        "man",
    ];
    check("", &all);
    check("", &["announcement"]);
    check("completions", &["<SHELL>", "bash", "zsh", "fish"]);
    check("man", &["<DIR>"]);
    check("announcement add", &["<FILE>", "--means", "--name", "--config", "--data"]);
    check("announcement list", &["--config", "--data"]);
    check("announcement remove", &["<ID>", "--config", "--data"]);
    check("", &["--version", "Exit codes: 0 done, 1 failed, 2 wrong use"]);
    check("demo", &["--listen", "--data"]);
    check("serve", &["--config", "--listen", "--data"]);
    check("config", &["default", "check"]);
    check("config check", &["<FILE>"]);
    check("company", &["add", "list"]);
    check("company add", &["<NAME>", "--seats", "--config", "--data"]);
    check("company set", &["--name", "--keep-recordings", "--keep-transcripts", "--keep-numbers"]);
    check("company list", &["--config", "--data"]);
    check("key", &["create", "list", "show", "set", "bind", "unbind", "rotate", "revoke"]);
    check("key create", &["--company", "--edition", "2018-05", "2019-08", "--requests-per-s", "--data"]);
    check("key create", &["--allow"]);
    check("key set", &["<KEY>", "--edition", "--requests-per-s", "--allow", "--allow-all", "--data"]);
    check("key bind", &["<KEY>", "--company", "--data"]);
    check("key rotate", &["<KEY>", "--overlap", "7d", "--data"]);
    check("key revoke", &["<KEY>", "--data"]);
    check("user", &["add", "password", "role", "companies", "disable", "enable", "list", "sessions"]);
    check("user add", &["<NAME>", "--role", "admin, operator or viewer", "--company", "--generate", "--data"]);
    check("user role", &["<NAME>", "<ROLE>", "--data"]);
    check(
        "audit",
        &["--company", "--actor", "--action", "--since", "--until", "--before", "--limit", "--format", "--data"],
    );
}

#[test]
fn help_of_what_calls_are_made_with_names_its_options() {
    check("line", &["add", "list"]);
    check("line add", &["--company", "--name", "--phone", "--type", "mobile", "fixed", "hidden", "sip"]);
    check("line add", &["--driver", "simulated", "--channels", "--data"]);
    check("scene", &["check", "publish", "list", "test", "unheard", "schema"]);
    check("scene publish", &["<FILE>", "--company", "--untested", "--data"]);
    check(
        "scene test",
        &["<FILE>", "--script", "--company", "--scene", "--task", "--calls", "--since", "--fail-on-flips"],
    );
    check("scene unheard", &["--company", "--scene", "--limit", "--handled", "--data"]);
    check("grade", &["--call", "--result", "--value", "--none", "--by", "--note", "--data"]);
    check("call", &["GET|POST", "--body", "--key", "--url", "--data"]);
    check("callback", &["set", "unset", "show", "list", "resend"]);
    check("callback set", &["--company", "--url", "--of", "--content-type", "--manual-changes", "--key", "--data"]);
    check("callback list", &["--company", "--only", "waiting", "given-up", "--limit", "--data"]);
    check("callback resend", &["--company", "--given-up", "--task", "--call", "--data"]);
    check("export calls", &["--task", "--format", "csv", "xlsx", "jsonl", "--output", "--data"]);
    check("export company", &["--company", "--to", "--without-recordings", "--data"]);
    check("backup", &["verify", "<FILE>", "--with-key", "--with-recordings", "--force", "--config", "--data"]);
    check("backup verify", &["<FILE>"]);
    check("restore", &["<FILE>", "--data", "--key"]);
    check("number", &["first", "forget"]);
    check("number forget", &["<PHONE>", "--company", "--drop-blacklisted", "--data"]);
    check("why", &["--task", "--number", "--english", "--data"]);
    check("forecast", &["--task", "--seats", "--quota", "--phone-num", "--hours", "--no-redials", "--runs", "--seed"]);
    check("forecast", &["--english", "--config", "--data"]);
    check("doctor", &["--config", "--data"]);
}

#[test]
fn a_command_used_wrongly_exits_with_2() {
    let check = |arguments: &[&str]| {
        let done = run(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.is_empty() && !done.stderr.is_empty(), "{arguments:?}: complaints go to stderr");
    };
    check(&[]);
    check(&["dial"]);
    check(&["company", "add", "公司"]);
    check(&["company", "add", "公司", "--seats", "0"]);
    check(&["company", "add", " ", "--seats", "1"]);
    check(&["key", "create"]);
    check(&["key", "create", "--company", "1", "--edition", "2020-01"]);
    check(&[
        "line",
        "add",
        "--company",
        "1",
        "--name",
        "线路",
        "--phone",
        "1",
        "--type",
        "fixed",
        "--driver",
        "simulated",
    ]);
    check(&[
        "line",
        "add",
        "--company",
        "1",
        "--name",
        "线路",
        "--phone",
        "123",
        "--type",
        "x",
        "--driver",
        "simulated",
    ]);
    check(&["export", "calls", "--task", "1", "--format", "pdf"]);
    check(&["backup"]);
    check(&["restore", "nowhere.tar.gz"]);
    check(&["number", "forget", "12"]);
    check(&["serve", "--listen", "nowhere"]);
    check(&["call", "DELETE", "/openapi/v1/task/getTasks"]);
}

#[test]
fn a_command_that_fails_exits_with_1_and_says_why() {
    let check = |arguments: &[&str], why: &str| {
        let done = run(arguments);
        assert_eq!(done.code, Some(1), "{arguments:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains(why), "{arguments:?}: {}", done.stderr);
    };
    check(&["key", "create", "--company", "7"], "there is no company 7");
    check(&["key", "revoke", "unknown"], "there is no valid key unknown");
    check(&["line", "list", "--company", "7"], "there is no company 7");
    check(&["scene", "check", "nowhere.yaml"], "nowhere.yaml");
    check(&["config", "check", "nowhere.toml"], "nowhere.toml");
    check(&["export", "calls", "--task", "7"], "7");
    check(&["call", "/openapi/v1/company/getCompanys"], "no such valid key");
    check(&["backup", "b.tar.gz"], "there is no store to back up");
    check(&["backup", "verify", "nowhere.tar.gz"], "nowhere.tar.gz");
    check(&["restore", "nowhere.tar.gz", "--data", "new"], "nowhere.tar.gz");
    check(&["export", "company", "--company", "7", "--to", "x"], "there is no company 7");
    check(&["number", "forget", "13800138000", "--company", "7"], "there is no company 7");
    check(&["doctor"], "to mend");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_without_a_fuss() {
    let mut command = program::command();
    let program = Path::new(command.get_program()).to_owned();
    command = std::process::Command::new("bash");
    command.args(["-c", "set -o pipefail; \"$0\" scene schema | head -c 1"]).arg(program);
    let done = program::finish(&mut command);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
}

#[test]
fn every_command_has_a_page_of_the_manual_and_is_completed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = folder.path().join("man1");
    let done = program::run(folder.path(), &["man", pages.to_str().expect("a path that is text")]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for page in ["hutong.1", "hutong-serve.1", "hutong-line-add.1"] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    for (shell, beginning) in [("bash", "_hutong()"), ("zsh", "#compdef hutong"), ("fish", "complete -c hutong")] {
        let done = run(&["completions", shell]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert!(done.stdout.contains(beginning) && done.stdout.contains("doctor"), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd.exe"]).code, Some(2));
}
