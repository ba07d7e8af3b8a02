//! Archives that are damaged, or made by somebody who means ill: all are refused, and nothing is left of them.

use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hutong_domain::moment::Moment;
use sha2::{Digest as _, Sha256};

use super::{File, Manifest, Member, Recordings, Visitor, Writer, read};
use crate::error::Result;

const DATABASE: &[u8] = b"a store";
const RECORDING: &str = "2026/11/22/7/1-1.wav";

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest() -> Manifest {
    let mut manifest = Manifest::new(
        1,
        "2026-11-22T00:00:00Z".to_owned(),
        File { bytes: DATABASE.len() as u64, sha256: sum(DATABASE) },
    );
    manifest.recordings = Some(Recordings { files: 1, bytes: 5 });
    manifest
}

/// What was seen before an archive was refused, or all of it.
#[derive(Default)]
struct Seen(Vec<(Member, Vec<u8>)>);

impl Visitor for Seen {
    fn manifest(&mut self, _: &Manifest) -> Result<()> {
        Ok(())
    }

    fn member(&mut self, member: Member, content: &mut dyn std::io::Read) -> Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.0.push((member, bytes));
        Ok(())
    }
}

fn read_bytes(bytes: &[u8]) -> Result<Seen> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut seen = Seen::default();
    read(file.path(), &mut seen).map(|_| seen)
}

/// A member as it stands in an archive that was not made by us.
#[derive(Clone)]
struct Raw {
    name: Vec<u8>,
    kind: tar::EntryType,
    bytes: Vec<u8>,
}

fn raw(name: &str, bytes: &[u8]) -> Raw {
    Raw { name: name.as_bytes().to_vec(), kind: tar::EntryType::Regular, bytes: bytes.to_vec() }
}

/// The members of a good archive, without its sums.
fn good() -> Vec<Raw> {
    let manifest = serde_json::to_vec(&manifest()).unwrap();
    vec![raw("manifest.json", &manifest), raw("hutong.db", DATABASE), raw(&format!("recordings/{RECORDING}"), b"voice")]
}

/// An archive of these members, with the sums of all of them.
fn packed(members: &[Raw]) -> Vec<u8> {
    let sums: Vec<u8> = members
        .iter()
        .flat_map(|it| [sum(&it.bytes).into_bytes(), b"  ".to_vec(), it.name.clone(), b"\n".to_vec()].concat())
        .collect();
    packed_as_they_are(&[members, &[raw("SHA256SUMS", &sums)]].concat())
}

fn packed_as_they_are(members: &[Raw]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for Raw { name, kind, bytes } in members {
        let mut header = tar::Header::new_gnu();
        // As it is: the library would refuse to write some of these names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(&header, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[track_caller]
fn refused(archive: &[u8], why: &str) {
    match read_bytes(archive) {
        Ok(_) => panic!("it was taken"),
        Err(error) => assert!(error.to_string().contains(why), "{error}"),
    }
}

fn with(change: impl FnOnce(&mut Vec<Raw>)) -> Vec<u8> {
    let mut members = good();
    change(&mut members);
    packed(&members)
}

#[test]
fn what_we_write_is_what_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.tar.gz");
    let mut writer = Writer::begin(&file, Moment(1_000)).unwrap();
    writer.manifest(&manifest()).unwrap();
    writer.database(DATABASE.len() as u64, DATABASE).unwrap();
    writer.recording(RECORDING.parse().unwrap(), 5, &b"voice"[..]).unwrap();
    assert!(!file.exists(), "it is not there before it is whole");
    writer.finish().unwrap();
    let seen = read_bytes(&std::fs::read(&file).unwrap()).unwrap();
    let expected = [(Member::Database, DATABASE), (Member::Recording(RECORDING.parse().unwrap()), b"voice")];
    assert_eq!(seen.0, expected.map(|(member, bytes)| (member, bytes.to_vec())));
    assert_eq!(read_bytes(&packed(&good())).unwrap().0, seen.0, "and as good as one that others pack");
}

#[test]
fn a_member_that_changes_while_it_is_read_ends_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.tar.gz");
    let mut writer = Writer::begin(&file, Moment(1_000)).unwrap();
    assert!(writer.database(DATABASE.len() as u64 + 1, DATABASE).is_err());
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "../evil",
        "/etc/passwd",
        "recordings/../../evil",
        "recordings//2026/11/22/7/1-1.wav",
        "recordings/2026/11/22/7/../../../../../evil.wav",
        "recordings/",
        "recordings",
        "hutong.db-wal",
        "./hutong.db",
        "config.toml",
        "",
    ] {
        refused(&with(|members| members.push(raw(name, b""))), "does not belong there");
    }
    let no_text = Raw { name: vec![0xff, 0xfe], ..raw("", b"") };
    refused(&with(|members| members.push(no_text)), "is no text");
}

