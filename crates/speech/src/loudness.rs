//! Every prompt as loud as every other one, and without the silence around it.
//!
//! What is levelled is the level of active speech, as telephony measures it (ITU-T P.56): pauses do not count, so that a
//! slot of one word and a sentence of ten seconds come out alike. EBU R128 weighs by blocks of 400 ms, more than a short
//! word has, and for what broadcasting carries above the telephone's band.

/// How loud active speech is: −20 dB of full scale, as the prompts that ship with hutong. Networks expect speech
/// between −30 and −16; louder than this, its peaks would be cut.
pub const ACTIVE_DB: f32 = -20.0;
/// No sample is louder, −3 dB of full scale: what A-law and the filters of a network make of it stays below full scale.
pub const PEAK_DB: f32 = -3.0;
/// What is amplified more than this is noise.
const GAIN_DB_MAX: f32 = 40.0;
/// Silence that stays before speech …
pub const LEAD_MS: usize = 40;
/// … and after it.
pub const TAIL_MS: usize = 100;

/// 20 ms at 8 kHz.
const FRAME: usize = 160;
/// A frame belongs to the speech when it is not further than 35 dB below the loudest ones.
const ACTIVE_SHARE: f32 = 0.018;
/// Quieter frames than this, −66 dB of full scale, are silence whatever is around them.
const SILENCE: f32 = 16.0;
/// So many samples of a thousand may be louder than [`PEAK_DB`] and are bent: a click does not make a prompt quiet.
const BENT_PER_MILLE: usize = 1;
/// Above this share of the peak, samples are bent.
const KNEE: f32 = 0.8;
/// Samples that both ends rise and fall in, 5 ms, so that they do not click.
const FADE: usize = 40;

/// Makes samples of 8 kHz as loud as they should be, all by the same factor. Silence stays as it is.
pub fn level(samples: &mut [i16]) {
    let Some(active) = active_level(samples) else { return };
    let peak_max = amplitude(PEAK_DB);
    let most = loud(samples).max(1.0);
    let gain = (amplitude(ACTIVE_DB) / active).min(peak_max / most).min(10_f32.powf(GAIN_DB_MAX / 20.0));
    for sample in samples {
        *sample = linear(bend(f32::from(*sample) * gain, peak_max));
    }
}

/// The part of samples of 8 kHz that has speech in it, with [`LEAD_MS`] before and [`TAIL_MS`] after it, faded in and
/// out. Nothing where there is nothing but silence.
#[must_use]
pub fn trimmed(samples: &[i16]) -> Vec<i16> {
    let levels = levels(samples);
    let Some(least) = least(&levels) else { return Vec::new() };
    let (first, last) = (levels.iter().position(|it| *it > least), levels.iter().rposition(|it| *it > least));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let from = (first * FRAME).saturating_sub(LEAD_MS * 8);
    let until = ((last + 1) * FRAME + TAIL_MS * 8).min(samples.len());
    let mut kept = samples.get(from..until).unwrap_or_default().to_vec();
    let len = kept.len();
    for (index, sample) in kept.iter_mut().enumerate() {
        let distance = index.min(len - index - 1).min(FADE);
        *sample = linear(f32::from(*sample) * distance as f32 / FADE as f32);
    }
    kept
}

/// The level of active speech in dB of full scale; none where there is silence only.
#[must_use]
pub fn active_db(samples: &[i16]) -> Option<f32> {
    active_level(samples).map(|level| 20.0 * (level / 32_768.0).log10())
}

fn active_level(samples: &[i16]) -> Option<f32> {
    let levels = levels(samples);
    let least = least(&levels)?;
    let active: Vec<f32> = levels.into_iter().filter(|level| *level > least).map(|level| level * level).collect();
    Some((active.iter().sum::<f32>() / active.len().max(1) as f32).sqrt())
}

/// Root of the mean square of each frame.
fn levels(samples: &[i16]) -> Vec<f32> {
    let level = |frame: &[i16]| {
        let squares: f32 = frame.iter().map(|sample| f32::from(*sample) * f32::from(*sample)).sum();
        (squares / frame.len().max(1) as f32).sqrt()
    };
    samples.chunks(FRAME).map(level).collect()
}

