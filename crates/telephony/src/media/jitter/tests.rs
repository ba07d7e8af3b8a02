//! Tests of the jitter buffer: examples, and properties over any order of arrival.

use super::*;
use proptest::prelude::*;

const AUDIO: Content = Content::Audio(Codec::Pcma);
const TARGET: usize = 320;

/// A payload of 20 ms that tells its sequence number.
fn payload(sequence: u16) -> [u8; 160] {
    let mut payload = [0; 160];
    payload[..2].copy_from_slice(&sequence.to_be_bytes());
    payload
}

fn insert(buffer: &mut JitterBuffer, sequence: u16) -> Arrival {
    buffer.insert(sequence, AUDIO, &payload(sequence))
}

/// What is taken, as a letter and the number that the payload tells.
fn take(buffer: &mut JitterBuffer) -> Option<u16> {
    match buffer.take() {
        Next::Packet(_, bytes) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
        Next::Lost | Next::Empty => None,
    }
}

fn filled(sequences: &[u16]) -> JitterBuffer {
    let mut buffer = JitterBuffer::new(TARGET);
    for sequence in sequences {
        assert_eq!(insert(&mut buffer, *sequence), Arrival::Kept);
    }
    buffer
}

#[test]
fn nothing_is_given_before_the_target_waits() {
    let mut buffer = filled(&[7]);
    assert_eq!(take(&mut buffer), None);
    insert(&mut buffer, 8);
    assert_eq!((take(&mut buffer), take(&mut buffer)), (Some(7), Some(8)));
}

#[test]
fn a_lone_packet_is_given_after_the_time_of_the_target() {
    let mut buffer = filled(&[7]);
    assert_eq!([take(&mut buffer), take(&mut buffer), take(&mut buffer)], [None, None, Some(7)]);
}

#[test]
fn the_first_packets_may_have_changed_places_and_the_count_may_wrap() {
    let mut buffer = filled(&[0, 65_534, 65_535, 1]);
    assert_eq!([(); 4].map(|()| take(&mut buffer)), [Some(65_534), Some(65_535), Some(0), Some(1)]);
}

#[test]
fn a_missing_packet_is_lost_once_later_ones_are_there() {
    let mut buffer = filled(&[1, 2, 4, 5]);
    assert_eq!([take(&mut buffer), take(&mut buffer)], [Some(1), Some(2)]);
    assert_eq!(buffer.take(), Next::Lost);
    assert_eq!(insert(&mut buffer, 3), Arrival::Late);
    assert_eq!(insert(&mut buffer, 3), Arrival::Duplicate);
    assert_eq!(insert(&mut buffer, 4), Arrival::Duplicate);
    assert_eq!(take(&mut buffer), Some(4));
    assert_eq!(insert(&mut buffer, 4), Arrival::Duplicate);
}

#[test]
fn an_outage_does_not_add_its_length_to_the_delay() {
    let mut buffer = filled(&[1, 2]);
    take(&mut buffer);
    take(&mut buffer);
    for _ in 0..5 {
        assert_eq!(buffer.take(), Next::Empty);
    }
    insert(&mut buffer, 8);
    assert_eq!(take(&mut buffer), Some(8), "3 to 7 were lost while nothing was there");
}

#[test]
fn after_a_pause_it_fills_up_again() {
    let mut buffer = filled(&[1, 2]);
    for _ in 0..20 {
        take(&mut buffer);
    }
    insert(&mut buffer, 5);
    assert_eq!(take(&mut buffer), None);
    insert(&mut buffer, 6);
    assert_eq!((take(&mut buffer), take(&mut buffer)), (Some(5), Some(6)));
}

#[test]
fn a_new_count_needs_two_packets_that_follow_each_other() {
    let mut buffer = filled(&[1, 2]);
    assert_eq!(insert(&mut buffer, 30_000), Arrival::Suspect);
    assert_eq!(take(&mut buffer), Some(1));
    assert_eq!(insert(&mut buffer, 50_000), Arrival::Suspect);
    assert_eq!(insert(&mut buffer, 50_001), Arrival::Restarted(1));
    insert(&mut buffer, 50_002);
    assert_eq!(take(&mut buffer), Some(50_001));
}

