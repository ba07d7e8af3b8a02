//! SRTP (RFC 3711) with keys from session descriptions (RFC 4568): AES in counter mode, authenticated by HMAC-SHA1.

use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::rtp::{self, Header};

/// Bytes that a packet grows by at most: the tag, and for RTCP the index.
pub(crate) const GROWTH_BYTES_MAX: usize = 14;

/// Bytes of master key and master salt together.
const MASTER_BYTES: usize = 30;

const KEY_BYTES: usize = 16;
const SALT_BYTES: usize = 14;
const AUTHENTICATION_BYTES: usize = 20;

/// Bytes of an RTCP packet that stay readable: the first header and the sender.
const RTCP_CLEAR_BYTES: usize = 8;

/// RTCP carries the long tag whatever the suite (RFC 4568 section 6.2.2).
const RTCP_TAG_BYTES: usize = 10;

/// Set in the index of an RTCP packet that is encrypted.
const RTCP_ENCRYPTED: u32 = 1 << 31;

/// How RTP packets are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Tag32,
}

impl Suite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Tag32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Tag80, Self::Tag32].into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    fn tag_bytes(self) -> usize {
        match self {
            Self::Tag80 => 10,
            Self::Tag32 => 4,
        }
    }
}

/// A master key with its salt; no secret in `Debug`, since it has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MasterKey([u8; MASTER_BYTES]);

impl MasterKey {
    pub(crate) fn new(bytes: [u8; MASTER_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What both sides agreed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) suite: Suite,
    /// What we send is under this key.
    pub(crate) local: MasterKey,
    /// What we receive.
    pub(crate) remote: MasterKey,
}

/// Why a packet is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too short, or no packet at all.
    Malformed,
    /// Not from who has the key.
    Authentication,
    /// It came before, or is too old to tell.
    Replay,
}

/// Session keys of one direction and kind.
struct SessionKeys {
    key: [u8; KEY_BYTES],
    salt: [u8; SALT_BYTES],
    authentication: Hmac<Sha1>,
}

impl SessionKeys {
    /// Derives them (RFC 3711 section 4.3.1, with a key derivation rate of 0); the first label is 0 for RTP, 3 for RTCP.
    fn derive(master: &MasterKey, first_label: u8) -> Self {
        let (mut key, mut salt, mut authentication) = ([0; KEY_BYTES], [0; SALT_BYTES], [0; AUTHENTICATION_BYTES]);
        derive(master, first_label, &mut key);
        derive(master, first_label + 1, &mut authentication);
        derive(master, first_label + 2, &mut salt);
        Self { key, salt, authentication: authentication_of(&authentication) }
    }

    /// Encrypts or decrypts, which is the same (RFC 3711 section 4.1.1).
    fn crypt(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..SALT_BYTES].copy_from_slice(&self.salt);
        xor(&mut counter[4..8], &ssrc.to_be_bytes());
        xor(&mut counter[6..14], &index.to_be_bytes());
        // Two bytes of the index lie over the sender's: the index has 48 bits, so they are zero.
        Ctr128BE::<Aes128>::new(&self.key.into(), &counter.into()).apply_keystream(bytes);
    }

    fn tag(&self, parts: [&[u8]; 2]) -> [u8; AUTHENTICATION_BYTES] {
        let mut authentication = self.authentication.clone();
        parts.iter().for_each(|part| authentication.update(part));
        authentication.finalize().into_bytes().into()
    }

    fn verify(&self, parts: [&[u8]; 2], tag: &[u8]) -> bool {
        let mut authentication = self.authentication.clone();
        parts.iter().for_each(|part| authentication.update(part));
        authentication.verify_truncated_left(tag).is_ok()
    }
}

fn authentication_of(key: &[u8; AUTHENTICATION_BYTES]) -> Hmac<Sha1> {
    // A key shorter than a block of the hash is padded with zeros (RFC 2104): this way no length can be wrong.
    let mut block = [0; 64];
    block[..AUTHENTICATION_BYTES].copy_from_slice(key);
    <Hmac<Sha1> as KeyInit>::new(&block.into())
}

fn derive(master: &MasterKey, label: u8, out: &mut [u8]) {
    let (mut key, mut counter) = ([0; KEY_BYTES], [0; 16]);
    key.copy_from_slice(&master.0[..KEY_BYTES]);
    counter[..SALT_BYTES].copy_from_slice(&master.0[KEY_BYTES..]);
    counter[7] ^= label;
    Ctr128BE::<Aes128>::new(&key.into(), &counter.into()).apply_keystream(out);
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

/// Encrypts what one side sends.
pub(crate) struct Sealer {
    suite: Suite,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// How often the sequence number has wrapped.
    rollovers: u32,
    last: Option<u16>,
    rtcp_index: u32,
}

impl Sealer {
    pub(crate) fn new(suite: Suite, master: &MasterKey) -> Self {
        let (rtp, rtcp) = (SessionKeys::derive(master, 0), SessionKeys::derive(master, 3));
        Self { suite, rtp, rtcp, rollovers: 0, last: None, rtcp_index: 0 }
    }

    /// Encrypts the packet in the first `length` bytes, whose numbers follow each other; its new length, or None if it is
    /// no packet or the tag has no room.
    pub(crate) fn seal(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let packet = buffer.get(..length)?;
        let header = Header::read_fixed(packet).ok()?;
        let start = rtp::payload_start(packet).ok()?;
        let tag_bytes = self.suite.tag_bytes();
        if buffer.len() < length + tag_bytes {
            return None;
        }
        if self.last.is_some_and(|last| header.sequence < last) {
            self.rollovers = self.rollovers.wrapping_add(1);
        }
        self.last = Some(header.sequence);
        let index = u64::from(self.rollovers) << 16 | u64::from(header.sequence);
        self.rtp.crypt(header.ssrc, index, &mut buffer[start..length]);
        let tag = self.rtp.tag([&buffer[..length], &self.rollovers.to_be_bytes()]);
        buffer[length..length + tag_bytes].copy_from_slice(&tag[..tag_bytes]);
        Some(length + tag_bytes)
    }

    /// The same for RTCP (RFC 3711 section 3.4).
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        if length < RTCP_CLEAR_BYTES || buffer.len() < length + GROWTH_BYTES_MAX {
            return None;
        }
        let ssrc = u32::from_be_bytes(*buffer.get(4..8)?.first_chunk()?);
        self.rtcp.crypt(ssrc, u64::from(self.rtcp_index), &mut buffer[RTCP_CLEAR_BYTES..length]);
        let end = length + 4;
        buffer[length..end].copy_from_slice(&(self.rtcp_index | RTCP_ENCRYPTED).to_be_bytes());
        self.rtcp_index = (self.rtcp_index + 1) & !RTCP_ENCRYPTED;
        let tag = self.rtcp.tag([&buffer[..end], &[]]);
        buffer[end..end + RTCP_TAG_BYTES].copy_from_slice(&tag[..RTCP_TAG_BYTES]);
        Some(end + RTCP_TAG_BYTES)
    }
}

