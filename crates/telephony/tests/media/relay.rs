//! A network between two ends: loses, delays and disorders what it is given to carry, from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::peers::{End, LOCAL};
use hutong_telephony::media::Formats;

/// How bad the network is.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// Of 1000 packets, that many are lost.
    pub(crate) lost: u32,
    /// Of 1000 packets, that many come twice.
    pub(crate) doubled: u32,
    /// Packets are delayed by up to so much, each on its own: they overtake each other.
    pub(crate) jitter: Duration,
    pub(crate) seed: u64,
}

/// Connects two ends over a network of its own, which lasts until the handle is dropped.
pub(crate) async fn connect_over(caller: &End, callee: &End, formats: &Formats, weather: Weather) -> Relay {
    let (near, far) = (UdpSocket::bind((LOCAL, 0)).await.unwrap(), UdpSocket::bind((LOCAL, 0)).await.unwrap());
    let offer = caller.media.offer(formats);
    let offer = with_port(&offer, far.local_addr().unwrap().port());
    let answer = callee.media.answer(offer.as_bytes(), formats).unwrap();
    let answer = with_port(&answer, near.local_addr().unwrap().port());
    caller.media.accept(answer.as_bytes()).unwrap();
    let ends = [caller.media.local_address(), callee.media.local_address()];
    Relay(tokio::spawn(carry(near, far, ends, weather)))
}

/// A packet on its way: when it is due, its number, whether it goes to the callee, and its bytes.
type Underway = (Instant, u64, bool, Vec<u8>);

/// Ends the network when it is dropped.
pub(crate) struct Relay(JoinHandle<()>);

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn with_port(description: &str, port: u16) -> String {
    let line = description.lines().find(|line| line.starts_with("m=audio")).unwrap();
    let old = line.split(' ').nth(1).unwrap();
    description.replace(&format!("m=audio {old} "), &format!("m=audio {port} "))
}

async fn carry(near: UdpSocket, far: UdpSocket, [caller, callee]: [SocketAddr; 2], weather: Weather) {
    let mut random = StdRng::seed_from_u64(weather.seed);
    let mut underway: BinaryHeap<Reverse<Underway>> = BinaryHeap::new();
    let (mut there, mut back, mut count) = ([0; 2000], [0; 2000], 0u64);
    loop {
        let due = underway.peek().map(|Reverse((due, ..))| *due);
        let (forward, packet) = tokio::select! {
            received = near.recv(&mut there) => (true, there[..received.unwrap()].to_vec()),
            received = far.recv(&mut back) => (false, back[..received.unwrap()].to_vec()),
            () = async { tokio::time::sleep_until(due.unwrap()).await }, if due.is_some() => {
                if let Some(Reverse((_, _, forward, packet))) = underway.pop() {
                    let (socket, to) = if forward { (&far, callee) } else { (&near, caller) };
                    socket.send_to(&packet, to).await.unwrap();
                }
                continue;
            }
        };
        if random.random_range(0..1000) < weather.lost {
            continue;
        }
        let copies = 1 + u32::from(random.random_range(0..1000) < weather.doubled);
        for _ in 0..copies {
            count += 1;
            let delay = weather.jitter.mul_f64(random.random());
            underway.push(Reverse((Instant::now() + delay, count, forward, packet.clone())));
        }
    }
}
