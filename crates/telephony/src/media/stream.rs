//! One call's voices, without sockets and clocks: packets in, frames out, and the other way round.

use std::net::SocketAddr;
use std::time::Duration;

use super::conceal::{self, Concealer};
use super::digits::{DigitReceiver, DigitSender, DigitsError};
use super::jitter::{Arrival, Content, JitterBuffer, Next, PAYLOAD_BYTES_MAX, SLOTS, TARGET_SAMPLES_MAX};
use super::noise::{self, Noise};
use super::reports::{self, Reports, Sent};
use super::rtp::{self, HEADER_BYTES, Header};
use super::sdp::Agreement;
use super::source::{Latching, Source};
use super::srtp::{GROWTH_BYTES_MAX, Opener, Refused, Sealer};
use super::stats::StreamStats;
use super::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Bytes of the largest packet that we send.
pub(crate) const SENT_BYTES_MAX: usize = HEADER_BYTES + FRAME_SAMPLES + GROWTH_BYTES_MAX;

/// Samples that were decoded and wait for a frame of their own: some of one packet, all of the next, and one left out.
const PENDING_SAMPLES_MAX: usize = 2 * FRAME_SAMPLES + 2 * PAYLOAD_BYTES_MAX;

/// Packets in a row after which a stream that begins in the place of another is believed.
const RIVAL_PACKETS: u8 = 3;

/// What makes one stream differ from another: random.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// What a packet means besides sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing.
    Nothing,
    /// It is valid: the far side sends.
    Valid,
    /// A key was pressed.
    Digit(char),
}

/// A stream that may come in the place of the one that is heard.
#[derive(Clone, Copy)]
struct Rival {
    ssrc: u32,
    next: u16,
    packets: u8,
}

/// Both directions of one call.
pub(crate) struct Stream {
    identity: Identity,
    source: Source,
    agreement: Option<Agreement>,
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    buffer: JitterBuffer,
    concealer: Concealer,
    noise: Noise,
    /// The level of noise that is heard instead of silence.
    noise_level: Option<u8>,
    pending: [i16; PENDING_SAMPLES_MAX],
    pending_samples: usize,
    packet_samples: usize,
    leave_out: bool,
    digits_in: DigitReceiver,
    digits_out: DigitSender,
    reports: Reports,
    report_due: Duration,
    remote_ssrc: Option<u32>,
    rival: Option<Rival>,
    talking: bool,
    bytes_sent: u32,
    stats: StreamStats,
}

impl Stream {
    /// A stream that nothing was agreed on yet. `jitter` is how much waits in the buffer before it is heard.
    pub(crate) fn new(identity: Identity, latching: Latching, jitter: Duration) -> Self {
        let target = usize::try_from(jitter.as_millis()).unwrap_or(0) * SAMPLE_RATE as usize / 1000;
        Self {
            identity,
            source: Source::new(latching),
            agreement: None,
            sealer: None,
            opener: None,
            buffer: JitterBuffer::new(target.clamp(FRAME_SAMPLES, TARGET_SAMPLES_MAX)),
            concealer: Concealer::new(),
            noise: Noise::new(identity.ssrc),
            noise_level: None,
            pending: [0; PENDING_SAMPLES_MAX],
            pending_samples: 0,
            packet_samples: FRAME_SAMPLES,
            leave_out: false,
            digits_in: DigitReceiver::default(),
            digits_out: DigitSender::default(),
            reports: Reports::default(),
            report_due: Duration::ZERO,
            remote_ssrc: None,
            rival: None,
            talking: false,
            bytes_sent: 0,
            stats: StreamStats::default(),
        }
    }

    /// Something was agreed on, at first or anew.
    pub(crate) fn agree(&mut self, agreement: Agreement, now: Duration) {
        let before = self.agreement.replace(agreement);
        self.source.signal(agreement.negotiated.remote);
        let keys_before = before.and_then(|agreement| agreement.keys);
        if keys_before.map(|keys| (keys.suite, keys.local)) != agreement.keys.map(|keys| (keys.suite, keys.local)) {
            self.sealer = agreement.keys.map(|keys| Sealer::new(keys.suite, &keys.local));
        }
        if keys_before.map(|keys| (keys.suite, keys.remote)) != agreement.keys.map(|keys| (keys.suite, keys.remote)) {
            self.opener = agreement.keys.map(|keys| Opener::new(keys.suite, &keys.remote));
        }
        if agreement.digits_sent.is_none() {
            self.digits_out.clear();
        }
        if before.is_none_or(|before| before.negotiated.remote != agreement.negotiated.remote) {
            // Another host, or another fork: its stream has nothing to do with the one before.
            self.remote_ssrc = None;
        }
        if before.is_none() {
            self.report_due = now + reports::INTERVAL / 2;
        }
        self.stats.codec = Some(agreement.negotiated.codec);
    }

