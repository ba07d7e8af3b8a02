//! What an ear makes of a labelled call, in figures.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use hutong_speech::endpoint::{EndpointSettings, Endpointer, SpeechEvent};
use hutong_speech::vad::{CHUNK_SAMPLES, Detector, FRAME_SAMPLES, Frame, VadModel};
use hutong_telephony::detect::activity::ActivityDetector;

use crate::set::Labelled;
use crate::sounds;

pub(crate) fn frames(samples: &[i16]) -> impl Iterator<Item = &Frame> {
    samples.as_chunks::<FRAME_SAMPLES>().0.iter()
}

pub(crate) fn model() -> Arc<VadModel> {
    VadModel::built_in().unwrap()
}

/// Judgements of equally long stretches, and utterances made of them.
pub(crate) struct Heard {
    flags: Vec<bool>,
    samples_each: usize,
    pub(crate) utterances: Vec<Range<usize>>,
}

/// The product's ear.
pub(crate) fn by_detector(mut detector: Detector, endpointer: Endpointer, samples: &[i16]) -> Heard {
    let flags =
        frames(samples).filter_map(|frame| detector.push(frame)).map(|probability| probability >= 0.5).collect();
    Heard { flags, samples_each: CHUNK_SAMPLES, utterances: utterances(endpointer, samples) }
}

pub(crate) fn by_model(samples: &[i16]) -> Heard {
    by_detector(model().detector(), endpointer(), samples)
}

pub(crate) fn endpointer() -> Endpointer {
    Endpointer::new(model().detector(), EndpointSettings::default())
}

/// Begins and ends in samples; what goes on at the end is stopped.
pub(crate) fn utterances(endpointer: Endpointer, samples: &[i16]) -> Vec<Range<usize>> {
    let place = |ms: u64| sounds::samples(usize::try_from(ms).unwrap());
    let ended = |event| match event {
        SpeechEvent::Ended { from_ms, until_ms, .. } => Some(place(from_ms)..place(until_ms)),
        SpeechEvent::Began { .. } => None,
    };
    endpointer.hear_all(samples).into_iter().filter_map(ended).collect()
}

/// What is there without a model: loudness alone, and the same rule of beginnings and ends.
pub(crate) fn by_loudness(samples: &[i16]) -> Heard {
    let mut ear = ActivityDetector::default();
    let flags: Vec<bool> = frames(samples).map(|frame| ear.push(frame)).collect();
    let mut utterances = Vec::new();
    let mut current: Option<Range<usize>> = None;
    for (at, loud) in flags.iter().enumerate() {
        let end = (at + 1) * FRAME_SAMPLES;
        let window = &flags[(at + 1).saturating_sub(10)..=at];
        match &mut current {
            None if window.iter().filter(|it| **it).count() >= 6 => {
                let first = window.iter().position(|it| *it).unwrap_or(0);
                current = Some(end - (window.len() - first) * FRAME_SAMPLES..end);
            }
            Some(current) if *loud => current.end = end,
            Some(range) if end - range.end >= 5_600 => utterances.extend(current.take()),
            _ => {}
        }
    }
    utterances.extend(current);
    Heard { flags, samples_each: FRAME_SAMPLES, utterances }
}

/// In noise, the model needs longer to be sure of silence.
const END_MS: f32 = 450.0;

#[derive(Debug)]
pub(crate) struct Figures {
    /// In percent of all stretches, of those with speech, of those without.
    pub(crate) right: f32,
    missed: f32,
    wrong: f32,
    pub(crate) expected: usize,
    /// Utterances with exactly one that was heard, whose end is as near as [`END_MS`].
    pub(crate) ends_found: usize,
    pub(crate) split: usize,
    /// Where nobody spoke.
    pub(crate) spurious: usize,
    /// From the label to what was heard, mean and extremes, in milliseconds: negative is early.
    pub(crate) begin_lag: Lag,
    pub(crate) end_lag: Lag,
}

#[derive(Debug, Default)]
pub(crate) struct Lag(Vec<f32>);

impl Lag {
    pub(crate) fn mean(&self) -> f32 {
        self.0.iter().sum::<f32>() / self.0.len().max(1) as f32
    }

    fn least(&self) -> f32 {
        self.0.iter().copied().fold(f32::INFINITY, f32::min)
    }

    pub(crate) fn most(&self) -> f32 {
        self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:4.0} ({:4.0} to {:4.0})", self.mean(), self.least(), self.most())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { right, missed, wrong, expected, ends_found, split, spurious, begin_lag, end_lag } = self;
        write!(
            f,
            "right {right:5.1} %, missed {missed:5.1} %, wrong {wrong:5.1} %; ends {ends_found:2} of {expected:2}, split \
             {split}, spurious {spurious:2}; begins {begin_lag} ms, ends {end_lag} ms"
        )
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

fn ms_between(from: usize, to: usize) -> f32 {
    (to as f32 - from as f32) / 8.0
}

pub(crate) fn figures(labelled: &Labelled, heard: &Heard) -> Figures {
    let (mut speech, mut silence, mut missed, mut wrong) = (0, 0, 0, 0);
    for (at, flag) in heard.flags.iter().enumerate() {
        let middle = at * heard.samples_each + heard.samples_each / 2;
        if labelled.speech.iter().any(|range| range.contains(&middle)) {
            speech += 1;
            missed += u32::from(!flag);
        } else {
            silence += 1;
            wrong += u32::from(*flag);
        }
    }
    let percent = |part: u32, all: u32| 100.0 * part as f32 / all.max(1) as f32;
    let (mut ends_found, mut split) = (0, 0);
    let (mut begin_lag, mut end_lag) = (Lag::default(), Lag::default());
    for utterance in &labelled.utterances {
        let found: Vec<_> = heard.utterances.iter().filter(|it| overlap(it, utterance)).collect();
        let (Some(first), Some(last)) = (found.first(), found.last()) else { continue };
        split += found.len() - 1;
        begin_lag.0.push(ms_between(utterance.start, first.start));
        let lag = ms_between(utterance.end, last.end);
        end_lag.0.push(lag);
        ends_found += usize::from(found.len() == 1 && lag.abs() <= END_MS);
    }
    let spurious = heard.utterances.iter().filter(|it| !labelled.utterances.iter().any(|of| overlap(of, it))).count();
    let right = 100.0 - percent(missed + wrong, speech + silence);
    let (missed, wrong) = (percent(missed, speech), percent(wrong, silence));
    let expected = labelled.utterances.len();
    Figures { right, missed, wrong, expected, ends_found, split, spurious, begin_lag, end_lag }
}

/// Figures of both ears, the model's and loudness alone; printed.
pub(crate) fn compare(name: &str, labelled: &Labelled) -> Figures {
    let labelled = labelled.through_alaw();
    let by_model = figures(&labelled, &by_model(&labelled.samples));
    println!("{name:28} model    {by_model}");
    println!("{name:28} loudness {}", figures(&labelled, &by_loudness(&labelled.samples)));
    by_model
}
