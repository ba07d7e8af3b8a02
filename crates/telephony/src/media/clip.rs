//! Clips from WAV files: 8 kHz, one channel, as 16-bit samples, A-law or µ-law.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::SAMPLE_RATE;
use super::codec::Codec;

/// The longest clip: half an hour.
const SAMPLES_MAX: usize = 30 * 60 * SAMPLE_RATE as usize;

/// Bytes of the largest file that is read: the longest clip, and as much again of what else a file may hold.
const FILE_BYTES_MAX: u64 = SAMPLES_MAX as u64 * 4;

/// Chunks of a file that are looked at.
const CHUNKS_MAX: usize = 64;

/// Format tags (RFC 2361 appendix A).
const TAG_LINEAR: u16 = 1;
const TAG_EXTENSIBLE: u16 = 0xfffe;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;

/// Why a file is no clip, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] io::Error),
    /// Not a WAV file, or a broken one.
    #[error("this is no WAV file that can be read: {0}")]
    Malformed(&'static str),
    /// Sampled at another rate, or of another kind.
    #[error(
        "the file has {rate} Hz, {channels} channels and {bits} bits a sample; a clip has 8000 Hz, one channel, and 16 bits \
         or G.711: convert it with `ffmpeg -i IN -ar 8000 -ac 1 -c:a pcm_s16le OUT.wav`"
    )]
    Format {
        /// Samples in a second.
        rate: u32,
        /// Channels.
        channels: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// Longer than half an hour.
    #[error("the file has more than half an hour of sound")]
    TooLong,
}

/// Reads a clip from a file.
///
/// # Errors
/// The file cannot be read or is no clip; the text says how to convert it.
pub fn load(path: &Path) -> Result<Arc<[i16]>, ClipError> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(ClipError::TooLong);
    }
    read(&std::fs::read(path)?)
}

/// Reads a clip from the bytes of a file. A file that was cut off counts as far as it goes.
///
/// # Errors
/// The bytes are no clip; the text says how to convert it.
pub fn read(bytes: &[u8]) -> Result<Arc<[i16]>, ClipError> {
    let mut kind = None;
    for (name, body) in Chunks::of(bytes)?.take(CHUNKS_MAX) {
        match (name, kind) {
            (b"fmt ", _) => kind = Some(Kind::read(body)?),
            (b"data", Some(kind)) => return kind.decode(body),
            _ => {}
        }
    }
    let missing = if kind.is_some() { "it has no data" } else { "it has no format before its data" };
    Err(ClipError::Malformed(missing))
}

/// How samples stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Coded(Codec),
}

impl Kind {
    /// Reads a `fmt ` chunk.
    fn read(body: &[u8]) -> Result<Self, ClipError> {
        let word = |at: usize| body.get(at..at + 2).and_then(<[u8]>::first_chunk).copied().map(u16::from_le_bytes);
        let rate = body.get(4..8).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
        let (Some(tag), Some(channels), Some(rate), Some(bits)) = (word(0), word(2), rate, word(14)) else {
            return Err(ClipError::Malformed("its format is cut off"));
        };
        // An extensible format begins its 16 bytes of kind with the tag that it would have had.
        let tag = if tag == TAG_EXTENSIBLE { word(24) } else { Some(tag) };
        let kind = match (tag, bits) {
            (Some(TAG_LINEAR), 16) => Self::Linear,
            (Some(TAG_ALAW), 8) => Self::Coded(Codec::Pcma),
            (Some(TAG_MULAW), 8) => Self::Coded(Codec::Pcmu),
            _ => return Err(ClipError::Format { rate, channels, bits }),
        };
        if rate == SAMPLE_RATE && channels == 1 { Ok(kind) } else { Err(ClipError::Format { rate, channels, bits }) }
    }

    fn decode(self, data: &[u8]) -> Result<Arc<[i16]>, ClipError> {
        let samples: Arc<[i16]> = match self {
            Self::Linear if data.len() <= SAMPLES_MAX * 2 => {
                data.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()
            }
            Self::Coded(codec) if data.len() <= SAMPLES_MAX => data.iter().map(|byte| codec.decode(*byte)).collect(),
            _ => return Err(ClipError::TooLong),
        };
        Ok(samples)
    }
}

