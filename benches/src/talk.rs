//! Talking: how many steps of a dialogue a core takes, how fast voices are told from other sounds, and how long what is
//! ours keeps a customer waiting for an answer.

mod latency;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hutong_domain::dialogue::{self, Event, Opening};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_prompts::{Role, entries};
use hutong_speech::endpoint::{EndpointSettings, Endpointer};
use hutong_speech::vad::VadModel;

use crate::process::cpu_time;
use crate::report::{Table, verdict};

/// Steps that are taken in a slice, and slices of which the median counts.
const STEPS: usize = 20_000;
const SLICES: usize = 7;
/// Seconds of audio that are listened to.
const AUDIO_S: usize = 120;
/// Samples in a second.
const RATE: usize = 8_000;
/// Voices have to be found this much faster than they are spoken, on a core.
const VAD_GOAL: f64 = 70.0;

const INTRODUCTION: &str = "\
Nothing here waits for a person or a model: the recogniser of the last table answers at once, so that what is left is ours.";

/// Measures all of it; the report.
pub(crate) fn measure() -> Result<String> {
    Ok(format!("## Talking\n\n{INTRODUCTION}\n\n{}\n{}\n{}", steps()?, voices()?, latency::measure()?))
}

/// Steps of the built-in scenes, with what callees say.
fn steps() -> Result<String> {
    let said: Vec<Event> =
        entries().iter().filter(|it| it.role == Role::Callee).map(|it| Event::heard(it.text)).collect();
    let mut table = Table::new(["scene", "steps a second of a core", "a step", "of that understanding an utterance"]);
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).map_err(|_| anyhow::anyhow!("{} is broken", built_in.file))?;
        let step = median(|| {
            let mut states = 0;
            let mut state = None;
            for event in said.iter().cycle().take(STEPS) {
                let going = state.get_or_insert_with(|| {
                    states += 1;
                    let opening = Opening { seed: states, now: jiff::civil::date(2026, 3, 2).at(10, 0, 0, 0) };
                    let mut state = dialogue::begin(&scene, &std::collections::BTreeMap::new(), opening);
                    dialogue::step(&scene, &mut state, &Event::Answered);
                    state
                });
                std::hint::black_box(dialogue::step(&scene, going, event));
                if going.is_ended() {
                    state = None;
                }
            }
        })?;
        let opening = Opening { seed: 1, now: jiff::civil::date(2026, 3, 2).at(10, 0, 0, 0) };
        let mut state = dialogue::begin(&scene, &std::collections::BTreeMap::new(), opening);
        dialogue::step(&scene, &mut state, &Event::Answered);
        let understood = median(|| {
            for event in said.iter().cycle().take(STEPS) {
                if let Event::Heard { text, .. } = event {
                    std::hint::black_box(dialogue::would_understand(&scene, &state, text));
                }
            }
        })?;
        table.row(&[
            built_in.file.trim_end_matches(".yaml").to_owned(),
            format!("{:.0}", 1.0 / step.as_secs_f64()),
            format!("{:.1} µs", step.as_secs_f64() * 1e6),
            format!("{:.1} µs", understood.as_secs_f64() * 1e6),
        ]);
    }
    Ok(table.text())
}

/// The median of what one of [`STEPS`] takes.
fn median(mut slice: impl FnMut()) -> Result<Duration> {
    let mut times: Vec<Duration> = (0..SLICES)
        .map(|_| {
            let begun = Instant::now();
            slice();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let middle = times.get(SLICES / 2).context("there are slices")?;
    Ok(*middle / u32::try_from(STEPS)?)
}

/// How much faster than they are spoken voices are told from other sounds.
fn voices() -> Result<String> {
    let model = VadModel::built_in()?;
    let callees: Vec<i16> = entries()
        .iter()
        .filter(|it| it.role == Role::Callee)
        .flat_map(|it| [&it.clip()[..], &[0; RATE]].concat())
        .collect();
    let sentences: Vec<i16> =
        entries().iter().filter(|it| it.role == Role::Prompt).flat_map(|it| it.clip().to_vec()).collect();
    let mut noise = 1_u32;
    let noise: Vec<i16> = (0..AUDIO_S * RATE)
        .map(|_| {
            // A linear congruential generator is noise enough.
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(noise >> 20).unwrap_or(0) - 2_048
        })
        .collect();
    let mut table = Table::new(["what is heard", "× real time on a core", "goal", ""]);
    for (name, audio) in [("somebody with pauses", callees), ("sentences without a pause", sentences), ("noise", noise)]
    {
        let audio: Vec<i16> = audio.into_iter().cycle().take(AUDIO_S * RATE).collect();
        let before = cpu_time(std::process::id())?;
        let endpointer = Endpointer::new(model.detector(), EndpointSettings::default());
        std::hint::black_box(endpointer.hear_all(&audio));
        let taken = cpu_time(std::process::id())? - before;
        let times = AUDIO_S as f64 / taken.as_secs_f64().max(0.01);
        table.row(&[
            name.to_owned(),
            format!("{times:.0}"),
            format!("{VAD_GOAL:.0}"),
            verdict(times >= VAD_GOAL).to_owned(),
        ]);
    }
    Ok(table.text())
}
