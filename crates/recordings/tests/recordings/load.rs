//! What recording costs: five hundred calls at once, in real time.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use hutong_recordings::FRAME_SAMPLES;

use crate::world::{World, name};

const CALLS: i64 = 500;
/// Twenty seconds.
const FRAMES: u32 = 1000;
const FRAME_TIME: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: run it optimised, and alone"]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
async fn what_five_hundred_calls_cost() {
    let world = World::new();
    let recordings = world.open().await;
    let mut tapes: Vec<_> = (0..CALLS).map(|call| recordings.record(name(call))).collect();
    let before = cpu_ticks();
    let begun = Instant::now();
    // The media engine: a thread with a tick of 20 ms.
    let engine = std::thread::spawn(move || {
        let (_ticker, ticks) = channel::<()>();
        let (mut longest, mut busy) = (Duration::ZERO, Duration::ZERO);
        for frame in 1..=FRAMES {
            let tick = Instant::now();
            let loud = i16::try_from(frame).unwrap();
            for (tape, _) in &mut tapes {
                tape.frame(&[loud; FRAME_SAMPLES], &[-loud; FRAME_SAMPLES]);
            }
            let took = tick.elapsed();
            (longest, busy) = (longest.max(took), busy + took);
            let _ = ticks.recv_timeout((begun + frame * FRAME_TIME).saturating_duration_since(Instant::now()));
        }
        (longest, busy, tapes)
    });
    let (longest, busy, tapes) = engine.join().unwrap();
    let wall = begun.elapsed();
    let recording = cpu_ticks() - before;
    let metrics = recordings.metrics();
    let ending = Instant::now();
    drop(tapes);
    recordings.close().await;
    let copies = cpu_ticks() - before - recording;
    println!(
        "{CALLS} calls for {wall:.1?}: {:.1} % of a core; in the engine's thread {:.1} % and at most {longest:.1?} a tick; \
         lag {} ms, lost {} ms; then {} files in {:.1?} with {copies} ticks of 10 ms",
        recording as f64 / wall.as_secs_f64(),
        100.0 * busy.as_secs_f64() / wall.as_secs_f64(),
        metrics.lag_ms_max,
        metrics.lost_ms,
        3 * CALLS,
        ending.elapsed(),
    );
    assert_eq!(metrics.lost_ms, 0);
    let left = recordings.metrics();
    assert_eq!((left.waiting_copies, left.waiting_moves), (0, 0));
}

/// Time of this process on all cores, in hundredths of a second.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
