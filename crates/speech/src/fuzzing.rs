//! Where fuzz targets enter what is private otherwise. No part of the interface: nothing but fuzz targets calls these.

/// What servers answer: of any bytes, the first says who is asked, and each line that follows is one answer.
pub fn answers(bytes: &[u8]) {
    let Some((who, rest)) = bytes.split_first() else { return };
    if who % 4 == 3 {
        crate::mind::fuzz(rest);
    } else if let Ok(text) = std::str::from_utf8(rest) {
        crate::recogniser::fuzz(*who, text);
    }
}
