//! Signing: what a client of the open API sends, and what receivers of callbacks check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hutong_domain::moment::Moment;
use hutong_store::key::Secret;
use jiff::tz::TimeZone;
use sha1::Sha1;

/// The headers `appkey`, `datetime` and `sign` of a request made at `now`, per `conventions.md`.
#[must_use]
pub fn sign(app_key: &str, secret: &Secret, now: Moment) -> [(&'static str, String); 3] {
    let datetime = now.civil(&TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    // HMAC takes keys of any length; the error exists for other algorithms.
    let tag = Hmac::<Sha1>::new_from_slice(secret.0.as_bytes())
        .map(|mac| mac.chain_update(app_key).chain_update("\n").chain_update(&datetime).finalize().into_bytes())
        .unwrap_or_default();
    [("appkey", app_key.to_owned()), ("datetime", datetime), ("sign", STANDARD.encode(tag))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_openssl() {
        // printf 'key\nThu, 13 Dec 2018 01:27:17 GMT' | openssl dgst -sha1 -hmac secret -binary | base64
        let signed = sign("key", &Secret("secret".to_owned()), Moment(1_544_664_437_000));
        assert_eq!(signed[1].1, "Thu, 13 Dec 2018 01:27:17 GMT");
        assert_eq!(signed[2].1, "5oas9eRfcv72qqzq+oivG4iYNoo=");
    }
}
