//! Offers and answers (RFC 3264): what both sides can, in session descriptions (RFC 8866).

use std::net::{IpAddr, SocketAddr};

use sdp_types::Session;

use super::codec::Codec;
use super::srtp::{Keys, MasterKey, Suite};

mod remote;
mod write;

use remote::Remote;

/// Bytes of a description that are looked at; more are refused.
const SDP_BYTES_MAX: usize = 16 * 1024;

/// Media of a description; more are refused.
const MEDIA_MAX: usize = 32;

/// The payload type that we offer digits as; the answer may choose another for what we send.
const DIGITS_PAYLOAD_TYPE: u8 = 101;

/// Every key of a telephone, by its event code.
const DIGIT_EVENTS_ALL: u16 = 0xffff;

/// Whether voices are encrypted (SDES, RFC 4568).
///
/// The keys stand in the description: it should travel over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Srtp {
    /// Never: an offer that insists on it is refused.
    #[default]
    Off,
    /// If the far side can (RFC 8643): a plain call otherwise.
    Offered,
    /// Always: an answer or offer without it is refused.
    Required,
}

/// What we can and want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    /// Codecs, the preferred one first. A codec named twice counts once.
    pub codecs: Vec<Codec>,
    /// Whether digits are sent and heard as events (RFC 4733).
    pub digits: bool,
    /// Whether voices are encrypted.
    pub srtp: Srtp,
    /// The address that the far side reaches us at, where a translator stands between; otherwise the local address.
    pub advertised: Option<IpAddr>,
}

impl Default for Formats {
    fn default() -> Self {
        Self { codecs: vec![Codec::Pcma, Codec::Pcmu], digits: true, srtp: Srtp::Off, advertised: None }
    }
}

/// Who sends, as one side sees it (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendReceive,
    /// This side only.
    SendOnly,
    /// The other side only.
    ReceiveOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// Whether this side sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Whether this side receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }

    /// The same as the other side sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::ReceiveOnly,
            Self::ReceiveOnly => Self::SendOnly,
            same => same,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// What we send; whatever else we named is heard too.
    pub codec: Codec,
    /// Whether the far side takes digits as events.
    pub digits: bool,
    /// The address that the far side named; unspecified if it wants nothing sent.
    pub remote: SocketAddr,
    /// Who sends, as we see it: anything but `SendReceive` is a hold.
    pub direction: Direction,
    /// Whether voices are encrypted.
    pub encrypted: bool,
    /// Whether reports share the port of the voices (RFC 5761).
    pub reports_share_port: bool,
}

/// Why a description cannot be agreed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than any description has to be.
    #[error("the description has {0} bytes, more than {SDP_BYTES_MAX}")]
    TooLong(usize),
    /// More media than any description has to have.
    #[error("the description has {0} media, more than {MEDIA_MAX}")]
    TooManyMedia(usize),
    /// Not a description.
    #[error("the description cannot be read: {0}")]
    Malformed(String),
    /// No audio that we could take part in.
    #[error("the description has no audio over RTP")]
    NoAudio,
    /// The answer refuses the audio that was offered.
    #[error("the answer refuses audio: its port is 0")]
    Refused,
    /// An address that nothing can be sent to.
    #[error("{0:?} is no address of a host that media can go to")]
    Address(String),
    /// An attribute whose value makes no sense.
    #[error("the attribute {name} cannot be read: {value:?}")]
    Attribute {
        /// The attribute's name.
        name: &'static str,
        /// What it says.
        value: String,
    },
    /// No codec in common.
    #[error("no codec in common: the far side has {0:?}")]
    NoCodec(String),
    /// One side insists on encryption and the other does not agree, or to no suite that both know.
    #[error("no encryption in common: {0}")]
    NoEncryption(&'static str),
    /// An answer came, but nothing was offered.
    #[error("an answer came to no offer")]
    NoOffer,
}

/// What a stream needs to know of what was agreed on.
#[derive(Clone, Copy)]
pub(crate) struct Agreement {
    pub(crate) negotiated: Negotiated,
    /// What we send `negotiated.codec` as: the far side's number.
    pub(crate) payload_type: u8,
    /// What we hear, by our numbers.
    pub(crate) heard: [Option<Codec>; 128],
    /// What we hear digits as.
    pub(crate) digits_heard: Option<u8>,
    /// What we send digits as, and the events that the far side takes, a bit for each.
    pub(crate) digits_sent: Option<(u8, u16)>,
    /// Where our reports go.
    pub(crate) remote_reports: SocketAddr,
    pub(crate) keys: Option<Keys>,
}

/// The audio of an offer that we take part in.
struct Chosen {
    remote: Remote,
    agreement: Agreement,
    /// The encryption line that we follow.
    crypto_tag: Option<u32>,
}

/// Our half of offers and answers of one call.
pub(crate) struct Negotiation {
    local: SocketAddr,
    session: u64,
    version: u64,
    /// What we last wrote, by which the version counts (RFC 3264 section 8).
    written: String,
    offered: Option<Formats>,
    /// Our key for each suite: kept for the whole call, so that nothing sent under it is sent again.
    keys: [MasterKey; 2],
}