/// What frames of speech are louder than.
fn least(levels: &[f32]) -> Option<f32> {
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    (loudest > SILENCE).then(|| (loudest * ACTIVE_SHARE).max(SILENCE))
}

/// The amplitude that no more than [`BENT_PER_MILLE`] of the samples exceed.
fn loud(samples: &[i16]) -> f32 {
    let mut sizes: Vec<u16> = samples.iter().map(|sample| sample.unsigned_abs()).collect();
    let skipped = sizes.len() * BENT_PER_MILLE / 1_000;
    let Some(at) = sizes.len().checked_sub(skipped + 1) else { return 0.0 };
    f32::from(*sizes.select_nth_unstable(at).1)
}

/// Keeps what is below the knee, and lets nothing beyond the peak.
fn bend(sample: f32, peak: f32) -> f32 {
    let (knee, size) = (peak * KNEE, sample.abs());
    if size <= knee {
        return sample;
    }
    let room = peak - knee;
    (knee + room * ((size - knee) / room).tanh()).copysign(sample)
}

fn amplitude(db: f32) -> f32 {
    32_768.0 * 10_f32.powf(db / 20.0)
}

fn linear(sample: f32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let sample = sample.round() as i16;
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A tone that swells and fades like syllables, `quiet` ms of silence around it.
    fn spoken(ms: usize, quiet_ms: usize, amplitude: f32) -> Vec<i16> {
        let silence = std::iter::repeat_n(0, quiet_ms * 8);
        let syllables = (0..ms * 8).map(|n| {
            let at = n as f32 / 8_000.0;
            linear((at * 3_000.0).sin() * (at * 12.0).sin().abs() * amplitude)
        });
        silence.clone().chain(syllables).chain(silence).collect()
    }

    #[test]
    fn short_and_long_loud_and_quiet_speech_comes_out_alike() {
        for (ms, quiet_ms, amplitude) in
            [(250, 0, 20_000.0), (400, 900, 400.0), (3_000, 200, 32_000.0), (9_000, 2_000, 100.0)]
        {
            let mut samples = spoken(ms, quiet_ms, amplitude);
            level(&mut samples);
            let db = active_db(&samples).unwrap();
            assert!((db - ACTIVE_DB).abs() < 1.0, "{ms} ms at {amplitude}: {db}");
        }
    }

    #[test]
    fn a_click_does_not_make_speech_quiet() {
        let mut samples = spoken(2_000, 100, 1_000.0);
        samples[500] = i16::MIN;
        level(&mut samples);
        let db = active_db(&samples).unwrap();
        assert!((db - ACTIVE_DB).abs() < 1.5, "{db}");
    }

    #[test]
    fn silence_stays_silence() {
        for mut samples in [Vec::new(), vec![0; 8_000], vec![7; 8_000]] {
            let before = samples.clone();
            level(&mut samples);
            assert_eq!(samples, before);
            assert!(trimmed(&samples).is_empty());
            assert_eq!(active_db(&samples), None);
        }
    }

    #[test]
    fn the_silence_around_speech_is_cut_to_its_margins() {
        let made = trimmed(&spoken(1_000, 700, 9_000.0));
        let expected = (1_000 + LEAD_MS + TAIL_MS) * 8;
        assert!(made.len().abs_diff(expected) <= 2 * FRAME, "{} for {expected}", made.len());
        assert_eq!((made[0], made[made.len() - 1]), (0, 0));
    }

    proptest! {
        #[test]
        fn no_sample_is_ever_too_loud(samples in prop::collection::vec(any::<i16>(), 0..2_000)) {
            let mut levelled = samples;
            level(&mut levelled);
            let most = levelled.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
            // Where nothing but silence is in it, nothing is changed.
            prop_assert!(f32::from(most) <= amplitude(PEAK_DB) + 1.0 || active_db(&levelled).is_none());
            prop_assert!(trimmed(&levelled).len() <= levelled.len());
        }
    }
}
