//! WAV headers (RIFF, PCM of 16 bits, 8 kHz), and mending one that a crash left behind its samples.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// Bytes of one sample of one voice.
pub(crate) const SAMPLE_BYTES: u64 = 2;
/// Bytes of one sample of both voices of a stereo file.
pub(crate) const PAIR_BYTES: u64 = 2 * SAMPLE_BYTES;
/// Bytes before the first sample of a stereo file: it has a cue point.
pub(crate) const STEREO_HEADER_BYTES: u64 = 80;
/// Bytes before the first sample of a copy.
pub(crate) const MONO_HEADER_BYTES: u64 = 44;

const SAMPLE_RATE: u32 = 8_000;
const PCM: u16 = 1;
const CUE_AT: u64 = 52;

/// The header of a stereo file with so many samples of each voice. The cue point is where the call was answered, in
/// samples: players show it, and the copies begin there.
pub(crate) fn stereo_header(samples: u64, answered_at: u64) -> Vec<u8> {
    let answered_at = size(answered_at).to_le_bytes();
    let mut header = Header::default();
    header.begin(STEREO_HEADER_BYTES, samples * PAIR_BYTES, 2);
    header.put(b"cue ");
    header.put(&28_u32.to_le_bytes());
    // One point, with the number 1.
    header.put(&1_u32.to_le_bytes());
    header.put(&1_u32.to_le_bytes());
    header.put(&answered_at);
    header.put(b"data");
    header.put(&[0; 8]);
    header.put(&answered_at);
    header.end(samples * PAIR_BYTES)
}

/// The header of a copy with so many samples.
pub(crate) fn mono_header(samples: u64) -> Vec<u8> {
    let mut header = Header::default();
    header.begin(MONO_HEADER_BYTES, samples * SAMPLE_BYTES, 1);
    header.end(samples * SAMPLE_BYTES)
}

/// What a stereo file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stereo {
    /// Samples of each voice.
    pub(crate) samples: u64,
    /// Where the call was answered, in samples; nothing when nobody answered.
    pub(crate) answered_at: u64,
}

/// Makes the header of a stereo file true to its length: whatever was written counts.
pub(crate) fn mend(file: &File) -> std::io::Result<Stereo> {
    let bytes = file.metadata()?.len();
    let samples = bytes.saturating_sub(STEREO_HEADER_BYTES) / PAIR_BYTES;
    let mut cue = [0; 4];
    // The place of the cue point never moves; a file that is too short for it has no samples either.
    let answered_at = match file.read_exact_at(&mut cue, CUE_AT) {
        Ok(()) => u64::from(u32::from_le_bytes(cue)).min(samples),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => 0,
        Err(error) => return Err(error),
    };
    // Half a sample at the end, where the disk was full, would be heard as noise.
    file.set_len(STEREO_HEADER_BYTES + samples * PAIR_BYTES)?;
    file.write_all_at(&stereo_header(samples, answered_at), 0)?;
    Ok(Stereo { samples, answered_at })
}

/// Whether nothing at all is heard in a stereo file that was mended: nobody had spoken, and the line gave no sound either.
pub(crate) fn is_silent(mut file: &File) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(STEREO_HEADER_BYTES))?;
    for byte in BufReader::new(file).bytes() {
        if byte? != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sizes in WAV files have 32 bits; tapes are bounded well below.
fn size(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Header {
    bytes: Vec<u8>,
}

impl Header {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn begin(&mut self, header_bytes: u64, data_bytes: u64, voices: u16) {
        let block_bytes = voices * 2;
        self.put(b"RIFF");
        self.put(&size(header_bytes - 8 + data_bytes).to_le_bytes());
        self.put(b"WAVEfmt ");
        self.put(&16_u32.to_le_bytes());
        self.put(&PCM.to_le_bytes());
        self.put(&voices.to_le_bytes());
        self.put(&SAMPLE_RATE.to_le_bytes());
        self.put(&(SAMPLE_RATE * u32::from(block_bytes)).to_le_bytes());
        self.put(&block_bytes.to_le_bytes());
        self.put(&16_u16.to_le_bytes());
    }

    fn end(mut self, data_bytes: u64) -> Vec<u8> {
        self.put(b"data");
        self.put(&size(data_bytes).to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn headers_are_as_long_as_they_say_and_hound_reads_them() {
        let check = |header: Vec<u8>, bytes: u64, voices: u16| {
            assert_eq!(header.len() as u64, bytes);
            let file = [header, vec![0; 3 * 2 * usize::from(voices)]].concat();
            let reader = hound::WavReader::new(std::io::Cursor::new(file)).unwrap();
            let spec = reader.spec();
            assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (voices, 8_000, 16));
            assert_eq!(reader.duration(), 3);
        };
        check(stereo_header(3, 2), STEREO_HEADER_BYTES, 2);
        check(mono_header(3), MONO_HEADER_BYTES, 1);
    }

    #[test]
    fn a_header_that_lags_behind_is_mended_to_what_was_written() {
        let check = |length: usize, told: (u64, u64), expected: Stereo| {
            let mut file = tempfile::tempfile().unwrap();
            let mut bytes = stereo_header(told.0, told.1);
            bytes.resize(length, 7);
            file.write_all(&bytes).unwrap();
            assert_eq!(mend(&file).unwrap(), expected);
            let mut header = vec![0; 80];
            file.read_exact_at(&mut header, 0).unwrap();
            assert_eq!(header, stereo_header(expected.samples, expected.answered_at));
            assert_eq!(file.metadata().unwrap().len(), 80 + 4 * expected.samples);
        };
        check(80 + 40, (10, 3), Stereo { samples: 10, answered_at: 3 });
        check(80 + 43, (5, 3), Stereo { samples: 10, answered_at: 3 });
        check(80 + 8, (10, 3), Stereo { samples: 2, answered_at: 2 });
        check(80, (0, 0), Stereo { samples: 0, answered_at: 0 });
        check(30, (0, 0), Stereo { samples: 0, answered_at: 0 });
        check(0, (0, 0), Stereo { samples: 0, answered_at: 0 });
    }
}
