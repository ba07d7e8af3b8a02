//! What becomes of any description and any packets.

use std::net::SocketAddr;
use std::time::Duration;

use super::codec::Codec;
use super::reports::REPORT_BYTES_MAX;
use super::rtp::{Header, PACKET_BYTES_MAX};
use super::sdp::{Formats, Negotiation, SdpError, Srtp};
use super::source::Latching;
use super::srtp::{GROWTH_BYTES_MAX, MasterKey, Opener, Sealer, Suite};
use super::stream::{Identity, SENT_BYTES_MAX, Stream};
use crate::fuzzing::Input;

mod offers;

use offers::OFFERS;

/// What an input may ask for at most.
const STEPS_MAX: usize = 2_000;
/// Ticks of one step at most.
const TICKS_MAX: u8 = 64;
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 20_000);
/// The master key in the offers that encrypt.
const FAR_KEY: [u8; 30] = [3; 30];

fn negotiation() -> Negotiation {
    Negotiation::new(LOCAL, 1, [MasterKey::new([1; 30]), MasterKey::new([2; 30])])
}

fn formats(choice: u8) -> Formats {
    let srtp = [Srtp::Off, Srtp::Offered, Srtp::Required][usize::from(choice % 3)];
    let codecs = if choice & 4 == 0 { vec![Codec::Pcma, Codec::Pcmu] } else { vec![Codec::Pcmu] };
    Formats { codecs, digits: choice & 8 == 0, srtp, advertised: None }
}

/// Reads a description as an offer, and as an answer to ours. Whatever we answer can be read.
pub fn description(bytes: &[u8]) {
    for choice in 0..16 {
        let formats = formats(choice);
        let mut ours = negotiation();
        ours.offer(&formats);
        let _ = ours.accept(bytes);
        if let Ok((text, agreement)) = ours.answer(bytes, &formats) {
            assert!(formats.codecs.contains(&agreement.negotiated.codec));
            assert!(formats.srtp != Srtp::Off || agreement.keys.is_none());
            assert!(formats.srtp != Srtp::Required || agreement.keys.is_some());
            let again = ours.answer(bytes, &formats).map(|(again, _)| again);
            assert!(again.is_ok_and(|again| again == text), "the same offer is answered in other words");
            let read = negotiation().answer(text.as_bytes(), &formats);
            assert!(!matches!(read, Err(SdpError::Malformed(_) | SdpError::Attribute { .. })), "{text}");
        }
    }
}

/// Gives one call's stream packets, times and agreements in any order.
pub fn stream(bytes: &[u8]) {
    let mut input = Input(bytes);
    let latching = [Latching::SignalledHost, Latching::FirstSource, Latching::Never][usize::from(input.byte() % 3)];
    let jitter = Duration::from_millis(input.byte().into());
    let identity = Identity { ssrc: 1, sequence: 65_534, timestamp: u32::MAX - 200 };
    let mut line = Line {
        stream: Stream::new(identity, latching, jitter),
        ours: negotiation(),
        sealer: Sealer::new(Suite::Tag80, &MasterKey::new(FAR_KEY)),
        now: Duration::ZERO,
        header: Header { marker: false, payload_type: 8, sequence: 0, timestamp: 0, ssrc: 77 },
    };
    line.agree(input.byte());
    for _ in 0..STEPS_MAX {
        if input.is_over() {
            break;
        }
        line.step(&mut input);
    }
    line.tick();
    line.report(true);
}

/// A stream, and the far side of it.
struct Line {
    stream: Stream,
    ours: Negotiation,
    sealer: Sealer,
    now: Duration,
    /// Of the far side's last packet.
    header: Header,
}

impl Line {
    fn wall(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.now
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 10 {
            0 => {
                let (from, length) = (source(input.byte()), input.byte());
                self.receive(input.bytes(length.into()).to_vec(), from);
            }
            1 => {
                let (from, length) = (source(input.byte()), input.byte());
                let mut report = input.bytes(length.into()).to_vec();
                let wall = self.wall();
                self.stream.receive_report(&mut report, from, wall);
            }
            2 => self.packet(input),
            3 => {
                for _ in 0..input.byte() % TICKS_MAX {
                    self.voice(1, 8, &[0x2a; 160], false);
                }
            }
            4 => self.sealed(input),
            5 => self.agree(input.byte()),
            6 => {
                let codes: Vec<u8> = input.bytes(4).iter().map(|byte| byte & 15).collect();
                let _ = self.stream.send_digits(&codes);
            }
            7 => self.now += Duration::from_millis(u64::from(input.number()) * 16),
            8 => self.tick(),
            _ => (0..input.byte() % TICKS_MAX).for_each(|_| self.tick()),
        }
    }

    /// A packet that is one, with whatever numbers and payload.
    fn packet(&mut self, input: &mut Input<'_>) {
        let ahead = u16::from_be_bytes([input.byte() & 0x81, input.byte()]);
        let payload_type = [8, 0, 101, 13, 96, 127][usize::from(input.byte() % 6)];
        self.header.ssrc = if input.byte() & 7 == 7 { 88 } else { 77 };
        let length = usize::from(input.byte()) * 4;
        let mut payload = input.bytes(length.min(8)).to_vec();
        payload.resize(length, 0x55);
        self.voice(ahead, payload_type, &payload, input.byte() & 1 == 1);
    }

