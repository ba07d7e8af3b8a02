//! WAV files of the telephone: linear 16-bit, A-law and µ-law samples.
//!
//! Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), section "Waveform Audio
//! File Format", and RFC 2361 for the numbers of the codecs. Libraries for WAV leave the two laws out.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw};
use thiserror::Error;

use crate::media::SAMPLE_RATE;

/// The longest file that is read: a quarter of an hour of linear telephone audio.
pub const FILE_BYTES_MAX: usize = 15 * 60 * 16_000;
/// The most chunks of a file that are looked at.
const CHUNKS_MAX: usize = 64;

const LINEAR: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;

/// What a file has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples in a second of one channel.
    pub rate_hz: u32,
    /// Voices side by side.
    pub channels: u16,
    /// Linear samples, the channels interleaved.
    pub samples: Vec<i16>,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WavError {
    /// It does not begin like one.
    #[error("this is not a WAV file")]
    NotWav,
    /// It has more bytes than [`FILE_BYTES_MAX`].
    #[error("the file is longer than {} MB", FILE_BYTES_MAX >> 20)]
    TooLong,
    /// A chunk that is needed is missing or cut off.
    #[error("the file is cut off, or has no samples in it")]
    Incomplete,
    /// Samples of another kind.
    #[error("its samples are of format {format} with {bits} bits; linear 16-bit, A-law and µ-law are read")]
    Unsupported {
        /// The codec's number.
        format: u16,
        /// Bits of a sample.
        bits: u16,
    },
    /// Not what a telephone carries.
    #[error(
        "it has {channels} channels at {rate_hz} Hz; mono at 8000 Hz is needed (ffmpeg -i FILE -ar 8000 -ac 1 OUT.wav)"
    )]
    NotTelephone {
        /// Samples in a second.
        rate_hz: u32,
        /// Voices side by side.
        channels: u16,
    },
}

/// Reads a file.
///
/// # Errors
/// When it is no WAV file, is cut off in its headers, or has samples of another kind. A file whose samples are cut
/// off gives those that are there: recorders that were killed leave such files.
pub fn read(bytes: &[u8]) -> Result<Wav, WavError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(WavError::TooLong);
    }
    let chunks = bytes.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)).and_then(|rest| rest.strip_prefix(b"WAVE"));
    let mut rest = chunks.ok_or(WavError::NotWav)?;
    let mut format = None;
    for _ in 0..CHUNKS_MAX {
        let (name, size) = header(rest).ok_or(WavError::Incomplete)?;
        let body = rest.get(8..).unwrap_or_default();
        let body = body.get(..size).unwrap_or(body);
        match name {
            b"fmt " => format = Some(Format::read(body).ok_or(WavError::Incomplete)?),
            b"data" => return format.ok_or(WavError::Incomplete)?.decode(body),
            _ => {}
        }
        // Chunks are padded to an even length.
        rest = rest.get(8 + size + size % 2..).ok_or(WavError::Incomplete)?;
    }
    Err(WavError::Incomplete)
}

/// Reads a file of telephone audio: one voice, 8000 Hz.
///
/// # Errors
/// As [`read`], and when there are more channels or the rate is another.
pub fn read_telephone(bytes: &[u8]) -> Result<Vec<i16>, WavError> {
    let Wav { rate_hz, channels, samples } = read(bytes)?;
    if rate_hz == SAMPLE_RATE && channels == 1 {
        Ok(samples)
    } else {
        Err(WavError::NotTelephone { rate_hz, channels })
    }
}

