//! Addresses of recordings: signed, and good for a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hutong_domain::moment::{Clock, Moment};
use sha2::Sha256;

use super::{LookedUp, NoRecordings, ReadError, RecordingFiles};

/// Addresses expire at full hours: so one that is asked for again is mostly the same, and browsers have it already.
const EXPIRY_STEP_S: i64 = 3600;

const KEY_BYTES: usize = 32;
/// What SHA-256 takes at a time.
const BLOCK_BYTES: usize = 64;

/// The recordings and their addresses.
pub struct Recordings {
    files: Arc<dyn RecordingFiles>,
    /// What addresses begin with, `https://hutong.example.com/recordings/`.
    base: String,
    mac: Hmac<Sha256>,
    valid_s: i64,
    clock: Arc<dyn Clock>,
}

/// Why an address is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Forged,
    Expired,
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, valid_s, .. } = self;
        f.debug_struct("Recordings").field("base", base).field("valid_s", valid_s).finish_non_exhaustive()
    }
}

impl Recordings {
    /// Recordings under `PUBLIC_URL/recordings/`, whose addresses are signed with `key` and good for `valid`, and up to an
    /// hour longer.
    #[must_use]
    pub fn new(
        files: Arc<dyn RecordingFiles>,
        public_url: &str,
        key: &[u8; KEY_BYTES],
        valid: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // HMAC fills keys up to a block with zeros: of this length, any key will do.
        let mut block = [0; BLOCK_BYTES];
        block[..KEY_BYTES].copy_from_slice(key);
        Self {
            files,
            base: format!("{}/recordings/", public_url.trim_end_matches('/')),
            mac: Hmac::new(&block.into()),
            valid_s: i64::try_from(valid.as_secs()).unwrap_or(i64::MAX),
            clock,
        }
    }

    /// No recordings at all.
    #[must_use]
    pub fn none() -> Self {
        struct Never;
        impl Clock for Never {
            fn now(&self) -> Moment {
                Moment::default()
            }
        }
        // Nothing is ever signed with it, since no recording is kept.
        Self::new(Arc::new(NoRecordings), "", &[0; 32], Duration::ZERO, Arc::new(Never))
    }

    /// The address of a recording; none once it is not kept any more.
    pub(crate) fn url(&self, name: &str) -> Option<String> {
        Some(format!("{}{}", self.base, self.signed(name)?))
    }

