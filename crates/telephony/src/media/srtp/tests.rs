//! Tests of SRTP: the vectors of the RFC and of libsrtp, and what an attacker may try.

use super::*;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}

/// The master key and salt of RFC 3711 appendix B.3, which libsrtp's vectors use too.
fn master() -> MasterKey {
    MasterKey::from_bytes(&bytes("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6")).unwrap()
}

fn packet(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header { marker: false, payload_type: 8, sequence, timestamp: u32::from(sequence) * 160, ssrc };
    let mut packet = header.to_bytes().to_vec();
    packet.extend_from_slice(payload);
    packet
}

fn sealed(sealer: &mut Sealer, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + GROWTH_BYTES_MAX, 0);
    let length = sealer.seal(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn opened(opener: &mut Opener, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut buffer = packet.to_vec();
    let length = opener.open(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

#[test]
fn session_keys_are_those_of_the_rfc() {
    let keys = SessionKeys::derive(&master(), 0);
    assert_eq!(keys.key[..], bytes("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(keys.salt[..], bytes("30cbbc08863d8c85d49db34a9ae1"));
    let mut authentication = [0; AUTHENTICATION_BYTES];
    derive(&master(), 1, &mut authentication);
    assert_eq!(authentication[..], bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
}

#[test]
fn packets_are_those_of_libsrtp() {
    let mut sealer = Sealer::new(Suite::Tag80, &master());
    let plain = bytes("800f1234decafbadcafebabe abababababababababababababababab");
    let cipher = bytes("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(sealed(&mut sealer, &plain), cipher);
    assert_eq!(opened(&mut Opener::new(Suite::Tag80, &master()), &cipher), Ok(plain));
}

#[test]
fn reports_are_those_of_libsrtp() {
    let mut sealer = Sealer::new(Suite::Tag80, &master());
    let plain = bytes("81c8000bcafebabe abababababababababababababababab");
    let cipher = bytes("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + GROWTH_BYTES_MAX, 0);
    // Theirs counts from one.
    sealer.seal_rtcp(&mut buffer.clone(), plain.len()).unwrap();
    let length = sealer.seal_rtcp(&mut buffer, plain.len()).unwrap();
    assert_eq!(buffer[..length], cipher[..]);
    let mut opener = Opener::new(Suite::Tag80, &master());
    let length = opener.open_rtcp(&mut buffer).unwrap();
    assert_eq!(buffer[..length], plain[..]);
    assert_eq!(opener.open_rtcp(&mut cipher.clone()), Err(Refused::Replay));
}

#[test]
fn a_long_stream_is_opened_over_the_wrap_of_its_count_in_some_disorder() {
    for suite in [Suite::Tag80, Suite::Tag32] {
        let (mut sealer, mut opener) = (Sealer::new(suite, &master()), Opener::new(suite, &master()));
        let plain: Vec<_> = (0..70_000u32).map(|at| packet(((at + 60_000) & 0xffff) as u16, 5, &[7; 4])).collect();
        let mut cipher: Vec<_> = plain.iter().map(|packet| sealed(&mut sealer, packet)).collect();
        let mut plain = plain;
        for at in (0..plain.len() - 3).step_by(5) {
            plain.swap(at, at + 3);
            cipher.swap(at, at + 3);
        }
        for (plain, cipher) in plain.iter().zip(&cipher) {
            assert_eq!(opened(&mut opener, cipher).as_ref(), Ok(plain));
        }
    }
}

#[test]
fn what_is_changed_repeated_or_of_another_key_is_refused() {
    let mut sealer = Sealer::new(Suite::Tag32, &master());
    let good = sealed(&mut sealer, &packet(100, 5, &[1, 2, 3]));
    let mut opener = Opener::new(Suite::Tag32, &master());
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(opened(&mut opener, &changed).is_err(), "byte {at}");
    }
    let mut other = Opener::new(Suite::Tag32, &MasterKey::new([9; 30]));
    assert_eq!(opened(&mut other, &good), Err(Refused::Authentication));
    assert!(opened(&mut opener, &good).is_ok());
    assert_eq!(opened(&mut opener, &good), Err(Refused::Replay));
    for sequence in 101..200 {
        assert!(opened(&mut opener, &sealed(&mut sealer, &packet(sequence, 5, &[1]))).is_ok());
    }
    assert_eq!(opened(&mut opener, &good), Err(Refused::Replay), "too old to tell");
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut opener = Opener::new(Suite::Tag80, &master());
        prop_assert!(opener.open(&mut bytes.clone()).is_err());
        prop_assert!(opener.open_rtcp(&mut bytes.clone()).is_err());
    }

    #[test]
    fn any_bytes_are_sealed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut sealer = Sealer::new(Suite::Tag80, &master());
        let length = bytes.len();
        let mut buffer = bytes;
        buffer.resize(length + GROWTH_BYTES_MAX, 0);
        sealer.seal_rtcp(&mut buffer.clone(), length);
        sealer.seal(&mut buffer, length);
    }
}
