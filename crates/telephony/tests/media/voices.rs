//! What is said on one side is heard on the other.

use std::net::{IpAddr, Ipv6Addr};

use hutong_telephony::media::{Codec, Formats, Frame, Played, Tap};

use super::peers::{End, LOCAL, coded, connect, engine, least_share, only, place, share_heard, sweep};

const SECONDS_2: usize = 16_000;

#[tokio::test]
async fn what_is_played_is_heard_bit_by_bit_and_without_a_gap() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let (left, right) = (engine(), engine());
        let (mut caller, mut callee) = (End::open(&left), End::open(&right));
        connect(&caller, &callee, &only(codec), &Formats::default());
        caller.wait_began().await;
        callee.wait_began().await;
        let sound = sweep(SECONDS_2);
        let (there, back) = (caller.media.play(sound.clone()), callee.media.play(sound.clone()));
        let (there, back) = (there.await, back.await);
        for played in [there, back] {
            assert!(played.complete);
            assert_eq!(played.until - played.from, SECONDS_2 as u64);
        }
        caller.wait_frames(10).await;
        callee.wait_frames(10).await;
        let expected = coded(&sound, codec);
        for end in [&caller, &callee] {
            let heard = end.sound();
            let (share, least) = (share_heard(&heard, &expected), least_share(end, expected.len()));
            assert!(share >= least, "{share} of {codec:?} was heard, not {least}: {:?}", end.media.stats());
            let stats = end.media.stats();
            if stats.lost == 0 && stats.concealed == 0 && stats.discarded == 0 {
                assert!(place(&heard, &expected).is_some(), "without a loss there is no gap: {stats:?}");
            }
        }
        let said = caller.said.lock().unwrap().concat();
        let from = usize::try_from(there.from).unwrap();
        assert_eq!(said[from..from + SECONDS_2], sound[..], "the tap's clock is the playback's");
    }
}

#[tokio::test]
async fn clips_that_follow_each_other_are_one_sound() {
    let engine = engine();
    let (mut caller, mut callee) = (End::open(&engine), End::open(&engine));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_began().await;
    let sound = sweep(4000);
    let parts = [0..1000, 1000..1010, 1010..4000].map(|part| caller.media.play(sound[part].into()));
    let mut ends = Vec::new();
    for part in parts {
        ends.push(part.await);
    }
    assert!(ends.windows(2).all(|pair| pair[0].until == pair[1].from), "{ends:?}");
    callee.wait_frames(10).await;
    assert!(share_heard(&callee.sound(), &coded(&sound, Codec::Pcma)) >= least_share(&callee, sound.len()));
}

#[tokio::test]
async fn stopping_says_how_far_a_clip_came() {
    let engine = engine();
    let (mut caller, callee) = (End::open(&engine), End::open(&engine));
    let playing = caller.media.play(sweep(80_000));
    let waiting = caller.media.play(sweep(160));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_frames(20).await;
    caller.media.stop_playing();
    let (playing, waiting) = (playing.await, waiting.await);
    assert!(!playing.complete && playing.until > playing.from && playing.until < 80_000, "{playing:?}");
    assert!(!waiting.complete && waiting.from == waiting.until, "{waiting:?}");
    let never = caller.media.play(sweep(80_000));
    drop(caller.media);
    let Played { complete, .. } = never.await;
    assert!(!complete, "a call that ends ends what plays");
}

#[tokio::test]
async fn voices_go_over_ipv6_too() {
    let engine = engine();
    let local = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let (mut caller, mut callee) = (End::open_on(&engine, local), End::open_on(&engine, local));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_began().await;
    let sound = sweep(4000);
    assert!(caller.media.play(sound.clone()).await.complete);
    callee.wait_frames(10).await;
    assert!(share_heard(&callee.sound(), &coded(&sound, Codec::Pcma)) >= least_share(&callee, sound.len()));
}

/// A recorder with a fault.
struct Faulty;

impl Tap for Faulty {
    fn frame(&mut self, _customer: &Frame, _robot: &Frame) {
        panic!("this recorder is faulty, on purpose");
    }
}

#[tokio::test]
async fn a_fault_of_a_recorder_ends_its_own_call_only() {
    let engine = engine();
    let (mut caller, mut callee) = (End::open(&engine), End::open(&engine));
    let (faulty, mut events) = engine.open(LOCAL, Some(Box::new(Faulty))).unwrap();
    let offer = caller.media.offer(&Formats::default());
    faulty.answer(offer.as_bytes(), &Formats::default()).unwrap();
    while events.next().await.is_some() {}
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_began().await;
    callee.wait_began().await;
    assert_eq!(engine.stats().open, 2);
    assert!(!faulty.play(sweep(160)).await.complete, "a call that ended ends what is played");
}
