//! Running other programs: said aloud, timed, and never waited for without a bound.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How often a program that is waited for is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Prints the command line, runs it, and fails unless the program succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Whether the program can be started and succeeds; what it prints is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// What the program prints, or `None` when it cannot be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Does one step of a longer chore under a heading, says how long it took, and names it if it fails.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    heading(name);
    let started = now();
    let outcome = work();
    println!("--- {name}: {:.1} s", started.elapsed().as_secs_f64());
    outcome.with_context(|| format!("step `{name}` failed"))
}

/// Prints the heading of a step.
pub(crate) fn heading(name: &str) {
    println!("\n=== {name}");
}

/// Looks again and again until there is something to return, at most for `bound`; `None` when it is over.
pub(crate) fn poll<T>(bound: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = now() + bound;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if now() >= deadline {
            return Ok(None);
        }
        pause();
    }
}

/// Waits at most `bound` for the program to end; `None` when it is still running then.
pub(crate) fn wait(child: &mut Child, bound: Duration) -> Result<Option<ExitStatus>> {
    poll(bound, || Ok(child.try_wait()?))
}

/// The program and its arguments as one would type them, without the folder of the program.
fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::disallowed_methods, reason = "a chore is timed by the real clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "another program's files and end send no event that std could wait for")]
fn pause() {
    thread::sleep(POLL_INTERVAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_in_the_error() {
        let error = run(&mut Command::new("false")).unwrap_err();

        assert!(error.to_string().contains("`false` failed"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named_in_the_error() {
        let error = run(Command::new("no-such-program").arg("--help")).unwrap_err();

        assert!(error.to_string().contains("no-such-program --help"), "{error}");
    }

    #[test]
    fn a_failing_step_is_named_in_the_error() {
        let error = step::<()>("lint", || anyhow::bail!("untidy")).unwrap_err();

        assert_eq!(format!("{error:#}"), "step `lint` failed: untidy");
    }

    #[test]
    fn waiting_ends_at_its_bound() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();

        let status = wait(&mut child, Duration::from_millis(10)).unwrap();

        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(status, None);
    }
}
