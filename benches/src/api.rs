//! `api`: requests a second of each documented query, as a share of its static twin's.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::client::{Connection, Signer};
use crate::dataset::{Dataset, Facts};
use crate::load::{Load, Slice};
use crate::process::{Server, memory};
use crate::report::{Table, verdict};
use crate::requests::{self, Operation, Request};
use crate::statistics::Figure;

const CONNECTIONS: usize = 64;
const SLICE: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);
/// How often an operation and its twin take turns.
const ROUNDS: usize = 7;

/// The slices of an operation and of its static twin, in pairs.
struct Measured {
    operation: Operation,
    answer_bytes: usize,
    slices: Vec<(Slice, Slice)>,
}

/// Measures all four, and reports.
pub(crate) fn measure(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let server = Server::start(dataset)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let signer = Signer::new(facts)?;
    let mut all = Vec::new();
    for operation in requests::measured(dataset, facts)? {
        all.push(runtime.block_on(turns(&server, &signer, operation))?);
    }
    let after = memory(server.id())?;
    Ok(report(&all, after.resident_kb / 1024, after.anonymous_kb / 1024))
}

/// Asks for one operation alone, and says which process answers.
pub(crate) fn profile(dataset: &Dataset, facts: &Facts, name: &str, time: Duration) -> Result<()> {
    let server = Server::start(dataset)?;
    let signer = Signer::new(facts)?;
    let operations = requests::measured(dataset, facts)?;
    let operation = operations.iter().find(|known| known.name == name).with_context(|| format!("no {name}"))?;
    println!("{name} is answered by process {} for {} s", server.id(), time.as_secs());
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut load = Load::open(server.address, server.id(), CONNECTIONS).await?;
        let Slice { per_s, server_us, .. } =
            load.slice(operation.requests.iter().map(|it| signer.bytes(it)).collect(), time).await?;
        println!("{per_s:.0}/s, {server_us:.1} µs of the server's processor time a request");
        Ok(())
    })
}

async fn turns(server: &Server, signer: &Signer, operation: Operation) -> Result<Measured> {
    let twins: Vec<Request> = operation.requests.iter().map(Request::twin).collect();
    let answer_bytes = check(server, signer, &operation.requests, &twins).await?;
    let mut load = Load::open(server.address, server.id(), CONNECTIONS).await?;
    let signed = |requests: &[Request]| requests.iter().map(|it| signer.bytes(it)).collect::<Vec<_>>();
    load.slice(signed(&twins), WARM_UP).await?;
    load.slice(signed(&operation.requests), WARM_UP).await?;
    let mut slices = Vec::new();
    for round in 0..ROUNDS {
        // The other one goes first each time: what grows or shrinks with time hits both alike.
        let pair = if round % 2 == 0 {
            let answered = load.slice(signed(&operation.requests), SLICE).await?;
            (answered, load.slice(signed(&twins), SLICE).await?)
        } else {
            let fixed = load.slice(signed(&twins), SLICE).await?;
            (load.slice(signed(&operation.requests), SLICE).await?, fixed)
        };
        println!("{}: {:.0}/s, static {:.0}/s", operation.name, pair.0.per_s, pair.1.per_s);
        slices.push(pair);
    }
    Ok(Measured { operation, answer_bytes, slices })
}

/// Every answer is right, and as long as its twin's. The usual length of an answer.
async fn check(server: &Server, signer: &Signer, requests: &[Request], twins: &[Request]) -> Result<usize> {
    let mut connection = Connection::open(server.address).await?;
    let mut bytes = Vec::new();
    for (request, twin) in requests.iter().zip(twins) {
        let answer = connection.exchange(&signer.bytes(request)).await?.to_vec();
        request.check(&answer).with_context(|| request.query.clone())?;
        let fixed = connection.exchange(&signer.bytes(twin)).await?;
        // The number of the request is all that differs.
        ensure!(answer.len().abs_diff(fixed.len()) < 8, "{} bytes, the twin has {}", answer.len(), fixed.len());
        bytes.push(answer.len());
    }
    bytes.sort_unstable();
    Ok(bytes.get(bytes.len() / 2).copied().unwrap_or(0))
}

fn report(all: &[Measured], resident_mb: u64, anonymous_mb: u64) -> String {
    let mut table = Table::new([
        "operation",
        "answer",
        "requests/s",
        "static/s",
        "share (least to most)",
        "goal",
        "",
        "p50 · p99",
        "CPU a request: server, client",
        "the same, static",
        "share by CPU",
    ]);
    for measured in all {
        let of = |pick: fn(&(Slice, Slice)) -> f64| Figure::of(measured.slices.iter().map(pick));
        let share = of(|(answered, fixed)| answered.per_s / fixed.per_s);
        let cpu = |pick: fn(&(Slice, Slice)) -> &Slice| {
            let all = || measured.slices.iter().map(pick);
            (Figure::of(all().map(|it| it.server_us)).median, Figure::of(all().map(|it| it.client_us)).median)
        };
        let (answered_us, static_us) = (cpu(|pair| &pair.0), cpu(|pair| &pair.1));
        let ms = |us: f64| format!("{:.1} ms", us / 1000.0);
        let (p50, p99) = (of(|(answered, _)| micros(answered.p50_us)), of(|(answered, _)| micros(answered.p99_us)));
        table.row(&[
            format!("`{}`", measured.operation.name),
            format!("{:.1} kB", micros(measured.answer_bytes as u64) / 1000.0),
            format!("{:.0}", of(|(answered, _)| answered.per_s).median),
            format!("{:.0}", of(|(_, fixed)| fixed.per_s).median),
            format!("**{:.2}** ({:.2} to {:.2})", share.median, share.least, share.most),
            format!("{:.2}", measured.operation.goal),
            verdict(share.median >= measured.operation.goal).to_owned(),
            format!("{} · {}", ms(p50.median), ms(p99.median)),
            format!("{:.0}, {:.0} µs", answered_us.0, answered_us.1),
            format!("{:.0}, {:.0} µs", static_us.0, static_us.1),
            format!("{:.2}", (static_us.0 + static_us.1) / (answered_us.0 + answered_us.1)),
        ]);
    }
    format!(
        "## Requests a second\n\n{CONNECTIONS} connections kept alive, slices of {} s in turns, {ROUNDS} of each; \
         medians. After all of it the server held {resident_mb} MB, of which {anonymous_mb} MB were its own and the \
         others pages of the database file.\n\n{}",
        SLICE.as_secs(),
        table.text()
    )
}

fn micros(us: u64) -> f64 {
    crate::statistics::figure(us)
}
