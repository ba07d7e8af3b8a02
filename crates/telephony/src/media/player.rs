//! What the robot says: clips one after the other, without a gap between them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{FRAME_SAMPLES, Frame};

/// Clips that may wait behind the one that plays.
pub(crate) const CLIPS_MAX: usize = 256;

/// What became of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// Where it began, in samples of the stream's clock.
    pub from: u64,
    /// Where it ended.
    pub until: u64,
    /// Whether it played to its end.
    pub complete: bool,
}

/// A clip that plays or waits to: a future of what becomes of it. Dropping it does not stop the clip.
#[derive(Debug)]
pub struct Playback {
    played: oneshot::Receiver<Played>,
}

impl Future for Playback {
    type Output = Played;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Played> {
        // A stream that ends before the clip begins drops it: it has not played at all.
        Pin::new(&mut self.played)
            .poll(context)
            .map(|played| played.unwrap_or(Played { from: 0, until: 0, complete: false }))
    }
}

/// A clip on its way to the player.
pub(crate) struct Clip {
    samples: Arc<[i16]>,
    played: oneshot::Sender<Played>,
    next: usize,
    from: u64,
}

impl Clip {
    /// A clip, and the handle of what becomes of it.
    pub(crate) fn new(samples: Arc<[i16]>) -> (Self, Playback) {
        let (sender, receiver) = oneshot::channel();
        (Self { samples, played: sender, next: 0, from: 0 }, Playback { played: receiver })
    }

    /// Tells what became of it.
    pub(crate) fn end(self, position: u64, complete: bool) {
        let from = if self.next == 0 && !complete { position } else { self.from };
        // Nobody may be waiting for it.
        let _ = self.played.send(Played { from, until: position, complete });
    }
}

/// Cuts clips into frames.
#[derive(Default)]
pub(crate) struct Player {
    clips: VecDeque<Clip>,
}

impl Player {
    /// Queues a clip; one too many ends at once, unplayed.
    pub(crate) fn queue(&mut self, clip: Clip, position: u64) {
        if self.clips.len() >= CLIPS_MAX {
            clip.end(position, false);
        } else {
            self.clips.push_back(clip);
        }
    }

    /// Ends what plays and what waits.
    pub(crate) fn stop(&mut self, position: u64) {
        for clip in self.clips.drain(..) {
            clip.end(position, false);
        }
    }

    /// Whether something plays.
    #[cfg(test)]
    pub(crate) fn busy(&self) -> bool {
        !self.clips.is_empty()
    }

    /// The frame at `position` of the stream's clock; silence behind the last clip.
    pub(crate) fn frame(&mut self, position: u64) -> Frame {
        let mut frame = [0; FRAME_SAMPLES];
        let mut filled = 0;
        // Bounded by the clips that wait: each turn ends one, or fills the frame.
        while let Some(clip) = self.clips.front_mut() {
            let here = position + filled as u64;
            if clip.next == 0 {
                clip.from = here;
            }
            let rest = &clip.samples[clip.next..];
            let taken = rest.len().min(FRAME_SAMPLES - filled);
            frame[filled..filled + taken].copy_from_slice(&rest[..taken]);
            clip.next += taken;
            filled += taken;
            if clip.next < clip.samples.len() {
                break;
            }
            if let Some(clip) = self.clips.pop_front() {
                clip.end(here + taken as u64, true);
            }
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(length: usize, sample: i16) -> (Clip, Playback) {
        Clip::new(vec![sample; length].into())
    }

    fn outcome(playback: Playback) -> Option<Played> {
        let mut played = playback.played;
        played.try_recv().ok()
    }

    #[test]
    fn clips_follow_each_other_within_a_frame() {
        let mut player = Player::default();
        let ((first, one), (second, two), (empty, none)) = (clip(200, 1), clip(100, 2), clip(0, 3));
        for clip in [first, second, empty] {
            player.queue(clip, 0);
        }
        assert_eq!(player.frame(1600), [1; 160]);
        let frame = player.frame(1760);
        assert_eq!((&frame[..40], &frame[40..140], &frame[140..]), (&[1; 40][..], &[2; 100][..], &[0; 20][..]));
        assert_eq!(outcome(one), Some(Played { from: 1600, until: 1800, complete: true }));
        assert_eq!(outcome(two), Some(Played { from: 1800, until: 1900, complete: true }));
        assert_eq!(outcome(none), Some(Played { from: 1900, until: 1900, complete: true }));
        assert!(!player.busy());
    }

    #[test]
    fn stopping_ends_what_plays_and_what_waits() {
        let mut player = Player::default();
        let ((first, one), (second, two)) = (clip(1000, 1), clip(100, 2));
        player.queue(first, 0);
        player.queue(second, 0);
        player.frame(0);
        player.stop(160);
        assert_eq!(outcome(one), Some(Played { from: 0, until: 160, complete: false }));
        assert_eq!(outcome(two), Some(Played { from: 160, until: 160, complete: false }));
        assert_eq!(player.frame(160), [0; 160]);
    }

    #[test]
    fn a_clip_too_many_ends_unplayed() {
        let mut player = Player::default();
        for _ in 0..CLIPS_MAX {
            player.queue(clip(1, 1).0, 0);
        }
        let (last, playback) = clip(1, 1);
        player.queue(last, 320);
        assert_eq!(outcome(playback), Some(Played { from: 320, until: 320, complete: false }));
    }

    #[tokio::test]
    async fn a_clip_of_a_stream_that_is_gone_has_not_played() {
        let (clip, playback) = clip(10, 1);
        drop(clip);
        assert_eq!(playback.await, Played { from: 0, until: 0, complete: false });
    }
}
