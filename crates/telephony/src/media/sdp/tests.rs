//! Tests of offers and answers: what real devices write, what is refused and why, and anything at all.

use super::*;
use proptest::prelude::*;

fn negotiation() -> Negotiation {
    Negotiation::new("192.0.2.10:20000".parse().unwrap(), 42, [MasterKey::new([1; 30]), MasterKey::new([2; 30])])
}

fn formats(srtp: Srtp) -> Formats {
    Formats { srtp, ..Formats::default() }
}

/// A description whose media are `media`.
fn description(media: &str) -> String {
    format!("v=0\r\no=x 1 1 IN IP4 198.51.100.7\r\ns=call\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{media}")
}

/// What an answer with these media comes to.
fn accepted(srtp: Srtp, media: &str) -> Result<Agreement, SdpError> {
    let mut negotiation = negotiation();
    negotiation.offer(&formats(srtp));
    negotiation.accept(description(media).as_bytes())
}

/// How an offer with these media is answered.
fn answered(srtp: Srtp, media: &str) -> Result<(String, Agreement), SdpError> {
    negotiation().answer(description(media).as_bytes(), &formats(srtp))
}

const KEY: &str = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

#[test]
fn an_offer_names_everything_once() {
    let formats = Formats { codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::Pcmu], ..formats(Srtp::Off) };
    assert_eq!(
        negotiation().offer(&formats),
        "v=0\r\no=- 42 0 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp-mux\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn an_offer_behind_a_translator_names_the_outer_address() {
    let formats = Formats { advertised: Some("2001:db8::5".parse().unwrap()), ..Formats::default() };
    let offer = negotiation().offer(&formats);
    assert!(offer.contains("c=IN IP6 2001:db8::5\r\n") && !offer.contains("192.0.2.10"), "{offer}");
}

#[test]
fn a_version_counts_what_is_new() {
    let mut negotiation = negotiation();
    let first = negotiation.offer(&Formats::default());
    assert_eq!(negotiation.offer(&Formats::default()), first);
    let second = negotiation.offer(&Formats { digits: false, ..Formats::default() });
    assert!(second.contains("o=- 42 1 IN"), "{second}");
}

#[test]
fn answers_of_all_kinds_are_understood() {
    let check = |media: &str, expected: (Codec, u8, Option<(u8, u16)>, &str, &str)| {
        let agreement = accepted(Srtp::Off, media).unwrap();
        let negotiated = agreement.negotiated;
        let (codec, payload_type, digits, remote, reports) = expected;
        assert_eq!((negotiated.codec, agreement.payload_type, agreement.digits_sent), (codec, payload_type, digits));
        assert_eq!(
            (negotiated.remote.to_string(), agreement.remote_reports.to_string()),
            (remote.into(), reports.into())
        );
    };
    let (host, next) = ("198.51.100.7:4000", "198.51.100.7:4001");
    check("m=audio 4000 RTP/AVP 8\r\n", (Codec::Pcma, 8, None, host, next));
    check("m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000/1\r\n", (Codec::Pcmu, 0, None, host, next));
    check(
        "m=audio 4000 RTP/AVP 18 8 97\r\na=rtpmap:18 G729/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-11,16\r\n",
        (Codec::Pcma, 8, Some((97, 0x0fff)), host, next),
    );
    check(
        "m=audio 4000 RTP/AVP 98\r\na=rtpmap:98 pcma/8000\r\na=rtcp:4007\r\na=ptime:30\r\n",
        (Codec::Pcma, 98, None, host, "198.51.100.7:4007"),
    );
    check(
        "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\na=rtcp:4005 IN IP6 2001:db8::2\r\n",
        (Codec::Pcma, 8, None, "[2001:db8::1]:4000", "[2001:db8::2]:4005"),
    );
    check("m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\na=rtcp:4005\r\n", (Codec::Pcma, 8, None, host, host));
    check(
        "m=audio 4000 RTP/AVP 8 96 101\r\na=rtpmap:96 telephone-event/16000\r\na=rtpmap:101 telephone-event/8000\r\n",
        (Codec::Pcma, 8, Some((101, 0xffff)), host, next),
    );
}

#[test]
fn what_we_offered_is_heard_by_our_numbers_and_sent_by_theirs() {
    let agreement = accepted(
        Srtp::Off,
        "m=audio 4000 RTP/AVP 98 99\r\na=rtpmap:98 PCMU/8000\r\na=rtpmap:99 telephone-event/8000\r\n",
    );
    let agreement = agreement.unwrap();
    assert_eq!(agreement.heard[8], Some(Codec::Pcma));
    assert_eq!((agreement.payload_type, agreement.heard[98]), (98, None));
    assert_eq!((agreement.digits_heard, agreement.digits_sent), (Some(101), Some((99, 0xffff))));
}

