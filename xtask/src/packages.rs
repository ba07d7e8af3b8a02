//! The system packages that the tests need: found, installed where that is allowed, else named.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use crate::process;

/// A package as Debian and Ubuntu name it.
struct SystemPackage {
    name: &'static str,
    /// What the tests look for, in words for those whose system names its packages otherwise.
    provides: &'static str,
    why: &'static str,
    is_there: fn() -> bool,
}

/// All that the tests need beyond a Rust toolchain and a C compiler.
const PACKAGES: &[SystemPackage] = &[
    SystemPackage {
        name: "baresip-core",
        provides: "the command `baresip`, with its modules g711, aufile, sndfile, srtp, menu and ctrl_tcp",
        why: "calls are placed to a telephone that others wrote, and what both sides heard is compared",
        is_there: || on_path("baresip"),
    },
    SystemPackage {
        name: "chromium",
        provides: "the command `chromium`",
        why: "pages are looked at and used in a browser",
        is_there: || on_path("chromium"),
    },
    SystemPackage {
        name: "chromium-driver",
        provides: "the command `chromedriver`, of the same version",
        why: "tests use that browser through it",
        is_there: || on_path("chromedriver"),
    },
    SystemPackage {
        name: "curl",
        provides: "the command `curl`",
        why: "the commands of the documents are run as they are written",
        is_there: || on_path("curl"),
    },
    SystemPackage {
        name: "fonts-wqy-microhei",
        provides: "a font with Chinese characters",
        why: "screenshots of pages show letters, and texts are as wide as they are for people",
        is_there: chinese_can_be_shown,
    },
    SystemPackage {
        name: "iproute2",
        provides: "the command `ip`, on the PATH or in /usr/sbin",
        why: "calls are placed between hosts in network namespaces, and their cables are pulled",
        is_there: || on_path("ip") || Path::new("/usr/sbin/ip").is_file(),
    },
    SystemPackage {
        name: "kamailio",
        provides: "the command `kamailio`, on the PATH or in /usr/sbin",
        why: "lines register at and call through a SIP proxy that others wrote",
        is_there: || on_path("kamailio") || Path::new("/usr/sbin/kamailio").is_file(),
    },
    SystemPackage {
        name: "kamailio-tls-modules",
        provides: "the module `tls.so` of Kamailio, in its modules' folder under /usr/lib",
        why: "lines register at and call through that proxy over TLS",
        is_there: kamailio_speaks_tls,
    },
    SystemPackage {
        name: "npm",
        provides: "the command `npm`",
        why: "axe-core is installed with it, by which tests see whether everybody can use a page",
        is_there: || on_path("npm"),
    },
    SystemPackage {
        name: "postgresql",
        provides: "the commands `initdb` and `pg_ctl`, on the PATH or in /usr/lib/postgresql/*/bin",
        why: "the store is tested on PostgreSQL as well as on SQLite, on servers that the tests start themselves",
        is_there: postgresql_server_is_there,
    },
    SystemPackage {
        name: "python3-venv",
        provides: "the command `python3`, 3.11 or newer, with its modules `venv` and `ensurepip`",
        why: "Schemathesis is installed into an environment of its own",
        is_there: python_makes_environments,
    },
    SystemPackage {
        name: "sip-tester",
        provides: "the command `sipp`",
        why: "it plays trunks that refuse, let it ring, ask for passwords, change calls, and vanish",
        is_there: || on_path("sipp"),
    },
];

/// Makes sure that every package is there.
///
/// # Errors
/// When one is missing and `may_install` is false, or this is not root on a system with apt, or apt
/// does not bring it. The error says what is missing, why it is needed, and how to get it.
pub(crate) fn ensure_present(may_install: bool) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(may_install && rustix::process::geteuid().is_root() && on_path("apt-get"), "{}", how_to_install(&missing));
    install(&missing)?;
    let missing = self::missing();
    if !missing.is_empty() {
        bail!("apt-get succeeded, and yet {}", how_to_install(&missing));
    }
    Ok(())
}

fn missing() -> Vec<&'static SystemPackage> {
    PACKAGES.iter().filter(|package| !(package.is_there)()).collect()
}

fn install(packages: &[&SystemPackage]) -> Result<()> {
    process::run(&mut apt_get(&["update", "--quiet"]))?;
    let mut command = apt_get(&["install", "--quiet", "--yes", "--no-install-recommends"]);
    process::run(command.args(packages.iter().map(|package| package.name)))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

fn how_to_install(packages: &[&SystemPackage]) -> String {
    let mut text = String::from("the tests need what is not on this machine:\n");
    for package in packages {
        text += &format!("  {} ({}): {}\n", package.name, package.provides, package.why);
    }
    let names: Vec<_> = packages.iter().map(|package| package.name).collect();
    text += &format!("On Debian or Ubuntu: sudo apt-get install {}", names.join(" "));
    text
}

fn chinese_can_be_shown() -> bool {
    let fonts = process::output_of(Command::new("fc-list").arg(":lang=zh"));
    fonts.is_some_and(|fonts| !fonts.trim().is_empty())
}

fn kamailio_speaks_tls() -> bool {
    let of_machines = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = of_machines.chain([Path::new("/usr/lib").to_owned(), Path::new("/usr/lib64").to_owned()]);
    folders.into_iter().any(|folder| folder.join("kamailio/modules/tls.so").is_file())
}

fn postgresql_server_is_there() -> bool {
    let is_server = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    (on_path("initdb") && on_path("pg_ctl"))
        || versions.map(|entry| entry.path().join("bin")).any(|bin| is_server(&bin))
}

fn python_makes_environments() -> bool {
    let check = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    process::succeeds(Command::new("python3").args(["-c", check]))
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path() {
        assert!(on_path("sh"));
        assert!(!on_path("no-such-program"));
    }

    #[test]
    fn the_advice_names_each_package_its_reason_and_the_command() {
        let all: Vec<_> = PACKAGES.iter().collect();

        let advice = how_to_install(&all);

        assert!(all.iter().all(|package| advice.contains(package.why)), "{advice}");
        assert!(
            advice.ends_with(
                "sudo apt-get install baresip-core chromium chromium-driver curl fonts-wqy-microhei iproute2 kamailio \
                 kamailio-tls-modules npm postgresql python3-venv sip-tester"
            ),
            "{advice}"
        );
    }
}
