//! Two calls that hear each other through a bridge.

use hutong_telephony::media::{Bridge, Codec, Engine, Event};

use super::peers::{End, coded, connect, engine, engine_with, least_share, only, share_heard, sweep};

/// Two telephones, and our ends of the calls to them.
struct Four {
    customer: End,
    to_customer: End,
    to_person: End,
    person: End,
}

impl Four {
    /// The customer talks in `one`, the person in `other`.
    async fn connected(engine: &Engine, one: Codec, other: Codec) -> Self {
        let open = || End::open(engine);
        let mut four = Self { customer: open(), to_customer: open(), to_person: open(), person: open() };
        connect(&four.to_customer, &four.customer, &only(one), &only(one));
        connect(&four.to_person, &four.person, &only(other), &only(other));
        four.to_customer.wait_began().await;
        four.to_person.wait_began().await;
        four.customer.wait_began().await;
        four.person.wait_began().await;
        four
    }

    fn bridge(&self) -> Bridge {
        self.to_customer.media.bridge(&self.to_person.media)
    }
}

#[tokio::test]
async fn each_hears_the_other_whatever_codec_they_talk_in_and_on_whichever_thread() {
    for (shards, one, other) in
        [(1, Codec::Pcma, Codec::Pcma), (2, Codec::Pcma, Codec::Pcmu), (3, Codec::Pcmu, Codec::Pcma)]
    {
        let engine = engine_with(|options| options.shards = shards);
        let mut four = Four::connected(&engine, one, other).await;
        let bridge = four.bridge();
        four.customer.wait_frames(5).await;
        let (said, answered) = (sweep(16_000), sweep(24_000)[8_000..].to_vec());
        let (asking, answering) =
            (four.customer.media.play(said.clone()), four.person.media.play(answered.clone().into()));
        assert!(asking.await.complete && answering.await.complete);
        // The last of it is on its way.
        four.person.wait_frames(15).await;
        let (heard, expected) = (four.person.sound(), coded(&coded(&said, one), other));
        let least = least_share(&four.person, said.len()).min(least_share(&four.to_customer, said.len()));
        assert!(share_heard(&heard, &expected) >= least - 0.1, "{shards} {one:?} {:?}", share_heard(&heard, &expected));
        let (heard, expected) = (four.customer.sound(), coded(&coded(&answered, other), one));
        let least = least_share(&four.customer, said.len()).min(least_share(&four.to_person, said.len()));
        assert!(share_heard(&heard, &expected) >= least - 0.1, "{shards} {one:?} {:?}", share_heard(&heard, &expected));
        // A recorder of the customer's call hears the person where the robot was.
        let recorded = four.to_customer.said.lock().unwrap().concat();
        assert!(share_heard(&recorded, &coded(&answered, other)) >= least - 0.1);
        drop(bridge);
    }
}

#[tokio::test]
async fn a_bridge_ends_what_plays_and_after_it_the_robot_is_heard_again() {
    let engine = engine();
    let mut four = Four::connected(&engine, Codec::Pcma, Codec::Pcma).await;
    let waiting = four.to_customer.media.play(sweep(80_000));
    four.to_customer.wait_frames(5).await;
    let bridge = four.bridge();
    let played = waiting.await;
    assert!(!played.complete && played.until > played.from, "{played:?}");
    four.to_customer.wait_frames(5).await;
    drop(bridge);
    let sound = sweep(8_000);
    assert!(four.to_customer.media.play(sound.clone()).await.complete);
    four.customer.wait_frames(15).await;
    let heard = four.customer.sound();
    // The beginning of the long clip is in it as well: what comes behind it is what counts.
    let share = share_heard(&heard[heard.len().saturating_sub(16_000)..], &coded(&sound, Codec::Pcma));
    assert!(share >= least_share(&four.customer, sound.len()) - 0.1, "{share}");
}

#[tokio::test]
async fn a_call_that_is_closed_leaves_silence_to_the_other_and_gives_back_its_ports() {
    let engine = engine();
    let Four { mut customer, to_customer, to_person, person } =
        Four::connected(&engine, Codec::Pcma, Codec::Pcmu).await;
    let _bridge = to_customer.media.bridge(&to_person.media);
    customer.wait_frames(5).await;
    let End { media, mut events, .. } = to_person;
    drop(media);
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Digit(_)));
    }
    drop(person);
    let silent_from = customer.sound().len();
    customer.wait_frames(25).await;
    assert!(customer.sound()[silent_from + 800..].iter().all(|sample| sample.unsigned_abs() <= 8));
    assert!(!to_customer.media.stats().bye);
    drop((customer, to_customer));
    while engine.stats().open > 0 {
        tokio::task::yield_now().await;
    }
}
