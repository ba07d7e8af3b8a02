//! Calls over SIP with voices and recordings: how many at once, and how many a second. The far side is sipp, which is
//! also what the rate is compared with, in the same run.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use hutong_dialer::SystemRuntime;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::Clock as _;
use hutong_recordings::{Destination, Options, Recordings, Take, Tape};
use hutong_telephony::media::{Codec, Engine, EngineOptions, Events, Formats, Frame, Media, Tap};
use hutong_telephony::sip::{Listen, Number, OutgoingCall, Signal, Trunk, UserAgent};
use tokio::task::JoinSet;

use crate::report::{Table, verdict};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Calls that are set up at once while the rate is measured.
const SETTING_UP: usize = 16;
/// What the kernel counts processor time in, on every Linux that there is.
const TICKS_PER_S: f64 = 100.0;

const INTRODUCTION: &str = "\
The far side is sipp, which sends every voice packet back: it has the other core. Each call is signalled over UDP, has its \
own ports, plays a clip and is recorded. sipp against sipp, with as many calls at once and no voices, is what the rate is \
compared with.";

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    /// Calls at once
    #[arg(long, default_value_t = 500)]
    calls: usize,
    /// For how many seconds they talk
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Calls that are set up and hung up in a row
    #[arg(long, default_value_t = 10_000)]
    setups: u64,
}

impl CallsArgs {
    /// What is kept in docs/benchmarks.md.
    pub(crate) const KEPT: Self = Self { calls: 500, seconds: 20, setups: 100_000 };
}

/// Measures both; the report.
pub(crate) fn run(args: &CallsArgs) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let at_once = runtime.block_on(at_once(args))?;
    let in_a_row = runtime.block_on(in_a_row(args))?;
    Ok(format!("## Calls over SIP\n\n{INTRODUCTION}\n\n{at_once}\n{in_a_row}"))
}

/// A sipp that takes calls and sends their voices back; ended with its handle.
struct Sipp {
    child: Child,
    trunk: Trunk,
}

impl Sipp {
    fn uas(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new("sipp");
        command.args(["-sn", "uas", "-rtp_echo", "-nostdin", "-i", "127.0.0.1", "-mi", "127.0.0.1"]);
        command.args(["-p", &port.to_string(), "-mp", &free_port()?.to_string()]);
        let child = command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.context("sipp cannot be started: apt-get install sip-tester")?;
        let trunk = Trunk { prefer_ulaw: true, ..Trunk::at(&format!("127.0.0.1:{port}")) };
        Ok(Self { child, trunk })
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind((LOOPBACK, 0))?.local_addr()?.port())
}

/// Hands the voices to a recording.
struct Recorder(Tape);

impl Tap for Recorder {
    fn frame(&mut self, customer: &Frame, robot: &Frame) {
        self.0.frame(customer, robot);
    }
}

struct Side {
    agent: UserAgent,
    engine: Engine,
    recordings: Recordings,
    trunk: Trunk,
}

/// A call that talks.
struct Talking {
    media: Media,
    _events: Events,
    _call: OutgoingCall,
    take: Take,
}

impl Side {
    async fn open(folder: &Path, trunk: Trunk) -> Result<Self> {
        let destination = Destination::Folder(folder.join("recordings"));
        let options = Options::new(folder.join("spool"), destination, jiff::tz::TimeZone::UTC);
        let engine = EngineOptions { ports: 0..=0, ..EngineOptions::default() };
        Ok(Self {
            agent: UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await?,
            engine: Engine::start(engine)?,
            recordings: Recordings::open(options, Arc::new(SystemRuntime)).await?,
            trunk,
        })
    }

    /// Places a call and waits for the answer.
    async fn call(&self, number: u64, clip: &Arc<[i16]>) -> Result<Talking> {
        let id = CallId(i64::try_from(number)?);
        let name = self.recordings.name(CompanyId(1), id, 1, SystemRuntime.now());
        let (tape, take) = self.recordings.record(name);
        let (media, events) = self.engine.open(LOOPBACK, Some(Box::new(Recorder(tape))))?;
        let formats = Formats { codecs: vec![Codec::Pcmu], ..Formats::default() };
        let callee = format!("1{:010}", number % 10_000_000_000);
        let numbers = (Number::Shown("02180000001"), callee.as_str());
        let mut call = self.agent.place(&self.trunk, LOOPBACK, numbers, media.offer(&formats))?;
        loop {
            match call.next().await {
                Signal::Answered { sdp } => {
                    media.accept(&sdp)?;
                    let _playing = media.play(clip.clone());
                    return Ok(Talking { media, _events: events, _call: call, take });
                }
                Signal::Ended(ended) => bail!("call {number} ended: {ended:?}"),
                _ => {}
            }
        }
    }
}