/// The chunks of a RIFF file, each with its name; the last one may be cut off.
struct Chunks<'a>(&'a [u8]);

impl<'a> Chunks<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, ClipError> {
        let body = bytes.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)?.strip_prefix(b"WAVE"));
        body.map(Self).ok_or(ClipError::Malformed("it does not begin as one"))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.min(rest.len());
        let (body, rest) = rest.split_at(length);
        // Chunks begin at even places.
        self.0 = rest.get(length % 2..).unwrap_or_default();
        Some((name, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&channels.to_le_bytes());
        bytes.extend_from_slice(&rate.to_le_bytes());
        bytes.extend_from_slice(&(rate * u32::from(channels) * u32::from(bits) / 8).to_le_bytes());
        bytes.extend_from_slice(&(channels * bits / 8).to_le_bytes());
        bytes.extend_from_slice(&bits.to_le_bytes());
        bytes.extend_from_slice(b"data");
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn files_of_all_three_kinds_are_clips() {
        assert_eq!(read(&wav(1, 1, 8000, 16, &[1, 0, 0xff, 0xff])).unwrap()[..], [1, -1]);
        let mut extensible = wav(1, 1, 8000, 16, &[1, 0]);
        let at = extensible.windows(4).position(|name| name == b"fmt ").unwrap();
        extensible[at + 4] = 40;
        extensible[at + 8..at + 10].copy_from_slice(&TAG_EXTENSIBLE.to_le_bytes());
        let mut more = vec![0; 24];
        more[8] = 1;
        extensible.splice(at + 24..at + 24, more);
        assert_eq!(read(&extensible).unwrap()[..], [1]);
        let codes = [0x2a, 0xd5, 0x00];
        for (tag, codec) in [(6, Codec::Pcma), (7, Codec::Pcmu)] {
            assert_eq!(read(&wav(tag, 1, 8000, 8, &codes)).unwrap()[..], codes.map(|code| codec.decode(code)));
        }
    }

    #[test]
    fn other_files_are_refused_with_how_to_convert_them() {
        let check = |bytes: &[u8], reason: &str| {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        check(&wav(1, 1, 16_000, 16, &[0; 4]), "16000 Hz, 1 channels and 16 bits");
        check(&wav(1, 2, 8000, 16, &[0; 4]), "ffmpeg");
        check(&wav(6, 2, 8000, 8, &[0; 4]), "2 channels");
        check(&wav(1, 1, 8000, 8, &[0; 4]), "8 bits");
        check(b"ID3\x04", "no WAV file");
        check(&wav(3, 1, 8000, 32, &[0; 4]), "32 bits");
        check(&wav(6, 1, 8000, 8, &[0; 4])[..40], "cut off");
        check(&wav(6, 1, 8000, 8, &[0; 4])[..48], "no data");
        check(b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "no format");
        check(&wav(6, 1, 8000, 8, &vec![0; SAMPLES_MAX + 1]), "half an hour");
        assert!(matches!(load(Path::new("/nowhere/at.all")), Err(ClipError::File(_))));
    }

    #[test]
    fn a_file_that_was_cut_off_is_heard_as_far_as_it_goes() {
        let whole = wav(1, 1, 8000, 16, &[1, 0, 2, 0, 3, 0]);
        assert_eq!(read(&whole[..whole.len() - 3]).unwrap()[..], [1]);
        let whole = wav(7, 1, 8000, 8, &[1, 2, 3]);
        assert_eq!(read(&whole[..whole.len() - 2]).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0usize..60,
            headed: bool,
        ) {
            if headed {
                let mut file = wav(6, 1, 8000, 8, &bytes);
                let change = at.min(file.len() - 1);
                file[change] ^= 0x55;
                bytes = file;
            }
            let _ = read(&bytes);
        }
    }
}
