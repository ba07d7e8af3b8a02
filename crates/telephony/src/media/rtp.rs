//! RTP packets: the header of RFC 3550 section 5.1, read with everything that may follow it, written without.

/// Bytes of a header without contributing sources and extension: what we send.
pub(crate) const HEADER_BYTES: usize = 12;

/// The largest datagram that is read; more than any packet of telephone audio.
pub(crate) const PACKET_BYTES_MAX: usize = 1500;

const VERSION: u8 = 2;

/// The fields of a header that mean something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Something starts here after a pause (RFC 3551 section 4.1).
    pub(crate) marker: bool,
    /// What the payload is.
    pub(crate) payload_type: u8,
    /// Counts packets.
    pub(crate) sequence: u16,
    /// The payload's first sample, in units of 1/8000 s.
    pub(crate) timestamp: u32,
    /// The stream that the packet is of.
    pub(crate) ssrc: u32,
}

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Shorter than its header says that it is.
    Short,
    /// Not of version 2.
    Version,
    /// More padding than there is payload.
    Padding,
}

impl Header {
    /// Reads a header and finds the payload behind sources and extension, and before padding.
    pub(crate) fn read(packet: &[u8]) -> Result<(Self, std::ops::Range<usize>), Malformed> {
        let header = Self::read_fixed(packet)?;
        let start = payload_start(packet)?;
        let padded = packet.first().is_some_and(|first| first & 0x20 != 0);
        let padding = if padded { packet.last().copied().map_or(0, usize::from) } else { 0 };
        if padded && padding == 0 {
            return Err(Malformed::Padding);
        }
        let end = packet.len().checked_sub(padding).filter(|end| *end >= start).ok_or(Malformed::Padding)?;
        Ok((header, start..end))
    }

    /// Reads the first twelve bytes only: of an encrypted packet, whose padding cannot be read yet.
    pub(crate) fn read_fixed(packet: &[u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; HEADER_BYTES] = packet.first_chunk().ok_or(Malformed::Short)?;
        if fixed[0] >> 6 != VERSION {
            return Err(Malformed::Version);
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        })
    }

    /// The header's bytes.
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = VERSION << 6;
        bytes[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

/// Where the payload starts: behind contributing sources and header extension.
pub(crate) fn payload_start(packet: &[u8]) -> Result<usize, Malformed> {
    let first = *packet.first().ok_or(Malformed::Short)?;
    let mut start = HEADER_BYTES + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let length = packet.get(start + 2..start + 4).ok_or(Malformed::Short)?;
        let words = length.iter().fold(0, |words, byte| words << 8 | usize::from(*byte));
        start += 4 + words * 4;
    }
    if start <= packet.len() { Ok(start) } else { Err(Malformed::Short) }
}

/// Whether a packet on a port that carries both is RTCP (RFC 5761 section 4).
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|second| (192..=223).contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header =
        Header { marker: true, payload_type: 101, sequence: 65_535, timestamp: 7, ssrc: 0xdead_beef };

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = HEADER.to_bytes().to_vec();
        packet[0] |= first;
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn a_payload_is_found_behind_sources_and_extension_and_before_padding() {
        let check = |first, rest: &[u8], expected: Result<&[u8], Malformed>| {
            let packet = packet(first, rest);
            let found = Header::read(&packet).map(|(header, range)| {
                assert_eq!(header, HEADER);
                &packet[range]
            });
            assert_eq!(found, expected);
        };
        check(0, &[1, 2, 3], Ok(&[1, 2, 3]));
        check(0, &[], Ok(&[]));
        check(2, &[0, 0, 0, 1, 0, 0, 0, 2, 9], Ok(&[9]));
        check(2, &[0, 0, 0, 1, 0, 0, 0], Err(Malformed::Short));
        check(0x10, &[0xbe, 0xde, 0, 1, 5, 5, 5, 5, 9, 9], Ok(&[9, 9]));
        check(0x10, &[0xbe, 0xde, 0xff, 0xff, 9, 9], Err(Malformed::Short));
        check(0x10, &[0xbe], Err(Malformed::Short));
        check(0x20, &[9, 9, 0, 2], Ok(&[9, 9]));
        check(0x20, &[9, 9, 0, 5], Err(Malformed::Padding));
        check(0x20, &[9, 9, 0, 0], Err(Malformed::Padding));
    }

    #[test]
    fn other_versions_and_fragments_are_refused() {
        assert_eq!(Header::read(&[0x80; 11]), Err(Malformed::Short));
        assert_eq!(Header::read(&[0x40; 12]), Err(Malformed::Version));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((_, range)) = Header::read(&bytes) {
                prop_assert!(range.end <= bytes.len() && range.start <= range.end);
            }
        }

        #[test]
        fn a_written_header_is_read_again(marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            prop_assert_eq!(Header::read(&header.to_bytes()), Ok((header, 12..12)));
        }
    }
}