/// Many calls at once.
async fn at_once(args: &CallsArgs) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let sipp = Sipp::uas(folder.path())?;
    let side = Arc::new(Side::open(folder.path(), sipp.trunk.clone()).await?);
    let clip: Arc<[i16]> = (0..8_000 * 60).map(|n| i16::try_from(n % 8_000).unwrap_or(0)).collect();
    until_there(&side).await?;
    let before = memory_kib()?;
    let mut talking = Vec::with_capacity(args.calls);
    for number in 0..args.calls {
        talking.push(side.call(number as u64, &clip).await?);
    }
    let memory = (memory_kib()? - before) / args.calls as f64;
    let (sent, cpu, begun) = (side.engine.stats(), cpu_s()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let core = (cpu_s()? - cpu) / begun.elapsed().as_secs_f64();
    let stats = side.engine.stats();
    let (received, lost) = (stats.received - sent.received, stats.lost - sent.lost);
    let share = lost as f64 / (received + lost).max(1) as f64;
    ensure!(talking.iter().all(|call| call.media.stats().received > 0), "a call heard nothing");
    drop(talking);
    let per_core = args.calls as f64 / core;
    let recorder = side.recordings.metrics();
    let late = stats.late_p99.as_secs_f64() * 1_000.0;
    let mut table = Table::new(["calls at once, with recording", "measured", "goal", ""]);
    table.row(&["calls".to_owned(), args.calls.to_string(), String::new(), String::new()]);
    table.row(&["share of a core".to_owned(), format!("{core:.2}"), String::new(), String::new()]);
    table.row(&[
        "calls per core".to_owned(),
        format!("{per_core:.0}"),
        "500".to_owned(),
        verdict(per_core >= 500.0).to_owned(),
    ]);
    table.row(&[
        "packets lost (sipp's echo included)".to_owned(),
        format!("{:.3} %", share * 100.0),
        "0.1 %".to_owned(),
        verdict(share < 0.001).to_owned(),
    ]);
    table.row(&[
        "p99 lateness of ticks".to_owned(),
        format!("{late:.1} ms"),
        "5 ms".to_owned(),
        verdict(late < 5.0).to_owned(),
    ]);
    table.row(&[
        "memory a call".to_owned(),
        format!("{memory:.0} kB"),
        "100 kB".to_owned(),
        verdict(memory < 100.0).to_owned(),
    ]);
    table.row(&[
        "recorder: lag at most, lost".to_owned(),
        format!("{} ms, {} ms", recorder.lag_ms_max, recorder.lost_ms),
        String::new(),
        String::new(),
    ]);
    side.recordings.close().await;
    Ok(table.text())
}

/// Many calls in a row: each is placed, answered, and hung up.
async fn in_a_row(args: &CallsArgs) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let sipp = Sipp::uas(folder.path())?;
    let side = Arc::new(Side::open(folder.path(), sipp.trunk.clone()).await?);
    until_there(&side).await?;
    let before = Held::now(&side, folder.path())?;
    let (cpu, begun) = (cpu_s()?, Instant::now());
    let failed = set_up(&side, args.setups).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let each_ms = (cpu_s()? - cpu) * 1_000.0 / args.setups as f64;
    let rate = args.setups as f64 / elapsed;
    let memory = (memory_kib()? - before.memory_kib) / args.setups as f64;
    let left = Held::at_rest(&side, folder.path(), &before).await?;
    let theirs = sipp_rate(folder.path(), &sipp.trunk.server, args.setups);
    let mut table = Table::new(["calls in a row", "measured", "goal", ""]);
    let mut row = |name: &str, measured: String, goal: &str, reached: Option<bool>| {
        table.row(&[name.to_owned(), measured, goal.to_owned(), reached.map_or("", verdict).to_owned()]);
    };
    row("calls", args.setups.to_string(), "", None);
    row("calls that failed", failed.to_string(), "0", Some(failed == 0));
    row("set up, answered and hung up a second", format!("{rate:.0}"), "500", Some(rate >= 500.0));
    let each = format!("{each_ms:.2} ms");
    row("processor time a call, with its voices and its recording", each, "0.5 ms", Some(each_ms < 0.5));
    row("memory held for each call of the last 32 s (RFC 6026, timer M), at most", format!("{memory:.0} kB"), "", None);
    row(
        "sipp against sipp a second, in the same run",
        theirs.map_or_else(|error| error.to_string(), |rate| format!("{rate:.0}")),
        "",
        None,
    );
    for (name, left) in left {
        row(&format!("left behind: {name}"), left.to_string(), "0", Some(left <= 0));
    }
    side.recordings.close().await;
    Ok(table.text())
}

