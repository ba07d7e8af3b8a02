//! Makes the audio in `assets/voices` anew: what is missing is spoken by a speech server.
//!
//! `index.tsv` says which file is which text; its columns are explained in `assets/LICENSE-voices.md`.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its terminal")]

mod server;
mod sound;
mod texts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use hutong_telephony::detect::wav;

use server::Server;
use texts::Line;

/// The first line of the index.
const HEADER: &str = "file\tvoice\trole\tgroup\ttext";

/// The command line of `cargo xtask voices`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask voices", about = "Make the audio that hutong comes with")]
struct Options {
    /// The speech server
    #[arg(long, value_name = "URL", required_unless_present = "missing")]
    server: Option<String>,
    /// Only print what has no audio yet: voice, scene or list, text
    #[arg(long)]
    missing: bool,
    /// The model that it is asked for
    #[arg(long, default_value = "kokoro")]
    model: String,
    /// Where the audio goes
    #[arg(long, value_name = "DIR", default_value = "assets/voices")]
    folder: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let lines = texts::all()?;
    let Some(server) = options.server.as_ref().filter(|_| !options.missing) else {
        for line in lines.iter().filter(|line| !options.folder.join(file_of(line)).exists()) {
            println!("{}\t{}\t{}", line.voice, line.group, line.text);
        }
        return Ok(());
    };
    let server = Server::new(server, &options.model);
    let mut index = format!("{HEADER}\n");
    let mut files = BTreeSet::new();
    for (number, line) in lines.iter().enumerate() {
        let file = file_of(line);
        let path = options.folder.join(&file);
        if !path.exists() {
            println!("{}/{}\t{file}\t{}", number + 1, lines.len(), line.text);
            make(&server, line, &path)
                .await
                .with_context(|| format!("cannot make {:?} in {}", line.text, line.voice))?;
        }
        index.push_str(&(row(line) + "\n"));
        files.insert(path);
    }
    std::fs::write(options.folder.join("index.tsv"), index)?;
    remove_others(&options.folder, &files)
}

/// The row of a text in the index.
fn row(line: &Line) -> String {
    let Line { voice, role, group, text } = line;
    format!("{}\t{voice}\t{role}\t{group}\t{text}", file_of(line))
}

/// The file of a text: it depends on nothing but the text, so that a changed text is spoken anew and all others stay.
fn file_of(line: &Line) -> String {
    // FNV-1a, which stays the same in every release of the compiler.
    let hash = line
        .text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{}/{}-{hash:016x}.wav", line.voice, line.role)
}

async fn make(server: &Server, line: &Line, path: &Path) -> Result<()> {
    let spoken = wav::read(&server.speak(line.voice, line.spoken(), line.speed()).await?)?;
    let samples = sound::for_telephone(&spoken.samples, spoken.rate_hz)?;
    std::fs::create_dir_all(path.parent().context("a file in no folder")?)?;
    Ok(std::fs::write(path, wav::write_alaw(&samples))?)
}

/// Removes the audio of texts that are no longer there.
fn remove_others(folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for voice in std::fs::read_dir(folder)? {
        let voice = voice?.path();
        if !voice.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&voice)? {
            let file = file?.path();
            if file.extension().is_some_and(|it| it == "wav") && !files.contains(&file) {
                println!("removed\t{}", file.display());
                std::fs::remove_file(file)?;
            }
        }
    }
    Ok(())
}
