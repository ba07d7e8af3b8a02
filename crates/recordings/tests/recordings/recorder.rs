//! What is on a tape, and what becomes of it.

use hutong_recordings::{FRAME_SAMPLES, Kept, Looked, Part};

use crate::world::{World, customer, expected, fetch, name, robot, samples, speak, voices};

const FRAME: u64 = FRAME_SAMPLES as u64;

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_call_has_a_stereo_file_a_mixed_copy_and_one_of_the_customer() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(493));
    // 101 frames are four whole chunks and a rest.
    speak(&mut tape, 0..101);
    drop(tape);
    let kept = take.keep();
    assert_eq!(
        kept,
        Kept {
            recording: "2026/11/22/7/493-1.wav".to_owned(),
            customer_recording: "2026/11/22/7/493-1-customer.wav".to_owned()
        }
    );
    recordings.close().await;
    let all = 0..101 * FRAME;
    let stereo = voices(&world.file(name(493), Part::Stereo));
    assert_eq!(stereo, (expected(customer, all.clone()), expected(robot, all.clone())));
    assert_eq!(samples(&world.kept().join(&kept.customer_recording)), expected(customer, all.clone()));
    let mixed = samples(&world.kept().join(&kept.recording));
    assert_eq!(mixed, all.map(|n| customer(n).saturating_add(robot(n))).collect::<Vec<_>>());
    assert!(mixed.contains(&i16::MAX), "what is too loud together is cut, and does not turn over");
    assert_eq!(fetch(&recordings, &kept.recording).await.len(), 44 + 2 * mixed.len());
    let metrics = recordings.metrics();
    assert_eq!((metrics.tapes, metrics.lost_ms, metrics.waiting_copies, metrics.waiting_moves), (0, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copies_of_an_answered_call_begin_at_the_answer() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..60);
    tape.answered();
    speak(&mut tape, 60..100);
    drop(tape);
    let kept = take.keep();
    recordings.close().await;
    let talk = 60 * FRAME..100 * FRAME;
    assert_eq!(samples(&world.kept().join(&kept.customer_recording)), expected(customer, talk));
    assert_eq!(samples(&world.kept().join(&kept.recording)).len() as u64, 40 * FRAME);
    let (ringing_and_talk, _) = voices(&world.file(name(1), Part::Stereo));
    assert_eq!(ringing_and_talk, expected(customer, 0..100 * FRAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_is_just_dropped_is_kept_and_the_tape_may_end_after_it() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..3);
    drop(take);
    speak(&mut tape, 3..5);
    drop(tape);
    recordings.close().await;
    assert_eq!(voices(&world.file(name(1), Part::Stereo)).0, expected(customer, 0..5 * FRAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_recording_leaves_nothing() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..100);
    let names = take.names();
    take.discard();
    drop(tape);
    // A call that nobody spoke in, not even silence.
    let (tape, take) = recordings.record(name(2));
    drop(tape);
    take.discard();
    recordings.close().await;
    assert!(matches!(recordings.find(&names.recording).await.unwrap(), Looked::Missing));
    assert_eq!(recordings.metrics().write_failures, 0);
    for folder in ["live", "kept", "ready"] {
        assert_eq!(std::fs::read_dir(world.spool().join(folder)).unwrap().count(), 0, "{folder}");
    }
    assert_eq!(std::fs::read_dir(world.kept()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_frame_is_an_empty_recording_and_no_dead_link() {
    let world = World::new();
    let recordings = world.open().await;
    let (tape, take) = recordings.record(name(1));
    drop(tape);
    let kept = take.keep();
    recordings.close().await;
    assert!(samples(&world.kept().join(&kept.recording)).is_empty());
    assert_eq!(fetch(&recordings, &kept.recording).await.len(), 44);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_being_made_until_its_call_has_ended() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    let names = take.names();
    speak(&mut tape, 0..30);
    assert!(matches!(recordings.find(&names.recording).await.unwrap(), Looked::BeingMade));
    assert!(matches!(recordings.find("2026/11/22/7/2-1.wav").await.unwrap(), Looked::Missing));
    assert!(matches!(recordings.find("2026/11/22/7/../../x.wav").await.unwrap(), Looked::Missing));
    assert_eq!(recordings.metrics().tapes, 1);
    drop((tape, take));
    recordings.close().await;
    assert!(matches!(recordings.find(&names.recording).await.unwrap(), Looked::Found(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_file_can_be_read() {
    let world = World::new();
    let recordings = world.open().await;
    let (mut tape, take) = recordings.record(name(1));
    speak(&mut tape, 0..100);
    drop(tape);
    let kept = take.keep();
    recordings.close().await;
    let whole = fetch(&recordings, &kept.recording).await;
    assert_eq!(whole, std::fs::read(world.kept().join(&kept.recording)).unwrap());
    let Looked::Found(found) = recordings.find(&kept.recording).await.unwrap() else { panic!() };
    for (from, to) in [(0, 1), (1000, 20_000), (whole.len() - 1, whole.len()), (5, 5)] {
        let pieces = found.read(from as u64..to as u64).await.unwrap();
        let read: Vec<_> = futures::TryStreamExt::try_collect::<Vec<_>>(pieces).await.unwrap();
        assert_eq!(read.concat(), &whole[from..to]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_alone_has_a_spool() {
    let world = World::new();
    let recordings = world.open().await;
    let second = hutong_recordings::Recordings::open(
        world.options(),
        std::sync::Arc::new(crate::world::FixedClock(crate::world::NOW)),
    );
    let error = second.await.unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    recordings.close().await;
}
