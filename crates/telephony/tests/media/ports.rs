//! Ports come back, whatever becomes of the calls.

use std::net::{IpAddr, Ipv4Addr};

use hutong_telephony::media::{Events, Formats, Media, MediaError};

use super::peers::engine_with;

/// An address of the loopback interface that no other test uses: its ports are all free.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 77, 1));

const OPENS: usize = 10_000;
const PAIRS: usize = 100;

#[tokio::test]
async fn ports_come_back_after_ten_thousand_calls() {
    let engine = engine_with(|options| options.ports = 40_001..=40_202);
    let mut opened = 0;
    while opened < OPENS {
        let mut calls: Vec<(Media, Events)> = Vec::new();
        let full = loop {
            match engine.open(OWN, None) {
                Ok(call) => calls.push(call),
                Err(error) => break error,
            }
        };
        assert!(matches!(full, MediaError::NoPort(_)), "{full}");
        assert_eq!(calls.len(), PAIRS);
        assert!(calls.iter().all(|(media, _)| media.local_address().port() % 2 == 0));
        opened += calls.len();
        // Some were talking, some were not.
        for pair in calls.chunks_exact(4) {
            let offer = pair[0].0.offer(&Formats::default());
            let answer = pair[1].0.answer(offer.as_bytes(), &Formats::default()).unwrap();
            pair[0].0.accept(answer.as_bytes()).unwrap();
        }
        for (media, mut events) in calls {
            drop(media);
            while events.next().await.is_some() {}
        }
    }
    assert_eq!(engine.stats().open, 0);
}

#[tokio::test]
async fn a_port_that_another_program_has_is_passed_over() {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 77, 2));
    let taken = std::net::UdpSocket::bind((address, 40_005)).unwrap();
    let engine = engine_with(|options| options.ports = 40_000..=40_009);
    let calls: Vec<_> = std::iter::from_fn(|| engine.open(address, None).ok()).collect();
    let ports: Vec<_> = calls.iter().map(|(media, _)| media.local_address().port()).collect();
    assert_eq!(ports, [40_000, 40_002, 40_006, 40_008]);
    drop(taken);
    assert_eq!(engine.open(address, None).unwrap().0.local_address().port(), 40_004);
}

#[test]
fn an_address_of_another_machine_is_refused() {
    let engine = engine_with(|_| {});
    let error = engine.open("192.0.2.1".parse().unwrap(), None).map(|_| ()).unwrap_err();
    assert!(matches!(error, MediaError::Socket { .. }), "{error}");
}
