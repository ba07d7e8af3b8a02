//! What the far side's description says of its audio.

use std::net::SocketAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sdp_types::{Media, RtpMap, Session};

use super::super::codec::Codec;
use super::super::digits;
use super::super::srtp::{Keys, MasterKey, Suite};
use super::{DIGIT_EVENTS_ALL, Direction, MEDIA_MAX, SDP_BYTES_MAX, SUITES, SdpError};

/// Formats of one media that are looked at.
const FORMATS_MAX: usize = 64;

/// Encryption lines of one media that are looked at.
const CRYPTO_MAX: usize = 16;

/// The far side's audio.
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) reports: SocketAddr,
    pub(super) reports_share_port: bool,
    pub(super) direction: Direction,
    /// The profile insists on encryption.
    pub(super) secure: bool,
    /// Codecs that we know at all, in the far side's order, by its numbers.
    pub(super) codecs: Vec<(u8, Codec)>,
    /// Digits as events: the number, and the keys it takes.
    pub(super) digits: Option<(u8, u16)>,
    /// Comfort noise was named.
    pub(super) noise: bool,
    /// The list of formats as it was written.
    pub(super) formats: String,
    /// Encryption with a suite that we know: tag, suite, key.
    cryptos: Vec<(u32, Suite, MasterKey)>,
}

/// Reads a description, within bounds.
pub(super) fn parse(bytes: &[u8]) -> Result<Session, SdpError> {
    if bytes.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLong(bytes.len()));
    }
    let session = Session::parse(bytes).map_err(|error| SdpError::Malformed(error.to_string()))?;
    if session.medias.len() > MEDIA_MAX { Err(SdpError::TooManyMedia(session.medias.len())) } else { Ok(session) }
}

/// The places of the audio that is offered over RTP: some offer it twice, with encryption and without.
pub(super) fn offered_audio(session: &Session) -> impl Iterator<Item = usize> + '_ {
    (0..).zip(&session.medias).filter(|(_, media)| is_audio(media) && media.port != 0).map(|(at, _)| at)
}

/// The place of the answer to our audio, which was the first and only media.
pub(super) fn answered_audio(session: &Session) -> Result<usize, SdpError> {
    match session.medias.first() {
        Some(media) if is_audio(media) && media.port != 0 => Ok(0),
        Some(media) if media.port == 0 => Err(SdpError::Refused),
        _ => Err(SdpError::NoAudio),
    }
}

fn is_audio(media: &Media) -> bool {
    let profiles = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"];
    media.media.eq_ignore_ascii_case("audio")
        && profiles.iter().any(|profile| media.proto.eq_ignore_ascii_case(profile))
}

impl Remote {
    pub(super) fn read(session: &Session, at: usize) -> Result<Self, SdpError> {
        let media = session.medias.get(at).ok_or(SdpError::NoAudio)?;
        let connection = media.connections.first().or(session.connection.as_ref());
        let connection = connection.ok_or_else(|| SdpError::Address("no c= line".to_owned()))?;
        let ip = connection.try_address().map_err(|_| SdpError::Address(connection.connection_address.clone()))?.ip;
        if ip.is_multicast() {
            return Err(SdpError::Address(connection.connection_address.clone()));
        }
        let address = SocketAddr::new(ip, media.port);
        let (codecs, digits, noise) = formats(media)?;
        Ok(Self {
            address,
            reports: reports(media, address)?,
            reports_share_port: media.has_attribute("rtcp-mux"),
            direction: direction(session, media),
            secure: media.proto.to_ascii_uppercase().contains("SAVP"),
            codecs,
            digits,
            noise,
            formats: media.fmt.clone(),
            cryptos: cryptos(media),
        })
    }

    /// Codecs that both sides know, in the far side's order.
    pub(super) fn common<'a>(&'a self, ours: &'a [Codec]) -> impl Iterator<Item = (u8, Codec)> + 'a {
        self.codecs.iter().copied().filter(|(_, codec)| ours.contains(codec))
    }

    /// The first encryption that we know, with its tag, and both keys; None if there is no encryption.
    pub(super) fn keys(&self, ours: &[MasterKey; 2]) -> Result<Option<(u32, Keys)>, SdpError> {
        let Some((tag, suite, remote)) = self.cryptos.first() else { return Ok(None) };
        let place = SUITES.iter().find(|(known, ..)| known == suite).map(|(_, place, _)| *place);
        let local = place.and_then(|place| ours.get(place)).ok_or(SdpError::NoEncryption("an unknown suite"))?;
        Ok(Some((*tag, Keys { suite: *suite, local: *local, remote: *remote })))
    }
}

/// Codecs, digits and comfort noise among the formats of a media.
type Found = (Vec<(u8, Codec)>, Option<(u8, u16)>, bool);

