//! Programs that a test starts, ends, and reads the output of.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// What is waited for comes within this, or the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
/// The pause between two looks at what sends no event.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a program may take to end after it was asked to.
const GOODBYE_LOOKS: u32 = 500;
/// Ports of the tests: below those that systems choose from and that calls use by default, so that nothing else takes one in between.
const PORTS: std::ops::Range<u16> = 10_000..20_000;
/// Ports that one process of the tests begins at the distance of: tests of processes beside it keep apart.
const PORTS_OF_A_PROCESS: u16 = 60;

/// The data that peers are started with.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/sip").join(name)
}

/// Looks again and again until there is something to return.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut tick = tokio::time::interval(PAUSE);
    let looking = async {
        loop {
            tick.tick().await;
            if let Some(found) = look() {
                break found;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(found) => found,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}

/// What comes in time.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// Ports beside each other of which nobody has one, neither of UDP nor of TCP; the first is even.
pub(crate) fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    let own = u16::try_from(std::process::id() % u32::from(span / PORTS_OF_A_PROCESS)).unwrap() * PORTS_OF_A_PROCESS;
    for _ in 0..span {
        let at = NEXT.fetch_add((count + 1) & !1, Ordering::Relaxed);
        let first = PORTS.start + (own + at % span) % (span - count);
        if first.is_multiple_of(2) && (first..first + count).all(is_free) {
            return first;
        }
    }
    panic!("no {count} ports are free");
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
}

/// Whether somebody on this machine has the port of UDP, as the system's own table says. Binding it to find out would
/// take it from whoever is about to.
pub(crate) fn udp_is_taken(port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/net/udp").expect("Linux says which ports are taken");
    table.lines().any(|row| row.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&wanted)))
}

/// A running program in a folder of its own, with all that it prints in one file.
pub(crate) struct Program {
    child: Child,
    folder: TempDir,
    name: &'static str,
}

impl Program {
    /// Starts a program of a Debian package in `folder`.
    pub(crate) fn start(name: &'static str, package: &str, folder: TempDir, arguments: &[String]) -> Self {
        let output = File::create(folder.path().join("output.txt")).unwrap();
        let mut command = Command::new(name);
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        match command.spawn() {
            Ok(child) => Self { child, folder, name },
            Err(error) => panic!("cannot start {name} ({error}): install it, with `apt-get install {package}`"),
        }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed so far.
    pub(crate) fn output(&self) -> String {
        self.file("output.txt")
    }

    /// What stands in a file of its folder; nothing where there is none yet.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read(self.folder().join(name)).map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into())
    }

    /// Waits until `ready`.
    pub(crate) async fn ready(&mut self, ready: impl Fn(&Self) -> bool) {
        let name = self.name;
        until(&format!("{name} comes up"), || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{name} ended by itself with {status}:\n{}", self.output());
            }
            ready(self).then_some(())
        })
        .await;
    }

    /// Waits until it ends by itself; its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let name = self.name;
        until(&format!("{name} ends"), || self.child.try_wait().unwrap()).await.code()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, so that it ends what it started itself, and waits until it has.
    pub(crate) fn stop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..GOODBYE_LOOKS {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            pause();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a program that ends sends no event, and a drop cannot await")]
fn pause() {
    std::thread::sleep(PAUSE);
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("what {} said:\n{}", self.name, self.output());
        }
    }
}
