//! Sounds of exchanges and machines.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hutong_telephony::media::SAMPLE_RATE;

/// Linear samples.
pub(crate) type Clip = Arc<[i16]>;

/// Loudness of tones: −10 dB of full scale.
const AMPLITUDE: f64 = 10_362.0;

/// It rings: 450 Hz, 1 s on, 4 s off.
pub(crate) static RINGBACK: LazyLock<Clip> = LazyLock::new(|| rhythm(1_000, 4_000, 12));
/// Busy: 0.35 s on, 0.35 s off.
pub(crate) static BUSY: LazyLock<Clip> = LazyLock::new(|| rhythm(350, 350, 8));
/// The beep of an answering machine.
pub(crate) static BEEP: LazyLock<Clip> = LazyLock::new(|| [tone(1_000.0, 500), tone(0.0, 200)].concat().into());

fn rhythm(on_ms: u32, off_ms: u32, times: usize) -> Clip {
    [tone(450.0, on_ms), tone(0.0, off_ms)].concat().repeat(times).into()
}

/// A tone; silence at 0 Hz.
fn tone(hz: f64, ms: u32) -> Vec<i16> {
    let rate = f64::from(SAMPLE_RATE);
    #[expect(clippy::cast_possible_truncation, reason = "the amplitude is within the range")]
    (0..SAMPLE_RATE / 1_000 * ms).map(|n| ((f64::from(n) * TAU * hz / rate).sin() * AMPLITUDE) as i16).collect()
}

/// How long a clip is.
pub(crate) fn length(clip: &Clip) -> Duration {
    Duration::from_millis(clip.len() as u64 * 1_000 / u64::from(SAMPLE_RATE))
}
