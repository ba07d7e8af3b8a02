//! A PostgreSQL server of its own for each test, from the system's binaries.
//!
//! The data folder is copied from a template that the first test makes, and the server listens on a
//! socket in that folder only, so that any number of them run at once. As root, the server runs as another
//! user, as PostgreSQL demands.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// The oldest PostgreSQL that the product is tested on, and whose `initdb` knows ICU's collations.
const MAJOR_VERSION_MIN: u32 = 15;
/// Part of the template's name: to be counted up when [`INITDB`] changes.
const TEMPLATE_EDITION: u32 = 1;
/// How the template is made. Its collation differs from the order of bytes, as that of most
/// installations does.
const INITDB: [&str; 8] = [
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--wal-segsize=1",
    "--no-sync",
];
/// What every server is started with, before the settings that a test asks for.
const SETTINGS: [&str; 5] =
    ["listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=32MB", "log_destination=stderr"];
/// Where files are kept in memory: a server's data is thrown away, and copying it to a disk takes longer
/// than most tests.
const MEMORY_FOLDER: &str = "/dev/shm";
/// What has to be free there: enough for the servers of many tests at once.
const MEMORY_FREE_BYTES_MIN: u64 = 2 << 30;
/// Starts the server, and ends it at once when its own input is closed: by [`Server`] when it is dropped,
/// and by the system when the test is killed. The error stream is left to the server alone, so that its
/// end is the server's end.
const SUPERVISOR: &str = r#""$@" & server=$!; exec 2>&-; read -r _; kill -QUIT "$server"; wait "$server""#;
/// The line of the log after which connections are accepted.
const READY: &str = "database system is ready to accept connections";

/// A running server; it ends, and its data goes, when this is dropped.
pub struct Server {
    supervisor: Child,
    log: Option<JoinHandle<String>>,
    folder: TempDir,
}

impl Server {
    /// Starts a server on an empty database, with these settings (`name=value`) besides the usual ones.
    ///
    /// # Panics
    /// When there is no PostgreSQL on the system, or it does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        let programs = Programs::find();
        let folder = tempfile::tempdir_in(roomy_folder()).expect("a temporary folder for PostgreSQL");
        let account = Account::of_server(folder.path());
        copy_folder(&template(&programs), &folder.path().join("data"));
        account.own_all(folder.path());

        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh"]);
        command.arg(programs.path("postgres")).args(["-D", "data", "-k"]).arg(folder.path());
        for setting in SETTINGS.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        account.run_as(&mut command).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = command.spawn().expect("`sh` runs");

        let stderr = supervisor.stderr.take().expect("the server's log");
        let (ready, is_ready) = channel();
        let log = std::thread::spawn(move || read_log(stderr, ready));
        let mut server = Self { supervisor, log: Some(log), folder };
        server.wait_until_ready(&is_ready);
        server
    }

    /// The address of its database, as `store.url` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let host = self.folder.path().to_str().expect("the temporary folder's path is text");
        format!("postgres://postgres@{}/postgres", host.replace('%', "%25").replace('/', "%2F"))
    }

    /// Ends the server; all that it has logged.
    #[must_use]
    pub fn stop_and_read_log(mut self) -> String {
        self.stop()
    }

    fn wait_until_ready(&mut self, is_ready: &Receiver<()>) {
        if is_ready.recv().is_err() {
            let log = self.stop();
            panic!("PostgreSQL does not start; it says:\n{log}");
        }
    }

    fn stop(&mut self) -> String {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        self.log.take().and_then(|log| log.join().ok()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads the log to its end, and tells when the server is ready.
fn read_log(stderr: ChildStderr, ready: Sender<()>) -> String {
    let mut ready = Some(ready);
    let mut log = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some(ready) = ready.take_if(|_| line.contains(READY)) {
            // A test that is gone needs no answer.
            let _ = ready.send(());
        }
        log.push_str(&line);
        log.push('\n');
    }
    log
}

/// PostgreSQL's programs.
struct Programs {
    folder: PathBuf,
    version: u32,
}

impl Programs {
    /// The newest on the system.
    fn find() -> Self {
        let debian =
            fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = debian
            .chain(std::env::split_paths(&path))
            .filter_map(Self::in_folder)
            .max_by_key(|programs| programs.version);
        match found {
            Some(programs) if programs.version >= MAJOR_VERSION_MIN => programs,
            _ => panic!(
                "the tests need the server programs of PostgreSQL {MAJOR_VERSION_MIN} or newer, in \
                 /usr/lib/postgresql/*/bin or on the PATH: `apt-get install postgresql` installs them"
            ),
        }
    }

    fn in_folder(folder: PathBuf) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let version = text.split_whitespace().nth(2)?.split('.').next()?;
        Some(Self { version: version.parse().ok()?, folder })
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// Who the server runs as.
struct Account {
    /// User and group; none where it is the user that runs the tests.
    other: Option<(u32, u32)>,
}

impl Account {
    /// Another user where the tests run as root, told by whose the folder is that they just made.
    fn of_server(folder: &Path) -> Self {
        let owner = fs::metadata(folder).expect("the temporary folder is there").uid();
        if owner != 0 {
            return Self { other: None };
        }
        let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let other = ["postgres", "nobody"].iter().find_map(|name| user(&users, name));
        assert!(
            other.is_some(),
            "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`"
        );
        Self { other }
    }

    fn run_as<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.other {
            Some((user, group)) => command.uid(user).gid(group),
            None => command,
        }
    }

    fn own_all(&self, path: &Path) {
        let Some((user, group)) = self.other else {
            return;
        };
        chown(path, Some(user), Some(group)).expect("root may give files away");
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a folder").flatten() {
                self.own_all(&entry.path());
            }
        }
    }
}