#[test]
fn only_files_are_taken() {
    use tar::EntryType;
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::GNULongName,
        EntryType::GNUSparse,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let member = Raw { kind, ..raw(&format!("recordings/{RECORDING}"), b"") };
        refused(&with(|members| members[2] = member), "is no file");
    }
}

#[test]
fn more_than_the_manifest_says_is_refused() {
    let more = "more recordings than manifest.json says";
    refused(&with(|members| members.push(raw("recordings/2026/11/22/7/2-1.wav", b""))), more);
    refused(&with(|members| members[2].bytes.push(b'x')), more);
    refused(&with(|members| members[1].bytes.push(b'x')), "\"hutong.db\" does not belong there");
    refused(&with(|members| members.push(raw("hutong.db", DATABASE))), "does not belong there");
    refused(&with(|members| members.push(raw("installation.key", b"x"))), "does not belong there");
    refused(&with(|members| members[1].bytes[0] ^= 1), "hutong.db is not what manifest.json says");
    let large = vec![b' '; 100_000];
    refused(&with(|members| members[0].bytes.extend(large)), "does not begin with manifest.json");
}

#[test]
fn what_is_not_whole_is_refused() {
    refused(&packed_as_they_are(&good()), "its end is missing");
    refused(&with(|members| drop(members.remove(1))), "its end is missing");
    refused(&with(|members| drop(members.remove(0))), "does not begin with manifest.json");
    refused(b"", "not a whole backup");
    refused(b"PK\x03\x04 something else", "not a whole backup");
    let mut twice = packed(&good());
    twice.extend(packed(&good()));
    refused(&twice, "stands behind its end");
    let behind = [&good()[..], &[raw("SHA256SUMS", b"")]].concat();
    refused(&packed_as_they_are(&behind), "is not what SHA256SUMS says");
    let mut newer = manifest();
    newer.format = 99;
    let newer = serde_json::to_vec(&newer).unwrap();
    refused(&with(|members| members[0] = raw("manifest.json", &newer)), "newer form");
    refused(&with(|members| members[0] = raw("manifest.json", b"{")), "manifest.json cannot be read");
    let whole = packed(&good());
    for length in 0..whole.len() {
        assert!(read_bytes(&whole[..length]).is_err(), "the first {length} bytes");
    }
}

#[test]
fn a_changed_byte_anywhere_in_it_is_found() {
    let whole = packed(&good());
    let mut unpacked = Vec::new();
    GzDecoder::new(whole.as_slice()).read_to_end(&mut unpacked).unwrap();
    // In the contents, which headers do not protect: the sums of the members do.
    let changed = |at: usize| {
        let mut bytes = unpacked.clone();
        bytes[at] ^= 1;
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&bytes).unwrap();
        packer.finish().unwrap()
    };
    let at = |needle: &[u8]| unpacked.windows(needle.len()).position(|window| window == needle).unwrap();
    refused(&changed(at(b"voice")), "recordings/2026/11/22/7/1-1.wav is not what SHA256SUMS says");
    refused(&changed(at(b"2026-11-22T00")), "manifest.json is not what SHA256SUMS says");
    refused(&changed(at(DATABASE)), "hutong.db is not what manifest.json says");
}

#[test]
fn a_folder_in_the_way_is_no_archive() {
    assert!(read(Path::new("/"), &mut Seen::default()).is_err());
    assert!(read(Path::new("/nowhere/b.tar.gz"), &mut Seen::default()).is_err());
}
