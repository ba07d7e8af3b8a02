//! Speech by loudness alone: for calls whose model has failed. Tones, music and knocks are speech to it.

/// Speech is this much louder than the noise: 12 dB, as a share of power.
const ABOVE_NOISE: f32 = 16.0;
/// It lasts until it is less than this much louder: 6 dB.
const STILL_ABOVE_NOISE: f32 = 4.0;
/// What is quieter than −45 dB of full scale is no speech on any line: the power, in squared samples.
pub(crate) const SPEECH_POWER_MIN: f32 = 184.0 * 184.0;
/// No line's noise is louder than −28 dB of full scale; the first second, when a voice may be all that was heard, is
/// taken for noise up to −41 dB only.
const NOISE_POWER_MAX: f32 = 1_300.0 * 1_300.0;
const FIRST_NOISE_POWER_MAX: f32 = 300.0 * 300.0;
/// The noise is the quietest chunk of the last 1.3 seconds: nobody speaks for so long without a gap. Kept as the
/// quietest chunks of four blocks.
const BLOCKS: usize = 4;
const BLOCK_CHUNKS: usize = 10;

/// Tells loud chunks from the noise of the line.
#[derive(Debug, Clone)]
pub(crate) struct Energy {
    /// The least powers of the last blocks, newest last; the newest block goes on.
    least: [f32; BLOCKS],
    /// Chunks heard, as far as it matters.
    heard: usize,
    loud: bool,
}

impl Default for Energy {
    fn default() -> Self {
        Self { least: [f32::INFINITY; BLOCKS], heard: 0, loud: false }
    }
}

impl Energy {
    /// Whether a chunk of this power is louder than the noise of the line.
    pub(crate) fn push(&mut self, power: f32) -> bool {
        let above = if self.loud { STILL_ABOVE_NOISE } else { ABOVE_NOISE };
        let noise = self.noise(power);
        self.loud = power > SPEECH_POWER_MIN && power > noise * above;
        self.loud
    }

    /// The power of the noise, this chunk included.
    fn noise(&mut self, power: f32) -> f32 {
        if self.heard.is_multiple_of(BLOCK_CHUNKS) {
            self.least.rotate_left(1);
            self.least[BLOCKS - 1] = f32::INFINITY;
        }
        let early = self.heard < BLOCKS * BLOCK_CHUNKS;
        // It counts on in blocks once the beginning is over.
        self.heard = if early { self.heard + 1 } else { BLOCKS * BLOCK_CHUNKS + (self.heard + 1) % BLOCK_CHUNKS };
        let newest = &mut self.least[BLOCKS - 1];
        *newest = newest.min(power);
        let least = self.least.iter().copied().fold(f32::INFINITY, f32::min);
        least.min(if early { FIRST_NOISE_POWER_MAX } else { NOISE_POWER_MAX })
    }
}
