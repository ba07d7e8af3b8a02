//! Load: many connections that ask one after another, for a slice of time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::process::cpu_time;
use crate::statistics::{figure, micros, percentile};

/// Connections that are kept alive from slice to slice.
pub(crate) struct Load {
    connections: Vec<Connection>,
    server: u32,
}

/// What a slice of time has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) per_s: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Processor time per request of the server's process.
    pub(crate) server_us: f64,
    /// Processor time per request of this process.
    pub(crate) client_us: f64,
}

impl Load {
    pub(crate) async fn open(address: SocketAddr, server: u32, connections: usize) -> Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(Connection::open(address).await?);
        }
        Ok(Self { connections: opened, server })
    }

    /// Every connection goes through the requests, each from another one on, until the time is over.
    pub(crate) async fn slice(&mut self, requests: Vec<Vec<u8>>, time: Duration) -> Result<Slice> {
        let requests = Arc::new(requests);
        let cpu_before = (cpu_time(self.server)?, cpu_time(std::process::id())?);
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for (n, connection) in self.connections.drain(..).enumerate() {
            running.spawn(ask(connection, Arc::clone(&requests), n, begun + time));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = running.join_next().await {
            let (connection, seen) = ended??;
            self.connections.push(connection);
            latencies.extend(seen);
        }
        let elapsed = begun.elapsed();
        let cpu = (cpu_time(self.server)? - cpu_before.0, cpu_time(std::process::id())? - cpu_before.1);
        let answered = figure(latencies.len() as u64);
        Ok(Slice {
            per_s: answered / elapsed.as_secs_f64(),
            p50_us: percentile(&mut latencies, 50),
            p99_us: percentile(&mut latencies, 99),
            server_us: cpu.0.as_secs_f64() * 1e6 / answered,
            client_us: cpu.1.as_secs_f64() * 1e6 / answered,
        })
    }
}

async fn ask(
    mut connection: Connection,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    until: Instant,
) -> Result<(Connection, Vec<u64>)> {
    let mut latencies = Vec::with_capacity(4096);
    for request in requests.iter().cycle().skip(first % requests.len().max(1)) {
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        connection.exchange(request).await?;
        latencies.push(micros(sent.elapsed()));
    }
    Ok((connection, latencies))
}