/// The user's and its group's number in the text of `/etc/passwd`.
fn user(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields =
        users.lines().map(|line| line.split(':')).find_map(|mut fields| (fields.next()? == name).then_some(fields))?;
    let user = fields.nth(1)?.parse().ok()?;
    Some((user, fields.next()?.parse().ok()?))
}

/// An empty data folder to copy from, made by the first test that needs it while the others wait.
fn template(programs: &Programs) -> PathBuf {
    let kept = target_folder().join("hutong-testkit");
    fs::create_dir_all(&kept).expect("a folder below the target folder");
    let template = kept.join(format!("postgres-{}-{TEMPLATE_EDITION}", programs.version));
    let lock = File::create(kept.join("lock")).expect("a lock file");
    lock.lock().expect("the lock is given back when its holder ends");
    if !template.exists() {
        let unfinished = kept.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        make_template(programs, &unfinished);
        fs::rename(&unfinished, &template).expect("the template is put in its place");
    }
    template
}

/// `initdb` runs in a temporary folder: the target folder may be closed to the server's user.
fn make_template(programs: &Programs, template: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder for initdb");
    let account = Account::of_server(folder.path());
    account.own_all(folder.path());
    let mut initdb = Command::new(programs.path("initdb"));
    initdb.args(INITDB).args(["-D", "data"]);
    account.run_as(&mut initdb).current_dir(folder.path());
    let output = initdb.output().expect("initdb runs");
    assert!(output.status.success(), "initdb failed:\n{}", String::from_utf8_lossy(&output.stderr));
    copy_folder(&folder.path().join("data"), template);
}

/// The target folder that the running test was built into, else a temporary one.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the test knows its own program");
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.map_or_else(std::env::temp_dir, Path::to_owned)
}

/// The folder in memory where it has room, else that for temporary files.
fn roomy_folder() -> PathBuf {
    let room = rustix::fs::statvfs(MEMORY_FOLDER).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
    if room >= MEMORY_FREE_BYTES_MIN { PathBuf::from(MEMORY_FOLDER) } else { std::env::temp_dir() }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    let permissions = fs::metadata(from).expect("a folder").permissions();
    fs::set_permissions(to, permissions).expect("our own folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("space on the disk");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:\npostgres:x:101:104:P,,,:/var:/bin/bash\n";
        assert_eq!(user(users, "postgres"), Some((101, 104)));
        assert_eq!(user(users, "nobody"), None);
    }

    #[test]
    fn a_server_that_cannot_start_fails_the_test_with_its_own_words() {
        let outcome = std::panic::catch_unwind(|| Server::start(&["no_such_setting=1"]));
        let panic = outcome.err().expect("the server does not start");
        let text = panic.downcast::<String>().expect("a text");
        assert!(text.contains("no_such_setting"), "{text}");
    }

    #[test]
    fn the_data_of_a_server_goes_with_it() {
        let server = Server::start(&[]);
        let folder = server.folder.path().to_owned();
        assert!(folder.join("data").join("PG_VERSION").is_file());
        let log = server.stop_and_read_log();
        assert!(log.contains(READY), "{log}");
        assert!(!folder.exists());
    }
}
