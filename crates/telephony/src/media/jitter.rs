//! The jitter buffer: packets in whatever order they come, out in the order of their sequence numbers.
//!
//! It keeps no clock. Whoever takes from it does so once in 20 ms; what is not there in time is lost, and what was
//! empty grows the delay by what came late, and so do packets that come late again and again. `surplus` says when delay has
//! been too long for a while, so that a frame can be left out again.

use super::codec::Codec;

/// Packets that are kept at most; a power of two, so that places follow sequence numbers over their wrap.
pub(crate) const SLOTS: usize = 32;

/// `SLOTS` as a distance between sequence numbers.
const SLOTS_AHEAD: i32 = 32;

/// Bytes of a payload that are kept at most: 60 ms of G.711.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 480;

/// Samples that may wait before the oldest are given up: 240 ms.
const WAITING_SAMPLES_MAX: usize = 1920;

/// Takes between two looks at whether less delay would have been enough: half a second.
const WINDOW_TAKES: u32 = 25;

/// Late packets, one within a second of the other, that are answered by 20 ms more of delay.
const LATE_TO_GROW: u32 = 2;

/// Windows without a late packet after which the one before does not count any more.
const WINDOWS_TO_FORGET: u32 = 2;

/// How far the delay grows beyond what was asked for, in samples: 60 ms.
const GROWTH_MAX: usize = 480;

/// What is waited for at most before the first packet is given: 200 ms, less than ever may wait.
pub(crate) const TARGET_SAMPLES_MAX: usize = 1600;

/// Windows without a late packet after which 20 ms of growth are taken back: 10 s.
const WINDOWS_TO_SHRINK: u32 = 20;

/// Takes of nothing after which the buffer fills up again before it gives: 200 ms.
const PAUSE_TAKES: u32 = 10;

/// How far ahead a packet may jump without another one to confirm it (RFC 3550 appendix A.1, MAX_DROPOUT).
const JUMP_MAX: i32 = 3000;

/// How far back a packet is late and not of a new count (RFC 3550 appendix A.1, MAX_MISORDER).
const BACK_MAX: i32 = -100;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Sound.
    Audio(Codec),
    /// A level of comfort noise (RFC 3389), in -dBov.
    Noise(u8),
    /// Something that has a sequence number and takes no time: a digit.
    Event,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is kept.
    Kept,
    /// It is kept; what was expected before it is given up: that many packets that had come go unheard.
    Restarted(usize),
    /// Its turn was over.
    Late,
    /// It had come before.
    Duplicate,
    /// It is far from what is expected; it counts if the next one follows it.
    Suspect,
}

/// What is next in turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A packet.
    Packet(Content, &'a [u8]),
    /// A packet that has not come, while later ones have.
    Lost,
    /// Nothing yet.
    Empty,
}

struct Slot {
    full: bool,
    content: Content,
    length: usize,
    payload: [u8; PAYLOAD_BYTES_MAX],
}

/// Packets of one stream between their arrival and their turn.
pub(crate) struct JitterBuffer {
    slots: Box<[Slot]>,
    /// The next sequence number in turn; of no meaning before the first packet.
    expected: u16,
    /// The highest that is kept; of no meaning while nothing is.
    highest: u16,
    started: bool,
    /// Waiting for `target` samples before the first, or the first after a pause, is given.
    filling: bool,
    target: usize,
    /// How much of the target was added because packets came late.
    grown: usize,
    /// The next take gives nothing: the delay grows.
    wait: bool,
    late: u32,
    windows_in_time: u32,
    packets: usize,
    samples: usize,
    /// Takes of nothing since the last packet: time that already stands for packets that are missing.
    empty_takes: u32,
    /// Takes since there was something to fill up with.
    fill_takes: usize,
    window_takes: u32,
    window_least: usize,
    suspect: Option<u16>,
    lost: u64,
    /// Which of the last 64 sequence numbers before `expected` came.
    taken: u64,
}

