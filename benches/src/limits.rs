//! `limits`: how long healthy clients wait while thousands of connections are held, requests come byte by byte, and bad
//! signatures flood in, as a multiple of how long they wait without all that.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Signer;
use crate::dataset::{Dataset, Facts};
use crate::load::{Load, Slice};
use crate::process::{Server, memory};
use crate::report::{Table, verdict};
use crate::requests::{self, Operation};
use crate::statistics::{Figure, figure};

/// Clients that behave.
const HEALTHY: usize = 16;
/// Connections that are kept alive and ask nothing.
const IDLE: usize = 2_000;
/// Connections whose requests come byte by byte.
const SLOW: usize = 200;
/// Between two bytes of such a request.
const SLOW_PACE: Duration = Duration::from_millis(200);
/// Connections that send bad signatures, and how often each does.
const FLOODING: usize = 50;
const FLOOD_PACE: Duration = Duration::from_millis(25);
const SLICE: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;
/// How many times as long as without all that healthy clients may wait.
const RATIO_MAX: f64 = 3.0;
/// What all of it may cost in memory: 50 kB a connection.
const MEMORY_MB_MAX: f64 = 110.0;

const OPERATION: &str = "getTaskDetail";

/// Measures in turns, without and with the disturbance, and reports.
pub(crate) fn measure(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let server = Server::start(dataset)?;
    let signer = Signer::new(facts)?;
    let operations = requests::measured(dataset, facts)?;
    let operation = operations.into_iter().find(|known| known.name == OPERATION).context("no such operation")?;
    tokio::runtime::Runtime::new()?.block_on(turns(&server, &signer, &operation))
}

async fn turns(server: &Server, signer: &Signer, operation: &Operation) -> Result<String> {
    let mut load = Load::open(server.address, server.id(), HEALTHY).await?;
    let signed = || operation.requests.iter().map(|it| signer.bytes(it)).collect::<Vec<_>>();
    load.slice(signed(), SLICE).await?;
    let mut slices = Vec::new();
    let mut grown_kb = 0;
    for _ in 0..ROUNDS {
        let calm = load.slice(signed(), SLICE).await?;
        let before = memory(server.id())?.resident_kb;
        let disturbance = Disturbance::begin(server.address).await?;
        let disturbed = load.slice(signed(), SLICE).await?;
        grown_kb = grown_kb.max(memory(server.id())?.resident_kb.saturating_sub(before));
        drop(disturbance);
        println!("{} µs, disturbed {} µs (99%)", calm.p99_us, disturbed.p99_us);
        slices.push((calm, disturbed));
    }
    Ok(report(&slices, figure(grown_kb) / 1024.0))
}

/// All that is done to the server, until this is dropped.
struct Disturbance {
    _idle: Vec<TcpStream>,
    _busy: JoinSet<()>,
}

impl Disturbance {
    async fn begin(address: SocketAddr) -> Result<Self> {
        let mut idle = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut stream = TcpStream::connect(address).await?;
            // It has been of use once, and is kept alive.
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await?;
            let mut answer = [0; 1024];
            let _ = stream.read(&mut answer).await?;
            idle.push(stream);
        }
        let mut busy = JoinSet::new();
        for _ in 0..SLOW {
            busy.spawn(drip(address));
        }
        for number in 0..FLOODING {
            busy.spawn(flood(address, number));
        }
        Ok(Self { _idle: idle, _busy: busy })
    }
}

/// A request that comes byte by byte; another one after it was cut.
async fn drip(address: SocketAddr) {
    let request = format!("POST /openapi/v1/task/getTasks HTTP/1.1\r\nhost: h\r\nx-slow: {}", "x".repeat(10_000));
    let mut pace = tokio::time::interval(SLOW_PACE);
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        for byte in request.as_bytes() {
            pace.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
    }
}

/// Requests of keys that nobody has.
async fn flood(address: SocketAddr, number: usize) {
    let mut pace = tokio::time::interval(FLOOD_PACE);
    let mut answer = vec![0; 4096];
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        for attempt in 0.. {
            pace.tick().await;
            let request = format!(
                "GET /openapi/v1/company/getCompanys HTTP/1.1\r\nhost: h\r\nappkey: stranger{number}-{attempt}\r\n\
                 datetime: Thu, 13 Dec 2018 01:27:17 GMT\r\nsign: AAAA\r\n\r\n"
            );
            let sent = stream.write_all(request.as_bytes()).await;
            if sent.is_err() || !matches!(stream.read(&mut answer).await, Ok(1..)) {
                break;
            }
        }
    }
}

fn report(slices: &[(Slice, Slice)], grown_mb: f64) -> String {
    let of = |pick: fn(&(Slice, Slice)) -> u64| Figure::of(slices.iter().map(|pair| figure(pick(pair))));
    let ratio = Figure::of(slices.iter().map(|(calm, disturbed)| figure(disturbed.p99_us) / figure(calm.p99_us)));
    let ms = |us: Figure| format!("{:.2} ms", us.median / 1000.0);
    let mut table = Table::new(["healthy clients", "alone", "disturbed", "ratio (least to most)", "goal", ""]);
    table.row(&[
        "p99".to_owned(),
        ms(of(|(calm, _)| calm.p99_us)),
        ms(of(|(_, disturbed)| disturbed.p99_us)),
        format!("**{:.2}** ({:.2} to {:.2})", ratio.median, ratio.least, ratio.most),
        format!("≤ {RATIO_MAX:.0}"),
        verdict(ratio.median <= RATIO_MAX).to_owned(),
    ]);
    table.row(&[
        "p50".to_owned(),
        ms(of(|(calm, _)| calm.p50_us)),
        ms(of(|(_, disturbed)| disturbed.p50_us)),
        String::new(),
        String::new(),
        String::new(),
    ]);
    table.row(&[
        "memory of the server grows by".to_owned(),
        String::new(),
        format!("{grown_mb:.0} MB"),
        String::new(),
        format!("≤ {MEMORY_MB_MAX:.0} MB"),
        verdict(grown_mb <= MEMORY_MB_MAX).to_owned(),
    ]);
    format!(
        "## Limits under load\n\n{HEALTHY} clients ask for `{OPERATION}` in slices of {} s in turns, {ROUNDS} of each; \
         medians. Meanwhile, or not: {IDLE} connections kept alive, {SLOW} requests that come byte by byte, and {} \
         requests a second with keys that nobody has, all from this machine, whose processors they share.\n\n{}",
        SLICE.as_secs(),
        FLOODING * 1000 / usize::try_from(FLOOD_PACE.as_millis()).unwrap_or(1),
        table.text()
    )
}