    /// Whether sound may go out now.
    pub(crate) fn sends(&self) -> bool {
        self.source.destination().is_some() && self.agreement.is_some_and(|agreed| agreed.negotiated.direction.sends())
    }

    /// Whether sound is expected.
    pub(crate) fn receives(&self) -> bool {
        self.agreement.is_some_and(|agreement| agreement.negotiated.direction.receives())
    }

    /// Queues digits by their event codes.
    pub(crate) fn send_digits(&mut self, codes: &[u8]) -> Result<(), DigitsError> {
        self.digits_out.queue(codes)
    }

    /// Whether digits are on their way: sound waits for them.
    pub(crate) fn sends_digits(&self) -> bool {
        self.digits_out.busy()
    }

    /// A datagram came. `now` is a moment of the engine's clock, `wall` the time since 1970.
    pub(crate) fn receive(&mut self, packet: &mut [u8], from: SocketAddr, now: Duration, wall: Duration) -> Received {
        let Some(agreement) = self.agreement else {
            self.stats.early += 1;
            return Received::Nothing;
        };
        if !self.source.allows(from) {
            self.stats.strangers += 1;
            return Received::Nothing;
        }
        if agreement.negotiated.reports_share_port && rtp::is_rtcp(packet) {
            self.receive_report(packet, from, wall);
            return Received::Nothing;
        }
        let (header, payload) = match self.read(packet) {
            Ok(read) => read,
            Err(Refused::Replay) => {
                self.stats.duplicates += 1;
                return Received::Nothing;
            }
            Err(_) => {
                self.stats.invalid += 1;
                return Received::Nothing;
            }
        };
        let Some(content) = content(&agreement, &header, payload) else {
            self.stats.invalid += 1;
            return Received::Nothing;
        };
        if self.source.takes_back(from) {
            self.remote_ssrc = None;
        }
        if !self.of_the_stream(&header) {
            self.stats.strangers += 1;
            return Received::Nothing;
        }
        self.source.latch(from);
        self.stats.received += 1;
        let arrival = u32::try_from((now.as_micros() / 125) & 0xffff_ffff).unwrap_or(0);
        self.reports.reception.count(header.sequence, header.timestamp, arrival);
        if !agreement.negotiated.direction.receives() {
            return Received::Valid;
        }
        match self.buffer.insert(header.sequence, content, payload) {
            Arrival::Kept => {}
            Arrival::Restarted(given_up) => self.stats.discarded += given_up as u64,
            Arrival::Late => self.stats.late += 1,
            Arrival::Duplicate => self.stats.duplicates += 1,
            Arrival::Suspect => self.stats.invalid += 1,
        }
        self.stats.discarded += self.buffer.shed() as u64;
        let digit = if content == Content::Event { self.digits_in.heard(header.timestamp, payload) } else { None };
        digit.map_or(Received::Valid, Received::Digit)
    }

    /// A datagram came on the port of reports.
    pub(crate) fn receive_report(&mut self, packet: &mut [u8], from: SocketAddr, wall: Duration) {
        if !self.source.allows_host(from.ip()) {
            self.stats.strangers += 1;
            return;
        }
        let length = match &mut self.opener {
            Some(opener) => opener.open_rtcp(packet).ok(),
            None => Some(packet.len()),
        };
        let bytes = length.and_then(|length| packet.get(..length));
        if !bytes.is_some_and(|bytes| self.reports.read(bytes, self.identity.ssrc, wall)) {
            self.stats.invalid += 1;
        }
    }

