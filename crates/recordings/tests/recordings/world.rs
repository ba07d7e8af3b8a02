//! A spool and a folder for recordings, and voices that are known sample by sample.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::{Clock, Moment};
use hutong_recordings::{Destination, FRAME_SAMPLES, Looked, Options, Part, RecordingName, Recordings, Tape};
use jiff::tz::TimeZone;

/// 2026-11-22 10:00 in Greenwich.
pub(crate) const NOW: Moment = Moment(1_795_341_600_000);

pub(crate) struct FixedClock(pub(crate) Moment);

impl Clock for FixedClock {
    fn now(&self) -> Moment {
        self.0
    }
}

pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    pub(crate) fn kept(&self) -> PathBuf {
        self.folder.path().join("recordings")
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.spool(), Destination::Folder(self.kept()))
    }

    pub(crate) async fn open(&self) -> Recordings {
        open(self.options()).await
    }

    /// Where the stereo file of a call that runs is.
    pub(crate) fn live(&self, name: RecordingName) -> PathBuf {
        self.spool().join("live").join(name.file(Part::Stereo).to_string().replace('/', "_"))
    }

    pub(crate) fn file(&self, name: RecordingName, part: Part) -> PathBuf {
        self.kept().join(name.file(part).to_string())
    }
}

pub(crate) fn options(spool: &Path, destination: Destination) -> Options {
    Options {
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(4),
        close_time_max: Duration::from_secs(120),
        ..Options::new(spool.to_owned(), destination, TimeZone::UTC)
    }
}

pub(crate) async fn open(options: Options) -> Recordings {
    Recordings::open(options, Arc::new(FixedClock(NOW))).await.unwrap()
}

pub(crate) fn name(call: i64) -> RecordingName {
    RecordingName::new(CompanyId(7), CallId(call), 1, NOW, &TimeZone::UTC)
}

/// The customer's n-th sample: never silence.
pub(crate) fn customer(n: u64) -> i16 {
    i16::try_from(n % 1000).unwrap() + 1
}

/// The robot's n-th sample: never silence, and sometimes as loud as can be.
pub(crate) fn robot(n: u64) -> i16 {
    if n.is_multiple_of(7) { i16::MAX } else { -i16::try_from(n % 900).unwrap() - 1 }
}

/// Gives so many frames, beginning with the samples from `from` on.
pub(crate) fn speak(tape: &mut Tape, frames: std::ops::Range<u64>) {
    for frame in frames {
        let first = frame * FRAME_SAMPLES as u64;
        let of = |voice: fn(u64) -> i16| std::array::from_fn(|n| voice(first + n as u64));
        tape.frame(&of(customer), &of(robot));
    }
}

pub(crate) fn samples(path: &Path) -> Vec<i16> {
    hound::WavReader::open(path).unwrap().samples().map(Result::unwrap).collect()
}

/// Both voices of a stereo file.
pub(crate) fn voices(path: &Path) -> (Vec<i16>, Vec<i16>) {
    samples(path).chunks(2).map(|pair| (pair[0], pair[1])).unzip()
}

pub(crate) fn expected(voice: fn(u64) -> i16, samples: std::ops::Range<u64>) -> Vec<i16> {
    samples.map(voice).collect()
}

/// All bytes of a file that is there.
pub(crate) async fn fetch(recordings: &Recordings, name: &str) -> Vec<u8> {
    let Looked::Found(found) = recordings.find(name).await.unwrap() else { panic!("{name} is not there") };
    let pieces: Vec<_> = found.read(0..found.size).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}
