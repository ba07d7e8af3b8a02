//! A process that is killed in mid-call.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use hutong_recordings::{FRAME_SAMPLES, Looked, Part};

use crate::world::{World, customer, expected, fetch, name, open, options, robot, speak, voices};

/// Tells the test binary to record into this folder until it is killed.
const CHILD_FOLDER: &str = "HUTONG_TEST_RECORDING_FOLDER";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_a_playable_file_that_the_next_start_takes_up() {
    let world = World::new();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::records_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(CHILD_FOLDER, world.spool())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    // Three chunks are on their way then, and more follow.
    let flushed = lines.map(Result::unwrap).find(|line| line.contains("three chunks are written"));
    assert!(flushed.is_some());
    child.0.kill().unwrap();
    child.0.wait().unwrap();

    let (heard, said) = voices(&world.live(name(1)));
    let length = heard.len() as u64;
    assert!(length >= 3 * 25 * FRAME_SAMPLES as u64, "{length}");
    assert_eq!((heard, said), (expected(customer, 0..length), expected(robot, 0..length)));

    let recordings = world.open().await;
    assert_eq!(recordings.left_over(), [name(1)]);
    recordings.keep_left_over(name(1)).await.unwrap();
    recordings.close().await;
    assert!(voices(&world.file(name(1), Part::Stereo)).0.len() as u64 >= length);
    let mixed = fetch(&recordings, &name(1).file(Part::Both).to_string()).await;
    // The answer was after the first chunk.
    assert!(mixed.len() as u64 >= 44 + 2 * (length - 25 * FRAME_SAMPLES as u64));
}

struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other process of the test above"]
async fn records_until_it_is_killed() {
    let Some(spool) = std::env::var_os(CHILD_FOLDER).map(std::path::PathBuf::from) else { return };
    let destination = hutong_recordings::Destination::Folder(spool.with_file_name("recordings"));
    let recordings = open(options(&spool, destination)).await;
    let (mut tape, _take) = recordings.record(name(1));
    let live = spool.join("live").join(name(1).file(Part::Stereo).to_string().replace('/', "_"));
    // Nobody sends anything: it is the clock of a media engine.
    let (_ticker, ticks) = channel::<()>();
    let mut told = false;
    // A minute, should nobody kill it.
    for frame in 0..3000 {
        if frame == 25 {
            tape.answered();
        }
        speak(&mut tape, frame..frame + 1);
        let _ = ticks.recv_timeout(Duration::from_millis(10));
        if !told && std::fs::metadata(&live).is_ok_and(|file| file.len() >= 80 + 3 * 25 * 640) {
            told = true;
            let mut out = std::io::stdout();
            writeln!(out, "three chunks are written").and_then(|()| out.flush()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_at_any_step_is_taken_up() {
    let world = World::new();
    for folder in ["live", "kept", "ready"] {
        std::fs::create_dir_all(world.spool().join(folder)).unwrap();
    }
    let put = |path: &str, bytes: &[u8]| std::fs::write(world.spool().join(path), bytes).unwrap();
    // A call that ran: 16 bytes behind a header that was never written.
    let without_header = [[0; 80].as_slice(), &[7; 16]].concat();
    put("live/2026_11_20_7_1-1-stereo.wav", &without_header);
    // One that had ended, and whose copies were being made.
    put("kept/2026_11_20_7_2-1-stereo.wav", &without_header);
    put("kept/2026_11_20_7_2-1.wav.part", b"half");
    // One that was being moved, and files that are not ours.
    put("ready/2026_11_20_7_3-1.wav", b"whole");
    put("ready/notes.txt", b"not ours");
    put("live/notes.txt", b"not ours");
    let recordings = world.open().await;
    for left_over in recordings.left_over() {
        recordings.keep_left_over(left_over).await.unwrap();
    }
    recordings.close().await;
    for call in [1, 2] {
        for (part, bytes) in [("", 52), ("-customer", 52), ("-stereo", 96)] {
            let name = format!("2026/11/20/7/{call}-1{part}.wav");
            assert_eq!(std::fs::metadata(world.kept().join(&name)).unwrap().len(), bytes, "{name}");
        }
    }
    assert_eq!(std::fs::read(world.kept().join("2026/11/20/7/3-1.wav")).unwrap(), b"whole");
    assert!(matches!(recordings.find("2026/11/20/7/3-1.wav").await.unwrap(), Looked::Found(_)));
    let left = |folder: &str| std::fs::read_dir(world.spool().join(folder)).unwrap().count();
    assert_eq!((left("live"), left("kept"), left("ready")), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_cut_off_waits_until_it_is_decided_about() {
    let world = World::new();
    let live = world.spool().join("live");
    std::fs::create_dir_all(&live).unwrap();
    let heard = [[0; 80].as_slice(), &[0; 1_600], &[7; 16]].concat();
    for call in [1, 2, 3] {
        std::fs::write(world.live(name(call)), &heard).unwrap();
    }
    // Nobody had spoken yet, and of the last one not even its header was written.
    std::fs::write(world.live(name(4)), [0; 1_680]).unwrap();
    std::fs::write(world.live(name(5)), [0; 3]).unwrap();

    let recordings = world.open().await;
    assert_eq!(recordings.left_over().len(), 3);
    assert!(!world.live(name(4)).exists() && !world.live(name(5)).exists());
    let of = |call| recordings.left_over_of(name(call).company, name(call).call, 1);
    assert_eq!((of(1), of(4)), (Some(name(1)), None));
    assert_eq!(recordings.left_over_of(name(1).company, name(1).call, 2), None);
    let both = |call| name(call).file(Part::Both).to_string();
    assert!(matches!(recordings.find(&both(1)).await.unwrap(), Looked::BeingMade));

    recordings.keep_left_over(name(1)).await.unwrap();
    recordings.discard_left_over(name(2)).await.unwrap();
    assert_eq!(fetch(&recordings, &both(1)).await.len(), 44 + 2 * 404);
    assert!(matches!(recordings.find(&both(2)).await.unwrap(), Looked::Missing));
    assert_eq!(recordings.left_over(), [name(3)]);
    // Deciding twice does no harm, nor does it where there never was anything.
    recordings.discard_left_over(name(1)).await.unwrap();
    recordings.keep_left_over(name(4)).await.unwrap();
    recordings.close().await;
    assert!(world.file(name(1), Part::Both).exists());
    drop(recordings);

    // What nobody decided about waits on; a file that somebody took away is not missed.
    let recordings = world.open().await;
    assert_eq!(recordings.left_over(), [name(3)]);
    std::fs::remove_file(world.live(name(3))).unwrap();
    recordings.keep_left_over(name(3)).await.unwrap();
    assert_eq!(recordings.left_over(), []);
    recordings.close().await;
}
