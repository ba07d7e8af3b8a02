//! Disks that are full, frozen or gone: calls go on, what is lost is silence of the same length, and it is counted.

use std::fs::File;

use hutong_recordings::{FRAME_SAMPLES, Looked, Part};

use crate::world::{World, customer, expected, name, speak, voices};

const FRAME: u64 = FRAME_SAMPLES as u64;
/// Frames in a chunk that is written at once.
const CHUNK: u64 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_the_call_and_nothing_else() {
    let world = World::new();
    let recordings = world.open().await;
    // Every write to it fails as on a disk without space.
    std::os::unix::fs::symlink("/dev/full", world.live(name(1))).unwrap();
    let (mut full, full_take) = recordings.record(name(1));
    let (mut other, other_take) = recordings.record(name(2));
    speak(&mut full, 0..100);
    speak(&mut other, 0..100);
    drop((full, other));
    let (lost, kept) = (full_take.keep(), other_take.keep());
    recordings.close().await;
    assert!(matches!(recordings.find(&lost.recording).await.unwrap(), Looked::Missing));
    assert!(matches!(recordings.find(&kept.recording).await.unwrap(), Looked::Found(_)));
    let metrics = recordings.metrics();
    assert_eq!((metrics.tapes, metrics.lost_ms), (0, 2000));
    assert!(metrics.write_failures > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_for_a_while_leaves_silence_of_the_same_length() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..CHUNK);
    written(&recordings, &world, 1).await;
    // A file where the folder should be: nothing can be written, and no folder be made.
    std::fs::remove_dir_all(world.spool().join("live")).unwrap();
    File::create(world.spool().join("live")).unwrap();
    speak(&mut tape, CHUNK..2 * CHUNK);
    while recordings.metrics().write_failures == 0 {
        tokio::task::yield_now().await;
    }
    std::fs::remove_file(world.spool().join("live")).unwrap();
    speak(&mut tape, 2 * CHUNK..3 * CHUNK);
    drop(tape);
    let _ = take.keep();
    recordings.close().await;
    let (heard, _) = voices(&world.file(name(1), Part::Stereo));
    assert_eq!(heard.len() as u64, 3 * CHUNK * FRAME);
    assert!(heard[..usize::try_from(2 * CHUNK * FRAME).unwrap()].iter().all(|sample| *sample == 0));
    let end = usize::try_from(2 * CHUNK * FRAME).unwrap();
    assert_eq!(heard[end..], expected(customer, 2 * CHUNK * FRAME..3 * CHUNK * FRAME));
    assert_eq!(recordings.metrics().lost_ms, 500);
}

/// Until the live file of a call has so many chunks in it.
async fn written(recordings: &hutong_recordings::Recordings, world: &World, chunks: u64) {
    let bytes = 80 + chunks * CHUNK * FRAME * 4;
    while std::fs::metadata(world.live(name(1))).map_or(0, |file| file.len()) < bytes {
        assert_eq!(recordings.metrics().write_failures, 0);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_disk_never_blocks_a_call_and_takes_a_bounded_memory() {
    let world = World::new();
    let recordings = world.open().await;
    // Opening a pipe waits for its other end: so the writer stands still for as long as it likes.
    let frozen = world.live(name(1));
    assert!(std::process::Command::new("mkfifo").arg(&frozen).status().unwrap().success());
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..CHUNK);
    drop(tape);
    take.discard();
    let (mut tape, take) = recordings.record(name(2));
    // More than may wait.
    speak(&mut tape, 0..4200 * CHUNK);
    drop(tape);
    let _ = take.keep();
    let lost_ms = recordings.metrics().lost_ms;
    assert!((50_000..60_000).contains(&lost_ms), "{lost_ms}");
    let reader = File::open(&frozen).unwrap();
    recordings.close().await;
    drop(reader);
    let (heard, _) = voices(&world.file(name(2), Part::Stereo));
    assert_eq!(heard.len() as u64, 4200 * CHUNK * FRAME, "positions stay true");
    let silent = heard.iter().filter(|sample| **sample == 0).count() as u64;
    // Of the first call, half a second was lost as well: a pipe has no places to write to.
    assert_eq!(silent * 1000 / 8000, recordings.metrics().lost_ms - 500);
    assert_eq!(heard[..1000], expected(customer, 0..1000));
    assert!(recordings.metrics().lag_ms_max > 1000);
}