impl JitterBuffer {
    /// An empty buffer that starts to give when `target` samples wait.
    pub(crate) fn new(target: usize) -> Self {
        let slot = || Slot { full: false, content: Content::Event, length: 0, payload: [0; PAYLOAD_BYTES_MAX] };
        Self {
            slots: std::iter::repeat_with(slot).take(SLOTS).collect(),
            expected: 0,
            highest: 0,
            started: false,
            filling: true,
            target,
            grown: 0,
            wait: false,
            late: 0,
            windows_in_time: 0,
            packets: 0,
            samples: 0,
            empty_takes: 0,
            fill_takes: 0,
            window_takes: 0,
            window_least: usize::MAX,
            suspect: None,
            lost: 0,
            taken: 0,
        }
    }

    /// Forgets everything: another stream begins.
    pub(crate) fn reset(&mut self) {
        self.clear();
        self.started = false;
        self.suspect = None;
    }

    /// Takes in a packet. A payload beyond `PAYLOAD_BYTES_MAX` is cut.
    pub(crate) fn insert(&mut self, sequence: u16, content: Content, payload: &[u8]) -> Arrival {
        if !self.started {
            self.begin(sequence);
        }
        let ahead = i32::from(sequence.wrapping_sub(self.expected).cast_signed());
        let confirmed = self.suspect.take() == Some(sequence);
        if !confirmed && !(BACK_MAX..JUMP_MAX).contains(&ahead) {
            self.suspect = Some(sequence.wrapping_add(1));
            return Arrival::Suspect;
        }
        if confirmed || ahead >= SLOTS_AHEAD {
            let given_up = self.packets;
            self.begin(sequence);
            self.put(sequence, content, payload);
            return Arrival::Restarted(given_up);
        }
        if ahead < 0 {
            return self.behind(sequence, ahead, content, payload);
        }
        if self.slots[place(sequence)].full {
            return Arrival::Duplicate;
        }
        self.put(sequence, content, payload);
        Arrival::Kept
    }

