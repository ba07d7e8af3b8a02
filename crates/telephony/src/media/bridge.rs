//! Two calls whose voices go to each other: what is heard in the one is said in the other.
//!
//! Each call stays on its own thread. A frame goes from one to the other through a ring that neither waits for, and is
//! said in the receiver's next slot; codecs, encryption and numbers of packets are each call's own affair.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::{FRAME_SAMPLES, Frame};

/// Frames that a ring holds: more than ever wait, so that a thread that was held up finds room to go on.
const RING_FRAMES: usize = 8;

/// Frames that may wait to be said when the next one is taken. What is more is the delay of a moment in which a thread was
/// held up, and is left out: 40 ms at most are added to the way of a voice.
const WAITING_FRAMES_MAX: usize = 2;

/// Two calls hear each other until this is dropped, or one of them is closed.
#[derive(Debug)]
pub struct Bridge {
    over: Arc<AtomicBool>,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}

/// One call's end of a bridge.
pub(crate) struct BridgeEnd {
    to: Producer<Frame>,
    from: Consumer<Frame>,
    over: Arc<AtomicBool>,
}

/// A bridge, and its two ends.
pub(crate) fn build() -> (Bridge, BridgeEnd, BridgeEnd) {
    let over = Arc::new(AtomicBool::new(false));
    let (there, here) = (RingBuffer::new(RING_FRAMES), RingBuffer::new(RING_FRAMES));
    let one = BridgeEnd { to: there.0, from: here.1, over: over.clone() };
    let other = BridgeEnd { to: here.0, from: there.1, over: over.clone() };
    (Bridge { over }, one, other)
}

impl BridgeEnd {
    /// Whether the bridge is gone.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Gives what was heard to the other call, and takes what is to be said: what was heard there. Where that call has
    /// nothing, or is late, it is silence.
    pub(crate) fn exchange(&mut self, heard: &Frame) -> Frame {
        // A full ring is that of a call that does not move: nobody says what is left out.
        let _ = self.to.push(*heard);
        // Bounded by the ring.
        while self.from.slots() > WAITING_FRAMES_MAX {
            let _ = self.from.pop();
        }
        self.from.pop().unwrap_or([0; FRAME_SAMPLES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sample: i16) -> Frame {
        [sample; FRAME_SAMPLES]
    }

    #[test]
    fn what_one_call_hears_the_other_says_a_frame_later_at_most() {
        let (_bridge, mut one, mut other) = build();
        assert_eq!(one.exchange(&frame(1)), frame(0), "the other call has not moved yet");
        assert_eq!(other.exchange(&frame(-1)), frame(1));
        for at in 2..100 {
            assert_eq!(one.exchange(&frame(at)), frame(1 - at));
            assert_eq!(other.exchange(&frame(-at)), frame(at));
        }
    }

    #[test]
    fn a_thread_that_was_held_up_leaves_no_delay_behind_and_fills_no_memory() {
        let (_bridge, mut one, mut other) = build();
        for at in 1..=50 {
            one.exchange(&frame(at));
        }
        // The ring took the first eight; the last two of them are said.
        assert_eq!(other.exchange(&frame(0)), frame(7));
        assert_eq!(other.exchange(&frame(0)), frame(8));
        assert_eq!(other.exchange(&frame(0)), frame(0));
        one.exchange(&frame(51));
        assert_eq!(other.exchange(&frame(0)), frame(51));
    }

    #[test]
    fn a_late_frame_is_said_when_it_comes() {
        let (_bridge, mut one, mut other) = build();
        one.exchange(&frame(1));
        assert_eq!(other.exchange(&frame(0)), frame(1));
        assert_eq!(other.exchange(&frame(0)), frame(0), "late");
        one.exchange(&frame(2));
        one.exchange(&frame(3));
        assert_eq!(other.exchange(&frame(0)), frame(2));
        assert_eq!(other.exchange(&frame(0)), frame(3));
    }

    #[test]
    fn both_ends_see_that_the_bridge_is_gone_and_neither_minds_that_the_other_is() {
        let (bridge, mut one, other) = build();
        assert!(!one.is_over() && !other.is_over());
        drop(other);
        assert_eq!(one.exchange(&frame(1)), frame(0));
        drop(bridge);
        assert!(one.is_over());
    }
}
