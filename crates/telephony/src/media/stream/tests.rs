//! Tests of one call's voices, packet by packet.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::media::codec::Codec;
use crate::media::sdp::{Formats, Negotiation};
use crate::media::srtp::MasterKey;

const FAR: &str = "192.0.2.1:4000";
const SSRC: u32 = 77;
const WALL: Duration = Duration::from_secs(1_700_000_000);

/// A stream that has agreed on A-law, digits as 101 and whatever `lines` say, with 40 ms of buffer.
fn agreed(lines: &str) -> Stream {
    let identity = Identity { ssrc: 1, sequence: 65_534, timestamp: u32::MAX - 200 };
    let mut stream = Stream::new(identity, Latching::default(), Duration::from_millis(40));
    agree(&mut stream, lines);
    stream
}

fn agree(stream: &mut Stream, lines: &str) {
    let keys = [MasterKey::new([1; 30]), MasterKey::new([2; 30])];
    let mut negotiation = Negotiation::new("192.0.2.9:20000".parse().unwrap(), 1, keys);
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n{lines}"
    );
    let (_, agreement) = negotiation.answer(offer.as_bytes(), &Formats::default()).unwrap();
    stream.agree(agreement, Duration::ZERO);
}

fn packet(ssrc: u32, sequence: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let mut packet = Header { marker: false, payload_type, sequence, timestamp, ssrc }.to_bytes().to_vec();
    packet.extend_from_slice(payload);
    packet
}

fn receive(stream: &mut Stream, mut packet: Vec<u8>) -> Received {
    stream.receive(&mut packet, FAR.parse().unwrap(), Duration::ZERO, WALL)
}

/// 20 ms of one byte of A-law.
fn voice(stream: &mut Stream, sequence: u16, byte: u8) -> Received {
    receive(stream, packet(SSRC, sequence, 8, &[byte; 160]))
}

fn frame_of(byte: u8) -> Frame {
    [Codec::Pcma.decode(byte); FRAME_SAMPLES]
}

#[test]
fn packets_of_any_length_make_frames_of_20_ms() {
    for length in [80, 160, 240, 480] {
        let mut stream = agreed("");
        let (mut sent, mut heard) = (0u16, Vec::new());
        for tick in 1..=60 {
            while usize::from(sent + 1) * length <= tick * FRAME_SAMPLES {
                receive(&mut stream, packet(SSRC, sent, 8, &vec![(sent % 100) as u8; length]));
                sent += 1;
            }
            heard.extend(stream.hear());
        }
        let expected: Vec<i16> = (0..sent).flat_map(|at| vec![Codec::Pcma.decode((at % 100) as u8); length]).collect();
        let from = heard.iter().position(|sample| *sample == expected[0]).unwrap();
        let same = heard[from..].iter().zip(&expected).take_while(|(heard, expected)| heard == expected).count();
        assert!(from <= 4 * FRAME_SAMPLES, "{length} began at {from}");
        assert!(same >= 60 * FRAME_SAMPLES - from - 160, "{length} is right for {same} only");
        assert_eq!(stream.stats().lost, 0);
    }
}

#[test]
fn comfort_noise_is_heard_until_sound_comes_back() {
    let mut stream = agreed("");
    for sequence in 0..3 {
        voice(&mut stream, sequence, 0x2a);
    }
    receive(&mut stream, packet(SSRC, 3, 13, &[40]));
    for _ in 0..3 {
        assert_eq!(stream.hear(), frame_of(0x2a));
    }
    for _ in 0..50 {
        let noise = stream.hear();
        let loudest = noise.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((100..1000).contains(&loudest), "{loudest}");
    }
    assert_eq!(stream.stats().concealed, 0);
    voice(&mut stream, 4, 0x2a);
    voice(&mut stream, 5, 0x2a);
    assert_eq!(stream.hear(), frame_of(0x2a));
}

#[test]
fn another_stream_takes_over_only_in_a_row_of_its_own() {
    let mut stream = agreed("");
    voice(&mut stream, 0, 0x2a);
    for sequence in 0..50u16 {
        // An attacker who forges the address, between the packets of the call.
        assert_eq!(receive(&mut stream, packet(666, sequence, 8, &[0; 160])), Received::Nothing);
        voice(&mut stream, sequence + 1, 0x2a);
    }
    assert_eq!((stream.stats().strangers, stream.stats().received), (50, 51));
    // The switch behind the address begins another stream, as it does when an announcement ends and somebody answers.
    for sequence in 1000..1010 {
        receive(&mut stream, packet(88, sequence, 8, &[0x55; 160]));
    }
    assert_eq!(stream.hear(), frame_of(0x55));
    assert_eq!(voice(&mut stream, 52, 0x2a), Received::Nothing);
}