    /// What is next in turn; moves on unless it is `Empty`.
    pub(crate) fn take(&mut self) -> Next<'_> {
        if self.filling {
            self.fill();
        }
        if std::mem::take(&mut self.wait) && !self.filling {
            return Next::Empty;
        }
        if self.filling || self.packets == 0 {
            self.empty();
            return Next::Empty;
        }
        // Missing packets whose time went by while nothing was there take no time again. Bounded: a packet is kept.
        while self.empty_takes > 0 && !self.slots[place(self.expected)].full {
            self.empty_takes -= 1;
            self.advance(false);
        }
        let at = place(self.expected);
        if !self.slots[at].full {
            self.advance(false);
            return Next::Lost;
        }
        self.empty_takes = 0;
        self.remove(at);
        self.advance(true);
        let slot = &self.slots[at];
        Next::Packet(slot.content, &slot.payload[..slot.length])
    }

    /// Called once in 20 ms after what was taken: whether, for half a second, so much stayed behind that one frame can be
    /// left out for the sake of less delay.
    pub(crate) fn surplus(&mut self) -> bool {
        self.window_least = self.window_least.min(self.samples);
        self.window_takes += 1;
        if self.window_takes < WINDOW_TAKES {
            return false;
        }
        let surplus = self.window_least >= self.target && self.window_least != usize::MAX;
        self.shrink();
        self.window_takes = 0;
        self.window_least = usize::MAX;
        surplus
    }

    /// Gives up the oldest packets while more wait than ever may; how many went.
    pub(crate) fn shed(&mut self) -> usize {
        if self.samples <= WAITING_SAMPLES_MAX {
            return 0;
        }
        let mut shed = 0;
        while self.samples > self.target && self.packets > 0 {
            let at = place(self.expected);
            let full = self.slots[at].full;
            if full {
                self.remove(at);
                shed += 1;
            }
            self.advance(full);
        }
        shed
    }

    /// Samples of sound that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.samples
    }

    /// Packets that had not come when their turn did, since the beginning.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Starts to give when enough waits, or when what came has waited for as long as enough would last.
    fn fill(&mut self) {
        if self.packets == 0 {
            return;
        }
        self.fill_takes += 1;
        if self.samples < self.target && self.fill_takes * super::FRAME_SAMPLES <= self.target {
            return;
        }
        self.filling = false;
        self.fill_takes = 0;
        self.empty_takes = 0;
        // What is missing before the first packet had all the time of the pause. Bounded: a packet is kept.
        while !self.slots[place(self.expected)].full {
            self.advance(false);
        }
    }

    fn begin(&mut self, sequence: u16) {
        self.clear();
        self.started = true;
        self.expected = sequence;
    }

    fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.full = false);
        self.filling = true;
        self.packets = 0;
        self.samples = 0;
        self.empty_takes = 0;
        self.fill_takes = 0;
        self.window_takes = 0;
        self.window_least = usize::MAX;
        self.taken = 0;
    }

    fn behind(&mut self, sequence: u16, ahead: i32, content: Content, payload: &[u8]) -> Arrival {
        // The first packets of a stream may have changed places: until one was given, it can begin earlier.
        if self.filling && self.taken == 0 && usize::from(self.highest.wrapping_sub(sequence)) < SLOTS {
            self.expected = sequence;
            self.put(sequence, content, payload);
            return Arrival::Kept;
        }
        let bit = 1u64.checked_shl((-ahead - 1).unsigned_abs()).unwrap_or(0);
        if self.taken & bit != 0 {
            return Arrival::Duplicate;
        }
        self.taken |= bit;
        self.grow();
        Arrival::Late
    }

    /// A packet came after its turn: if that happens again and again, later ones get more time.
    fn grow(&mut self) {
        self.late += 1;
        self.windows_in_time = 0;
        if self.late >= LATE_TO_GROW && self.grown < GROWTH_MAX && self.target < TARGET_SAMPLES_MAX {
            self.late = 0;
            self.grown += super::FRAME_SAMPLES;
            self.target += super::FRAME_SAMPLES;
            self.wait = true;
        }
    }

    /// A window is over: after many without a late packet, growth is taken back by what `surplus` leaves out.
    fn shrink(&mut self) {
        self.windows_in_time += 1;
        if self.windows_in_time > WINDOWS_TO_FORGET {
            self.late = 0;
        }
        if self.windows_in_time >= WINDOWS_TO_SHRINK && self.grown > 0 {
            self.windows_in_time = 0;
            self.grown -= super::FRAME_SAMPLES;
            self.target -= super::FRAME_SAMPLES;
        }
    }

    fn put(&mut self, sequence: u16, content: Content, payload: &[u8]) {
        let payload = &payload[..payload.len().min(PAYLOAD_BYTES_MAX)];
        let slot = &mut self.slots[place(sequence)];
        slot.full = true;
        slot.content = content;
        slot.length = payload.len();
        slot.payload[..payload.len()].copy_from_slice(payload);
        if self.packets == 0 || self.highest.wrapping_sub(sequence).cast_signed() < 0 {
            self.highest = sequence;
        }
        self.packets += 1;
        if matches!(content, Content::Audio(_)) {
            self.samples += payload.len();
        }
    }

    fn remove(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        slot.full = false;
        self.packets -= 1;
        if matches!(slot.content, Content::Audio(_)) {
            self.samples -= slot.length;
        }
    }

    fn advance(&mut self, came: bool) {
        self.lost += u64::from(!came);
        self.expected = self.expected.wrapping_add(1);
        self.taken = self.taken << 1 | u64::from(came);
    }

    fn empty(&mut self) {
        if !self.filling {
            self.empty_takes += 1;
            if self.empty_takes >= PAUSE_TAKES {
                self.filling = true;
            }
        }
    }
}

fn place(sequence: u16) -> usize {
    usize::from(sequence) % SLOTS
}

#[cfg(test)]
mod tests;
