//! How loud each voice of a recording is, for the picture of it: so that a page need not load the sound to draw it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use hutong_api::{LookedUp, RecordingFile};
use hutong_domain::access::Permission;
use hutong_store::call;
use serde::Serialize;

use super::CallPath;
use crate::error::{Error, Result};
use crate::router::Shared;
use crate::visitor::Visit;

/// Bytes before the first sample of a copy: RIFF, `fmt ` of 16 bytes, `data`.
const HEADER_BYTES: u64 = 44;
const SAMPLE_BYTES: u64 = 2;
/// Samples a second of a copy.
const SAMPLES_PER_S: f64 = 8000.0;
/// Parts that a recording is drawn in, at most.
const PARTS_MAX: u64 = 600;
/// Bytes of a copy that are read: more than an hour and a half.
const BYTES_MAX: u64 = 100 << 20;
/// What is drawn of a recording never changes, and is nobody else's business.
const CACHE: &str = "private, max-age=3600";

/// How loud the voices are, a part after the other, from 0 to 255.
#[derive(Serialize)]
struct Wave {
    seconds: f64,
    robot: Vec<u8>,
    customer: Vec<u8>,
}

/// `GET /c/{company}/calls/{call}/wave`
pub(crate) async fn wave(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(CallPath { call }): Path<CallPath>,
) -> Result<Response> {
    visit.require(Permission::SeeCalls)?;
    let company = visit.company;
    let found = shared.app.store.read(move |db| call::find(db, company, call)).await?.ok_or(Error::NotFound)?;
    let (Some(both), Some(customer)) = (found.recording, found.customer_recording) else { return Err(Error::NotFound) };
    let (both, customer) = tokio::try_join!(open(&shared, &both), open(&shared, &customer))?;
    let samples = both.size.min(customer.size).min(BYTES_MAX).saturating_sub(HEADER_BYTES) / SAMPLE_BYTES;
    let wave = draw(both, customer, samples).await.ok_or(Error::NotFound)?;
    Ok(([(CACHE_CONTROL, CACHE)], Json(wave)).into_response())
}

async fn open(shared: &Shared, name: &str) -> Result<RecordingFile> {
    match shared.app.recordings.find(name).await {
        Ok(LookedUp::Found(file)) => Ok(file),
        Ok(LookedUp::BeingMade | LookedUp::Missing) => Err(Error::NotFound),
        Err(error) => {
            tracing::warn!(%error, "a recording could not be read");
            Err(Error::NotFound)
        }
    }
}

/// Both copies are of one length: what the robot says is what both say, without the customer.
async fn draw(both: RecordingFile, customer: RecordingFile, samples: u64) -> Option<Wave> {
    let each = samples.div_ceil(PARTS_MAX).max(1);
    let parts = usize::try_from(samples.div_ceil(each)).ok()?;
    let (mut robot_parts, mut customer_parts) = (vec![0_u8; parts], vec![0_u8; parts]);
    let (mut both, mut alone) = (Samples::of(both, samples).await?, Samples::of(customer, samples).await?);
    let mut at = 0;
    while let (Some(mixed), Some(theirs)) = (both.next().await, alone.next().await) {
        let part = usize::try_from(at / each).ok()?;
        for (parts, sample) in [(&mut robot_parts, mixed.saturating_sub(theirs)), (&mut customer_parts, theirs)] {
            if let Some(peak) = parts.get_mut(part) {
                *peak = (*peak).max(loudness(sample));
            }
        }
        at += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "recordings are hours long, not millennia")]
    let seconds = samples as f64 / SAMPLES_PER_S;
    Some(Wave { seconds, robot: robot_parts, customer: customer_parts })
}

/// From 0 to 255.
fn loudness(sample: i16) -> u8 {
    u8::try_from(sample.unsigned_abs() / 129).unwrap_or(u8::MAX)
}

type Pieces = std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<axum::body::Bytes>> + Send>>;

/// The samples of a copy, one after the other, in little memory.
struct Samples {
    pieces: Pieces,
    piece: axum::body::Bytes,
    at: usize,
}

impl Samples {
    async fn of(file: RecordingFile, samples: u64) -> Option<Self> {
        let pieces = (file.read)(HEADER_BYTES..HEADER_BYTES + samples * SAMPLE_BYTES).await.ok()?;
        Some(Self { pieces, piece: axum::body::Bytes::new(), at: 0 })
    }

    async fn next(&mut self) -> Option<i16> {
        let low = self.byte().await?;
        let high = self.byte().await?;
        Some(i16::from_le_bytes([low, high]))
    }

    async fn byte(&mut self) -> Option<u8> {
        while self.at >= self.piece.len() {
            self.piece = self.pieces.next().await?.ok()?;
            self.at = 0;
        }
        let byte = self.piece.get(self.at).copied();
        self.at += 1;
        byte
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::FutureExt as _;
    use hutong_domain::moment::Moment;

    use super::*;

    /// A copy whose bytes come in pieces of three, so that samples are cut.
    fn copy(samples: &[i16]) -> RecordingFile {
        let mut bytes = vec![0; 44];
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let size = bytes.len() as u64;
        let read = move |range: std::ops::Range<u64>| {
            let at = |place| usize::try_from(place).unwrap();
            let part = bytes[at(range.start)..at(range.end)].to_vec();
            let pieces: Vec<_> = part.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            async move { Ok(futures::stream::iter(pieces).boxed()) }.boxed()
        };
        RecordingFile { size, modified: Moment(0), read: Box::new(read) }
    }

    #[tokio::test]
    async fn each_voice_is_drawn_by_its_loudest_sample() {
        let (both, customer) = (copy(&[100, -30000, 5000, 5000]), copy(&[0, 0, 5000, 5000]));
        let wave = draw(both, customer, 4).await.unwrap();
        assert_eq!((wave.robot, wave.customer), (vec![0, 232, 0, 0], vec![0, 0, 38, 38]));
        let long = vec![1290; 1201];
        let wave = draw(copy(&long), copy(&vec![0; 1201]), 1201).await.unwrap();
        assert_eq!((wave.robot.len(), wave.robot[0], wave.customer[0]), (401, 10, 0));
        assert!((wave.seconds - 0.150_125).abs() < 1e-9);
    }

    #[tokio::test]
    async fn a_recording_of_nothing_is_drawn_as_nothing() {
        let wave = draw(copy(&[]), copy(&[]), 0).await.unwrap();
        assert_eq!((wave.robot.len(), wave.customer.len()), (0, 0));
    }
}
