//! The audio of one utterance: written once, and read by whoever has to send it, from its beginning.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::UTTERANCE_SAMPLES_MAX;

/// How far an utterance is.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    samples: usize,
    /// When its speaker had ended.
    finished: Option<Instant>,
    /// It has more samples than are kept; those are lost.
    is_too_long: bool,
}

/// What is there of an utterance.
#[derive(Debug)]
pub(super) struct Take {
    samples: Mutex<Vec<i16>>,
    progress: watch::Sender<Progress>,
}

impl Take {
    pub(super) fn new() -> Self {
        Self { samples: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }

    /// Adds to it; after its end, and beyond what is kept, nothing is added.
    pub(super) fn push(&self, samples: &[i16]) {
        let Progress { finished, is_too_long, .. } = *self.progress.borrow();
        if finished.is_some() || is_too_long {
            return;
        }
        let mut kept = self.kept();
        let fits = kept.len() + samples.len() <= UTTERANCE_SAMPLES_MAX;
        if fits {
            kept.extend_from_slice(samples);
        }
        let len = kept.len();
        drop(kept);
        self.progress.send_modify(|progress| {
            progress.samples = len;
            progress.is_too_long = !fits;
        });
    }

    pub(super) fn finish(&self, now: Instant) {
        self.progress.send_modify(|progress| progress.finished = progress.finished.or(Some(now)));
    }

    fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// All of it so far.
    pub(super) fn samples(&self) -> Vec<i16> {
        self.kept().clone()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<i16>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an utterance while it is written.
#[derive(Debug)]
pub(super) struct Reader {
    take: Arc<Take>,
    progress: watch::Receiver<Progress>,
    at: usize,
}

impl Reader {
    pub(super) fn new(take: Arc<Take>) -> Self {
        let progress = take.progress();
        Self { take, progress, at: 0 }
    }

    /// The next so many samples; fewer only at the end, after which there is nothing. Can be dropped and asked again.
    pub(super) async fn next(&mut self, count: usize) -> Option<Vec<i16>> {
        let wanted = self.at + count;
        // It is written as long as the take is there, which this reader keeps.
        let progress = self.progress.wait_for(|it| it.samples >= wanted || it.finished.is_some()).await.ok();
        let until = progress.map_or(0, |it| it.samples).min(wanted);
        let next = self.take.kept().get(self.at..until).filter(|samples| !samples.is_empty()).map(<[i16]>::to_vec);
        self.at = until.max(self.at);
        next
    }

    /// When its speaker has ended.
    pub(super) async fn finished(&mut self) -> Instant {
        let finished = self.progress.wait_for(|it| it.finished.is_some()).await.ok().and_then(|it| it.finished);
        match finished {
            Some(at) => at,
            // It is written as long as the take is there, which this reader keeps.
            None => std::future::pending().await,
        }
    }

    /// Waits until nothing more of it is kept; whether that is since it is too long.
    pub(super) async fn complete(&mut self) -> bool {
        let progress = self.progress.wait_for(|it| it.finished.is_some() || it.is_too_long).await;
        progress.is_ok_and(|it| it.is_too_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reader_reads_all_of_it_in_whole_frames() {
        let take = Arc::new(Take::new());
        let samples: Vec<i16> = (0..1_000).collect();
        take.push(&samples[..300]);
        let mut readers = [Reader::new(take.clone()), Reader::new(take.clone())];
        assert_eq!(readers[0].next(256).await.as_deref(), Some(&samples[..256]));
        take.push(&samples[300..]);
        take.finish(Instant::now());
        take.push(&[7; 50]);
        for reader in &mut readers {
            let mut read = Vec::new();
            while let Some(part) = reader.next(256).await {
                read.extend(part);
            }
            assert_eq!(read.last(), Some(&999));
        }
        assert_eq!(take.samples(), samples);
    }

    #[tokio::test]
    async fn what_is_too_long_is_not_kept() {
        let take = Take::new();
        take.push(&vec![1; UTTERANCE_SAMPLES_MAX]);
        assert!(!take.progress().borrow().is_too_long);
        take.push(&[1]);
        assert!(take.progress().borrow().is_too_long);
        assert_eq!(take.samples().len(), UTTERANCE_SAMPLES_MAX);
    }
}
