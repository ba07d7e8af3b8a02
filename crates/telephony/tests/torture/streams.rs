//! Over TCP: messages without end, lengths beyond all numbers, many connections, and peers who never read.

use std::time::Duration;

use hutong_telephony::sip::{Listen, SipError, UserAgent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::agent::{LOOPBACK, PATIENCE, Victim, memory};
use super::messages::request;

/// Connections at once: what one host may open before it is noticed.
const CONNECTIONS: usize = 300;

async fn connected(victim: &Victim) -> TcpStream {
    TcpStream::connect(victim.address()).await.unwrap()
}

fn named(victim: &Victim, text: &str) -> Vec<u8> {
    text.replace("VICTIM", &victim.address().to_string()).replace("UDP ME", "TCP 127.0.0.1:9").into_bytes()
}

/// Whether the agent ends the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 4_096];
    tokio::time::timeout(PATIENCE, async { while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {} })
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_never_ends_ends_its_connection() {
    let victim = Victim::new().await;
    let before = memory();
    for line in ["X: y\r\n", " ", "x", "OPTIONS sip:x SIP/2.0\r\n", "\r\n"] {
        let mut stream = connected(&victim).await;
        let piece = line.repeat(1_000);
        // Ten megabytes, or as much as is taken.
        for _ in 0..10_000_000 / piece.len() {
            let written = tokio::time::timeout(Duration::from_secs(5), stream.write_all(piece.as_bytes())).await;
            if !matches!(written, Ok(Ok(()))) {
                break;
            }
        }
    }
    let mut stream = connected(&victim).await;
    let many = request("OPTIONS", "many", &"A-Header: of some length\n".repeat(10_000));
    let _ = stream.write_all(&named(&victim, &many)).await;
    assert!(is_closed(&mut stream).await);
    victim.is_as_before().await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "memory has grown by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_that_make_no_sense_end_their_connection_alone() {
    let victim = Victim::new().await;
    for length in ["18446744073709551616", "-1", "999999999", "1e3", ""] {
        let mut stream = connected(&victim).await;
        let message =
            request("OPTIONS", "length", "").replace("Content-Length: 0", &format!("Content-Length: {length}"));
        stream.write_all(&named(&victim, &message)).await.unwrap();
        if length == "999999999" {
            let _ = stream.write_all(&vec![b'x'; 200_000]).await;
        }
        assert!(is_closed(&mut stream).await, "{length:?}");
    }
    // The library adds to this one: with checks for overflow, as here, it does not get as far as closing the connection.
    let message =
        request("OPTIONS", "length", "").replace("Content-Length: 0", &format!("Content-Length: {}", u64::MAX));
    connected(&victim).await.write_all(&named(&victim, &message)).await.unwrap();
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_connections_that_say_nothing_leave_room_for_others() {
    let victim = Victim::new().await;
    let before = memory();
    let mut streams = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = connected(&victim).await;
        if number % 3 == 0 {
            stream.write_all(b"INVITE sip:x SIP/2.0\r\n").await.unwrap();
        }
        streams.push(stream);
    }
    victim.is_as_before().await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 128 * 1024 * 1024, "memory has grown by {grown} bytes");
    drop(streams);
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_who_never_reads_holds_up_nobody_else() {
    let victim = Victim::new().await;
    let mut stream = connected(&victim).await;
    let padding = format!("Subject: {}\n", "x".repeat(8_000));
    // Each is answered, with a copy of From; the answers fill every buffer on the way to a peer who does not read.
    let caller = "y".repeat(16_000);
    let mut sent = 0;
    for number in 0..4_000 {
        let message =
            request("CANCEL", &format!("unread{number}"), &padding).replace("sip:caller@", &format!("sip:{caller}@"));
        let written = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&named(&victim, &message))).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
        sent += 1;
    }
    assert!(sent > 100, "{sent} requests were taken");
    victim.is_as_before().await;
    drop(stream);
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_one_that_is_not_is_open_from_the_start() {
    let taken = std::net::TcpListener::bind((LOOPBACK, 0)).unwrap();
    let started = UserAgent::start(Listen::at(taken.local_addr().unwrap()), None).await;
    assert!(matches!(started, Err(SipError::Socket { what, .. }) if what.starts_with("TCP")));
    let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await.unwrap();
    TcpStream::connect(agent.local_address()).await.unwrap();
}