    /// The next 20 ms of the customer.
    pub(crate) fn hear(&mut self) -> Frame {
        let wanted = if std::mem::take(&mut self.leave_out) { 2 * FRAME_SAMPLES } else { FRAME_SAMPLES };
        // Bounded: each turn takes a packet or passes over one.
        for _ in 0..2 * SLOTS {
            if self.pending_samples >= wanted || !self.decode_next() {
                break;
            }
        }
        let mut frame = [0; FRAME_SAMPLES];
        if self.pending_samples >= 2 * FRAME_SAMPLES && wanted == 2 * FRAME_SAMPLES {
            let mut second = [0; FRAME_SAMPLES];
            self.drain(&mut frame);
            self.drain(&mut second);
            self.stats.discarded += 1;
            return conceal::joined(&frame, &second);
        }
        if self.pending_samples < FRAME_SAMPLES {
            self.fill();
        }
        self.drain(&mut frame);
        self.leave_out = self.buffer.surplus();
        frame
    }

    /// The packet of 20 ms of the robot, written into `out`; where it goes, if anywhere. Called for each frame, whether
    /// there is something to send or not, since timestamps follow the time.
    pub(crate) fn send(&mut self, frame: &Frame, out: &mut [u8; SENT_BYTES_MAX]) -> Option<(usize, SocketAddr)> {
        let timestamp = self.identity.timestamp;
        self.identity.timestamp = timestamp.wrapping_add(160);
        let destination = self.source.destination();
        let (Some(agreement), Some(destination), true) = (self.agreement, destination, self.sends()) else {
            self.talking = false;
            return None;
        };
        let event = agreement.digits_sent.and_then(|(number, _)| Some((number, self.digits_out.next()?)));
        let payload = &mut out[HEADER_BYTES..];
        let (header, length) = if let Some((payload_type, event)) = event {
            let began = timestamp.wrapping_sub(u32::from(event.frames_back) * 160);
            payload[..event.payload.len()].copy_from_slice(&event.payload);
            (self.header(event.first, payload_type, began), event.payload.len())
        } else {
            agreement.negotiated.codec.encode_into(frame, &mut payload[..FRAME_SAMPLES]);
            let first = !std::mem::replace(&mut self.talking, true);
            (self.header(first, agreement.payload_type, timestamp), FRAME_SAMPLES)
        };
        out[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        let total = HEADER_BYTES + length;
        let total = match &mut self.sealer {
            Some(sealer) => sealer.seal(out, total)?,
            None => total,
        };
        self.identity.sequence = self.identity.sequence.wrapping_add(1);
        self.stats.sent += 1;
        self.bytes_sent = self.bytes_sent.wrapping_add(u32::try_from(length).unwrap_or(0));
        Some((total, destination))
    }

    /// The report that is due, or the last one with a farewell, written into `out`: its length, where it goes, and whether
    /// on the port of the voices.
    pub(crate) fn report(
        &mut self,
        now: Duration,
        wall: Duration,
        bye: bool,
        out: &mut [u8],
    ) -> Option<(usize, SocketAddr, bool)> {
        let agreement = self.agreement?;
        let seen = self.source.destination()?;
        if now < self.report_due && !bye {
            return None;
        }
        self.report_due = now + reports::INTERVAL;
        let sent = Sent {
            ssrc: self.identity.ssrc,
            packets: u32::try_from(self.stats.sent & 0xffff_ffff).unwrap_or(0),
            bytes: self.bytes_sent,
            timestamp: self.identity.timestamp,
        };
        let room = out.len().checked_sub(GROWTH_BYTES_MAX)?;
        let length = self.reports.write(&sent, wall, bye, &mut out[..room]);
        let length = match &mut self.sealer {
            Some(sealer) => sealer.seal_rtcp(out, length)?,
            None => length,
        };
        let shared = agreement.negotiated.reports_share_port;
        let to = if shared { seen } else { SocketAddr::new(seen.ip(), agreement.remote_reports.port()) };
        (length > 0).then_some((length, to, shared))
    }

    /// Counts since the beginning.
    pub(crate) fn stats(&self) -> StreamStats {
        StreamStats {
            jitter: Duration::from_micros(u64::from(self.reports.reception.jitter_samples()) * 125),
            lost: self.buffer.lost(),
            remote: self.reports.remote,
            bye: self.reports.bye,
            ..self.stats
        }
    }

    fn read<'a>(&mut self, packet: &'a mut [u8]) -> Result<(Header, &'a [u8]), Refused> {
        let packet = match &mut self.opener {
            Some(opener) => {
                let length = opener.open(packet)?;
                &packet[..length]
            }
            None => packet,
        };
        let (header, range) = Header::read(packet).map_err(|_| Refused::Malformed)?;
        Ok((header, &packet[range]))
    }

