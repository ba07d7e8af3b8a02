//! Calls to the farm whose session descriptions nobody can make anything of: each is refused, and others are answered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hutong_callee::{Farm, Options, Pace};
use hutong_telephony::media::{Engine, EngineOptions, Formats};
use hutong_telephony::sip::{Listen, Number, Signal, Trunk, UserAgent};
use tokio::net::UdpSocket;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What is waited for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Offers that are none.
fn broken_offers() -> Vec<String> {
    let plain = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    let changed = |from: &str, to: &str| plain.replace(from, to);
    vec![
        String::new(),
        "v=0".to_owned(),
        "\0\u{7f}\u{ffff}".to_owned(),
        changed("v=0", "v=1\u{0}"),
        changed("40000", "0"),
        changed("40000", "99999"),
        changed("m=audio 40000 RTP/AVP 8\r\n", ""),
        changed("RTP/AVP 8", "RTP/AVP"),
        changed("RTP/AVP 8", "RTP/AVP 97\r\na=rtpmap:97 opus/48000/2"),
        changed("RTP/AVP 8", "RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short"),
        changed("m=audio 40000 RTP/AVP 8\r\n", &"m=video 40000 RTP/AVP 31\r\n".repeat(600)),
        changed("c=IN IP4 127.0.0.1", "c=IN IP4 256.1.1.1"),
        changed("c=IN IP4 127.0.0.1", "c=IN IP4 ff02::1"),
    ]
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// The final status code that an INVITE with this offer is answered by.
async fn answered(farm: &Farm, number: usize, offer: &str) -> u16 {
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let (me, farm) = (socket.local_addr().unwrap(), farm.address());
    let invite = format!(
        "INVITE sip:13800138000@{farm} SIP/2.0\r\nVia: SIP/2.0/UDP {me};rport;branch=z9hG4bK{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@{me}>;tag=f{number}\r\nTo: <sip:13800138000@{farm}>\r\n\
         Call-ID: {number}@torture\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{me}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        offer.len()
    );
    socket.send_to(invite.as_bytes(), farm).await.unwrap();
    let mut bytes = [0; 65_535];
    loop {
        let length = soon(socket.recv(&mut bytes)).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]);
        let code: u16 = text.split(' ').nth(1).unwrap().parse().unwrap();
        if code >= 200 {
            return code;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_that_are_none_are_refused_and_the_farm_goes_on() {
    let options = Options { listen: (LOOPBACK, 0).into(), seed: 7, ports: 0..=0, pace: Pace(10), record: None };
    let farm = Farm::open(options).await.unwrap();
    for (number, offer) in broken_offers().iter().enumerate() {
        assert_eq!(answered(&farm, number, offer).await, 488, "{offer:?}");
    }
    soon(async {
        while farm.calls() > 0 || farm.engine().stats().open > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await.unwrap();
    let engine = Engine::start(EngineOptions { ports: 0..=0, ..EngineOptions::default() }).unwrap();
    let (media, _events) = engine.open(LOOPBACK, None).unwrap();
    let offer = media.offer(&Formats::default());
    let trunk = Trunk::at(&farm.address().to_string());
    let mut call = agent.place(&trunk, LOOPBACK, (Number::Shown("02180000001"), "13800138000"), offer).unwrap();
    // Whoever is called there answers or refuses: he was found, and his description is one.
    loop {
        match soon(call.next()).await {
            Signal::Answered { sdp } => {
                media.accept(&sdp).unwrap();
                return;
            }
            Signal::Ended(ended) => {
                assert!(ended.code.is_some_and(|code| code != 488 && code != 503), "{ended:?}");
                return;
            }
            _ => {}
        }
    }
}
