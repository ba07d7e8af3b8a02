//! Comfort noise (RFC 3389): the far side sends a level instead of sound, and soft noise of that level is heard.

use super::Frame;

/// The static payload type (RFC 3551 section 6).
pub(crate) const PAYLOAD_TYPE: u8 = 13;

/// Levels below this are silence: a sample of 16 bits holds no more.
const LEVEL_SILENT: u8 = 90;

/// Makes noise of one level after the other.
pub(crate) struct Noise {
    state: u32,
}

impl Noise {
    pub(crate) fn new(seed: u32) -> Self {
        // The generator below stands still on zero.
        Self { state: seed | 1 }
    }

    /// A frame of noise at `level` below overload (in -dBov, RFC 3389 section 3.1).
    pub(crate) fn frame(&mut self, level: u8) -> Frame {
        let amplitude = amplitude(level);
        std::array::from_fn(|_| {
            // Xorshift: white enough for an ear, and the same in each run.
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let white = i32::from((self.state >> 16) as u16 as i16);
            i16::try_from((white * amplitude) >> 15).unwrap_or(0)
        })
    }
}

/// The peak of white noise whose power is `level` below a full square wave: √3 times its effective value.
fn amplitude(level: u8) -> i32 {
    if level >= LEVEL_SILENT {
        return 0;
    }
    let effective = 32_767.0 * 10f64.powf(-f64::from(level) / 20.0);
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the minimum")]
    let peak = (effective * 3f64.sqrt()).min(32_767.0) as i32;
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_level_that_was_asked_for() {
        let mut noise = Noise::new(1);
        for level in [10, 40, 60, 80] {
            let energy: f64 =
                (0..50).flat_map(|_| noise.frame(level)).map(|sample| f64::from(sample).powi(2)).sum::<f64>() / 8000.0;
            let measured = -10.0 * (energy / 32_767f64.powi(2)).log10();
            assert!((measured - f64::from(level)).abs() < 1.5, "{measured} instead of {level}");
        }
        assert_eq!(noise.frame(127), [0; 160]);
    }
}
