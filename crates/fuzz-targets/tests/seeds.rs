//! Every target over its seeds and their mutants: a bounded run of what `cargo xtask fuzz` does without end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use hutong_fuzz_targets::mutants::Mutants;
use hutong_fuzz_targets::{TARGETS, Target, target};

/// Which mutants are made.
const SEED: u64 = 20_261_122;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn seeds_of(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz_folder().join("seeds").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn check(Target { name, run, mutants }: Target) {
    let seeds = seeds_of(name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for (path, bytes) in &seeds {
        assert!(catch_unwind(|| run(bytes)).is_ok(), "{name} broke over {}", path.display());
    }
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|(_, bytes)| bytes).collect();
    for (number, bytes) in Mutants::new(&seeds, SEED).take(mutants).enumerate() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(catch_unwind(|| run(&bytes)).is_ok(), "{name} broke over mutant {number}: {text:?} {bytes:02x?}");
    }
}

macro_rules! each_withstands_its_mutants {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(target(stringify!($name)).unwrap());
            }
        )*
    };
}

each_withstands_its_mutants! {
    description message recording_name scene secure_packets sounds speech_answers stream trunk_settings wav words
}

#[test]
fn every_target_is_tested_and_fuzzed_and_no_seeds_are_left_over() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let tested = TESTED.iter().map(|name| (*name).to_owned()).collect();
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(targets, tested);
    assert_eq!(targets, stems("fuzz_targets"));
    assert_eq!(targets, stems("seeds"));
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    assert!(targets.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
}

#[test]
fn the_same_seed_makes_the_same_mutants() {
    let seeds = [b"INVITE sip:a@b SIP/2.0\r\n\r\n".to_vec(), Vec::new()];
    let mutants = |seed| Mutants::new(&seeds, seed).take(200).collect::<Vec<_>>();
    assert_eq!(mutants(1), mutants(1));
    assert_ne!(mutants(1), mutants(2));
    assert_eq!(Mutants::new(&[], 1).take(50).count(), 50);
}