#[test]
fn the_signalled_source_takes_its_place_back_from_a_neighbour_that_was_first() {
    let mut stream = agreed("");
    let neighbour = "192.0.2.1:9000".parse().unwrap();
    let stray = |stream: &mut Stream, sequence| {
        let mut packet = packet(99, sequence, 8, &[0x2a; 160]);
        stream.receive(&mut packet, neighbour, Duration::ZERO, WALL)
    };
    assert_eq!(stray(&mut stream, 7000), Received::Valid, "a translator may have changed the port");
    for sequence in 0..4 {
        assert_eq!(voice(&mut stream, sequence, 0x55), Received::Valid);
        assert_eq!(stray(&mut stream, 7001 + sequence), Received::Nothing);
    }
    let mut out = [0; SENT_BYTES_MAX];
    let (_, destination) = stream.send(&[0; FRAME_SAMPLES], &mut out).unwrap();
    assert_eq!(destination, FAR.parse().unwrap());
    let heard: Vec<Frame> = (0..4).map(|_| stream.hear()).collect();
    assert!(heard.contains(&frame_of(0x55)) && !heard.contains(&frame_of(0x2a)));
    assert_eq!(stream.stats().strangers, 4);
}

#[test]
fn on_hold_nothing_is_heard_and_nothing_sent_but_the_clock_goes_on() {
    let mut stream = agreed("a=inactive\r\n");
    for sequence in 0..5 {
        assert_eq!(voice(&mut stream, sequence, 0x2a), Received::Valid);
    }
    let mut out = [0; SENT_BYTES_MAX];
    for _ in 0..5 {
        assert_eq!(stream.hear(), [0; FRAME_SAMPLES]);
        assert_eq!(stream.send(&[0; FRAME_SAMPLES], &mut out), None);
    }
    agree(&mut stream, "");
    let (length, to) = stream.send(&frame_of(0x2a), &mut out).unwrap();
    let (header, payload) = Header::read(&out[..length]).unwrap();
    assert_eq!(to, FAR.parse().unwrap());
    assert_eq!((header.sequence, header.timestamp), (65_534, (u32::MAX - 200).wrapping_add(5 * 160)));
    assert!(header.marker && out[payload].iter().all(|byte| *byte == 0x2a));
}

#[test]
fn a_digit_goes_out_under_the_timestamp_of_its_beginning() {
    let mut stream = agreed("");
    stream.send_digits(&[5]).unwrap();
    let mut out = [0; SENT_BYTES_MAX];
    let headers: Vec<_> = (0..10)
        .filter_map(|_| {
            let (length, _) = stream.send(&[0; FRAME_SAMPLES], &mut out)?;
            Some(Header::read(&out[..length]).unwrap().0)
        })
        .collect();
    let events: Vec<_> = headers.iter().filter(|header| header.payload_type == 101).collect();
    assert_eq!(events.len(), 7);
    assert!(events.iter().all(|header| header.timestamp == u32::MAX - 200));
    assert!(events[0].marker && !events[1].marker);
    let follow = |pair: &[Header]| pair[1].sequence == pair[0].sequence.wrapping_add(1);
    assert!(headers.windows(2).all(follow), "{headers:?}");
}

#[test]
fn a_flood_is_shed_and_too_much_delay_wears_off() {
    let mut stream = agreed("");
    // The network stood still, and gives everything at once.
    for sequence in 0..20 {
        voice(&mut stream, sequence, 0x2a);
    }
    assert!(stream.stats().discarded >= 7, "{:?}", stream.stats());
    // A little too much, for long: a frame is left out now and then.
    let mut sequence = 20;
    while stream.buffer.waiting() < 10 * FRAME_SAMPLES {
        voice(&mut stream, sequence, 0x2a);
        sequence += 1;
    }
    let before = stream.stats().discarded;
    for sequence in sequence..400 {
        assert_eq!(stream.hear(), frame_of(0x2a), "left out without a click");
        voice(&mut stream, sequence, 0x2a);
    }
    assert!(stream.stats().discarded >= before + 7, "{:?}", stream.stats());
    assert!(stream.buffer.waiting() <= 3 * FRAME_SAMPLES);
}

