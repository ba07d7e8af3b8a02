//! Our descriptions, as text.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sdp_types::Session;

use super::super::codec::Codec;
use super::super::noise;
use super::{Chosen, DIGITS_PAYLOAD_TYPE, Direction, Formats, Negotiation, SUITES, Srtp};

/// One line of formats, and what stands below it.
struct Audio<'a> {
    profile: &'a str,
    codecs: Vec<(u8, Codec)>,
    digits: Option<u8>,
    noise: bool,
    direction: Direction,
    reports_share_port: bool,
    cryptos: Vec<String>,
}

/// An offer of everything that `formats` names.
pub(super) fn offer(negotiation: &Negotiation, formats: &Formats, version: u64) -> String {
    let mut codecs: Vec<(u8, Codec)> = Vec::new();
    for codec in &formats.codecs {
        if !codecs.iter().any(|(_, known)| known == codec) {
            codecs.push((codec.payload_type(), *codec));
        }
    }
    let suites: &[_] = if formats.srtp == Srtp::Off { &[] } else { &SUITES };
    let cryptos = suites
        .iter()
        .filter_map(|(suite, place, tag)| {
            let key = negotiation.keys.get(*place)?;
            Some(format!("{tag} {} inline:{}", suite.name(), STANDARD.encode(key.as_bytes())))
        })
        .collect();
    let audio = Audio {
        profile: if formats.srtp == Srtp::Required { "RTP/SAVP" } else { "RTP/AVP" },
        codecs,
        digits: formats.digits.then_some(DIGITS_PAYLOAD_TYPE),
        noise: false,
        direction: Direction::SendReceive,
        reports_share_port: true,
        cryptos,
    };
    let mut text = head(negotiation, formats, version);
    write_audio(&mut text, negotiation.local.port(), &audio);
    text
}

/// The answer to `session`, of whose media we take part in the one at `at` and refuse the others.
pub(super) fn answer(
    negotiation: &Negotiation,
    formats: &Formats,
    session: &Session,
    at: usize,
    chosen: &Chosen,
    version: u64,
) -> String {
    let Chosen { remote, agreement, crypto_tag } = chosen;
    let mut text = head(negotiation, formats, version);
    for (place, media) in session.medias.iter().enumerate() {
        if place != at {
            let _ = write!(text, "m={} 0 {} {}\r\n", media.media, media.proto, media.fmt);
            continue;
        }
        let crypto = agreement.keys.as_ref().zip(*crypto_tag).map(|(keys, tag)| {
            format!("{tag} {} inline:{}", keys.suite.name(), STANDARD.encode(keys.local.as_bytes()))
        });
        let audio = Audio {
            profile: &media.proto,
            codecs: remote.common(&formats.codecs).collect(),
            digits: agreement.digits_heard,
            noise: remote.noise,
            direction: agreement.negotiated.direction,
            reports_share_port: remote.reports_share_port,
            cryptos: crypto.into_iter().collect(),
        };
        write_audio(&mut text, negotiation.local.port(), &audio);
    }
    text
}

fn head(negotiation: &Negotiation, formats: &Formats, version: u64) -> String {
    let address = formats.advertised.unwrap_or(negotiation.local.ip());
    let kind = match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let session = negotiation.session;
    format!("v=0\r\no=- {session} {version} IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n")
}

/// Writing to a string cannot fail.
fn write_audio(text: &mut String, port: u16, audio: &Audio<'_>) {
    let _ = write!(text, "m=audio {port} {}", audio.profile);
    let noise = audio.noise.then_some(noise::PAYLOAD_TYPE);
    for payload_type in audio.codecs.iter().map(|(payload_type, _)| *payload_type).chain(noise).chain(audio.digits) {
        let _ = write!(text, " {payload_type}");
    }
    text.push_str("\r\n");
    for (payload_type, codec) in &audio.codecs {
        let _ = write!(text, "a=rtpmap:{payload_type} {}/8000\r\n", codec.name());
    }
    if let Some(noise) = noise {
        let _ = write!(text, "a=rtpmap:{noise} CN/8000\r\n");
    }
    if let Some(digits) = audio.digits {
        let _ = write!(text, "a=rtpmap:{digits} telephone-event/8000\r\na=fmtp:{digits} 0-15\r\n");
    }
    for crypto in &audio.cryptos {
        let _ = write!(text, "a=crypto:{crypto}\r\n");
    }
    if audio.reports_share_port {
        text.push_str("a=rtcp-mux\r\n");
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", audio.direction.name());
}