    /// The same for a page of this server, under whatever name a browser knows it.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<String> {
        Some(format!("/recordings/{}", self.signed(name)?))
    }

    fn signed(&self, name: &str) -> Option<String> {
        if !self.files.is_kept(name) {
            return None;
        }
        let end_s = (self.clock.now().ms() / 1000).saturating_add(self.valid_s);
        let expires = (end_s / EXPIRY_STEP_S).saturating_add(1).saturating_mul(EXPIRY_STEP_S).to_string();
        let signature = URL_SAFE_NO_PAD.encode(self.sign(name, &expires).finalize().into_bytes());
        Some(format!("{name}?expires={expires}&signature={signature}"))
    }

    /// Whether the address is ours and still good.
    pub(crate) fn check(&self, name: &str, expires: &str, signature: &str) -> Result<(), Refusal> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Forged)?;
        self.sign(name, expires).verify_slice(&signature).map_err(|_| Refusal::Forged)?;
        let expires_s: i64 = expires.parse().map_err(|_| Refusal::Forged)?;
        if self.clock.now().ms() / 1000 < expires_s { Ok(()) } else { Err(Refusal::Expired) }
    }

    /// Looks for the file of a recording, for a part of this server that reads it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn find(&self, name: &str) -> Result<LookedUp, ReadError> {
        self.files.find(name).await
    }

    pub(super) fn files(&self) -> &dyn RecordingFiles {
        &*self.files
    }

    /// Neither half can be moved into the other: an expiry has no line breaks, and names none either.
    fn sign(&self, name: &str, expires: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(name).chain_update("\n").chain_update(expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Kept;

    impl RecordingFiles for Kept {
        fn is_kept(&self, name: &str) -> bool {
            name != "old"
        }

        fn find<'a>(
            &'a self,
            name: &'a str,
        ) -> futures::future::BoxFuture<'a, Result<super::super::LookedUp, super::super::ReadError>> {
            NoRecordings.find(name)
        }
    }

    #[derive(Default)]
    struct HandClock(AtomicI64);

    impl Clock for HandClock {
        fn now(&self) -> Moment {
            Moment(self.0.load(Ordering::Relaxed) * 1000)
        }
    }

    const NAME: &str = "2026/11/22/7/493-1.wav";

    fn recordings(key: u8, clock: &Arc<HandClock>) -> Recordings {
        let clock: Arc<dyn Clock> = clock.clone();
        Recordings::new(Arc::new(Kept), "https://x.example/a/", &[key; 32], Duration::from_secs(7200), clock)
    }

    fn parts(url: &str) -> (String, String) {
        let (_, query) = url.split_once("?expires=").unwrap();
        let (expires, signature) = query.split_once("&signature=").unwrap();
        (expires.to_owned(), signature.to_owned())
    }

    #[test]
    fn an_address_is_signed_with_hmac_sha256() {
        let url = recordings(7, &Arc::default()).url(NAME).unwrap();
        // printf '2026/11/22/7/493-1.wav\n10800' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07 -binary | basenc --base64url
        let signature = "Z5BxYAHIlL1mnfD-_6rXeFIzIQ26EOi-1OIKHH6VpPE";
        assert_eq!(url, format!("https://x.example/a/recordings/{NAME}?expires=10800&signature={signature}"));
    }

    #[test]
    fn an_address_is_good_until_it_expires() {
        let clock = Arc::new(HandClock::default());
        let recordings = recordings(7, &clock);
        clock.0.store(1_000_000, Ordering::Relaxed);
        let (expires, signature) = parts(&recordings.url(NAME).unwrap());
        let expires_s: i64 = expires.parse().unwrap();
        assert!((1_007_200..=1_010_800).contains(&expires_s), "{expires_s}");
        let at = |now_s: i64| {
            clock.0.store(now_s, Ordering::Relaxed);
            recordings.check(NAME, &expires, &signature)
        };
        assert_eq!(at(1_000_000), Ok(()));
        assert_eq!(at(expires_s - 1), Ok(()));
        assert_eq!(at(expires_s), Err(Refusal::Expired));
        assert_eq!(at(i64::MAX / 1000), Err(Refusal::Expired));
    }

    #[test]
    fn an_address_that_is_asked_for_again_within_the_hour_is_the_same() {
        let clock = Arc::new(HandClock::default());
        let recordings = recordings(7, &clock);
        let at = |now_s: i64| {
            clock.0.store(now_s, Ordering::Relaxed);
            recordings.url(NAME)
        };
        assert_eq!(at(3600), at(7199));
        assert_ne!(at(7199), at(7200));
    }

    #[test]
    fn what_was_changed_is_refused() {
        let clock = Arc::new(HandClock::default());
        let ours = recordings(7, &clock);
        let (expires, signature) = parts(&ours.url(NAME).unwrap());
        let forged = [
            ("2026/11/22/7/494-1.wav", expires.as_str(), signature.as_str()),
            ("2026/11/22/7/493-1-customer.wav", &expires, &signature),
            (NAME, "99999999999", &signature),
            (NAME, "", &signature),
            (NAME, "010800", &signature),
            (NAME, "10800 ", &signature),
            (NAME, &expires, ""),
            (NAME, &expires, &signature[1..]),
            (NAME, &expires, &signature.to_lowercase()),
            (NAME, &expires, &format!("{signature}=")),
            (NAME, &expires, "!"),
            (&format!("{NAME}\n1"), "0800", &signature),
        ];
        for (name, expires, signature) in forged {
            assert_eq!(ours.check(name, expires, signature), Err(Refusal::Forged), "{name} {expires} {signature}");
        }
        assert_eq!(recordings(8, &clock).check(NAME, &expires, &signature), Err(Refusal::Forged));
        assert_eq!(ours.check(NAME, &expires, &signature), Ok(()));
    }

    #[test]
    fn what_is_not_kept_has_no_address() {
        assert_eq!(recordings(7, &Arc::default()).url("old"), None);
        assert_eq!(Recordings::none().url(NAME), None);
    }

    #[test]
    fn the_key_is_not_shown() {
        let shown = format!("{:?}", recordings(7, &Arc::default()));
        assert_eq!(shown, r#"Recordings { base: "https://x.example/a/recordings/", valid_s: 7200, .. }"#);
    }
}
