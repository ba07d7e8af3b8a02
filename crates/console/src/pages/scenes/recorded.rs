//! Recordings that come with a scene: a ZIP archive with a folder for each voice, the list of its files among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use encoding_rs::GB18030;
use hutong_domain::scene::{Scene, VoiceSource};
use hutong_scenes::LIST;
use tempfile::TempDir;
use zip::ZipArchive;

use crate::import::decoded;
use crate::ui::Ui;

/// Bytes of all files, once they are unpacked.
const UNPACKED_MAX: u64 = 256 << 20;
/// Files of an archive.
const FILES_MAX: usize = 20_000;

/// Why an archive is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no ZIP archive, or a broken one.
    Archive,
    /// There is too much in it.
    TooMuch,
    /// No list says which file speaks which text.
    NoList,
    /// A list is no text.
    List,
    /// The server could not keep it.
    NotKept,
}

/// Recordings that were unpacked; they are gone with this.
#[derive(Debug)]
pub(super) struct Recorded {
    /// By the name that the scene has for them.
    pub(super) folders: BTreeMap<String, PathBuf>,
    _all: TempDir,
}

impl Unfit {
    pub(super) fn words(self, ui: &Ui) -> &str {
        match self {
            Self::Archive => ui.t("录音应为 ZIP 压缩包", "Recordings come as a ZIP archive"),
            Self::TooMuch => ui.t(
                "压缩包解压后超过 256 MB 或 20000 个文件，请分几次上传",
                "The archive has more than 256 MB or 20,000 files: part it",
            ),
            Self::NoList => ui.t(
                "压缩包里没有录音清单 prompts.csv；有多个录音音色时，每个音色一个文件夹，名称与话术中的一致",
                "The archive has no list, prompts.csv; with several recorded voices there is a folder for each, named as in \
                 the scene",
            ),
            Self::List => {
                ui.t("录音清单 prompts.csv 不是 UTF-8 或 GBK 文本", "The list, prompts.csv, is no text in UTF-8 or GBK")
            }
            Self::NotKept => ui.t("服务器无法保存录音，详情见日志", "The server cannot keep them; its log says why"),
        }
    }
}

/// The names that a scene has for folders of recordings.
pub(super) fn folders(scene: &Scene) -> BTreeSet<&str> {
    let folders = scene.voices().iter().filter_map(|voice| match &voice.source {
        VoiceSource::Recordings(folder) => Some(folder.as_str()),
        VoiceSource::Installation | VoiceSource::Speaker { .. } => None,
    });
    folders.collect()
}

/// Unpacks an archive for a scene. Where both have one folder, its name does not matter.
///
/// # Errors
/// [`Unfit`].
pub(super) fn unpack(bytes: &[u8], scene: &Scene) -> Result<Recorded, Unfit> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Unfit::Archive)?;
    if archive.len() > FILES_MAX {
        return Err(Unfit::TooMuch);
    }
    let all = TempDir::new().map_err(|error| not_kept(&error))?;
    let places = places(&mut archive, scene)?;
    let mut recorded = BTreeMap::new();
    for (number, (_, wanted)) in places.iter().enumerate() {
        let folder = all.path().join(number.to_string());
        fs::create_dir(&folder).map_err(|error| not_kept(&error))?;
        recorded.insert((*wanted).to_owned(), folder);
    }
    let mut left = UNPACKED_MAX;
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(|_| Unfit::Archive)?;
        let name = name_of(part.name_raw());
        let (folder, file) = split(&name);
        let Some(folder) = places.get(folder).and_then(|wanted| recorded.get(*wanted)) else { continue };
        if part.is_dir() || [".", ".."].contains(&file) {
            continue;
        }
        left = keep(&mut part, &folder.join(file), left)?;
    }
    Ok(Recorded { folders: recorded, _all: all })
}

/// Which folders of the archive are which of the scene: those with a list.
fn places<'s>(archive: &mut ZipArchive<Cursor<&[u8]>>, scene: &'s Scene) -> Result<BTreeMap<String, &'s str>, Unfit> {
    let wanted = folders(scene);
    let mut listed = BTreeSet::new();
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(|_| Unfit::Archive)?;
        let name = name_of(part.name_raw());
        if let (folder, LIST) = split(&name) {
            listed.insert(folder.to_owned());
        }
    }
    if let ([folder], [wanted]) = (Vec::from_iter(&listed).as_slice(), Vec::from_iter(&wanted).as_slice()) {
        return Ok(BTreeMap::from([((*folder).clone(), **wanted)]));
    }
    let last = |folder: &str| Path::new(folder).file_name().map(ToOwned::to_owned);
    let named = listed.into_iter().filter_map(|folder| {
        let wanted = wanted.iter().find(|wanted| last(wanted) == last(&folder))?;
        Some((folder, *wanted))
    });
    let places: BTreeMap<String, &str> = named.collect();
    if places.is_empty() { Err(Unfit::NoList) } else { Ok(places) }
}

