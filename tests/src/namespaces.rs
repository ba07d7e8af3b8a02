//! Hosts on networks of their own, on this machine: a test's near host with a cable to each of its far ones.
//!
//! Each host is a network namespace, and each cable a pair of virtual interfaces (`ip-netns(8)`, `veth(4)`). Nothing of it
//! is seen outside of them, and all of it goes when it is dropped. It takes root, and iproute2.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The interface of every cable's far end.
const FAR_END: &str = "cable";

/// A near host with cables to some far ones.
pub struct Hosts {
    /// The near one is the first.
    names: Vec<String>,
}

impl Hosts {
    /// Makes a near host and so many far ones.
    ///
    /// # Errors
    /// Why this machine makes no namespaces: then there is nothing to test on.
    ///
    /// # Panics
    /// When a namespace can be made, and then no cable to it.
    pub fn make(far: usize) -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let of = format!("hutong-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut hosts = Self { names: Vec::new() };
        for number in 0..=far {
            let name = format!("{of}-{number}");
            ip(&["netns", "add", &name])?;
            hosts.names.push(name.clone());
            let done = ip(&["-n", &name, "link", "set", "lo", "up"]).and_then(|()| match number {
                0 => Ok(()),
                _ => hosts.connect(number),
            });
            done.unwrap_or_else(|error| panic!("{error}"));
        }
        Ok(hosts)
    }

    fn connect(&self, far: usize) -> Result<(), String> {
        let (near, name, interface) = (&self.names[0], &self.names[far], near_end(far));
        ip(&["-n", near, "link", "add", &interface, "type", "veth", "peer", "name", FAR_END, "netns", name])?;
        ip(&["-n", near, "address", "add", &format!("10.0.{far}.1/24"), "dev", &interface])?;
        ip(&["-n", name, "address", "add", &format!("{}/24", Self::address(far)), "dev", FAR_END])?;
        ip(&["-n", near, "link", "set", &interface, "up"])?;
        ip(&["-n", name, "link", "set", FAR_END, "up"])
    }

    /// The address of a far host; they count from 1.
    #[must_use]
    pub fn address(far: usize) -> String {
        format!("10.0.{far}.2")
    }

    /// Moves the calling thread to a host; 0 is the near one. Programs that it starts are there, and so are its connections.
    ///
    /// # Panics
    /// When the host is gone.
    pub fn enter(&self, host: usize) {
        let namespace = File::open(format!("/run/netns/{}", self.names[host])).expect("a namespace has a file");
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
    }

    /// Pulls the cable of a far host at its far end, or puts it in again.
    ///
    /// # Panics
    /// When the host is gone.
    pub fn plug(&self, far: usize, is_in: bool) {
        let state = if is_in { "up" } else { "down" };
        ip(&["-n", &self.names[far], "link", "set", FAR_END, state]).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            // Errors mean that it is gone already; threads that are still there keep it until they end.
            let _ = ip(&["netns", "del", name]);
        }
    }
}

/// The interface of the near host at a far one's cable.
fn near_end(far: usize) -> String {
    format!("cable{far}")
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("ip");
    // Where Debian has it, which is not on everybody's path.
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())).args(arguments);
    let done = command.output().map_err(|error| format!("ip: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}
