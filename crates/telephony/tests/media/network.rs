//! Bad networks and strangers.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hutong_telephony::media::{Codec, Event, FRAME_SAMPLES, Formats, Latching};

use super::peers::{End, coded, connect, engine, engine_with, least_share, place, share_heard, sweep};
use super::relay::{Weather, connect_over};

#[tokio::test]
async fn a_bad_network_costs_little_and_does_not_delay_without_bound() {
    let (left, right) = (engine(), engine());
    let (mut caller, mut callee) = (End::open(&left), End::open(&right));
    let weather = Weather { lost: 50, doubled: 20, jitter: Duration::from_millis(40), seed: 7 };
    let _relay = connect_over(&caller, &callee, &Formats::default(), weather).await;
    caller.wait_began().await;
    callee.wait_began().await;
    let sound = sweep(6 * 8000);
    let played = caller.media.play(sound.clone()).await;
    callee.wait_frames(20).await;
    let (heard, expected) = (callee.sound(), coded(&sound, Codec::Pcma));
    let stats = callee.media.stats();
    // Each loss costs a frame and the beginning of the next, which is faded in.
    let share = share_heard(&heard, &expected);
    assert!(share >= 0.75, "{share}: {stats:?}");
    assert!(stats.lost > 5 && stats.duplicates > 0 && stats.concealed >= stats.lost / 2, "{stats:?}");
    // How far frames moved against each other between their beginning and their end: the change of the delay.
    let found: Vec<_> = expected
        .chunks_exact(FRAME_SAMPLES)
        .enumerate()
        .filter_map(|(at, frame)| Some(place(&heard, frame)?.abs_diff(at * FRAME_SAMPLES)))
        .collect();
    let spread = found.iter().max().unwrap() - found.iter().min().unwrap();
    assert!(spread <= 1600, "the delay changed by {} ms: {stats:?}", spread / 8);
    assert!(played.complete);
}

#[tokio::test]
async fn digits_survive_a_bad_network() {
    let engine = engine();
    let (mut caller, mut callee) = (End::open(&engine), End::open(&engine));
    let weather = Weather { lost: 100, doubled: 100, jitter: Duration::from_millis(60), seed: 11 };
    let _relay = connect_over(&caller, &callee, &Formats::default(), weather).await;
    caller.wait_began().await;
    caller.media.send_digits("8675309").unwrap();
    let mut heard = String::new();
    while heard.len() < 7 {
        heard.push(callee.wait(|event| if let Event::Digit(digit) = event { Some(digit) } else { None }).await);
    }
    assert_eq!(heard, "8675309");
}

/// A packet of loud A-law that belongs to nobody.
fn strange_packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet.extend_from_slice(&0x5742_1234u32.to_be_bytes());
    packet.extend_from_slice(&[0x2a; 160]);
    packet
}

fn hears_the_stranger(end: &End) -> bool {
    let loudest = Codec::Pcma.decode(0x2a);
    end.sound().contains(&loudest)
}

#[tokio::test]
async fn a_stranger_is_not_heard_and_moves_nothing() {
    let (left, right) = (engine(), engine());
    let (mut caller, mut callee) = (End::open(&left), End::open(&right));
    let target = callee.media.local_address();
    let stranger = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    let neighbour = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Before anything is agreed on, and right after it: the stranger is first, from another host.
    stranger.send_to(&strange_packet(1), target).unwrap();
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    for sequence in 2..10 {
        stranger.send_to(&strange_packet(sequence), target).unwrap();
    }
    callee.wait_began().await;
    caller.wait_began().await;
    // From the same host, but another port than the one that is heard already.
    let sound = sweep(8000);
    let playing = [caller.media.play(sound.clone()), callee.media.play(sound.clone())];
    for sequence in 10..60 {
        stranger.send_to(&strange_packet(sequence), target).unwrap();
        neighbour.send_to(&strange_packet(sequence), target).unwrap();
        stranger.send_to(&[0x80, 200, 0, 1, 1, 2, 3, 4], SocketAddr::new(target.ip(), target.port() + 1)).unwrap();
        caller.wait_frames(1).await;
    }
    for playback in playing {
        assert!(playback.await.complete);
    }
    caller.wait_frames(10).await;
    callee.wait_frames(30).await;
    let expected = coded(&sound, Codec::Pcma);
    assert!(!hears_the_stranger(&callee));
    assert!(share_heard(&callee.sound(), &expected) >= least_share(&callee, sound.len()), "{:?}", callee.media.stats());
    assert!(share_heard(&caller.sound(), &expected) >= least_share(&caller, sound.len()), "the callee was led astray");
    let stats = callee.media.stats();
    assert!(stats.strangers + stats.early >= 150, "{stats:?}");
}

#[tokio::test]
async fn a_far_side_behind_a_translator_is_followed_if_the_option_says_so() {
    let check = async |latching, follows| {
        let engine = engine_with(|options| options.latching = latching);
        let mut robot = End::open(&engine);
        let offer = robot.media.offer(&Formats::default());
        let behind = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 3), 0)).unwrap();
        behind.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The answer signals an address that nothing comes from.
        let nowhere = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 4), 0)).unwrap();
        let port = nowhere.local_addr().unwrap().port();
        let answer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.4\r\ns=-\r\nc=IN IP4 127.0.0.4\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        );
        assert!(offer.contains("m=audio"));
        robot.media.accept(answer.as_bytes()).unwrap();
        for sequence in 0..20 {
            behind.send_to(&strange_packet(sequence), robot.media.local_address()).unwrap();
            robot.wait_frames(1).await;
        }
        assert_eq!(hears_the_stranger(&robot), follows, "{latching:?}");
        if follows {
            let mut packet = [0; 2000];
            let (length, from) = behind.recv_from(&mut packet).unwrap();
            assert_eq!((length, from), (172, robot.media.local_address()));
        } else {
            assert!(robot.media.stats().strangers >= 19);
        }
    };
    check(Latching::FirstSource, true).await;
    check(Latching::SignalledHost, false).await;
    check(Latching::Never, false).await;
}

#[tokio::test]
async fn a_far_side_that_stops_is_told_as_silence_and_as_a_new_beginning() {
    let engine = engine_with(|options| options.silence_max = Duration::from_millis(200));
    let (mut robot, customer) = (End::open(&engine), End::open(&engine));
    connect(&robot, &customer, &Formats::default(), &Formats::default());
    robot.wait_began().await;
    drop(customer);
    robot.wait(|event| (event == Event::Silent).then_some(())).await;
    let customer = End::open(&engine);
    connect(&robot, &customer, &Formats::default(), &Formats::default());
    robot.wait_began().await;
    assert!(robot.media.stats().received > 0);
}

#[tokio::test]
async fn each_side_learns_from_reports_what_the_other_hears() {
    let engine = engine();
    let (mut caller, callee) = (End::open(&engine), End::open(&engine));
    connect(&caller, &callee, &Formats::default(), &Formats::default());
    // Reports come every five seconds, the first after half of that.
    caller.wait_frames(450).await;
    let (ours, theirs) = (caller.media.stats(), callee.media.stats());
    for stats in [ours, theirs] {
        let report = stats.remote.expect("a report came");
        assert!(
            report.fraction_lost < 128 && report.round_trip.is_some_and(|way| way < Duration::from_secs(1)),
            "{stats:?}"
        );
    }
    drop(callee);
    while !caller.media.stats().bye {
        caller.wait_frames(1).await;
    }
}
