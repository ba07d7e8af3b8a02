//! Voices on the network: RTP, its codecs, and the engine that moves every call's frames on time.
//!
//! The engine (`engine`) owns sockets and threads; everything below it is given packets, frames and the time: `stream`
//! is one call's two directions, `sdp` what both sides agree on, `source` whose packets are heard.

mod bridge;
mod codec;
mod conceal;
mod digits;
mod engine;
pub(crate) mod fuzzing;
mod handle;
mod jitter;
mod noise;
mod player;
mod ports;
mod reports;
mod rtp;
mod sdp;
mod source;
mod srtp;
mod stats;
mod stream;

pub use bridge::Bridge;
pub use codec::Codec;
pub use digits::DigitsError;
pub use engine::{Engine, EngineOptions, Tap};
pub use handle::{Event, Events, Media};
pub use player::{Playback, Played};
pub use ports::MediaError;
pub use reports::RemoteReport;
pub use sdp::{Direction, Formats, Negotiated, SdpError, Srtp};
pub use source::Latching;
pub use stats::{EngineStats, StreamStats};

/// Samples in a second of telephone audio.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in a frame of 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// 20 ms of one voice, linear 16-bit samples.
pub type Frame = [i16; FRAME_SAMPLES];