/// Decrypts what one side receives.
pub(crate) struct Opener {
    suite: Suite,
    rtp: SessionKeys,
    rtcp: SessionKeys,
    /// The stream that the windows are of.
    ssrc: Option<u32>,
    window: Window,
    rtcp_window: Window,
}

impl Opener {
    pub(crate) fn new(suite: Suite, master: &MasterKey) -> Self {
        let (rtp, rtcp) = (SessionKeys::derive(master, 0), SessionKeys::derive(master, 3));
        Self { suite, rtp, rtcp, ssrc: None, window: Window::default(), rtcp_window: Window::default() }
    }

    /// Decrypts a packet in place; its new length. Nothing is changed or remembered of a packet that is refused.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let end = packet.len().checked_sub(self.suite.tag_bytes()).ok_or(Refused::Malformed)?;
        let header = Header::read_fixed(&packet[..end]).map_err(|_| Refused::Malformed)?;
        let start = rtp::payload_start(&packet[..end]).map_err(|_| Refused::Malformed)?;
        // Another stream under the same key has a count of its own. It becomes the one that is followed by being authentic.
        let fresh = Window::default();
        let window = if self.ssrc == Some(header.ssrc) { &self.window } else { &fresh };
        let index = window.index_of(header.sequence);
        let rollovers = u32::try_from(index >> 16).map_err(|_| Refused::Replay)?;
        if !self.rtp.verify([&packet[..end], &rollovers.to_be_bytes()], &packet[end..]) {
            return Err(Refused::Authentication);
        }
        let mut window = window.clone();
        if !window.take(index) {
            return Err(Refused::Replay);
        }
        self.window = window;
        self.ssrc = Some(header.ssrc);
        self.rtp.crypt(header.ssrc, index, &mut packet[start..end]);
        Ok(end)
    }

    /// The same for RTCP.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let end = packet.len().checked_sub(RTCP_TAG_BYTES).ok_or(Refused::Malformed)?;
        let length = end.checked_sub(4).filter(|length| *length >= RTCP_CLEAR_BYTES).ok_or(Refused::Malformed)?;
        if !self.rtcp.verify([&packet[..end], &[]], &packet[end..]) {
            return Err(Refused::Authentication);
        }
        let word = |at: usize| packet.get(at..at + 4).and_then(<[u8]>::first_chunk).copied().map(u32::from_be_bytes);
        let (ssrc, index) = word(4).zip(word(length)).ok_or(Refused::Malformed)?;
        if !self.rtcp_window.take(u64::from(index & !RTCP_ENCRYPTED)) {
            return Err(Refused::Replay);
        }
        if index & RTCP_ENCRYPTED != 0 {
            self.rtcp.crypt(ssrc, u64::from(index & !RTCP_ENCRYPTED), &mut packet[RTCP_CLEAR_BYTES..length]);
        }
        Ok(length)
    }
}

/// The highest index that came, and which of the 64 up to it (RFC 3711 section 3.3.2).
#[derive(Debug, Clone, Default)]
struct Window {
    highest: Option<u64>,
    taken: u64,
}

impl Window {
    /// The index of a sequence number that is nearest to the highest (RFC 3711 appendix A).
    fn index_of(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else { return u64::from(sequence) };
        let (rollovers, last) = (highest >> 16, (highest & 0xffff) as u16);
        let ahead = sequence.wrapping_sub(last).cast_signed();
        let rollovers = match (ahead >= 0, sequence >= last) {
            (true, false) => rollovers + 1,
            // Before the first packet there was none: a number that seems older is taken as of the same count.
            (false, true) => rollovers.saturating_sub(1),
            _ => rollovers,
        };
        rollovers << 16 | u64::from(sequence)
    }

    /// Remembers an index; false if it came before or lies too far back.
    fn take(&mut self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            self.taken = 1;
            return true;
        };
        if index > highest {
            self.taken = u32::try_from(index - highest).ok().and_then(|by| self.taken.checked_shl(by)).unwrap_or(0) | 1;
            self.highest = Some(index);
            return true;
        }
        let bit = u32::try_from(highest - index).ok().and_then(|by| 1u64.checked_shl(by)).unwrap_or(0);
        let new = bit != 0 && self.taken & bit == 0;
        self.taken |= bit;
        new
    }
}

#[cfg(test)]
mod tests;
