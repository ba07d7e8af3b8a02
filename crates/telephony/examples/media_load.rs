//! How many calls one thread carries: `cargo run --release --example media_load -- [CALLS] [SECONDS] [srtp] [busy]`.
//!
//! Each call plays a clip without end to a far side that sends every packet back, hears what comes back, and writes both
//! voices to a recorder that only counts. The far side is a process of its own, so that its work is not counted: the
//! example starts itself again for it. With `busy`, other threads of the process work without end, as a loaded server's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hutong_telephony::media::{Engine, EngineOptions, Event, Events, Formats, Frame, Media, Srtp, Tap};

type Failure = Box<dyn std::error::Error>;

/// Threads that work without end with `busy`.
const BUSY_THREADS: usize = 4;

/// Seconds of sound that each call plays again and again.
const CLIP_SECONDS: usize = 10;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "far-side") {
        let count = arguments.get(1).map_or(Ok(0), |count| count.parse())?;
        return far_side(count, arguments.iter().any(|word| word == "srtp"));
    }
    let calls: usize = arguments.first().map_or(Ok(500), |calls| calls.parse())?;
    let seconds: u64 = arguments.get(1).map_or(Ok(20), |seconds| seconds.parse())?;
    let srtp = arguments.iter().any(|word| word == "srtp");
    if arguments.iter().any(|word| word == "busy") {
        for _ in 0..BUSY_THREADS {
            std::thread::spawn(|| {
                let mut count = 0u64;
                while std::hint::black_box(count) < u64::MAX {
                    count += 1;
                }
            });
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(load(calls, seconds, srtp))
}

/// Counts frames in the place of a recorder, and looks at every sample as one would.
struct Recorder(Arc<AtomicU64>);

impl Tap for Recorder {
    fn frame(&mut self, customer: &Frame, robot: &Frame) {
        let loud = customer.iter().zip(robot).filter(|(customer, robot)| customer != robot).count();
        self.0.fetch_add(u64::from(loud < usize::MAX), Ordering::Relaxed);
    }
}

async fn load(calls: usize, seconds: u64, srtp: bool) -> Result<(), Failure> {
    let engine = Engine::start(EngineOptions { ports: 0..=0, ..EngineOptions::default() })?;
    let before = memory_kib()?;
    let (child, answers) = start_far_side(calls, srtp)?;
    let mut child = child;
    let frames = Arc::new(AtomicU64::default());
    let clip: Arc<[i16]> = (0..CLIP_SECONDS * 8000).map(|at| i16::try_from(at * 37 % 20_000).unwrap_or(0)).collect();
    let formats = Formats { srtp: if srtp { Srtp::Required } else { Srtp::Off }, ..Formats::default() };
    let mut open: Vec<(Media, Events)> = Vec::new();
    let mut answers = answers;
    for _ in 0..calls {
        let tap = Recorder(Arc::clone(&frames));
        let (media, events) = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST), Some(Box::new(tap)))?;
        let offer = media.offer(&formats);
        let answer = answers.exchange(&mut child, &offer)?;
        media.accept(answer.as_bytes())?;
        for _ in 0..=usize::try_from(seconds)? / CLIP_SECONDS + 1 {
            drop(media.play(Arc::clone(&clip)));
        }
        media.listen(open.len().is_multiple_of(4));
        open.push((media, events));
    }
    let memory = memory_kib()?.saturating_sub(before);
    let (start, cpu) = (engine.stats(), cpu_ticks()?);
    let mut waited = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..seconds * 10 {
        waited.tick().await;
        for (_, events) in &mut open {
            while let Some(event) = events.next_waiting() {
                std::hint::black_box(matches!(event, Event::Frame { .. }));
            }
        }
    }
    report(&engine, &start, &open, cpu_ticks()? - cpu, seconds, memory)?;
    drop(open);
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn report(
    engine: &Engine,
    start: &hutong_telephony::media::EngineStats,
    open: &[(Media, Events)],
    cpu: u64,
    seconds: u64,
    memory: u64,
) -> Result<(), Failure> {
    let stats = engine.stats();
    let calls = open.len() as u64;
    let (sent, received) = (stats.sent - start.sent, stats.received - start.received);
    let unsent: u64 = open.iter().map(|(media, _)| media.stats().unsent).sum();
    let concealed: u64 = open.iter().map(|(media, _)| media.stats().concealed).sum();
    let mut out = std::io::stdout().lock();
    writeln!(out, "calls {calls}, {seconds} s, {} % of one core", cpu / seconds)?;
    writeln!(
        out,
        "sent {sent}, received {received}, lost {}, late {}",
        stats.lost - start.lost,
        stats.late - start.late
    )?;
    writeln!(out, "unsent {unsent}, concealed {concealed}, ticks skipped {}", stats.skipped)?;
    writeln!(out, "ticks late: p50 {:?}, p99 {:?}, max {:?}", stats.late_p50, stats.late_p99, stats.late_max)?;
    writeln!(out, "memory of a call: {} KiB", memory / calls.max(1))?;
    Ok(())
}