#[test]
fn descriptions_that_share_nothing_are_refused_with_the_reason() {
    let no_srtp = "m=audio 4000 RTP/AVP 8\r\n";
    let savp = "m=audio 4000 RTP/SAVP 8\r\n";
    let cases: &[(Srtp, &str, &str)] = &[
        (Srtp::Off, "", "no audio"),
        (Srtp::Off, "m=video 4000 RTP/AVP 31\r\n", "no audio"),
        (Srtp::Off, "m=audio 0 RTP/AVP 8\r\n", "its port is 0"),
        (Srtp::Off, "m=audio 4000 RTP/AVP 18\r\n", "\"18\""),
        (Srtp::Off, "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/16000\r\n", "no codec"),
        (Srtp::Off, "m=audio 4000 RTP/AVP x\r\n", "\"x\""),
        (Srtp::Off, "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 sbc.example.com\r\n", "sbc.example.com"),
        (Srtp::Off, "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.2.1.1/127\r\n", "224.2.1.1"),
        (Srtp::Off, "m=audio 4000 RTP/AVP 8\r\na=rtcp:many\r\n", "rtcp"),
        (Srtp::Off, "m=audio 70000 RTP/AVP 8\r\n", "port"),
        (Srtp::Required, no_srtp, "we require it"),
        (Srtp::Offered, savp, "no suite"),
    ];
    for (srtp, media, reason) in cases {
        let error = accepted(*srtp, media).map(|_| ()).unwrap_err().to_string();
        assert!(error.to_lowercase().contains(reason), "{media:?}: {error}");
    }
    let error = negotiation().accept(description(no_srtp).as_bytes()).map(|_| ()).unwrap_err();
    assert_eq!(error, SdpError::NoOffer);
    let error = negotiation().answer(&[b'a'; SDP_BYTES_MAX + 1], &Formats::default()).map(|_| ()).unwrap_err();
    assert_eq!(error, SdpError::TooLong(SDP_BYTES_MAX + 1));
    let error = answered(Srtp::Off, &no_srtp.repeat(MEDIA_MAX + 1)).map(|_| ()).unwrap_err();
    assert_eq!(error, SdpError::TooManyMedia(MEDIA_MAX + 1));
}

#[test]
fn an_answer_takes_the_first_audio_and_refuses_the_other_media() {
    let offer = "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 96 18 0 8 13 96\r\na=rtpmap:96 telephone-event/8000\r\n\
                 m=image 6000 udptl t38\r\n";
    let (answer, agreement) = answered(Srtp::Off, offer).unwrap();
    let media: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(media, ["m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 0 8 13 96", "m=image 0 udptl t38"]);
    assert!(!answer.contains("rtcp-mux"), "it was not offered");
    assert_eq!((agreement.negotiated.codec, agreement.digits_heard), (Codec::Pcmu, Some(96)));
}

#[test]
fn of_audio_with_and_without_encryption_the_one_that_we_can_is_taken() {
    let both =
        format!("m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\nm=audio 4002 RTP/AVP 8\r\n");
    let check = |srtp, expected: [&str; 2]| {
        let (answer, agreement) = answered(srtp, &both).unwrap();
        let media: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(media, expected);
        assert_eq!(agreement.keys.is_some(), srtp != Srtp::Off);
    };
    check(Srtp::Off, ["m=audio 0 RTP/SAVP 8", "m=audio 20000 RTP/AVP 8"]);
    check(Srtp::Required, ["m=audio 20000 RTP/SAVP 8", "m=audio 0 RTP/AVP 8"]);
}

#[test]
fn a_hold_is_answered_by_its_mirror_image() {
    let check = |offered: &str, answered_as: &str, direction| {
        let (answer, agreement) = answered(Srtp::Off, offered).unwrap();
        assert!(answer.contains(answered_as), "{answer}");
        assert_eq!(agreement.negotiated.direction, direction);
    };
    check("m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n", "a=recvonly", Direction::ReceiveOnly);
    check("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n", "a=sendonly", Direction::SendOnly);
    check("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n", "a=inactive", Direction::Inactive);
    check("m=audio 4000 RTP/AVP 8\r\n", "a=sendrecv", Direction::SendReceive);
    check("a=sendonly\r\nm=audio 4000 RTP/AVP 8\r\n", "a=recvonly", Direction::ReceiveOnly);
    check("a=sendonly\r\nm=audio 4000 RTP/AVP 8\r\na=sendrecv\r\n", "a=sendrecv", Direction::SendReceive);
}