fn formats(media: &Media) -> Result<Found, SdpError> {
    let maps: Vec<RtpMap> = media.attributes_typed::<RtpMap>().flatten().take(FORMATS_MAX).collect();
    let (mut codecs, mut events, mut noise) = (Vec::new(), None, false);
    for format in media.fmt.split_ascii_whitespace().take(FORMATS_MAX) {
        let payload_type = format.parse::<u8>().ok().filter(|payload_type| *payload_type < 128);
        let payload_type = payload_type.ok_or_else(|| SdpError::Malformed(format!("the format {format:?} of m=")))?;
        let map = maps.iter().find(|map| map.payload_type == payload_type);
        let Some(map) = map else {
            let known = [Codec::Pcma, Codec::Pcmu].into_iter().find(|codec| codec.payload_type() == payload_type);
            codecs.extend(known.map(|codec| (payload_type, codec)));
            noise |= payload_type == super::super::noise::PAYLOAD_TYPE;
            continue;
        };
        if map.clock_rate != super::super::SAMPLE_RATE || map.encoding_params.as_deref().is_some_and(|ch| ch != "1") {
            continue;
        }
        if let Some(codec) = Codec::from_name(&map.encoding_name) {
            codecs.push((payload_type, codec));
        } else if map.encoding_name.eq_ignore_ascii_case(digits::ENCODING) && events.is_none() {
            events = Some((payload_type, digit_events(media, payload_type)));
        } else if map.encoding_name.eq_ignore_ascii_case("CN") {
            noise |= payload_type == super::super::noise::PAYLOAD_TYPE;
        }
    }
    Ok((codecs, events, noise))
}

/// The keys that a far side takes, a bit for each: RFC 4733 section 2.4.1; all if it does not say or says nonsense.
fn digit_events(media: &Media, payload_type: u8) -> u16 {
    let parameters = media.get_attribute_values("fmtp").flatten().find_map(|value| {
        let (number, parameters) = value.split_once(' ')?;
        (number.parse::<u8>().ok()? == payload_type).then_some(parameters)
    });
    let Some(parameters) = parameters else { return DIGIT_EVENTS_ALL };
    let mut events = 0;
    for part in parameters.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (Ok(from), Ok(to)) = (from.trim().parse::<u8>(), to.trim().parse::<u8>()) else {
            return DIGIT_EVENTS_ALL;
        };
        events = (from..=to.min(15)).fold(events, |events, event| events | 1u16.checked_shl(event.into()).unwrap_or(0));
    }
    events
}

fn direction(session: &Session, media: &Media) -> Direction {
    let all = [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive];
    let of_media = all.into_iter().find(|direction| media.has_attribute(direction.name()));
    of_media.or_else(|| all.into_iter().find(|direction| session.has_attribute(direction.name()))).unwrap_or_default()
}

/// Where reports go: `a=rtcp` (RFC 3605), or the next port.
fn reports(media: &Media, address: SocketAddr) -> Result<SocketAddr, SdpError> {
    let next = SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(address.port()));
    let Some(value) = media.get_first_attribute_value("rtcp").flatten() else { return Ok(next) };
    let error = || SdpError::Attribute { name: "rtcp", value: value.to_owned() };
    let mut words = value.split_ascii_whitespace();
    let port = words.next().and_then(|port| port.parse().ok()).ok_or_else(error)?;
    let ip = words.nth(2).map(|ip| ip.parse().map_err(|_| error())).transpose()?;
    Ok(SocketAddr::new(ip.unwrap_or(address.ip()), port))
}

/// Lines with a suite that we know and without parameters that we would have to follow; others are as if not there,
/// as RFC 4568 section 7.1.2 has it.
fn cryptos(media: &Media) -> Vec<(u32, Suite, MasterKey)> {
    media.get_attribute_values("crypto").flatten().take(CRYPTO_MAX).filter_map(crypto).collect()
}

fn crypto(value: &str) -> Option<(u32, Suite, MasterKey)> {
    let mut words = value.split_ascii_whitespace();
    let tag = u32::from_str(words.next()?).ok()?;
    let suite = Suite::from_name(words.next()?)?;
    let mut parts = words.next()?.strip_prefix("inline:")?.split('|');
    let key = parts.next()?.trim_end_matches('=');
    let key = STANDARD_NO_PAD.decode(key).ok().or_else(|| STANDARD.decode(key).ok())?;
    // A lifetime is longer than any call; a key identifier would stand in each packet, which we do not write.
    let identified = parts.any(|part| part.contains(':'));
    // Parameters with a dash may be ignored, and so may the hint of a window.
    let ignorable = words.all(|parameter| parameter.starts_with('-') || parameter.starts_with("WSH="));
    let key = MasterKey::from_bytes(&key)?;
    (!identified && ignorable).then_some((tag, suite, key))
}
