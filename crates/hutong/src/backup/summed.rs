//! Counting and summing what goes by.

use std::io::{Read, Result, Write};

use sha2::{Digest as _, Sha256};

/// Reads through, and sums what was read.
pub(super) struct Summed<R> {
    inner: R,
    sum: Sha256,
    bytes: u64,
}

impl<R: Read> Summed<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, sum: Sha256::new(), bytes: 0 }
    }

    /// How many bytes were read, and their SHA-256 in hexadecimal digits.
    pub(super) fn finish(self) -> (u64, String) {
        (self.bytes, self.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

/// A line of `SHA256SUMS`, as `sha256sum` reads it.
pub(super) fn write_line(sums: &mut impl Write, sum: &str, name: &str) -> Result<()> {
    writeln!(sums, "{sum}  {name}")
}