#[test]
fn encryption_is_agreed_on_where_both_sides_want_it() {
    use Srtp::{Off, Offered, Required};
    let plain = "m=audio 4000 RTP/AVP 8\r\n".to_owned();
    let maybe = format!("{plain}a=crypto:3 AES_CM_128_HMAC_SHA1_32 {KEY}|2^20\r\n");
    let must = maybe.replace("AVP", "SAVP");
    let check = |srtp, offer: &str, expected: Result<bool, ()>| {
        let outcome = answered(srtp, offer);
        let encrypted = outcome.as_ref().map(|(_, agreement)| agreement.keys.is_some()).map_err(|_| ());
        assert_eq!(encrypted, expected, "{srtp:?} for {offer}");
        if let Ok((answer, agreement)) = outcome {
            assert_eq!(answer.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:AgIC"), agreement.keys.is_some());
            assert_eq!(answer.contains("RTP/SAVP"), offer.contains("RTP/SAVP"));
        }
    };
    check(Off, &plain, Ok(false));
    check(Off, &maybe, Ok(false));
    check(Off, &must, Err(()));
    check(Offered, &plain, Ok(false));
    check(Offered, &maybe, Ok(true));
    check(Offered, &must, Ok(true));
    check(Required, &plain, Err(()));
    check(Required, &maybe, Ok(true));
    check(Required, &must, Ok(true));
}

#[test]
fn suites_that_we_cannot_follow_are_passed_over() {
    let check = |crypto: &str, known| {
        let media = format!("m=audio 4000 RTP/AVP 8\r\na=crypto:{crypto}\r\n");
        let (_, agreement) = answered(Srtp::Offered, &media).unwrap();
        assert_eq!(agreement.keys.is_some(), known, "{crypto}");
    };
    check(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}"), true);
    check(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20 WSH=64 -EXTRA"), true);
    check(&format!("1 AES_256_CM_HMAC_SHA1_80 {KEY}"), false);
    check(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20|1:4"), false);
    check(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY} UNENCRYPTED_SRTP"), false);
    check("1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", false);
    check("1 AES_CM_128_HMAC_SHA1_80", false);
}

#[test]
fn an_offer_with_encryption_is_agreed_on_by_its_answer() {
    let (mut ours, mut theirs) = (negotiation(), negotiation());
    theirs.keys = [MasterKey::new([3; 30]), MasterKey::new([4; 30])];
    for srtp in [Srtp::Offered, Srtp::Required] {
        let offer = ours.offer(&formats(srtp));
        let (answer, their_agreement) = theirs.answer(offer.as_bytes(), &formats(Srtp::Offered)).unwrap();
        let (our, their) = (ours.accept(answer.as_bytes()).unwrap().keys.unwrap(), their_agreement.keys.unwrap());
        assert!(our.suite == their.suite && our.local == their.remote && our.remote == their.local);
        assert_eq!(our.suite, Suite::Tag80);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut negotiation = negotiation();
        negotiation.offer(&formats(Srtp::Offered));
        let _ = negotiation.accept(&bytes);
        let _ = negotiation.answer(&bytes, &formats(Srtp::Offered));
    }

    #[test]
    fn any_lines_are_understood_or_refused(
        lines in proptest::collection::vec(prop_oneof![
            "m=audio [0-9]{1,6} RTP/S?AVP( [0-9]{1,3}){0,4}",
            "a=rtpmap:[0-9]{1,3} [A-Za-z-]{0,16}(/[0-9]{0,6}){0,2}",
            "a=fmtp:[0-9]{1,3} ([0-9,-]{0,9})",
            "a=crypto:[0-9]{1,11} AES_CM_128_HMAC_SHA1_(80|32) inline:[A-Za-z0-9+/=|:]{0,50}",
            "a=rtcp:[0-9]{0,6}( IN IP4 [0-9.]{0,16})?",
            "c=IN IP[46] [0-9a-f.:/]{0,20}",
            "a=(sendonly|recvonly|inactive|rtcp-mux|ptime:[0-9]{0,4})",
            "[a-z]=.{0,30}",
        ], 0..20),
    ) {
        let text = description(&lines.join("\r\n"));
        let mut negotiation = negotiation();
        negotiation.offer(&formats(Srtp::Offered));
        let _ = negotiation.accept(text.as_bytes());
        if let Ok((answer, _)) = negotiation.answer(text.as_bytes(), &formats(Srtp::Offered)) {
            prop_assert!(remote::parse(answer.as_bytes()).is_ok(), "{answer}");
        }
    }
}
