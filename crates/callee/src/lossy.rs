//! A connection that loses packets of the callee's voice: a relay of the farm's own between the callee and the caller.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use hutong_telephony::media::Media;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::net::UdpSocket;

/// Packets of a hundred that are lost.
const LOST_PERCENT: u32 = 10;
/// The longest datagram that is relayed: what one network carries at once, and more than any voice.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// Two sockets: one faces the callee, the other the caller. The caller's voice comes through it whole.
pub(crate) struct Lossy {
    callee: UdpSocket,
    caller: UdpSocket,
    /// Whom the caller's voice comes from: that is where the callee's voice goes.
    caller_at: OnceLock<SocketAddr>,
    seed: u64,
}

impl Lossy {
    /// Opens one on an address of this machine, on ports that the system chooses; which packets get lost comes from `seed`.
    pub(crate) async fn open(local: IpAddr, seed: u64) -> std::io::Result<Self> {
        let (callee, caller) = (UdpSocket::bind((local, 0)).await?, UdpSocket::bind((local, 0)).await?);
        Ok(Self { callee, caller, caller_at: OnceLock::new(), seed })
    }

    /// The caller's description, as if the caller were this relay.
    pub(crate) fn offered(&self, offer: &[u8]) -> Option<Vec<u8>> {
        Some(redirected(std::str::from_utf8(offer).ok()?, self.callee.local_addr().ok()?).into_bytes())
    }

    /// The callee's description, as if the callee were this relay.
    pub(crate) fn answered(&self, answer: &str) -> Option<String> {
        Some(redirected(answer, self.caller.local_addr().ok()?))
    }

    /// Carries packets both ways until it is dropped, or a socket breaks.
    pub(crate) async fn carry(&self, media: &Media) {
        let mut chance = StdRng::seed_from_u64(self.seed);
        let (mut to_callee, mut to_caller) = ([0; DATAGRAM_BYTES_MAX], [0; DATAGRAM_BYTES_MAX]);
        loop {
            // What cannot be sent is lost as well.
            tokio::select! {
                came = self.caller.recv_from(&mut to_callee) => {
                    let Ok((length, from)) = came else { return };
                    self.caller_at.get_or_init(|| from);
                    let _ = self.callee.send_to(&to_callee[..length], media.local_address()).await;
                }
                came = self.callee.recv_from(&mut to_caller) => {
                    let Ok((length, _)) = came else { return };
                    let is_lost = chance.random_range(0..100) < LOST_PERCENT;
                    if let Some(caller) = self.caller_at.get().filter(|_| !is_lost) {
                        let _ = self.caller.send_to(&to_caller[..length], caller).await;
                    }
                }
            }
        }
    }
}

/// A session description (RFC 8866) whose voices are at another address; reports go where the voices go, or nowhere.
fn redirected(sdp: &str, to: SocketAddr) -> String {
    let version = if to.is_ipv4() { 4 } else { 6 };
    let line = |line: &str| -> Option<String> {
        if line.starts_with("a=rtcp:") {
            return None;
        }
        if line.starts_with("c=") {
            return Some(format!("c=IN IP{version} {}", to.ip()));
        }
        let media = line.strip_prefix("m=audio ").and_then(|media| media.split_once(' '));
        Some(media.map_or_else(|| line.to_owned(), |(_, formats)| format!("m=audio {} {formats}", to.port())))
    };
    sdp.lines().filter_map(line).map(|line| line + "\r\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_redirected_and_nothing_else_of_it_changes() {
        let check = |sdp: &str, to: &str, expected: &str| assert_eq!(redirected(sdp, to.parse().unwrap()), expected);
        check(
            "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtcp:4009\r\na=rtcp-mux\r\n",
            "127.0.0.1:50000",
            "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 50000 RTP/AVP 8 101\r\na=rtcp-mux\r\n",
        );
        check(
            "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 8\nc=IN IP4 192.0.2.2\n",
            "[::1]:50000",
            "c=IN IP6 ::1\r\nm=audio 50000 RTP/AVP 8\r\nc=IN IP6 ::1\r\n",
        );
        check("", "127.0.0.1:50000", "");
        check("m=audio\r\n", "127.0.0.1:50000", "m=audio\r\n");
    }
}