/// Pages of this process that are in memory, in KiB.
fn memory_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: 0 kB");
    Ok(line.split_ascii_whitespace().nth(1).unwrap_or("0").parse()?)
}

/// Time that all threads of this process worked, in hundredths of a second.
fn cpu_ticks() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let field = |at: usize| after_name.split_ascii_whitespace().nth(at).unwrap_or("0").parse::<u64>();
    Ok(field(11)? + field(12)?)
}

/// Reads answers of the far side.
struct Answers(BufReader<std::process::ChildStdout>);

impl Answers {
    /// Gives the far side an offer and takes its answer: both in one line.
    fn exchange(&mut self, child: &mut Child, offer: &str) -> Result<String, Failure> {
        let stdin = child.stdin.as_mut().ok_or("the far side takes nothing")?;
        writeln!(stdin, "{}", offer.trim_end().replace("\r\n", "|"))?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().replace('|', "\r\n") + "\r\n")
    }
}

fn start_far_side(calls: usize, srtp: bool) -> Result<(Child, Answers), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("far-side").arg(calls.to_string());
    if srtp {
        command.arg("srtp");
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("the far side says nothing")?;
    Ok((child, Answers(BufReader::new(stdout))))
}

/// Without encryption: sockets that send every packet back, with a header of their own count. With encryption: another
/// engine, which plays to us.
fn far_side(calls: usize, srtp: bool) -> Result<(), Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let mut out = std::io::stdout();
    let engine = Engine::start(EngineOptions { ports: 0..=0, ..EngineOptions::default() })?;
    let (mut media, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let offer = lines.next().ok_or("no offer")??.replace('|', "\r\n") + "\r\n";
        let (near, _) = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST), None)?;
        let formats = Formats { srtp: if srtp { Srtp::Required } else { Srtp::Off }, ..Formats::default() };
        let answer = near.answer(offer.as_bytes(), &formats)?;
        let answer = if srtp {
            media.push(near);
            answer
        } else {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = socket.local_addr()?.port();
            let answer = answer.replace(&format!("audio {}", near.local_address().port()), &format!("audio {port}"));
            sockets.push(socket);
            answer
        };
        writeln!(out, "{}", answer.trim_end().replace("\r\n", "|"))?;
        out.flush()?;
    }
    echo(sockets)
}

/// Sends everything back, until the process is ended.
fn echo(sockets: Vec<UdpSocket>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        for socket in sockets {
            socket.set_nonblocking(true)?;
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            tokio::spawn(async move {
                let mut packet = [0; 2000];
                while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                    // Nothing is done about a packet that cannot be sent: it counts as lost.
                    let _ = socket.send_to(&packet[..length], from).await;
                }
            });
        }
        std::future::pending::<()>().await;
        Ok(())
    })
}
