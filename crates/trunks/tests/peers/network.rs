//! A bad network between the line and its trunk: packets get lost, come late, and out of their order. It is a relay of
//! the tests' own: not every kernel has `tc-netem(8)`, and so the same packets are lost in every run.

use hutong_domain::dialogue::Interruption;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hutong_callee::{Farm, Options, Pace};
use hutong_dialer::line::{Heard, LiveCall};
use hutong_telephony::media::{Codec, EngineOptions};
use hutong_telephony::sip::Trunk;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::bench::{Bench, LOOPBACK, for_at_most};
use crate::process::soon;
use crate::sipp::{Sipp, WORDS};
use crate::sound;

/// Packets of a thousand that are lost on each way.
const LOST_PER_MILLE: u32 = 50;
/// Packets are held back for up to so long on each way: one that is held back for long comes behind later ones.
const HELD_BACK_MS: u64 = 40;
/// The longest datagram that is relayed.
const DATAGRAM_BYTES_MAX: usize = 4_096;

/// Two sockets, of which each faces one side; what one gets goes out of the other.
struct Relay {
    /// Whom each socket sends to.
    peers: [std::sync::OnceLock<SocketAddr>; 2],
    sockets: [UdpSocket; 2],
}

impl Relay {
    async fn open() -> Arc<Self> {
        let socket = async || UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
        Arc::new(Self { peers: Default::default(), sockets: [socket().await, socket().await] })
    }

    fn port(&self, side: usize) -> u16 {
        self.sockets[side].local_addr().unwrap().port()
    }

    /// Carries packets both ways until the test is over; `rewrite` may change them.
    fn carry(self: &Arc<Self>, rewrite: impl Fn(usize, &mut Vec<u8>) + Send + Sync + 'static) {
        let rewrite = Arc::new(rewrite);
        for side in 0..2 {
            let (relay, rewrite) = (self.clone(), rewrite.clone());
            let mut chance = StdRng::seed_from_u64(u64::try_from(side).unwrap());
            tokio::spawn(async move {
                let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
                loop {
                    let (count, from) = relay.sockets[side].recv_from(&mut bytes).await.unwrap();
                    relay.peers[side].get_or_init(|| from);
                    if chance.random_range(0..1_000) < LOST_PER_MILLE {
                        continue;
                    }
                    let mut packet = bytes[..count].to_vec();
                    rewrite(side, &mut packet);
                    let due = Instant::now() + Duration::from_millis(chance.random_range(0..=HELD_BACK_MS));
                    let relay = relay.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep_until(due).await;
                        if let Some(peer) = relay.peers[1 - side].get() {
                            relay.sockets[1 - side].send_to(&packet, peer).await.unwrap();
                        }
                    });
                }
            });
        }
    }
}

/// Puts the relay's port into a session description, and gives the one that stood there.
fn redirect(packet: &mut Vec<u8>, port: u16) -> Option<u16> {
    let text = String::from_utf8(packet.clone()).ok()?;
    let (before, rest) = text.split_once("\r\nm=audio ")?;
    let (written, after) = rest.split_once(' ')?;
    let own = written.parse().ok()?;
    // Of the same length: nothing says how many digits a port has, but the head says how long the body is.
    let mended = format!("{port:0width$}", width = written.len());
    assert_eq!(mended.len(), written.len(), "all ports of the tests have five digits");
    *packet = format!("{before}\r\nm=audio {mended} {after}").into_bytes();
    Some(own)
}

/// Stands between the line and a trunk: the port at which the line finds it.
async fn before(trunk: SocketAddr) -> u16 {
    let (signals, voices) = (Relay::open().await, Relay::open().await);
    signals.peers[1].set(trunk).unwrap();
    let heard = voices.clone();
    // Side 0 faces the line, side 1 the trunk.
    signals.carry(move |side, packet| {
        if let Some(port) = redirect(packet, heard.port(1 - side)) {
            heard.peers[side].get_or_init(|| (LOOPBACK, port).into());
        }
    });
    voices.carry(|_, _| {});
    signals.port(0)
}

/// A line through this network; `jitter_ms` is how much of a voice waits before it is heard.
async fn line(trunk: Trunk, behind: SocketAddr, jitter_ms: u64) -> Bench {
    let server = format!("127.0.0.1:{}", before(behind).await);
    let media = EngineOptions { jitter: Duration::from_millis(jitter_ms), ..EngineOptions::default() };
    Bench::with(Trunk { server, ..trunk }, media).await
}

/// Lets a call be over; what was recorded of the customer.
async fn recorded(bench: &Bench, mut call: Box<dyn LiveCall>) -> Vec<i16> {
    call.hang_up().await;
    let report = call.report();
    drop(call);
    bench.at_rest().await;
    bench.customer(report).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_comes_through_a_network_that_loses_and_delays() {
    let mut sipp = Sipp::start("answers.xml").await;
    // What comes back has gone both ways: it comes up to 80 ms late.
    let bench = line(sipp.trunk(), sipp.address(), 100).await;
    let mut call = bench.dial("13800138000");
    soon(call.answered()).await.unwrap();
    for _ in 0..2 {
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
    }
    let sound = sound::spoken(WORDS, Codec::Pcma);
    let (share, gap) = sound::arrived(&sound, &recorded(&bench, call).await);
    sipp.is_content().await;
    let stats = bench.carrier.engine.stats();
    assert!(stats.lost > 0, "the network is not as bad as it should be");
    assert!(share >= 0.7 && gap <= sound::GAP_FRAMES_MAX, "{share} of the frames come back, gaps of {gap}, {stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_their_keys_are_understood_over_a_network_that_loses_and_delays() {
    let farm =
        Farm::open(Options { listen: (LOOPBACK, 0).into(), seed: 7, ports: 0..=0, pace: Pace(100), record: None });
    let farm = farm.await.unwrap();
    let trunk = Trunk { sandbox: true, ..Trunk::at(&farm.address().to_string()) };

    let bench = line(trunk.clone(), farm.address(), 60).await;
    let mut call = bench.dial("13800138000");
    soon(call.answered()).await.unwrap();
    let mut words = String::new();
    for _ in 0..2 {
        // Whoever hears the robot end, in spite of all that is missing, answers.
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
        let Heard::Words { text, .. } = soon(call.listen(for_at_most(Duration::from_secs(10)))).await else {
            panic!("no answer")
        };
        words = text;
    }
    // The last of it is on its way.
    assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
    let customer = recorded(&bench, call).await;
    let last = &customer[customer.len() - 3 * 8_000..];
    let (share, gap) = sound::arrived_of(&words, last);
    let stats = bench.carrier.engine.stats();
    assert!(stats.lost > 0, "the network is not as bad as it should be");
    assert!(share >= 0.8 && gap <= sound::GAP_FRAMES_MAX, "{share} of the frames come, gaps of {gap}, {stats:?}");

    let bench = line(trunk, farm.address(), 60).await;
    let mut call = bench.dial("13800138028");
    soon(call.answered()).await.unwrap();
    for _ in 0..3 {
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
        assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(10)))).await, Heard::Key('1'));
    }
    call.hang_up().await;
    drop(call);
    bench.at_rest().await;
}