#[test]
fn too_much_that_waits_is_shed_and_a_steady_surplus_is_named() {
    let mut buffer = filled(&(0..13).collect::<Vec<_>>());
    assert_eq!(buffer.shed(), 11);
    assert_eq!(buffer.waiting(), TARGET);
    let mut buffer = filled(&[0, 1, 2, 3, 4]);
    let mut named = 0;
    for sequence in 5..80 {
        take(&mut buffer);
        named += u32::from(buffer.surplus());
        insert(&mut buffer, sequence);
    }
    assert_eq!(named, 3, "once in each half second");
}

#[test]
fn a_steady_stream_has_no_surplus() {
    let mut buffer = filled(&[0, 1]);
    for sequence in 2..200 {
        assert!(take(&mut buffer).is_some());
        assert!(!buffer.surplus());
        insert(&mut buffer, sequence);
    }
}

proptest! {
    #[test]
    fn every_frame_is_given_once_and_in_order_whatever_the_order_of_arrival(
        first: u16,
        order in Just((0u16..12).collect::<Vec<_>>()).prop_shuffle(),
        twice in proptest::collection::vec(any::<bool>(), 12),
    ) {
        let mut buffer = JitterBuffer::new(TARGET);
        for offset in order {
            let sequence = first.wrapping_add(offset);
            prop_assert_eq!(insert(&mut buffer, sequence), Arrival::Kept);
            if twice[usize::from(offset)] {
                prop_assert_eq!(insert(&mut buffer, sequence), Arrival::Duplicate);
            }
        }
        let given: Vec<_> = (0..12).map(|_| take(&mut buffer)).collect();
        let expected: Vec<_> = (0..12).map(|offset| Some(first.wrapping_add(offset))).collect();
        prop_assert_eq!(given, expected);
    }

    #[test]
    fn no_frame_is_given_twice_or_out_of_order_and_all_are_accounted_for(
        first: u16,
        steps in proptest::collection::vec((0u16..60, 0u8..3), 1..300),
    ) {
        let mut buffer = JitterBuffer::new(TARGET);
        let (mut kept, mut given, mut gone, mut last) = (0, 0, 0, None);
        for (step, (jitter, takes)) in (0u16..).zip(steps) {
            let sequence = first.wrapping_add(step).wrapping_sub(jitter);
            match insert(&mut buffer, sequence) {
                Arrival::Kept => kept += 1,
                Arrival::Restarted(given_up) => {
                    kept += 1;
                    gone += given_up;
                }
                Arrival::Late | Arrival::Duplicate | Arrival::Suspect => {}
            }
            gone += buffer.shed();
            for _ in 0..takes {
                if let Some(sequence) = take(&mut buffer) {
                    given += 1;
                    let order = last.map_or(1, |last: u16| sequence.wrapping_sub(last).cast_signed());
                    prop_assert!(order > 0, "{sequence} after {last:?}");
                    last = Some(sequence);
                }
            }
        }
        for _ in 0..200 {
            given += usize::from(take(&mut buffer).is_some());
        }
        prop_assert_eq!(kept, given + gone);
        prop_assert_eq!(buffer.waiting(), 0);
    }

    #[test]
    fn anything_may_come(packets in proptest::collection::vec((any::<u16>(), 0usize..600, 0u8..3), 0..200)) {
        let mut buffer = JitterBuffer::new(TARGET);
        for (sequence, length, takes) in packets {
            buffer.insert(sequence, AUDIO, &vec![0; length]);
            buffer.shed();
            for _ in 0..takes {
                buffer.take();
                buffer.surplus();
            }
            prop_assert!(buffer.waiting() <= WAITING_SAMPLES_MAX);
        }
    }
}
