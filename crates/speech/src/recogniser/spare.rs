//! A connection that is open before it is needed, so that connecting costs no talk time.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::Failure;
use super::socket::{SharedEndpoint, Socket};

/// A server that closes idle connections is connected to anew so many times; after that, when it is needed.
const RECONNECTS_MAX: u32 = 20;
/// The pause before the first of them; doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Messages that a server may send which was asked nothing.
const MESSAGES_MAX: u32 = 1_000;
/// How often it is asked whether it is still there: firewalls drop idle connections without a word.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Keeps one connection open. Given up when it is dropped.
pub(super) struct Spare {
    /// Of the recognisers.
    pub(super) server: usize,
    wanted: Option<oneshot::Sender<()>>,
    keeper: JoinHandle<Result<Socket, Failure>>,
}

impl Spare {
    pub(super) fn open(runtime: &Handle, server: usize, endpoint: SharedEndpoint) -> Self {
        let (wanted, asked) = oneshot::channel();
        Self { server, wanted: Some(wanted), keeper: runtime.spawn(keep(endpoint, asked)) }
    }

    /// The connection, as soon as it is there.
    pub(super) async fn take(mut self) -> Result<Socket, Failure> {
        self.wanted.take().map(|wanted| wanted.send(()));
        let keeper = &mut self.keeper;
        keeper.await.unwrap_or_else(|error| Err(Failure::Connect(error.to_string())))
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(endpoint: SharedEndpoint, mut asked: oneshot::Receiver<()>) -> Result<Socket, Failure> {
    let mut pause = PAUSE_FIRST;
    for _ in 0..RECONNECTS_MAX {
        let connected = endpoint.connect().await;
        let is_wanted = asked.try_recv().is_ok();
        match connected {
            outcome if is_wanted => return outcome,
            Ok(mut socket) => {
                tokio::select! {
                    _ = &mut asked => return Ok(socket),
                    () = until_broken(&mut socket) => {}
                }
            }
            Err(_) => {}
        }
        // Asked for during a pause, it is connected to at once.
        if timeout(pause, &mut asked).await.is_ok() {
            return endpoint.connect().await;
        }
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
    let _ = asked.await;
    endpoint.connect().await
}

/// Answers pings until the server closes, or does what it should not, or is not there any more.
async fn until_broken(socket: &mut Socket) {
    let mut is_asked = false;
    for _ in 0..MESSAGES_MAX {
        match timeout(PING_INTERVAL, socket.next()).await {
            Ok(Some(Ok(_))) => is_asked = false,
            Ok(_) => return,
            Err(_) if is_asked => return,
            Err(_) => {
                is_asked = true;
                if !matches!(timeout(PING_INTERVAL, socket.send(Message::Ping(Bytes::new()))).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}