/// A file of telephone audio in A-law: 8000 bytes a second, and 58 of headers.
#[must_use]
pub fn write_alaw(samples: &[i16]) -> Vec<u8> {
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let padding = samples.len() % 2;
    let mut file = Vec::with_capacity(samples.len() + 59);
    file.extend_from_slice(b"RIFF");
    file.extend(count.saturating_add(50 + count % 2).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend(18_u32.to_le_bytes());
    file.extend([A_LAW.to_le_bytes(), 1_u16.to_le_bytes()].concat());
    file.extend([SAMPLE_RATE.to_le_bytes(), SAMPLE_RATE.to_le_bytes()].concat());
    // A byte a sample, eight bits of it, no extension.
    file.extend([1_u16.to_le_bytes(), 8_u16.to_le_bytes(), 0_u16.to_le_bytes()].concat());
    // What is not linear has to say how many samples there are.
    file.extend_from_slice(b"fact");
    file.extend([4_u32.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend_from_slice(b"data");
    file.extend(count.to_le_bytes());
    file.extend(samples.iter().map(|sample| encode_alaw(*sample)));
    file.extend(std::iter::repeat_n(0, padding));
    file
}

/// The chunk `fmt `, as far as it is needed.
struct Format {
    codec: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

impl Format {
    fn read(body: &[u8]) -> Option<Self> {
        let field = |offset: usize| Some(u16::from_le_bytes(body.get(offset..offset + 2)?.try_into().ok()?));
        let rate_hz = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
        let codec = match field(0)? {
            // The real number is the beginning of an identifier at the end.
            EXTENSIBLE => field(24)?,
            codec => codec,
        };
        Some(Self { codec, channels: field(2)?, rate_hz, bits: field(14)? })
    }

    fn decode(&self, body: &[u8]) -> Result<Wav, WavError> {
        let samples: Vec<i16> = match (self.codec, self.bits) {
            (LINEAR, 16) => body.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
            (A_LAW, 8) => body.iter().map(|byte| decode_alaw(*byte)).collect(),
            (MU_LAW, 8) => body.iter().map(|byte| decode_ulaw(*byte)).collect(),
            (format, bits) => return Err(WavError::Unsupported { format, bits }),
        };
        if samples.is_empty() {
            return Err(WavError::Incomplete);
        }
        Ok(Wav { rate_hz: self.rate_hz, channels: self.channels, samples })
    }
}

/// The name of a chunk and the length of its body.
fn header(chunk: &[u8]) -> Option<(&[u8; 4], usize)> {
    let (name, rest) = chunk.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*rest.first_chunk::<4>()?);
    Some((name, usize::try_from(size).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file with this format chunk and these bytes of samples.
    fn file(codec: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend([codec.to_le_bytes(), channels.to_le_bytes()].concat());
        bytes.extend([rate_hz.to_le_bytes(), 0_u32.to_le_bytes()].concat());
        bytes.extend([0_u16.to_le_bytes(), bits.to_le_bytes()].concat());
        bytes.extend_from_slice(b"data");
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    #[test]
    fn each_codec_gives_linear_samples() {
        let check = |codec, bits, data: &[u8], expected: &[i16]| {
            let wav = read(&file(codec, 1, 8000, bits, data)).unwrap();
            assert_eq!((wav.samples.as_slice(), wav.rate_hz, wav.channels), (expected, 8000, 1), "codec {codec}");
        };
        check(LINEAR, 16, &[1, 0, 0xFF, 0xFF], &[1, -1]);
        check(A_LAW, 8, &[0xD5, 0x55], &[8, -8]);
        check(MU_LAW, 8, &[0xFF, 0x00], &[0, -32124]);
    }

    #[test]
    fn what_is_no_telephone_audio_is_refused_with_the_reason() {
        let check = |bytes: &[u8], expected| assert_eq!(read_telephone(bytes), Err(expected));
        check(b"ID3\x04", WavError::NotWav);
        check(b"RIFF\0\0\0\0WAVE", WavError::Incomplete);
        check(&file(LINEAR, 1, 8000, 16, &[]), WavError::Incomplete);
        check(&file(LINEAR, 1, 8000, 24, &[0; 6]), WavError::Unsupported { format: 1, bits: 24 });
        check(&file(LINEAR, 1, 16_000, 16, &[0; 4]), WavError::NotTelephone { rate_hz: 16_000, channels: 1 });
        check(&file(A_LAW, 2, 8000, 8, &[0; 4]), WavError::NotTelephone { rate_hz: 8000, channels: 2 });
        check(&vec![0; FILE_BYTES_MAX + 1], WavError::TooLong);
    }

    #[test]
    fn a_file_whose_end_is_missing_gives_what_is_there() {
        let mut bytes = file(A_LAW, 1, 8000, 8, &[0xD5; 100]);
        bytes.truncate(bytes.len() - 40);
        assert_eq!(read_telephone(&bytes).unwrap().len(), 60);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_within_the_steps_of_the_codec(samples in prop::collection::vec(any::<i16>(), 1..500)) {
            let read = read_telephone(&write_alaw(&samples)).unwrap();
            prop_assert_eq!(read.len(), samples.len());
            for (read, written) in read.iter().zip(&samples) {
                let step = i32::from(*written).abs() / 16 + 16;
                prop_assert!((i32::from(*read) - i32::from(*written)).abs() <= step, "{} for {}", read, written);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = read(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat());
            let _ = read(&[b"RIFF\0\0\0\0WAVEfmt ".as_slice(), &bytes].concat());
        }
    }
}
