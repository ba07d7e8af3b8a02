//! Digits as named events (RFC 4733): pressed keys as packets of their own, whatever the codec does to tones.

use std::collections::VecDeque;

/// The encoding name that SDP knows them by.
pub(crate) const ENCODING: &str = "telephone-event";

/// Bytes of an event's payload.
pub(crate) const PAYLOAD_BYTES: usize = 4;

/// The keys, at the places of their event codes.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// How long a digit lasts, in frames of 20 ms: 100 ms, which every exchange hears.
const DIGIT_FRAMES: u16 = 5;

/// How often the end of a digit is said (RFC 4733 section 2.5.1.4).
const END_PACKETS: u16 = 3;

/// Frames of pause after a digit, counted from its end: 80 ms, three of which are spent saying that it ended.
const PAUSE_FRAMES: u16 = 4;

/// Digits that may wait to be sent.
const WAITING_MAX: usize = 128;

/// Loudness of the digits that we send, in -dBm0.
const VOLUME: u8 = 10;

/// The longest duration that one event tells; a longer one goes on as another event (RFC 4733 section 2.5.1.3).
const DURATION_MAX: u32 = 0xffff;

/// Why digits cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigitsError {
    /// There is no such key on a telephone.
    #[error("{0:?} is no key of a telephone: 0 to 9, *, #, A to D")]
    NoKey(char),
    /// The far side has not agreed to take digits as events.
    #[error("the far side takes no digits as events (telephone-event)")]
    NotNegotiated,
    /// Too many wait already.
    #[error("more than {WAITING_MAX} digits would wait to be sent")]
    TooMany,
}

/// The event code of a key; letters whatever their case.
pub(crate) fn code(key: char) -> Result<u8, DigitsError> {
    let upper = u8::try_from(key.to_ascii_uppercase()).map_err(|_| DigitsError::NoKey(key))?;
    let at = KEYS.iter().position(|known| *known == upper).ok_or(DigitsError::NoKey(key))?;
    u8::try_from(at).map_err(|_| DigitsError::NoKey(key))
}

/// The payload of an event, and what its packet needs besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPacket {
    pub(crate) payload: [u8; PAYLOAD_BYTES],
    /// The first packet of the event.
    pub(crate) first: bool,
    /// Frames that went by since the event began: its timestamp lies that far back.
    pub(crate) frames_back: u16,
}

/// Sends digits one after the other, a packet in 20 ms.
#[derive(Default)]
pub(crate) struct DigitSender {
    waiting: VecDeque<u8>,
    /// Frames since the digit at the front began.
    frames: u16,
}

impl DigitSender {
    /// Queues event codes: all of them, or none if they are too many.
    pub(crate) fn queue(&mut self, codes: &[u8]) -> Result<(), DigitsError> {
        if self.waiting.len() + codes.len() > WAITING_MAX {
            return Err(DigitsError::TooMany);
        }
        self.waiting.extend(codes);
        Ok(())
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.frames = 0;
    }

    /// Whether a digit is being sent or waits.
    pub(crate) fn busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is sent in this frame instead of sound; None in the pause after a digit too.
    pub(crate) fn next(&mut self) -> Option<EventPacket> {
        let code = *self.waiting.front()?;
        let frames = self.frames;
        self.frames += 1;
        if frames >= DIGIT_FRAMES + PAUSE_FRAMES {
            self.waiting.pop_front();
            self.frames = 0;
            return self.next();
        }
        if frames >= DIGIT_FRAMES + END_PACKETS - 1 {
            return None;
        }
        // Ends are repeated as they were: same timestamp, same duration.
        let ended = frames + 1 >= DIGIT_FRAMES;
        let lasted = (frames + 1).min(DIGIT_FRAMES) * 160;
        let [high, low] = lasted.to_be_bytes();
        let payload = [code, u8::from(ended) << 7 | VOLUME, high, low];
        Some(EventPacket { payload, first: frames == 0, frames_back: frames })
    }
}

/// Hears digits: each once, however many packets tell it and in whatever order they come.
#[derive(Default)]
pub(crate) struct DigitReceiver {
    last: Option<LastEvent>,
}

struct LastEvent {
    code: u8,
    timestamp: u32,
    ended: bool,
}

