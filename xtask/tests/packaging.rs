//! What stands in `packaging/`, as far as it can be looked at without Docker and without installing anything.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "this is all test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The instructions of the Dockerfile, with what stands after them.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("packaging/Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned())).expect(line)).collect()
}

const KNOWN: [&str; 11] =
    ["FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];

#[test]
fn the_dockerfile_is_one() {
    let instructions = instructions();
    assert_eq!(instructions[0].0, "FROM");
    for (name, rest) in &instructions {
        assert!(KNOWN.contains(&name.as_str()), "{name} is no instruction that is used here");
        if name == "ENTRYPOINT" || name == "CMD" {
            assert!(rest.starts_with("[\"") && rest.ends_with("\"]"), "a shell would keep signals to itself: {rest}");
        }
    }
    let of_last_stage = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let user = instructions[of_last_stage..].iter().rfind(|(name, _)| name == "USER").expect("a user");
    assert_ne!(user.1, "root");
    let stages: Vec<&str> = instructions.iter().filter_map(|(_, rest)| Some(rest.split_once(" AS ")?.1)).collect();
    for (_, rest) in instructions.iter().filter(|(name, _)| name == "COPY") {
        if let Some(stage) = rest.strip_prefix("--from=").and_then(|rest| rest.split(' ').next()) {
            assert!(stages.contains(&stage), "{rest}");
        }
    }
}

#[test]
fn the_dockerfile_builds_as_the_chore_does_and_with_the_compiler_of_the_workspace() {
    let chore = fs::read_to_string(root().join("xtask/src/dist.rs")).unwrap();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Value = manifest.parse().unwrap();
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let runs: Vec<String> =
        instructions().into_iter().filter(|(name, _)| name == "RUN").map(|(_, rest)| rest).collect();
    let build = runs.iter().find_map(|run| run.strip_prefix("cargo ")).expect("the image builds");
    assert!(chore.contains(&format!("\"{build}\"")), "the chore builds otherwise than {build:?}");
    assert!(instructions()[0].1.starts_with(&format!("rust:{version}-")), "{:?}", instructions()[0]);
}

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let found = Command::new("systemd-analyze").arg("--version").output();
    if !found.is_ok_and(|found| found.status.success()) {
        eprintln!("SKIPPED: there is no systemd-analyze on this machine to look at the unit");
        return;
    }
    // The program that the unit starts is not installed here, so another one stands in.
    let folder = std::env::temp_dir().join(format!("hutong-unit-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let unit = fs::read_to_string(root().join("packaging/hutong.service")).unwrap();
    let file = folder.join("hutong.service");
    fs::write(&file, unit.replace("/usr/local/bin/hutong", "/bin/true").replace("User=hutong", "User=root")).unwrap();
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let judged =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=30"]).arg(&file).output();
    let judged = judged.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(!said.contains("hutong.service"), "{said}");
    let table = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "more exposed than 3.0: {table}\n{}", String::from_utf8_lossy(&judged.stderr));
}
