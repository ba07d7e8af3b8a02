//! One call on its shard: its sockets, its stream, and what it was asked to do.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::{EVENTS_RESERVED, Tap};
use crate::media::bridge::BridgeEnd;
use crate::media::handle::{Event, Shared};
use crate::media::player::Player;
use crate::media::ports::Sockets;
use crate::media::reports::REPORT_BYTES_MAX;
use crate::media::rtp::PACKET_BYTES_MAX;
use crate::media::srtp::GROWTH_BYTES_MAX;
use crate::media::stats::StreamStats;
use crate::media::stream::{Received, SENT_BYTES_MAX, Stream};
use crate::media::{FRAME_SAMPLES, Frame};

/// Packets of voices that are read in one tick: 16 times what a call sends.
const READS_MAX: usize = 16;

/// Ticks between two looks at the port of reports: round trips are known to that, 100 ms.
const REPORT_TICKS: u64 = 5;

/// Room to read packets into, shared by all calls of a shard.
pub(super) type Scratch = [u8; PACKET_BYTES_MAX];

/// A call that is open.
pub(super) struct Call {
    stream: Stream,
    player: Player,
    bridge: Option<Box<BridgeEnd>>,
    tap: Option<Box<dyn Tap>>,
    /// Before the events: whoever waits for their end finds the ports given back, and the tap gone.
    sockets: Sockets,
    events: Sender<Event>,
    shared: Arc<Shared>,
    silence_max: Duration,
    agreed: bool,
    listens: bool,
    /// When a valid packet last came, or should have begun to.
    heard_at: Duration,
    hears: bool,
    told_silent: bool,
    position: u64,
    unsent: u64,
    unheard: u64,
    /// What the shard's counts have of this call already.
    pub(super) counted: StreamStats,
}

impl Call {
    pub(super) fn new(
        sockets: Sockets,
        stream: Stream,
        tap: Option<Box<dyn Tap>>,
        events: Sender<Event>,
        shared: Arc<Shared>,
        silence_max: Duration,
    ) -> Self {
        Self {
            stream,
            player: Player::default(),
            bridge: None,
            tap,
            sockets,
            events,
            shared,
            silence_max,
            agreed: false,
            listens: false,
            heard_at: Duration::ZERO,
            hears: false,
            told_silent: false,
            position: 0,
            unsent: 0,
            unheard: 0,
            counted: StreamStats::default(),
        }
    }

    /// Whether its handle is gone.
    pub(super) fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Moves one frame of each voice. `now` is a moment of the engine's clock, `wall` the time since 1970.
    pub(super) fn tick(&mut self, now: Duration, wall: Duration, scratch: &mut Scratch) {
        if self.shared.asked.swap(false, Ordering::AcqRel) {
            self.follow(now);
        }
        self.read(now, wall, scratch);
        if !self.agreed {
            return;
        }
        let customer = self.stream.hear();
        // Taken also when nothing can be sent: what another call hears does not wait.
        let bridged = self.exchange(&customer);
        let robot = match bridged {
            _ if !self.stream.sends() || self.stream.sends_digits() => [0; FRAME_SAMPLES],
            Some(frame) => frame,
            None => self.player.frame(self.position),
        };
        self.write(&robot);
        if let Some(tap) = &mut self.tap {
            tap.frame(&customer, &robot);
        }
        self.tell_frame(&customer);
        self.tell_silence(now);
        self.report(now, wall, false);
        self.position += FRAME_SAMPLES as u64;
        self.shared.publish(self.position, self.stats());
    }

    /// Says farewell; what plays ends.
    pub(super) fn close(mut self, now: Duration, wall: Duration) {
        self.player.stop(self.position);
        self.report(now, wall, true);
        self.shared.publish(self.position, self.stats());
    }

    /// Counts since the beginning.
    pub(super) fn stats(&self) -> StreamStats {
        StreamStats { unsent: self.unsent, unheard: self.unheard, ..self.stream.stats() }
    }

