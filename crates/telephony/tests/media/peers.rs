//! Two ends of a call, and sounds whose every frame can be told from the others.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hutong_telephony::media::{Codec, Engine, EngineOptions, Event, Events, FRAME_SAMPLES, Formats, Frame, Media, Tap};

/// The loopback interface.
pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Nothing in these tests takes nearly as long: an event that has not come by then never comes.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// An engine on ports that the system chooses.
pub(crate) fn engine() -> Engine {
    engine_with(|_| {})
}

/// The same, with other options.
pub(crate) fn engine_with(change: impl FnOnce(&mut EngineOptions)) -> Engine {
    let mut options = EngineOptions { ports: 0..=0, ..EngineOptions::default() };
    change(&mut options);
    Engine::start(options).unwrap()
}

/// One end of a call.
pub(crate) struct End {
    pub(crate) media: Media,
    pub(crate) events: Events,
    pub(crate) heard: Arc<Mutex<Vec<Frame>>>,
    pub(crate) said: Arc<Mutex<Vec<Frame>>>,
}

/// Keeps all frames of both sides.
struct Keeper {
    heard: Arc<Mutex<Vec<Frame>>>,
    said: Arc<Mutex<Vec<Frame>>>,
}

impl Tap for Keeper {
    fn frame(&mut self, customer: &Frame, robot: &Frame) {
        self.heard.lock().unwrap().push(*customer);
        self.said.lock().unwrap().push(*robot);
    }
}

impl End {
    /// Opens one on `engine`.
    pub(crate) fn open(engine: &Engine) -> Self {
        Self::open_on(engine, LOCAL)
    }

    /// The same, on another address.
    pub(crate) fn open_on(engine: &Engine, address: IpAddr) -> Self {
        let (heard, said) = (Arc::default(), Arc::default());
        let keeper = Keeper { heard: Arc::clone(&heard), said: Arc::clone(&said) };
        let (media, events) = engine.open(address, Some(Box::new(keeper))).unwrap();
        Self { media, events, heard, said }
    }

    /// Waits for an event that `wanted` knows, and passes over others.
    pub(crate) async fn wait<T>(&mut self, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.next().await.expect("the media is open");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(WAIT_MAX, found).await.expect("the event comes")
    }

    /// Waits until the far side is heard.
    pub(crate) async fn wait_began(&mut self) {
        self.wait(|event| (event == Event::Began).then_some(())).await;
    }

    /// Waits until the stream's clock has moved on by `frames`.
    pub(crate) async fn wait_frames(&mut self, frames: usize) {
        self.media.listen(true);
        let until = self.media.position() + (frames * FRAME_SAMPLES) as u64;
        self.wait(|event| matches!(event, Event::Frame { position, .. } if position >= until).then_some(())).await;
        self.media.listen(false);
    }

    /// All that was heard so far, in one piece.
    pub(crate) fn sound(&self) -> Vec<i16> {
        self.heard.lock().unwrap().concat()
    }
}

/// Connects two ends: the first one offers.
pub(crate) fn connect(caller: &End, callee: &End, offered: &Formats, answered: &Formats) {
    let offer = caller.media.offer(offered);
    let answer = callee.media.answer(offer.as_bytes(), answered).unwrap();
    caller.media.accept(answer.as_bytes()).unwrap();
}

/// Formats with one codec.
pub(crate) fn only(codec: Codec) -> Formats {
    Formats { codecs: vec![codec], ..Formats::default() }
}

/// A sound of which no 20 ms are like any others, and none silent: a tone whose pitch rises all the time.
pub(crate) fn sweep(samples: usize) -> Arc<[i16]> {
    let mut turn = 0f64;
    (0..samples)
        .map(|at| {
            turn += (200.0 + at as f64 / 50.0) / 8000.0 * std::f64::consts::TAU;
            sample(turn.sin() * 12_000.0)
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "within the range of a sample")]
fn sample(value: f64) -> i16 {
    value as i16
}

/// The sound as the codec makes it.
pub(crate) fn coded(sound: &[i16], codec: Codec) -> Vec<i16> {
    sound.iter().map(|sample| codec.decode(codec.encode(*sample))).collect()
}

/// Where `part` begins in `sound`, if all of it is there.
pub(crate) fn place(sound: &[i16], part: &[i16]) -> Option<usize> {
    sound.windows(part.len()).position(|window| window == part)
}

/// The share of `expected`'s frames that are in `heard`, bit by bit, in their order.
pub(crate) fn share_heard(heard: &[i16], expected: &[i16]) -> f64 {
    let (mut from, mut found, mut all) = (0, 0, 0);
    for frame in expected.chunks_exact(FRAME_SAMPLES) {
        all += 1;
        if let Some(at) = place(&heard[from..], frame) {
            found += 1;
            from += at + FRAME_SAMPLES;
        }
    }
    f64::from(found) / f64::from(all)
}

/// The share of a sound that an end has to have heard: all but a fiftieth; less where the machine was so busy that packets
/// came late, each of which costs a frame and the beginning of the next, and is counted.
pub(crate) fn least_share(end: &End, samples: usize) -> f64 {
    let stats = end.media.stats();
    let touched = 2 * (stats.concealed + stats.lost + stats.discarded);
    (1.0 - touched as f64 / (samples / FRAME_SAMPLES) as f64).min(0.98)
}
