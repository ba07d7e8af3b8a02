//! The rhythm of the exchange's tone.

use super::{FRAME_MS, Tone};

/// Windows that a change has to last: one that is off does not end a tone.
const CHANGE_FRAMES: u32 = 2;
/// How much quieter a pause is than the tone, as a share of its power: 6 dB.
const PAUSE_SHARE: f32 = 0.25;
/// Tones with their pauses that are remembered.
const PAIRS: usize = 4;
/// A tone this long has no rhythm.
const STEADY_MS: u32 = 2_500;
/// A pause this long follows a ringing tone only.
const RINGING_PAUSE_MS: u32 = 1_200;

/// Least and most milliseconds.
type Span = (u32, u32);
const RINGING: Span = (860, 1_180);
const BUSY: Span = (270, 450);
const CONGESTION: Span = (590, 820);
const SHORT: Span = (60, 170);

/// A tone, or the pause after it.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    on: bool,
    frames: u32,
    /// Sum of the frames' powers.
    power: f32,
}

impl Run {
    fn take(&mut self, power: f32) {
        self.frames = self.frames.saturating_add(1);
        self.power += power;
    }

    const fn ms(&self) -> u32 {
        self.frames.saturating_mul(FRAME_MS)
    }

    fn mean(&self) -> f32 {
        self.power / self.frames.max(1) as f32
    }
}

/// Watches tone and pauses alternate.
#[derive(Debug, Clone, Default)]
pub(super) struct Cadence {
    run: Run,
    /// The beginning of what may become the next run.
    doubt: Run,
    /// The tone before this pause.
    tone: Run,
    /// Milliseconds of the last tones with their pauses, newest last.
    pairs: [(u32, u32); PAIRS],
    reported: bool,
}

impl Cadence {
    /// Whether a window is the tone, with the power of its newer half.
    pub(super) fn push(&mut self, on: bool, power: f32) -> Option<Tone> {
        if on == self.run.on {
            // What was doubted belonged to the run.
            self.run.frames = self.run.frames.saturating_add(self.doubt.frames);
            self.run.power += self.doubt.power;
            self.doubt = Run { on: !on, ..Run::default() };
            self.run.take(power);
            return self.during();
        }
        self.doubt.take(power);
        if self.doubt.frames < CHANGE_FRAMES {
            return None;
        }
        let ended = std::mem::replace(&mut self.run, Run { on, ..self.doubt });
        self.doubt = Run { on: !on, ..Run::default() };
        self.reported = false;
        if ended.on {
            self.tone = ended;
            return None;
        }
        if ended.mean() > self.tone.mean() * PAUSE_SHARE {
            self.pairs = [(0, 0); PAIRS];
            return None;
        }
        self.pairs.rotate_left(1);
        if let Some(last) = self.pairs.last_mut() {
            *last = (self.tone.ms(), ended.ms());
        }
        self.rhythm()
    }

    /// What can be said before a run ends.
    fn during(&mut self) -> Option<Tone> {
        let tone = if self.run.on {
            (self.run.ms() >= STEADY_MS).then_some(Tone::Dial)
        } else {
            let quiet = self.run.mean() <= self.tone.mean() * PAUSE_SHARE;
            (quiet && within(self.tone.ms(), RINGING) && self.run.ms() >= RINGING_PAUSE_MS).then_some(Tone::Ringback)
        };
        let fresh = tone.is_some() && !self.reported;
        self.reported |= fresh;
        tone.filter(|_| fresh)
    }

    /// What the last tones with their pauses are.
    fn rhythm(&self) -> Option<Tone> {
        let [first, second, third, fourth] = self.pairs;
        let both = |pair: (u32, u32), span| within(pair.0, span) && within(pair.1, span);
        let all = |pairs: &[(u32, u32)], span| pairs.iter().all(|pair| both(*pair, span));
        if all(&[first, second, third], SHORT) && both(fourth, BUSY) {
            Some(Tone::Unobtainable)
        } else if all(&[third, fourth], BUSY) {
            Some(Tone::Busy)
        } else if all(&[third, fourth], CONGESTION) {
            Some(Tone::Congestion)
        } else {
            None
        }
    }
}

const fn within(ms: u32, (least, most): Span) -> bool {
    least <= ms && ms <= most
}