    /// Whether a packet is of the stream that is heard. Another stream takes its place only when several of its packets
    /// follow each other with none of the old one between them.
    fn of_the_stream(&mut self, header: &Header) -> bool {
        match self.remote_ssrc {
            Some(ssrc) if ssrc == header.ssrc => {
                self.rival = None;
                return true;
            }
            Some(_) => {
                let follows = |rival: &Rival| rival.ssrc == header.ssrc && rival.next == header.sequence;
                let packets = self.rival.filter(follows).map_or(1, |rival| rival.packets + 1);
                if packets < RIVAL_PACKETS {
                    let next = header.sequence.wrapping_add(1);
                    self.rival = Some(Rival { ssrc: header.ssrc, next, packets });
                    return false;
                }
            }
            None => {}
        }
        self.rival = None;
        self.remote_ssrc = Some(header.ssrc);
        self.buffer.reset();
        self.digits_in.reset();
        self.reports.begin(header.ssrc);
        true
    }

    /// Puts the next packet's sound, or what stands for it, behind what is pending. False: there is nothing to take.
    fn decode_next(&mut self) -> bool {
        let free = &mut self.pending[self.pending_samples..];
        let samples = match self.buffer.take() {
            Next::Packet(Content::Audio(codec), bytes) => {
                let samples = bytes.len().min(free.len());
                codec.decode_into(bytes, &mut free[..samples]);
                self.concealer.heard(&mut free[..samples]);
                self.noise_level = None;
                self.packet_samples = samples.clamp(FRAME_SAMPLES / 2, PAYLOAD_BYTES_MAX);
                samples
            }
            Next::Packet(Content::Noise(level), _) => {
                self.noise_level = Some(level);
                0
            }
            Next::Packet(Content::Event, _) => {
                self.noise_level = None;
                self.concealer.silenced();
                0
            }
            Next::Lost => {
                let samples = self.packet_samples.min(free.len());
                self.stats.concealed += u64::from(self.concealer.missing(&mut free[..samples]));
                samples
            }
            Next::Empty => return false,
        };
        self.pending_samples += samples;
        true
    }

    /// Makes up what is missing of a frame: noise where the far side asked for it.
    fn fill(&mut self) {
        let missing = &mut self.pending[self.pending_samples..FRAME_SAMPLES];
        if let Some(level) = self.noise_level {
            let noise = self.noise.frame(level);
            missing.iter_mut().zip(noise).for_each(|(sample, noise)| *sample = noise);
            self.concealer.silenced();
        } else if self.remote_ssrc.is_some() {
            self.stats.concealed += u64::from(self.concealer.missing(missing));
        } else {
            missing.fill(0);
        }
        self.pending_samples = FRAME_SAMPLES;
    }

    fn drain(&mut self, frame: &mut Frame) {
        frame.copy_from_slice(&self.pending[..FRAME_SAMPLES]);
        self.pending.copy_within(FRAME_SAMPLES..self.pending_samples, 0);
        self.pending_samples -= FRAME_SAMPLES;
    }

    fn header(&self, marker: bool, payload_type: u8, timestamp: u32) -> Header {
        Header { marker, payload_type, sequence: self.identity.sequence, timestamp, ssrc: self.identity.ssrc }
    }
}

/// What a payload is, by the numbers that were agreed on.
fn content(agreement: &Agreement, header: &Header, payload: &[u8]) -> Option<Content> {
    if Some(header.payload_type) == agreement.digits_heard {
        return Some(Content::Event);
    }
    let codec = agreement.heard.get(usize::from(header.payload_type)).copied().flatten();
    match codec {
        Some(codec) if payload.len() <= PAYLOAD_BYTES_MAX => Some(Content::Audio(codec)),
        None if header.payload_type == noise::PAYLOAD_TYPE => payload.first().map(|level| Content::Noise(level & 0x7f)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