/// Keeps a file of the archive; how many bytes the others may have.
fn keep(part: &mut impl Read, path: &Path, left: u64) -> Result<u64, Unfit> {
    let mut part = part.take(left + 1);
    let length = if path.file_name().is_some_and(|name| name == LIST) {
        let mut list = Vec::new();
        part.read_to_end(&mut list).map_err(|_| Unfit::Archive)?;
        fs::write(path, decoded(&list).map_err(|_| Unfit::List)?).map_err(|error| not_kept(&error))?;
        u64::try_from(list.len()).unwrap_or(u64::MAX)
    } else {
        let mut file = File::create(path).map_err(|error| not_kept(&error))?;
        io::copy(&mut part, &mut file).map_err(|_| Unfit::Archive)?
    };
    left.checked_sub(length).ok_or(Unfit::TooMuch)
}

/// A name as it was written: in UTF-8, or as Chinese Windows writes it.
fn name_of(raw: &[u8]) -> String {
    let text = str::from_utf8(raw).map_or_else(|_| GB18030.decode(raw).0.into_owned(), str::to_owned);
    text.replace('\\', "/")
}

/// The folder and the name of a file in it.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn not_kept(error: &io::Error) -> Unfit {
    tracing::error!(%error, "recordings cannot be unpacked");
    Unfit::NotKept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn scene(voices: &str) -> Scene {
        let yaml = format!(
            "hutong: 1\nname: 甲\nrobot: {{ name: 乙 }}\nvoices: [{voices}]\nnodes:\n  - {{ name: 开场, say: 您好。, \
             end: {{ reason: 完成 }} }}\nresults:\n  - {{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }}\n"
        );
        Scene::parse(&yaml).unwrap()
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn one_folder_is_that_of_the_one_voice() {
        let scene = scene("{ name: 小林, recordings: 录音/小林 }");
        let list = GB18030.encode("file,place,text\n一.wav,开场,您好。\n").0.into_owned();
        for folder in ["", "whatever/", "a\\b\\"] {
            let name = |file: &str| format!("{folder}{file}");
            let bytes = archive(&[(&name(LIST), &list), (&name("一.wav"), b"RIFF"), ("../../out.wav", b"RIFF")]);
            let recorded = unpack(&bytes, &scene).unwrap();
            let folder = &recorded.folders["录音/小林"];
            assert!(fs::read_to_string(folder.join(LIST)).unwrap().contains("您好"), "{folder:?}");
            assert_eq!(fs::read(folder.join("一.wav")).unwrap(), b"RIFF");
            assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
        }
    }

    #[test]
    fn several_folders_are_told_apart_by_their_names() {
        let scene = scene("{ name: 小林, recordings: lin }, { name: 小王, recordings: wang }");
        let recorded = unpack(&archive(&[("all/wang/prompts.csv", b"file,text\n"), ("x/prompts.csv", b"")]), &scene);
        assert_eq!(recorded.unwrap().folders.keys().collect::<Vec<_>>(), ["wang"]);
        assert_eq!(unpack(&archive(&[("x/prompts.csv", b"")]), &scene).unwrap_err(), Unfit::NoList);
    }

    #[test]
    fn what_is_no_archive_with_a_list_is_refused() {
        let scene = scene("{ name: 小林, recordings: lin }");
        assert_eq!(unpack(b"RIFF", &scene).unwrap_err(), Unfit::Archive);
        assert_eq!(unpack(&archive(&[("1.wav", b"RIFF")]), &scene).unwrap_err(), Unfit::NoList);
        assert_eq!(unpack(&archive(&[(LIST, b"PK\0\0")]), &scene).unwrap_err(), Unfit::List);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let folder = tempfile::tempdir().unwrap();
        let keep = |bytes: &mut &[u8]| keep(bytes, &folder.path().join("1.wav"), 4);
        assert_eq!(keep(&mut b"1234".as_slice()), Ok(0));
        assert_eq!(keep(&mut b"12345".as_slice()), Err(Unfit::TooMuch));
    }
}