#[test]
fn what_is_no_packet_of_the_call_is_counted_and_dropped() {
    let mut stream = agreed("");
    for bytes in [vec![], vec![0x80; 11], packet(SSRC, 1, 9, &[0; 160]), packet(SSRC, 1, 8, &[0; 481])] {
        assert_eq!(receive(&mut stream, bytes), Received::Nothing);
    }
    assert_eq!((stream.stats().invalid, stream.stats().received), (4, 0));
    let mut early = Stream::new(stream.identity, Latching::default(), Duration::from_millis(40));
    assert_eq!(voice(&mut early, 1, 0), Received::Nothing);
    assert_eq!(early.stats().early, 1);
}

#[test]
fn reports_share_the_port_if_both_sides_say_so() {
    for (lines, port, shared) in [("a=rtcp-mux\r\n", 4000, true), ("", 4001, false), ("a=rtcp:4009\r\n", 4009, false)] {
        let (mut ours, mut theirs) = (agreed(lines), agreed(lines));
        let mut out = [0; 200];
        assert_eq!(ours.report(Duration::from_secs(1), WALL, false, &mut out), None, "it is not due yet");
        let (length, to, on_voices) = ours.report(Duration::from_secs(3), WALL, true, &mut out).unwrap();
        assert_eq!((to.port(), on_voices), (port, shared));
        // A farewell counts from who was heard.
        receive(&mut theirs, packet(1, 0, 8, &[0; 160]));
        let mut bytes = out[..length].to_vec();
        let from = SocketAddr::new(FAR.parse::<SocketAddr>().unwrap().ip(), 4000);
        if shared {
            theirs.receive(&mut bytes, from, Duration::ZERO, WALL);
        } else {
            theirs.receive_report(&mut bytes, from, WALL);
        }
        assert!(theirs.stats().bye);
    }
}

/// Hears a far side for a while: its clock is `parts` in a million slow, each packet is delayed by up to `jitter_us` of its
/// own, and of 1000 packets `lost` never come. What was counted, and the most that waited after the first second.
fn weathered(parts: i64, jitter_us: i64, lost: u32, seconds: i64) -> (StreamStats, usize) {
    let mut random = StdRng::seed_from_u64(u64::from(lost) ^ parts.unsigned_abs() ^ jitter_us.unsigned_abs());
    let mut arrivals: Vec<(i64, u16)> = (0..seconds * 50)
        .filter_map(|at| {
            let leaves = at * 20_000 * (1_000_000 + parts) / 1_000_000;
            let arrives = leaves + random.random_range(0..=jitter_us);
            (random.random_range(0..1000) >= lost).then_some((arrives, u16::try_from(at).unwrap()))
        })
        .collect();
    arrivals.sort_unstable();
    let mut stream = agreed("");
    let (mut arrivals, mut most) = (arrivals.into_iter().peekable(), 0);
    for tick in 0..seconds * 50 {
        while let Some((_, sequence)) = arrivals.next_if(|(arrives, _)| *arrives <= tick * 20_000 + 10_000) {
            voice(&mut stream, sequence, 0x2a);
        }
        stream.hear();
        if tick > 50 {
            most = most.max(stream.buffer.waiting());
        }
    }
    (stream.stats(), most)
}

#[test]
fn clocks_that_drift_apart_cost_a_frame_now_and_then() {
    for parts in [-200, 200] {
        // In ten minutes 200 parts in a million are 120 ms: six frames.
        let (stats, most) = weathered(parts, 0, 0, 600);
        assert_eq!((stats.lost, stats.late), (0, 0), "{stats:?}");
        assert!(stats.concealed + stats.discarded <= 10, "{stats:?}");
        assert!(most <= 3 * FRAME_SAMPLES, "{most} waited");
    }
}

#[test]
fn jitter_within_the_buffer_costs_nothing_and_beyond_it_little() {
    let check = |jitter_us, touched_max, waiting_max| {
        let (stats, most) = weathered(0, jitter_us, 0, 120);
        let touched = stats.concealed + stats.lost + stats.discarded;
        assert!(touched <= touched_max, "{touched} frames of 6000 at {jitter_us}: {stats:?}");
        assert!(most <= waiting_max * FRAME_SAMPLES, "{most} waited: {stats:?}");
    };
    check(9_000, 0, 2);
    check(20_000, 0, 2);
    check(40_000, 5, 3);
    check(80_000, 20, 5);
    check(120_000, 120, 7);
}

#[test]
fn each_lost_packet_is_concealed_once() {
    let (stats, most) = weathered(0, 5_000, 50, 120);
    assert!((200..400).contains(&stats.lost), "{stats:?}");
    assert!(stats.concealed >= stats.lost - 5 && stats.concealed <= stats.lost + 20, "{stats:?}");
    assert!(stats.discarded <= 5 && most <= 3 * FRAME_SAMPLES, "{stats:?}");
}
