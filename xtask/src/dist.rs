//! `cargo xtask package` and `cargo xtask image`: what is handed out, and how it is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::Profile;
use crate::{process, workspace};

/// What `cargo xtask package` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Package the unoptimised build: to try the packaging, not to hand it out
    #[arg(long)]
    dev: bool,
}

/// How the image builds hutong, as `packaging/Dockerfile` has it: offline, from vendored crates.
pub(crate) const IMAGE_BUILD: &str =
    "build --release --locked --offline --config packaging/vendor.toml --package hutong";
/// Files of the repository, and where they stand in the package.
const FILES: &[(&str, &str)] = &[
    ("LICENSE", "LICENSE"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("docs/operations.md", "docs/operations.md"),
    ("docs/security.md", "docs/security.md"),
    ("docs/metrics.md", "docs/metrics.md"),
    ("packaging/hutong.service", "hutong.service"),
    ("assets/grafana/hutong.json", "grafana/hutong.json"),
    ("assets/LICENSE-voices.md", "LICENSE-voices.md"),
];
/// Shells, and the names that they look for.
const COMPLETIONS: &[(&str, &str)] = &[("bash", "hutong"), ("zsh", "_hutong"), ("fish", "hutong.fish")];
/// Parts of glibc and of the compiler's runtime: all that the program may need of a system.
const SYSTEM_LIBRARIES: &[&str] = &[
    "linux-vdso",
    "ld-linux",
    "/lib64/ld-linux",
    "libc.so",
    "libm.so",
    "libgcc_s.so",
    "libpthread.so",
    "libdl.so",
    "librt.so",
];

/// Builds `dist/hutong-VERSION-x86_64-linux.tar.gz`.
pub(crate) fn package(options: &Options) -> Result<()> {
    let profile = if options.dev { Profile::Dev } else { Profile::Release };
    let mut build = workspace::cargo();
    build.args(["build", "--locked", "--package", "hutong"]);
    if !options.dev {
        build.arg("--release");
    }
    process::run(&mut build)?;
    let program = profile.program("hutong");
    let glibc = needs(&program)?;
    let name = format!("hutong-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let dist = workspace::root().join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fill(&folder, &program)?;
    let archive = dist.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    // The same files give the same archive.
    tar.args(["--create", "--gzip", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    process::run(tar.arg("--file").arg(&archive).arg("--directory").arg(&dist).arg(&name))?;
    println!("{}: {} bytes; needs glibc {glibc} or newer", archive.display(), fs::metadata(&archive)?.len());
    Ok(())
}

/// Puts all that is handed out into a folder.
fn fill(folder: &Path, program: &Path) -> Result<()> {
    put(program, &folder.join("hutong"))?;
    for (from, to) in FILES {
        put(&workspace::root().join(from), &folder.join(to))?;
    }
    let printed = |arguments: &[&str]| {
        let output = process::output_of(Command::new(program).args(arguments));
        output.with_context(|| format!("hutong {} failed", arguments.join(" ")))
    };
    write(&folder.join("hutong.toml"), &printed(&["config", "default"])?)?;
    for (shell, file) in COMPLETIONS {
        write(&folder.join("completions").join(file), &printed(&["completions", shell])?)?;
    }
    process::run(Command::new(program).arg("man").arg(folder.join("man/man1")))
}

fn put(from: &Path, to: &Path) -> Result<()> {
    make_folder_of(to)?;
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display())).map(|_| ())
}

fn write(path: &Path, text: &str) -> Result<()> {
    make_folder_of(path)?;
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn make_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

/// The oldest glibc that a program runs with.
///
/// # Errors
/// When it needs a library besides.
fn needs(program: &Path) -> Result<String> {
    let listed = process::output_of(Command::new("ldd").arg(program)).context("ldd failed")?;
    let strange = strangers(&listed);
    ensure!(strange.is_empty(), "the program needs more of a system than glibc: {strange:?}");
    let bytes = fs::read(program)?;
    let (major, minor) = newest_glibc(&bytes).context("the program names no version of glibc")?;
    Ok(format!("{major}.{minor}"))
}

/// Libraries in what `ldd` prints that are not part of every system.
fn strangers(listed: &str) -> Vec<&str> {
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !SYSTEM_LIBRARIES.iter().any(|known| name.starts_with(known))).collect()
}

/// The newest version of glibc that a program has a symbol of.
fn newest_glibc(program: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_";
    let versions = program.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX);
    let versions = versions.filter_map(|(at, _)| {
        let text: String = program[at + PREFIX.len()..]
            .iter()
            .map(|byte| char::from(*byte))
            .take_while(|it| it.is_ascii_digit() || *it == '.')
            .take(16)
            .collect();
        let mut parts = text.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    versions.max()
}

/// Does what `packaging/Dockerfile` does, without Docker: vendors the crates, and builds a copy of the checkout offline.
pub(crate) fn image() -> Result<()> {
    let source = workspace::scratch().join("image");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    process::step("copy of the checkout", || copy_checkout(&source))?;
    process::step("vendored crates", || {
        let config = process::output_of(workspace::cargo().current_dir(&source).args(["vendor", "--locked", "vendor"]));
        write(&source.join("packaging/vendor.toml"), &config.context("cargo vendor failed")?)
    })?;
    process::step("offline build", || {
        let mut build = workspace::cargo();
        build.current_dir(&source).env("CARGO_NET_OFFLINE", "true").env("CARGO_HOME", source.join("no-registry"));
        process::run(build.env("CARGO_TARGET_DIR", source.join("target")).args(IMAGE_BUILD.split(' ')))
    })?;
    let program = source.join("target/release/hutong");
    process::run(
        Command::new(&program).args(["config", "check"]).arg(source.join("crates/hutong/config.default.toml")),
    )?;
    println!("{}: needs glibc {} or newer", program.display(), needs(&program)?);
    Ok(())
}

/// What git knows, as it stands now.
fn copy_checkout(to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    let listed = process::output_of(git.current_dir(workspace::root()).args(["ls-files", "-z"]))
        .context("git ls-files failed")?;
    for file in listed.split_terminator('\0').map(PathBuf::from) {
        let from = workspace::root().join(&file);
        // What was removed and not yet committed is not there.
        if from.is_file() {
            put(&from, &to.join(&file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_besides_the_systems_are_found() {
        let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibssl.so.3 => /lib/libssl.so.3 (0x2)\n\tlibc.so.6 => /lib/libc.so.6 (0x3)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x4)\n";
        assert_eq!(strangers(listed), ["libssl.so.3"]);
    }

    #[test]
    fn versions_of_glibc_are_compared_as_numbers() {
        assert_eq!(newest_glibc(b"..GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE"), Some((2, 34)));
        assert_eq!(newest_glibc(b"nothing"), None);
    }

    #[test]
    fn everything_that_is_handed_out_is_there() {
        for (from, _) in FILES {
            assert!(workspace::root().join(from).is_file(), "{from}");
        }
    }
}