    /// Does what the handle asked for since the last tick.
    fn follow(&mut self, now: Duration) {
        let asked = self.shared.take_asked();
        if let Some(agreement) = asked.agreement {
            self.stream.agree(*agreement, now);
            if !self.agreed || !self.hears {
                self.heard_at = now;
            }
            self.agreed = true;
        }
        if let Some(listens) = asked.listens {
            self.listens = listens;
        }
        if asked.bridge.is_some() {
            self.bridge = asked.bridge;
        }
        if asked.stop {
            self.player.stop(self.position);
        }
        for clip in asked.clips {
            self.player.queue(clip, self.position);
        }
        if !asked.digits.is_empty() && self.stream.send_digits(&asked.digits).is_err() {
            // The handle keeps to the same bound, so this is what was still on its way.
            self.unsent += asked.digits.len() as u64;
        }
    }

    /// What another call hears, where this one is bridged to it.
    fn exchange(&mut self, customer: &Frame) -> Option<Frame> {
        if self.bridge.as_ref().is_some_and(|bridge| bridge.is_over()) {
            self.bridge = None;
        }
        self.bridge.as_mut().map(|bridge| bridge.exchange(customer))
    }

    fn read(&mut self, now: Duration, wall: Duration, scratch: &mut Scratch) {
        for _ in 0..READS_MAX {
            let Some((length, from)) = receive(&self.sockets.voices, scratch) else { break };
            let Some(packet) = scratch.get_mut(..length) else { break };
            match self.stream.receive(packet, from, now, wall) {
                Received::Nothing => {}
                Received::Valid => self.heard(now),
                Received::Digit(digit) => {
                    self.heard(now);
                    self.tell(Event::Digit(digit));
                }
            }
        }
        if self.agreed && (self.position / FRAME_SAMPLES as u64).is_multiple_of(REPORT_TICKS) {
            for _ in 0..READS_MAX {
                let Some((length, from)) = receive(&self.sockets.reports, scratch) else { break };
                let Some(packet) = scratch.get_mut(..length) else { break };
                self.stream.receive_report(packet, from, wall);
            }
        }
    }

    fn heard(&mut self, now: Duration) {
        self.heard_at = now;
        self.told_silent = false;
        if !self.hears {
            self.hears = true;
            self.tell(Event::Began);
        }
    }

    fn write(&mut self, robot: &Frame) {
        let mut packet = [0; SENT_BYTES_MAX];
        if let Some((length, to)) = self.stream.send(robot, &mut packet) {
            self.send(&packet[..length], to, true);
        }
    }

    fn report(&mut self, now: Duration, wall: Duration, bye: bool) {
        let mut packet = [0; REPORT_BYTES_MAX + GROWTH_BYTES_MAX];
        if let Some((length, to, shared_port)) = self.stream.report(now, wall, bye, &mut packet) {
            self.send(&packet[..length], to, shared_port);
        }
    }

    fn send(&mut self, packet: &[u8], to: SocketAddr, voices: bool) {
        let socket = if voices { &self.sockets.voices } else { &self.sockets.reports };
        // A full buffer or a lost route loses this packet, as the network may anyway.
        self.unsent += u64::from(socket.send_to(packet, to).is_err());
    }

    fn tell_frame(&mut self, customer: &Frame) {
        if !self.listens {
            return;
        }
        if self.events.capacity() > EVENTS_RESERVED {
            self.tell(Event::Frame { position: self.position, frame: Box::new(*customer) });
        } else {
            self.unheard += 1;
        }
    }

    fn tell_silence(&mut self, now: Duration) {
        if !self.stream.receives() {
            self.heard_at = now;
        } else if !self.told_silent && now.saturating_sub(self.heard_at) >= self.silence_max {
            self.told_silent = true;
            self.hears = false;
            self.tell(Event::Silent);
        }
    }

    fn tell(&mut self, event: Event) {
        self.unheard += u64::from(self.events.try_send(event).is_err());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.end();
    }
}

fn receive(socket: &UdpSocket, scratch: &mut Scratch) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(scratch) {
        Ok(received) => Some(received),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => {
            tracing::debug!(%error, "a media socket cannot be read");
            None
        }
    }
}
