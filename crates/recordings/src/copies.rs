//! The copies of a recording: both voices mixed, and the customer alone, from the answer on.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::name::{Part, RecordingName};
use crate::spool::Spool;
use crate::wav::{self, PAIR_BYTES, STEREO_HEADER_BYTES, Stereo};

const BUFFER_BYTES: usize = 64 << 10;
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

fn write_copies(source: &File, stereo: Stereo, [mixed, customer]: [&Path; 2]) -> Result<()> {
    let Stereo { samples, answered_at } = stereo;
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut write = || {
        let (mut mixed, mut customer) = (create(mixed)?, create(customer)?);
        reader.seek(SeekFrom::Start(STEREO_HEADER_BYTES + answered_at * PAIR_BYTES))?;
        let header = wav::mono_header(samples - answered_at);
        mixed.write_all(&header)?;
        customer.write_all(&header)?;
        let mut pair = [0; 4];
        for _ in answered_at..samples {
            reader.read_exact(&mut pair)?;
            let [a, b, c, d] = pair;
            let (customer_sample, robot_sample) = (i16::from_le_bytes([a, b]), i16::from_le_bytes([c, d]));
            // Added as in the air, and cut where both together are too loud, without turning over.
            mixed.write_all(&customer_sample.saturating_add(robot_sample).to_le_bytes())?;
            customer.write_all(&customer_sample.to_le_bytes())?;
        }
        sync(mixed)?;
        sync(customer)
    };
    write().map_err(Error::file(mixed))
}

fn create(path: &Path) -> std::io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?))
}

fn sync(file: BufWriter<File>) -> std::io::Result<()> {
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}
