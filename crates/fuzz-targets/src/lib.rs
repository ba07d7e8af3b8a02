//! Fuzz targets: everything that reads bytes from the network, or from files that others give. Each takes any bytes;
//! a panic is a fault, and so is whatever takes seconds or all memory.
//!
//! A fuzzer runs them (`cargo xtask fuzz`), and ordinary tests do over mutated seeds ([`mutants`]).

pub mod mutants;
mod sounds;

use std::collections::BTreeMap;
use std::path::Path;

use hutong_domain::dialogue::{self, Event, Opening};
use hutong_domain::scene::Scene;
use hutong_recordings::FileName;
use hutong_telephony::detect::wav;
use hutong_telephony::fuzzing;
use hutong_telephony::words::{self, Words};

/// Something that takes any bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Takes the bytes.
    pub run: fn(&[u8]),
    /// How many mutants of its seeds the tests run: what a few seconds are enough for.
    pub mutants: usize,
}

/// All of them, by name.
pub const TARGETS: [Target; 10] = [
    Target { name: "description", run: fuzzing::description, mutants: 24_000 },
    Target { name: "message", run: fuzzing::message, mutants: 120_000 },
    Target { name: "recording_name", run: recording_name, mutants: 300_000 },
    Target { name: "scene", run: scene, mutants: 1_800 },
    Target { name: "secure_packets", run: fuzzing::secure_packets, mutants: 60_000 },
    Target { name: "sounds", run: sounds::sounds, mutants: 360 },
    Target { name: "stream", run: fuzzing::stream, mutants: 18_000 },
    Target { name: "trunk_settings", run: fuzzing::settings, mutants: 120_000 },
    Target { name: "wav", run: wav, mutants: 120_000 },
    Target { name: "words", run: words, mutants: 300_000 },
];

/// The target of this name.
///
/// # Errors
/// There is none: its name.
pub fn target(name: &str) -> Result<Target, String> {
    TARGETS.into_iter().find(|target| target.name == name).ok_or_else(|| name.to_owned())
}

fn wav(bytes: &[u8]) {
    if let Ok(read) = wav::read(bytes) {
        assert!(read.samples.len() <= bytes.len(), "more samples than bytes");
    }
    if let Ok(samples) = wav::read_telephone(bytes) {
        let written = wav::write_alaw(&samples);
        let again = wav::read_telephone(&written);
        assert!(again.is_ok_and(|again| again.len() == samples.len()), "what is written is not read again");
    }
}

fn words(bytes: &[u8]) {
    let Some(read) = Words::read(words::CONTENT_TYPE, bytes) else { return };
    let written = serde_json::to_vec(&read).unwrap_or_default();
    assert!(Words::read(words::CONTENT_TYPE, &written) == Some(read), "what is written is not read again");
}

fn recording_name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(name) = text.parse::<FileName>() else { return };
    assert!(name.to_string() == text, "another name than was read");
    let stays_inside =
        Path::new(text).components().all(|component| matches!(component, std::path::Component::Normal(_)));
    assert!(stays_inside, "{text} leads out of the recordings");
}

fn scene(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Scene::parse(text) {
        Ok(scene) => {
            let _ = (scene.warnings().len(), scene.variables().count(), scene.voices().len(), scene.results().len());
            let _ = (scene.fixed_texts().len(), scene.hotwords().len());
            talk(&scene);
        }
        Err(problems) => assert!(!problems.is_empty(), "a scene is refused without a reason"),
    }
}

/// Talks to a scene that nobody has seen before.
fn talk(scene: &Scene) {
    let now = jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0);
    let mut state = dialogue::begin(scene, &BTreeMap::new(), Opening { seed: 1, now });
    let said = ["好的", "明天下午三点", "三五七八", "多少钱", "不要"].map(Event::heard);
    let others =
        [Event::Key { digit: '1' }, Event::Silence, Event::TransferFailed { reason: String::new() }, Event::Deaf];
    for event in [Event::Answered].into_iter().chain(said).chain(others) {
        let ended = state.is_ended();
        let step = dialogue::step(scene, &mut state, &event);
        assert!(!ended || step.actions.is_empty(), "something is done after the end");
    }
}

/// Gives bytes to the target of this name; nothing where there is none, which a test makes sure of.
pub fn run(name: &str, bytes: &[u8]) {
    if let Ok(target) = target(name) {
        (target.run)(bytes);
    }
}
