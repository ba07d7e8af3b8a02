//! `hutong announcement`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hutong_domain::audit::Action;
use hutong_domain::ids::CompanyId;
use hutong_domain::outcome::Meaning;
use hutong_store::Db;
use hutong_store::announcement::{self, ANNOUNCEMENTS_MAX, Announcement, AnnouncementId};
use hutong_store::audit::Object;
use hutong_telephony::detect::announcement::SAMPLE_MS_MIN;
use hutong_telephony::detect::fingerprint::{FRAMES_MAX, Fingerprint};
use hutong_telephony::detect::wav;

use super::by;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

/// Characters that a name may have.
const NAME_CHARACTERS_MAX: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum AnnouncementCommand {
    /// Learn how an announcement sounds; only its fingerprint is kept, not the recording
    Add {
        /// A WAV file, mono at 8000 Hz, linear 16-bit, A-law or µ-law, with the announcement and nothing else in it
        file: PathBuf,
        /// What it means, for example 空号 or vacant
        #[arg(long, value_name = "MEANING", value_parser = parse_meaning)]
        means: Meaning,
        /// What to call it, the carrier's name for example; the file's name where it is not given
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// List the announcements that were added
    List {
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Forget an announcement
    Remove {
        /// Which one
        id: i64,
        #[command(flatten)]
        installation: InstallationArgs,
    },
}

pub(crate) async fn run(command: AnnouncementCommand) -> Result<()> {
    match command {
        AnnouncementCommand::Add { file, means, name, installation } => {
            let name = name.or_else(|| Some(file.file_stem()?.to_string_lossy().into_owned())).unwrap_or_default();
            if name.trim().is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
                return Err(Error::Usage(format!("--name must have 1 to {NAME_CHARACTERS_MAX} characters")));
            }
            let fingerprint = fingerprint(&file)?;
            let (text, by) = (fingerprint.to_text(), by());
            let store = installation::open(&installation.load()?)?.store;
            let insert = move |db: &mut Db| {
                let id = announcement::insert(db, &name, means, &text, by.at)?;
                if let Some(id) = id {
                    by.made(db, Action::AnnouncementCreate, &Object::Announcement(id))?;
                }
                Ok(id)
            };
            let id = store.write(CompanyId(0), insert).await?.ok_or_else(|| {
                Error::Failed(format!("there are {ANNOUNCEMENTS_MAX} announcements already; remove one first"))
            })?;
            print(&format!("announcement {id}\t{}\t{}\n", means.label(), seconds(&fingerprint)))
        }
        AnnouncementCommand::List { installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let rows = store.read(announcement::all).await?;
            print(&rows.iter().map(row).collect::<String>())
        }
        AnnouncementCommand::Remove { id, installation } => {
            let store = installation::open(&installation.load()?)?.store;
            let (id, by) = (AnnouncementId(id), by());
            let remove = move |db: &mut Db| {
                by.change(db, Action::AnnouncementDelete, &Object::Announcement(id), |db| announcement::remove(db, id))
            };
            if !store.write(CompanyId(0), remove).await? {
                return Err(Error::Failed(format!(
                    "there is no announcement {id}; `hutong announcement list` shows all"
                )));
            }
            print(&format!("announcement {id} removed\n"))
        }
    }
}

fn parse_meaning(text: &str) -> std::result::Result<Meaning, String> {
    let found = Meaning::ALL.iter().copied().find(|meaning| text == meaning.name() || text == meaning.label());
    found.ok_or_else(|| {
        let known: Vec<_> = Meaning::ALL.iter().map(|it| format!("{} ({})", it.label(), it.name())).collect();
        format!("one of {}", known.join(", "))
    })
}

/// How the announcement in a file sounds, or why it cannot be used.
fn fingerprint(file: &Path) -> Result<Fingerprint> {
    let failed = |problem: &dyn std::fmt::Display| Error::Failed(format!("{}: {problem}", file.display()));
    let length = std::fs::metadata(file).map_err(|cause| Error::file(file, cause))?.len();
    if usize::try_from(length).is_ok_and(|length| length <= wav::FILE_BYTES_MAX) {
        let bytes = std::fs::read(file).map_err(|cause| Error::file(file, cause))?;
        let samples = wav::read_telephone(&bytes).map_err(|problem| failed(&problem))?;
        if samples.len() > FRAMES_MAX * 160 {
            return Err(failed(&"longer than 30 s: cut out one announcement, without its repetitions"));
        }
        let fingerprint = Fingerprint::of(&samples);
        if fingerprint.duration_ms() < SAMPLE_MS_MIN {
            return Err(failed(&"there is less than 1.5 s of sound in it: too little to tell it from others"));
        }
        return Ok(fingerprint);
    }
    Err(failed(&wav::WavError::TooLong))
}

fn row(announcement: &Announcement) -> String {
    let Announcement { id, name, meaning, fingerprint, .. } = announcement;
    let length = Fingerprint::from_text(fingerprint).map_or_else(|| "unreadable".to_owned(), |it| seconds(&it));
    format!("{id}\t{}\t{name}\t{length}\n", meaning.label())
}

fn seconds(fingerprint: &Fingerprint) -> String {
    format!("{:.1} s", fingerprint.duration_ms() as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{self, Cli};

    /// Runs a command on the installation in this folder.
    async fn hutong(data: &Path, arguments: &[&str]) -> Result<()> {
        let data = data.display().to_string();
        let line = ["hutong", "announcement"].iter().chain(arguments).copied().chain(["--data", &data]);
        cli::run(Cli::try_parse_from(line).map_err(|error| Error::Usage(error.to_string()))?).await
    }

    async fn kept(data: &Path) -> Vec<Announcement> {
        let mut config = crate::config::Config::load(None).unwrap();
        data.clone_into(&mut config.data);
        installation::open(&config).unwrap().store.read(announcement::all).await.unwrap()
    }

    /// Seconds of something that is no silence.
    fn sound(seconds: usize) -> Vec<i16> {
        (0..seconds * 8_000).map(|n| i16::try_from(n * n / 640 % 9_000).unwrap() - 4_500).collect()
    }

    #[tokio::test]
    async fn an_announcement_is_learnt_listed_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("某运营商.wav");
        std::fs::write(&file, wav::write_alaw(&sound(4))).unwrap();
        let file = file.display().to_string();
        hutong(folder.path(), &["add", &file, "--means", "空号"]).await.unwrap();
        hutong(folder.path(), &["add", &file, "--means", "powered_off", "--name", "关机一"]).await.unwrap();

        let rows = kept(folder.path()).await;
        let found: Vec<_> = rows.iter().map(|row| (row.id.0, row.name.as_str(), row.meaning)).collect();
        assert_eq!(found, [(1, "某运营商", Meaning::Vacant), (2, "关机一", Meaning::PoweredOff)]);
        let fingerprint = Fingerprint::from_text(&rows[0].fingerprint).unwrap();
        assert_eq!(row(&rows[0]), format!("1\t空号\t某运营商\t{}\n", seconds(&fingerprint)));
        assert!((3_500..=4_000).contains(&fingerprint.duration_ms()), "{}", fingerprint.duration_ms());

        hutong(folder.path(), &["list"]).await.unwrap();
        hutong(folder.path(), &["remove", "1"]).await.unwrap();
        assert!(matches!(hutong(folder.path(), &["remove", "1"]).await, Err(Error::Failed(_))));
        assert_eq!(kept(folder.path()).await, rows[1..]);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let check = async |content: &[u8], means: &str, expected: &str| {
            let file = folder.path().join("a.wav");
            std::fs::write(&file, content).unwrap();
            let error =
                hutong(folder.path(), &["add", &file.display().to_string(), "--means", means]).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        let good = wav::write_alaw(&sound(3));
        check(&good, "下班", "空号 (vacant)").await;
        check(b"ID3", "空号", "not a WAV file").await;
        check(&wav::write_alaw(&[0; 40_000]), "空号", "less than 1.5 s of sound").await;
        check(&wav::write_alaw(&sound(31)), "空号", "cut out one announcement").await;
        let mut wide = good.clone();
        // Its rate, in the chunk `fmt `.
        wide[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
        check(&wide, "空号", "ffmpeg").await;
        assert_eq!(kept(folder.path()).await, []);
    }
}