impl DigitReceiver {
    /// The digit of an event's first packet that comes; None for its other packets and for events that are no keys.
    pub(crate) fn heard(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let [code, flags, ..]: [u8; PAYLOAD_BYTES] = *payload.first_chunk()?;
        let ended = flags & 0x80 != 0;
        let key = char::from(*KEYS.get(usize::from(code))?);
        if let Some(last) = &mut self.last {
            let after = timestamp.wrapping_sub(last.timestamp).cast_signed();
            if after < 0 {
                return None;
            }
            if after == 0 {
                last.ended |= ended;
                return None;
            }
            let goes_on = !last.ended && last.code == code && timestamp == last.timestamp.wrapping_add(DURATION_MAX);
            *last = LastEvent { code, timestamp, ended };
            return (!goes_on).then_some(key);
        }
        self.last = Some(LastEvent { code, timestamp, ended });
        Some(key)
    }

    /// Another stream begins, with timestamps of its own.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(keys: &str) -> Vec<Option<EventPacket>> {
        let codes: Vec<u8> = keys.chars().map(|key| code(key).unwrap()).collect();
        let mut sender = DigitSender::default();
        sender.queue(&codes).unwrap();
        std::iter::from_fn(|| sender.busy().then(|| sender.next())).collect()
    }

    #[test]
    fn a_digit_is_told_by_growing_durations_and_three_ends() {
        let packets: Vec<_> = sent("5").into_iter().flatten().collect();
        let durations: Vec<_> =
            packets.iter().map(|packet| u16::from_be_bytes([packet.payload[2], packet.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<_> = packets.iter().map(|packet| packet.payload[1] >> 7).collect();
        assert_eq!(ends, [0, 0, 0, 0, 1, 1, 1]);
        assert!(packets.iter().enumerate().all(|(at, packet)| packet.first == (at == 0)));
    }

    #[test]
    fn digits_that_were_sent_are_heard_once_each_whatever_is_lost_or_repeated() {
        let frames = sent("112#a");
        for lost in 0..5 {
            let mut receiver = DigitReceiver::default();
            let mut heard = String::new();
            for (at, packet) in (0u32..).zip(&frames) {
                let Some(packet) = packet else { continue };
                if at % 5 == lost {
                    continue;
                }
                let began = at - u32::from(packet.frames_back);
                let timestamp = (u32::MAX - 300).wrapping_add(began * 160);
                for _ in 0..2 {
                    heard.extend(receiver.heard(timestamp, &packet.payload));
                }
            }
            assert_eq!(heard, "112#A");
        }
    }

    #[test]
    fn late_packets_of_an_earlier_digit_tell_nothing_new() {
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.heard(1000, &[1, 10, 0, 160]), Some('1'));
        assert_eq!(receiver.heard(3000, &[2, 10, 0, 160]), Some('2'));
        assert_eq!(receiver.heard(1000, &[1, 0x8a, 3, 32]), None);
        assert_eq!(receiver.heard(3000, &[2, 0x8a, 3, 32]), None);
    }

    #[test]
    fn a_key_held_for_long_is_one_digit() {
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.heard(1000, &[1, 10, 0xff, 0xff]), Some('1'));
        assert_eq!(receiver.heard(1000 + 0xffff, &[1, 10, 0, 160]), None);
        assert_eq!(receiver.heard(1000 + 0xffff, &[1, 0x8a, 0, 160]), None);
        assert_eq!(receiver.heard(900_000, &[1, 0x8a, 0, 160]), Some('1'));
    }

    #[test]
    fn what_is_no_key_is_neither_sent_nor_heard() {
        assert_eq!(code('x'), Err(DigitsError::NoKey('x')));
        assert_eq!(code('五'), Err(DigitsError::NoKey('五')));
        let mut receiver = DigitReceiver::default();
        assert_eq!(receiver.heard(1, &[16, 0, 0, 0]), None);
        assert_eq!(receiver.heard(1, &[1, 0, 0]), None);
    }

    #[test]
    fn too_many_digits_are_refused_whole() {
        let mut sender = DigitSender::default();
        assert_eq!(sender.queue(&[1; WAITING_MAX + 1]), Err(DigitsError::TooMany));
        assert!(!sender.busy());
    }
}
