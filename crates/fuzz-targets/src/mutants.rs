//! Mutants of seeds: what a fuzzer without a view of the code would try, the same ones on every run.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Changes of one mutant at most.
const CHANGES_MAX: usize = 6;
/// Bytes of a mutant at most.
const BYTES_MAX: usize = 8 * 1024;
/// Bytes that a change inserts or repeats at most.
const PIECE_BYTES_MAX: usize = 128;
/// What readers of text and of numbers stumble over.
const PIECES: [&[u8]; 24] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\0",
    b"-1",
    b"0",
    b"65536",
    b"4294967296",
    b"18446744073709551616",
    b"%00",
    b"%",
    b"\"",
    b"\\",
    b";",
    b",",
    b"<",
    b">",
    b":",
    b"@",
    b"=",
    b"\xff\xff\xff\xff",
    b"\x7f\xff",
    b"\xe5\x96\x82",
    b"\xe5",
];

/// Makes mutants of these seeds; `seed` says which. Without seeds they are made of nothing.
pub struct Mutants<'a> {
    seeds: &'a [Vec<u8>],
    chance: StdRng,
}

impl<'a> Mutants<'a> {
    /// The same arguments make the same mutants.
    #[must_use]
    pub fn new(seeds: &'a [Vec<u8>], seed: u64) -> Self {
        Self { seeds, chance: StdRng::seed_from_u64(seed) }
    }

    fn any_seed(&mut self) -> &'a [u8] {
        match self.seeds.len() {
            0 => &[],
            count => &self.seeds[self.chance.random_range(0..count)],
        }
    }

    /// Two places of these bytes, in their order, not far from each other.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.chance.random_range(0..=bytes.len());
        let most = (bytes.len() - start).min(PIECE_BYTES_MAX);
        start..start + self.chance.random_range(0..=most)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        match self.chance.random_range(0..8) {
            0 if !bytes.is_empty() => {
                let at = range.start.min(bytes.len() - 1);
                bytes[at] ^= 1 << self.chance.random_range(0..8);
            }
            1 if !bytes.is_empty() => {
                let at = range.start.min(bytes.len() - 1);
                bytes[at] = self.chance.random();
            }
            2 => drop(bytes.drain(range)),
            3 => {
                let piece = PIECES[self.chance.random_range(0..PIECES.len())];
                drop(bytes.splice(range.start..range.start, piece.iter().copied()));
            }
            4 => {
                let piece = PIECES[self.chance.random_range(0..PIECES.len())];
                drop(bytes.splice(range, piece.iter().copied()));
            }
            5 => {
                let piece = bytes[range.clone()].to_vec();
                for _ in 0..self.chance.random_range(1..4) {
                    drop(bytes.splice(range.start..range.start, piece.iter().copied()));
                }
            }
            6 => {
                let other = self.any_seed();
                let piece = other[self.range(other)].to_vec();
                drop(bytes.splice(range, piece));
            }
            _ => bytes.truncate(range.start),
        }
        bytes.truncate(BYTES_MAX);
    }
}

impl Iterator for Mutants<'_> {
    type Item = Vec<u8>;

    /// Never None.
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.any_seed().to_vec();
        bytes.truncate(BYTES_MAX);
        for _ in 0..self.chance.random_range(1..=CHANGES_MAX) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}
