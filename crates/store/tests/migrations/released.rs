//! What was released: migrations that nobody edits any more, and rows of each version.

use std::fs;
use std::path::{Path, PathBuf};

use hutong_store::{Store, newest_schema};
use hutong_testkit::clock::START;
use hutong_testkit::{Engine, Place};
use sha2::{Digest as _, Sha256};

use crate::{catalog, rows};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The migrations' files, oldest first.
fn migrations() -> Vec<PathBuf> {
    let files = fs::read_dir(package().join("migrations")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "sql")).collect();
    files.sort();
    files
}

/// The file with rows of a store of this version: it has the name of the version's migration.
pub(crate) fn rows_file(version: i64) -> PathBuf {
    let migration = migrations().swap_remove(usize::try_from(version - 1).unwrap());
    package().join("tests/schemas").join(migration.file_name().unwrap())
}

/// Rows of every table that a store of this version has.
pub(crate) fn rows_of(version: i64) -> String {
    let file = rows_file(version);
    fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo test -p hutong-store --test migrations -- --ignored` makes it", file.display())
    })
}

fn checksums_file() -> PathBuf {
    package().join("migrations/CHECKSUMS")
}

/// As `sha256sum` prints it.
fn checksum(file: &Path) -> String {
    let sum = Sha256::digest(fs::read(file).unwrap());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{sum}  {}", file.file_name().unwrap().to_str().unwrap())
}

#[test]
fn a_released_migration_is_never_edited() {
    let kept = fs::read_to_string(checksums_file()).unwrap();
    let found: Vec<String> = migrations().iter().map(|file| checksum(file)).collect();
    let kept: Vec<&str> = kept.lines().collect();
    assert_eq!(
        found, kept,
        "stores that ran a migration as it was never run it again: write a new one. Of one that was never released, take \
         its line out of CHECKSUMS, and run `cargo test -p hutong-store --test migrations -- --ignored`"
    );
}

#[test]
fn every_migration_is_run_and_has_rows_of_its_version() {
    assert_eq!(i64::try_from(migrations().len()).unwrap(), newest_schema(), "each file is listed in migrate.rs");
    for version in 1..=newest_schema() {
        assert!(rows_of(version).contains("INSERT INTO company"), "{}", rows_file(version).display());
    }
}

/// A chore: what is there is never made anew.
#[tokio::test]
#[ignore = "makes the files that a new migration needs"]
async fn make_what_is_missing() {
    let mut sums = fs::read_to_string(checksums_file()).unwrap_or_default();
    for file in migrations() {
        let name = file.file_name().unwrap().to_str().unwrap();
        if !sums.lines().any(|line| line.ends_with(&format!("  {name}"))) {
            sums += &format!("{}\n", checksum(&file));
        }
    }
    let mut lines: Vec<&str> = sums.lines().collect();
    lines.sort_by_key(|line| line.split_once("  ").map(|(_, name)| name));
    fs::write(checksums_file(), lines.join("\n") + "\n").unwrap();
    for version in 1..=newest_schema() {
        let file = rows_file(version);
        if file.exists() {
            continue;
        }
        let place = Place::new(Engine::Sqlite);
        let store = Store::open_at(&place.options(), START, version - 1).unwrap();
        if version > 1 {
            rows::load(&store, &rows_of(version - 1)).await;
        }
        drop(store);
        let store = Store::open_at(&place.options(), START, version).unwrap();
        let tables = catalog::tables(&store).await;
        let head = "-- Rows of every table, as a store has them after the migration of the same name. Never changed.\n";
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, head.to_owned() + &rows::written(&rows::dump(&store, &tables).await)).unwrap();
    }
}
