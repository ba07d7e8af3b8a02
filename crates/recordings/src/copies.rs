//! The copies of a recording: both voices mixed, and the customer alone, from the answer on.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::name::{Part, RecordingName};
use crate::spool::Spool;
use crate::wav::{self, PAIR_BYTES, STEREO_HEADER_BYTES, Stereo};

/// What is read at a time.
const BLOCK_BYTES: usize = 64 << 10;
const COPIES: [Part; 2] = [Part::Both, Part::Customer];

/// Makes the copies of a recording that is kept; all its files are ready then. It can be done again at any point of it.
pub(crate) fn make(spool: &Spool, name: RecordingName) -> Result<()> {
    let kept = spool.kept(name);
    let source = OpenOptions::new().read(true).write(true).open(&kept).map_err(Error::file(&kept))?;
    let stereo = wav::mend(&source).map_err(Error::file(&kept))?;
    let parts = COPIES.map(|part| spool.part(name.file(part)));
    write_copies(&source, stereo, [&parts[0], &parts[1]])?;
    source.sync_all().map_err(Error::file(&kept))?;
    for (path, part) in parts.iter().zip(COPIES) {
        std::fs::rename(path, spool.ready(name.file(part))).map_err(Error::file(path))?;
    }
    // The last step: until then all can be made anew.
    std::fs::rename(&kept, spool.ready(name.file(Part::Stereo))).map_err(Error::file(&kept))
}

fn write_copies(mut source: &File, stereo: Stereo, [mixed, customer]: [&Path; 2]) -> Result<()> {
    let Stereo { samples, answered_at } = stereo;
    let mut write = || {
        let (mut mixed, mut customer) = (File::create(mixed)?, File::create(customer)?);
        let header = wav::mono_header(samples - answered_at);
        mixed.write_all(&header)?;
        customer.write_all(&header)?;
        source.seek(SeekFrom::Start(STEREO_HEADER_BYTES + answered_at * PAIR_BYTES))?;
        let mut pairs = source.take((samples - answered_at) * PAIR_BYTES);
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        loop {
            block.clear();
            // Blocks are whole pairs, and so is what is left for the last one.
            pairs.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
            if block.is_empty() {
                break;
            }
            let (both, alone) = split(&block);
            mixed.write_all(&both)?;
            customer.write_all(&alone)?;
        }
        mixed.sync_all()?;
        customer.sync_all()
    };
    write().map_err(Error::file(mixed))
}

/// Both voices together, and the customer's alone. They add up as in the air, and what is too loud together is cut and
/// does not turn over.
fn split(pairs: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut both, mut alone) = (Vec::with_capacity(pairs.len() / 2), Vec::with_capacity(pairs.len() / 2));
    for pair in pairs.as_chunks::<4>().0 {
        let [a, b, c, d] = *pair;
        let (customer, robot) = (i16::from_le_bytes([a, b]), i16::from_le_bytes([c, d]));
        both.extend_from_slice(&customer.saturating_add(robot).to_le_bytes());
        alone.extend_from_slice(&[a, b]);
    }
    (both, alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_add_up_without_turning_over() {
        let check = |customer: i16, robot: i16, together: i16| {
            let pair = [customer.to_le_bytes(), robot.to_le_bytes()].concat();
            let (both, alone) = split(&pair);
            assert_eq!((both, alone), (together.to_le_bytes().to_vec(), customer.to_le_bytes().to_vec()));
        };
        check(1, 2, 3);
        check(-5, 3, -2);
        check(30_000, 30_000, i16::MAX);
        check(-30_000, -30_000, i16::MIN);
        check(i16::MAX, i16::MIN, -1);
    }
}