/// Sets calls up and hangs them up; how many failed.
async fn set_up(side: &Arc<Side>, setups: u64) -> Result<u64> {
    let clip: Arc<[i16]> = Arc::new([]);
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..SETTING_UP {
        let (side, next, clip) = (side.clone(), next.clone(), clip.clone());
        callers.spawn(async move {
            let mut failed = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= setups {
                    return failed;
                }
                match side.call(number, &clip).await {
                    Ok(Talking { take, .. }) => take.discard(),
                    Err(_) => failed += 1,
                }
            }
        });
    }
    let mut failed = 0;
    while let Some(done) = callers.join_next().await {
        failed += done?;
    }
    Ok(failed)
}

/// What calls hold.
struct Held {
    counts: [(&'static str, i64); 7],
    memory_kib: f64,
}

impl Held {
    fn now(side: &Side, folder: &Path) -> Result<Self> {
        let sip = side.agent.stats();
        let count = |entries: usize| i64::try_from(entries).unwrap_or(i64::MAX);
        let counts = [
            ("calls", count(sip.calls)),
            ("dialogs", count(sip.dialogs)),
            ("transactions", count(sip.transactions)),
            ("voices", i64::try_from(side.engine.stats().open)?),
            ("tasks", count(tokio::runtime::Handle::current().metrics().num_alive_tasks())),
            ("descriptors", count(std::fs::read_dir("/proc/self/fd")?.count())),
            ("files", count(files(folder)?)),
        ];
        Ok(Self { counts, memory_kib: memory_kib()? })
    }

    /// What is left beyond `before` when nothing more goes away, or after two minutes.
    async fn at_rest(side: &Side, folder: &Path, before: &Self) -> Result<Vec<(&'static str, i64)>> {
        let mut left = Vec::new();
        for _ in 0..240 {
            let now = Self::now(side, folder)?;
            left = now.counts.iter().zip(before.counts).map(|(now, before)| (now.0, now.1 - before.1)).collect();
            if left.iter().all(|(_, left)| *left <= 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(left)
    }
}

/// Files under a folder.
fn files(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() { files(&entry.path())? } else { 1 };
    }
    Ok(count)
}

async fn until_there(side: &Side) -> Result<()> {
    for _ in 0..50 {
        if side.agent.ping(&side.trunk, Duration::from_millis(200)).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // sipp's own scenario does not answer OPTIONS with 200, but it answers.
    Ok(())
}

/// How many calls a second sipp places to the same far side.
fn sipp_rate(folder: &Path, server: &str, calls: u64) -> Result<f64> {
    let begun = Instant::now();
    let mut command = Command::new("sipp");
    command.args(["-sn", "uac", "-nostdin", "-i", "127.0.0.1", "-d", "0", "-r", "5000", "-l", &SETTING_UP.to_string()]);
    command.args(["-p", &free_port()?.to_string(), "-mp", &free_port()?.to_string(), "-m", &calls.to_string(), server]);
    let status = command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "sipp's own calls failed: {status}");
    Ok(calls as f64 / begun.elapsed().as_secs_f64())
}

/// Processor time of this process so far, in seconds.
fn cpu_s() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').context("no name in /proc/self/stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64> { Ok(fields.get(index).context("short /proc/self/stat")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

/// Memory of this process that is in use, in KiB.
fn memory_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("no figure")?.parse()?)
}