    fn voice(&mut self, ahead: u16, payload_type: u8, payload: &[u8], marker: bool) {
        self.header.sequence = self.header.sequence.wrapping_add(ahead);
        self.header.timestamp = self.header.timestamp.wrapping_add(u32::from(ahead) * 160);
        let header = Header { payload_type, marker, ..self.header };
        self.receive([&header.to_bytes()[..], payload].concat(), source(0));
    }

    /// What the far side encrypts: voices, or a report.
    fn sealed(&mut self, input: &mut Input<'_>) {
        let (report, length) = (input.byte() & 1 == 1, usize::from(input.byte()));
        let mut packet = input.bytes(length).to_vec();
        if !report {
            self.header.sequence = self.header.sequence.wrapping_add(1);
            packet = [&self.header.to_bytes()[..], &packet].concat();
        }
        let length = packet.len();
        packet.resize(length + GROWTH_BYTES_MAX, 0);
        let wall = self.wall();
        if report {
            let sealed = self.sealer.seal_rtcp(&mut packet, length);
            packet.truncate(sealed.unwrap_or(0));
            self.stream.receive_report(&mut packet, source(0), wall);
        } else {
            let sealed = self.sealer.seal(&mut packet, length);
            packet.truncate(sealed.unwrap_or(0));
            self.receive(packet, source(0));
        }
    }

    fn receive(&mut self, mut packet: Vec<u8>, from: SocketAddr) {
        packet.truncate(PACKET_BYTES_MAX);
        let wall = self.wall();
        self.stream.receive(&mut packet, from, self.now, wall);
    }

    fn agree(&mut self, choice: u8) {
        let offer = OFFERS[usize::from(choice) % OFFERS.len()];
        if let Ok((_, agreement)) = self.ours.answer(offer.as_bytes(), &formats(1)) {
            self.stream.agree(agreement, self.now);
        }
    }

    fn tick(&mut self) {
        self.now += Duration::from_millis(20);
        let before = self.stream.stats();
        let frame = self.stream.hear();
        let mut out = [0; SENT_BYTES_MAX];
        if let Some((length, to)) = self.stream.send(&frame, &mut out) {
            assert!(length <= out.len() && !to.ip().is_unspecified() && to.port() != 0);
        }
        self.report(false);
        let after = self.stream.stats();
        assert!(after.sent <= before.sent + 1 && after.received >= before.received && after.lost >= before.lost);
    }

    fn report(&mut self, bye: bool) {
        let mut out = [0; REPORT_BYTES_MAX + GROWTH_BYTES_MAX];
        let wall = self.wall();
        if let Some((length, _, _)) = self.stream.report(self.now, wall, bye, &mut out) {
            assert!((8..=out.len()).contains(&length), "a report of {length} bytes");
        }
    }
}

/// Where a packet comes from: mostly from where it should.
fn source(choice: u8) -> SocketAddr {
    let (last, port) = match choice % 8 {
        6 => (1, 4_001),
        7 => (2, 4_000),
        _ => (1, 4_000),
    };
    SocketAddr::from(([192, 0, 2, last], port))
}

/// Opens any bytes, and what was sealed: only untouched packets are opened, once each.
pub fn secure_packets(bytes: &[u8]) {
    let mut input = Input(bytes);
    let suite = [Suite::Tag80, Suite::Tag32][usize::from(input.byte() & 1)];
    let key = MasterKey::new(FAR_KEY);
    let mut opener = Opener::new(suite, &key);
    let mut sealer = Sealer::new(suite, &key);
    for _ in 0..STEPS_MAX {
        if input.is_over() {
            break;
        }
        let (kind, at, length) = (input.byte(), input.number(), input.byte());
        let clear = input.bytes(length.into());
        let mut packet = clear.to_vec();
        if kind & 1 == 0 {
            packet.resize(clear.len() + GROWTH_BYTES_MAX, 0);
            let report = kind & 2 == 2;
            let sealed =
                if report { sealer.seal_rtcp(&mut packet, clear.len()) } else { sealer.seal(&mut packet, clear.len()) };
            let Some(sealed) = sealed else { continue };
            packet.truncate(sealed);
            let mut changed = packet.clone();
            let place = usize::from(at) % changed.len();
            changed[place] ^= 1 << (kind >> 5);
            let mut open = |packet: &mut [u8]| {
                if report { opener.open_rtcp(packet) } else { opener.open(packet) }
            };
            assert!(open(&mut changed).is_err(), "a changed packet is opened");
            let mut once = packet.clone();
            if let Ok(length) = open(&mut once) {
                assert!(once[..length] == *clear, "what is opened is not what was sealed");
                assert!(open(&mut packet).is_err(), "a packet is opened twice");
            }
        } else if kind & 2 == 0 {
            assert!(opener.open(&mut packet).is_err() || packet.len() > 4);
        } else {
            let _ = opener.open_rtcp(&mut packet);
        }
    }
}
