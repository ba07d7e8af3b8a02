//! Scripts, styles and icons: compiled in, under addresses that name their digest, so browsers keep them for good.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets");
/// Hexadecimal digits of a digest that stand in an address.
const DIGEST_DIGITS: usize = 12;
const FOREVER: &str = "public, max-age=31536000, immutable";

struct Asset {
    content_type: &'static str,
    plain: &'static [u8],
    zipped: Vec<u8>,
}

/// By `DIGEST-NAME`, and the other way round.
struct Assets {
    by_address: HashMap<String, Asset>,
    addresses: HashMap<&'static str, String>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut assets = Assets { by_address: HashMap::new(), addresses: HashMap::new() };
    let files = FILES.files().chain(FILES.dirs().flat_map(Dir::files));
    for file in files {
        let Some(name) = file.path().file_name().and_then(|name| name.to_str()) else { continue };
        let Some(content_type) = content_type(name) else { continue };
        let plain = file.contents();
        let digest = Sha256::digest(plain).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let address = format!("{}-{name}", digest.get(..DIGEST_DIGITS).unwrap_or_default());
        assets.addresses.insert(name, format!("/assets/{address}"));
        assets.by_address.insert(address, Asset { content_type, plain, zipped: zip(plain) });
    }
    assets
});

/// What is no asset (licences, checksums) has none.
fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// Writing to memory does not fail; an empty one is not used.
fn zip(plain: &[u8]) -> Vec<u8> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(plain).and_then(|()| zipped.finish()).unwrap_or_default()
}

/// The address of an asset.
pub(crate) fn address(name: &str) -> String {
    ASSETS.addresses.get(name).cloned().unwrap_or_default()
}

/// `GET /assets/{name}`
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.by_address.get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let takes_zipped = headers.get(ACCEPT_ENCODING).is_some_and(|it| it.to_str().is_ok_and(|it| it.contains("gzip")));
    let common = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, FOREVER), (VARY, "accept-encoding")];
    if takes_zipped && !asset.zipped.is_empty() {
        return (common, [(CONTENT_ENCODING, "gzip")], asset.zipped.as_slice()).into_response();
    }
    (common, asset.plain).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendored_assets_are_what_their_checksums_say() {
        let vendor = FILES.get_dir("vendor").unwrap();
        let sums = FILES.get_file("vendor/CHECKSUMS").unwrap().contents_utf8().unwrap();
        let listed: HashMap<&str, &str> =
            sums.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
        let mut seen = 0;
        for file in vendor.files() {
            let name = file.path().file_name().unwrap().to_str().unwrap();
            if content_type(name).is_some() {
                let sum: String = Sha256::digest(file.contents()).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(listed.get(name), Some(&sum.as_str()), "{name}");
                seen += 1;
            }
        }
        assert_eq!((seen, listed.len()), (listed.len(), listed.len()));
    }

    #[test]
    fn nothing_that_browsers_fetch_names_another_server() {
        for file in FILES.files() {
            let text = file.contents_utf8().unwrap();
            let own = text.replace("http://www.w3.org/", "");
            assert!(!own.contains("http://") && !own.contains("https://"), "{}", file.path().display());
        }
    }
}