impl Negotiation {
    /// `session` and `keys` are random.
    pub(crate) fn new(local: SocketAddr, session: u64, keys: [MasterKey; 2]) -> Self {
        Self { local, session, version: 0, written: String::new(), offered: None, keys }
    }

    /// An offer of everything that `formats` names.
    pub(crate) fn offer(&mut self, formats: &Formats) -> String {
        self.offered = Some(formats.clone());
        self.versioned(|negotiation, version| write::offer(negotiation, formats, version))
    }

    /// Takes an answer to our last offer. Several may come, of forks or after early media: the last one counts.
    pub(crate) fn accept(&mut self, answer: &[u8]) -> Result<Agreement, SdpError> {
        let formats = self.offered.as_ref().ok_or(SdpError::NoOffer)?;
        let session = remote::parse(answer)?;
        let media = remote::answered_audio(&session)?;
        let remote = Remote::read(&session, media)?;
        let mut heard = [None; 128];
        for codec in &formats.codecs {
            heard[usize::from(codec.payload_type())] = Some(*codec);
        }
        let keys = match remote.keys(&self.keys)? {
            None if formats.srtp == Srtp::Required => {
                return Err(SdpError::NoEncryption("we require it, the answer has none"));
            }
            Some(_) if formats.srtp == Srtp::Off => {
                return Err(SdpError::NoEncryption("the answer has it, we offered none"));
            }
            None if remote.secure => return Err(SdpError::NoEncryption("the answer names no suite that we offered")),
            keys => keys.map(|(_, keys)| keys),
        };
        let digits_heard = formats.digits.then_some(DIGITS_PAYLOAD_TYPE);
        agree(&remote, &formats.codecs, heard, digits_heard, keys)
    }

    /// Answers an offer: a first one, or one that changes or holds the call.
    pub(crate) fn answer(&mut self, offer: &[u8], formats: &Formats) -> Result<(String, Agreement), SdpError> {
        let session = remote::parse(offer)?;
        let mut refusal = SdpError::NoAudio;
        for (choice, at) in remote::offered_audio(&session).enumerate() {
            match self.choose(&session, at, formats) {
                Ok(chosen) => {
                    let text = self.versioned(|negotiation, version| {
                        write::answer(negotiation, formats, &session, at, &chosen, version)
                    });
                    return Ok((text, chosen.agreement));
                }
                // The first is what the far side would like best: why it does not work says the most.
                Err(error) if choice == 0 => refusal = error,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    /// What taking part in the offered media at `at` comes to.
    fn choose(&self, session: &Session, at: usize, formats: &Formats) -> Result<Chosen, SdpError> {
        let remote = Remote::read(session, at)?;
        let crypto = match remote.keys(&self.keys)? {
            None if formats.srtp == Srtp::Required => {
                return Err(SdpError::NoEncryption("we require it, the offer has none that we know"));
            }
            None if remote.secure => return Err(SdpError::NoEncryption("the offer has no suite that we know")),
            Some(_) if formats.srtp == Srtp::Off && remote.secure => {
                return Err(SdpError::NoEncryption("the offer insists on it, we do not encrypt"));
            }
            Some(_) if formats.srtp == Srtp::Off => None,
            crypto => crypto,
        };
        let mut heard = [None; 128];
        for (payload_type, codec) in remote.common(&formats.codecs) {
            heard[usize::from(payload_type)] = Some(codec);
        }
        let digits_heard = remote.digits.filter(|_| formats.digits).map(|(payload_type, _)| payload_type);
        let agreement = agree(&remote, &formats.codecs, heard, digits_heard, crypto.map(|(_, keys)| keys))?;
        Ok(Chosen { remote, agreement, crypto_tag: crypto.map(|(tag, _)| tag) })
    }

    /// Writes a description, whose version is one more if it says anything new.
    fn versioned(&mut self, write: impl Fn(&Self, u64) -> String) -> String {
        let text = write(self, self.version);
        if text == self.written {
            return text;
        }
        if !self.written.is_empty() {
            self.version += 1;
        }
        self.written = write(self, self.version);
        self.written.clone()
    }
}

fn agree(
    remote: &Remote,
    codecs: &[Codec],
    heard: [Option<Codec>; 128],
    digits_heard: Option<u8>,
    keys: Option<Keys>,
) -> Result<Agreement, SdpError> {
    let (payload_type, codec) =
        remote.common(codecs).next().ok_or_else(|| SdpError::NoCodec(remote.formats.clone()))?;
    let digits_sent = remote.digits.filter(|_| digits_heard.is_some());
    Ok(Agreement {
        negotiated: Negotiated {
            codec,
            digits: digits_sent.is_some(),
            remote: remote.address,
            direction: remote.direction.reversed(),
            encrypted: keys.is_some(),
            reports_share_port: remote.reports_share_port,
        },
        payload_type,
        heard,
        digits_heard,
        digits_sent,
        remote_reports: if remote.reports_share_port { remote.address } else { remote.reports },
        keys,
    })
}

/// The suites that we know, each with the place of our key for it and the tag that we offer it by.
const SUITES: [(Suite, usize, u32); 2] = [(Suite::Tag80, 0, 1), (Suite::Tag32, 1, 2)];

#[cfg(test)]
mod tests;
