//! G.711, the codec of the telephone network: eight bits a sample, A-law in most of the world, µ-law elsewhere.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

/// A codec of G.711, both with a clock of 8 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A-law, payload type 8.
    Pcma,
    /// µ-law, payload type 0.
    Pcmu,
}

impl Codec {
    /// The static payload type (RFC 3551 section 6).
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// The encoding name that SDP knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// The codec of an encoding name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pcma, Self::Pcmu].into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// One sample as a byte.
    #[must_use]
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => encode_alaw(sample),
            Self::Pcmu => encode_ulaw(sample),
        }
    }

    /// One byte as a sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Pcma => decode_alaw(byte),
            Self::Pcmu => decode_ulaw(byte),
        }
    }

    /// Encodes as many samples as both slices hold.
    pub fn encode_into(self, samples: &[i16], bytes: &mut [u8]) {
        // The codec is chosen once, so that the loop has no branch.
        match self {
            Self::Pcma => bytes.iter_mut().zip(samples).for_each(|(byte, sample)| *byte = encode_alaw(*sample)),
            Self::Pcmu => bytes.iter_mut().zip(samples).for_each(|(byte, sample)| *byte = encode_ulaw(*sample)),
        }
    }

    /// Decodes as many bytes as both slices hold.
    pub fn decode_into(self, bytes: &[u8], samples: &mut [i16]) {
        match self {
            Self::Pcma => samples.iter_mut().zip(bytes).for_each(|(sample, byte)| *sample = decode_alaw(*byte)),
            Self::Pcmu => samples.iter_mut().zip(bytes).for_each(|(sample, byte)| *sample = decode_ulaw(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decoded_is_encoded_to_the_same_byte() {
        for byte in 0..=u8::MAX {
            assert_eq!(Codec::Pcma.encode(Codec::Pcma.decode(byte)), byte);
            // µ-law has two zeroes, of which the encoder knows one.
            let again = Codec::Pcmu.encode(Codec::Pcmu.decode(byte));
            assert!(again == byte || (byte == 0x7f && again == 0xff), "{byte:#x} became {again:#x}");
        }
    }

    #[test]
    fn a_coded_sample_is_near_the_sample() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for sample in (i16::MIN..=i16::MAX).step_by(37) {
                let error = i32::from(codec.decode(codec.encode(sample))) - i32::from(sample);
                let step = i32::from(sample).abs() / 16 + 16;
                assert!(error.abs() <= step, "{codec:?} makes {sample} wrong by {error}");
            }
        }
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        assert_eq!(Codec::from_name("pcma"), Some(Codec::Pcma));
        assert_eq!(Codec::from_name("PCMU"), Some(Codec::Pcmu));
        assert_eq!(Codec::from_name("G729"), None);
    }
}
