//! Voices on the network: RTP, its codecs, and the engine that moves every call's frames on time.

/// Samples in a second of telephone audio.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in a frame of 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// 20 ms of one voice, linear 16-bit samples.
pub type Frame = [i16; FRAME_SAMPLES];
