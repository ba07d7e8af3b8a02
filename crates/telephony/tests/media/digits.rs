//! Keys that one side presses are heard by the other.

use hutong_telephony::media::{DigitsError, Event, Formats};

use super::peers::{End, coded, connect, engine, least_share, share_heard, sweep};

async fn digits(end: &mut End, count: usize) -> String {
    let mut heard = String::new();
    while heard.len() < count {
        heard.push(end.wait(|event| if let Event::Digit(digit) = event { Some(digit) } else { None }).await);
    }
    heard
}

#[tokio::test]
async fn digits_go_both_ways_while_frames_are_not_taken() {
    let engine = engine();
    let (mut caller, mut callee) = (End::open(&engine), End::open(&engine));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_began().await;
    callee.wait_began().await;
    caller.media.listen(true);
    caller.media.send_digits("0123456789*#ABCD").unwrap();
    callee.media.send_digits("1122d").unwrap();
    assert_eq!(digits(&mut callee, 16).await, "0123456789*#ABCD");
    // By now the caller has left more frames than may wait, and none of the digits is lost for them.
    assert_eq!(digits(&mut caller, 5).await, "1122D");
    assert!(caller.media.stats().unheard > 0);
}

#[tokio::test]
async fn what_plays_waits_for_digits_and_goes_on_behind_them() {
    let engine = engine();
    let (mut caller, mut callee) = (End::open(&engine), End::open(&engine));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    caller.wait_began().await;
    let sound = sweep(8000);
    let playing = caller.media.play(sound.clone());
    caller.wait_frames(10).await;
    caller.media.send_digits("5").unwrap();
    let played = playing.await;
    assert!(played.complete && played.until - played.from > 8000, "{played:?}");
    assert_eq!(digits(&mut callee, 1).await, "5");
    callee.wait_frames(10).await;
    let negotiated = caller.media.negotiated().unwrap();
    assert!(share_heard(&callee.sound(), &coded(&sound, negotiated.codec)) >= least_share(&callee, sound.len()));
}

#[tokio::test]
async fn digits_that_cannot_be_sent_are_refused() {
    let engine = engine();
    let (caller, callee) = (End::open(&engine), End::open(&engine));
    assert_eq!(caller.media.send_digits("1"), Err(DigitsError::NotNegotiated));
    connect(&caller, &callee, &Formats::default(), &Formats { digits: false, ..Formats::default() });
    assert_eq!(caller.media.send_digits("1"), Err(DigitsError::NotNegotiated));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    assert_eq!(caller.media.send_digits("1x"), Err(DigitsError::NoKey('x')));
    assert_eq!(caller.media.send_digits(&"1".repeat(1000)), Err(DigitsError::TooMany));
    assert_eq!(caller.media.send_digits(""), Ok(()));
}
