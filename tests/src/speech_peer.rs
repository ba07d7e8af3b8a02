//! A server that really recognises and speaks: `tests/peers/speech`.
//!
//! One is shared by all tests of a run: its models take seconds to load, and most of a gigabyte. Whoever starts first
//! starts it; each test holds a connection to it; it ends by itself when nobody has held it for a while, and when the
//! folder is gone that says where it is.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{program, wait};

/// Where `cargo xtask test` says that it is installed.
const VARIABLE: &str = "SPEECH_PEER";

/// A speech server that is there as long as this is.
pub struct SpeechPeer {
    address: String,
    /// While this is open, it does not end.
    _held: TcpStream,
    /// One that is not shared is ended with this.
    own: Option<Child>,
}

impl SpeechPeer {
    /// The server that all tests share; none where it is not installed, which is said aloud.
    ///
    /// # Panics
    /// When it is installed and does not start; and in CI, where it has to be installed.
    #[must_use]
    pub fn shared() -> Option<Self> {
        let home = home()?;
        let folder = std::env::temp_dir().join("hutong-speech-peer");
        fs::create_dir_all(&folder).expect("there is a folder for temporary files");
        let lock = File::create(folder.join("lock")).expect("a file can be made in it");
        lock.lock().expect("a file can be locked");
        let state = folder.join("address");
        if let Some(peer) = hold(&state) {
            return Some(peer);
        }
        // One that has just ended may have left it.
        let _ = fs::remove_file(&state);
        // It outlives this test, whose end takes nothing of it along.
        let mut child = start(&home, &state);
        Some(until_held(&state, &mut child))
    }

    /// A server of a test's own, for one that kills it.
    ///
    /// # Panics
    /// As [`Self::shared`].
    #[must_use]
    pub fn own(folder: &Path) -> Option<Self> {
        let (home, state) = (home()?, folder.join("speech-peer"));
        let mut child = start(&home, &state);
        let mut peer = until_held(&state, &mut child);
        peer.own = Some(child);
        Some(peer)
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it recognises speech in OpenAI's shape, and speaks.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it recognises speech in FunASR's protocol.
    #[must_use]
    pub fn websocket(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Ends one of a test's own as a crash does.
    ///
    /// # Panics
    /// When it is shared.
    pub fn kill(&mut self) {
        end(&mut self.own.take().expect("only one of a test's own is killed"));
    }
}

impl Drop for SpeechPeer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.own {
            end(child);
        }
    }
}

fn end(child: &mut Child) {
    // Errors mean that it is gone already.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

/// Where it is installed.
fn home() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let home = set(VARIABLE).or_else(|| program::cache("SPEECH_PEER_HOME", "speech-peer"));
    let sources = sources();
    let wanted = ["install.py", "requirements.txt"].map(|name| fs::read(sources.join(name)).unwrap_or_default());
    let is_there = |home: &PathBuf| fs::read(home.join("installed")).is_ok_and(|it| it == wanted.concat());
    let there = home.filter(is_there);
    if there.is_none() {
        let advice =
            "the speech peer is not installed: `cargo xtask test` installs it, or tests/peers/speech/install.py";
        assert!(std::env::var_os("CI").is_none_or(|it| it != "true"), "{advice}");
        eprintln!("SKIPPED: {advice}");
    }
    there
}

fn sources() -> PathBuf {
    program::repository().join("tests/peers/speech")
}

fn start(home: &Path, state: &Path) -> Child {
    let log = File::create(state.with_extension("log")).expect("a log can be written");
    let errors = log.try_clone().expect("a file has two handles");
    let mut command = Command::new(home.join("venv/bin/python"));
    command.arg(sources().join("server.py")).arg(home).arg(state).env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    command.spawn().expect("an installed speech peer starts")
}

fn until_held(state: &Path, child: &mut Child) -> SpeechPeer {
    wait::until("the speech peer loads its models", || {
        let ended = child.try_wait().expect("the speech peer is our child");
        let log = || fs::read_to_string(state.with_extension("log")).unwrap_or_default();
        assert!(ended.is_none(), "the speech peer ended: {ended:?}\n{}", log());
        hold(state)
    })
}

/// Holds the server that this file tells of, if there is one.
fn hold(state: &Path) -> Option<SpeechPeer> {
    let address = fs::read_to_string(state).ok()?.trim().to_owned();
    let mut held = TcpStream::connect(&address).ok()?;
    held.set_read_timeout(Some(wait::BOUND)).ok()?;
    held.write_all(format!("GET /hold HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = [0; 12];
    held.read_exact(&mut answer).ok()?;
    (&answer == b"HTTP/1.1 200").then_some(SpeechPeer { address, _held: held, own: None })
}
