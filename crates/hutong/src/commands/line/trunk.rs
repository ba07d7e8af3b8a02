//! What `hutong line add` and `hutong line set` say about a trunk.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hutong_store::vault::Vault;
use hutong_telephony::sip::{CallerId, Rewrite, Secret, Srtp, Transport, Trunk};
use hutong_trunks::settings;

use crate::error::{Error, Result};

/// The longest password, in bytes: what is longer is another file.
const PASSWORD_BYTES_MAX: u64 = 1024;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TransportName {
    Udp,
    Tcp,
    Tls,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CallerIdName {
    From,
    PAssertedIdentity,
    RemotePartyId,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SrtpName {
    Off,
    Offered,
    Required,
}

/// The trunk of a line with the driver `sip`
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Trunk")]
pub(crate) struct TrunkArgs {
    /// Where the trunk is
    #[arg(long, value_name = "HOST[:PORT]")]
    server: Option<String>,
    /// What carries the requests [default: udp]
    #[arg(long, value_enum, hide_possible_values = false)]
    transport: Option<TransportName>,
    /// The host in From and To; that of --server where it is not given
    #[arg(long, value_name = "HOST")]
    domain: Option<String>,
    /// A proxy that all requests go through
    #[arg(long, value_name = "HOST[:PORT]")]
    outbound_proxy: Option<String>,
    /// The account
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user name in digests, where it is not the account's
    #[arg(long, value_name = "NAME")]
    auth_user: Option<String>,
    /// A file with the account's password in its first line; - for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Whether the trunk wants a registration [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    register: Option<bool>,
    /// For how long a registration is asked for [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    register_seconds: Option<u32>,
    /// Where the caller number stands [default: from]
    #[arg(long, value_enum)]
    caller_id: Option<CallerIdName>,
    /// How called numbers are written: one that begins with PREFIX has TO in its place. The first rule that fits counts
    #[arg(long, value_name = "PREFIX=TO", value_parser = rewrite)]
    called: Vec<Rewrite>,
    /// How caller numbers are written
    #[arg(long, value_name = "PREFIX=TO", value_parser = rewrite)]
    caller: Vec<Rewrite>,
    /// Whether µ-law is preferred to A-law [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    prefer_ulaw: Option<bool>,
    /// Encryption of the voices; the keys travel with the requests, so use it with --transport tls [default: off]
    #[arg(long, value_enum)]
    srtp: Option<SrtpName>,
    /// Between two questions whether the trunk is there (OPTIONS); 0 for none [default: 30]
    #[arg(long, value_name = "SECONDS")]
    options_seconds: Option<u32>,
    /// For how long a number rings [default: 45]
    #[arg(long, value_name = "SECONDS")]
    ring_seconds: Option<u32>,
    /// For how long the trunk's first word is waited for [default: 5]
    #[arg(long, value_name = "SECONDS")]
    reply_seconds: Option<u32>,
    /// Whether reliable provisional responses are offered (100rel) [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    reliable_provisional: Option<bool>,
    /// How many calls may be handed over at once to people who are called on the trunk too; each takes another channel [default: 10]
    #[arg(long, value_name = "COUNT")]
    bridges_max: Option<u32>,
    /// Whether the trunk is the callee farm, whose people say their words as text too; only on this machine
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    sandbox: Option<bool>,
}

fn rewrite(text: &str) -> std::result::Result<Rewrite, String> {
    let (prefix, to) = text.split_once('=').ok_or("must be PREFIX=TO, such as 0=+86 or =9")?;
    Ok(Rewrite { prefix: prefix.to_owned(), to: to.to_owned() })
}

impl TrunkArgs {
    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        // Every argument has a place in this text, and none of them looks like nothing.
        format!("{self:?}") == format!("{:?}", Self::default())
    }

    /// The settings of a new line.
    pub(crate) fn settings(self, vault: &Vault) -> Result<String> {
        let server = self.server.clone();
        let server = server.ok_or_else(|| Error::Usage("--server is needed: where the trunk is".to_owned()))?;
        settings::seal(&self.over(Trunk::at(&server))?, vault).map_err(|error| Error::Usage(format!("--{error}")))
    }

    /// The settings of a line after a change of what is given.
    pub(crate) fn changed(self, before: &str, vault: &Vault) -> Result<String> {
        let trunk = settings::open(before, vault).map_err(|error| Error::Failed(error.to_string()))?;
        let changed = self.over(trunk)?;
        settings::reseal(&changed, before, vault).map_err(|error| Error::Usage(format!("--{error}")))
    }

    fn over(self, trunk: Trunk) -> Result<Trunk> {
        let rules = |given: Vec<Rewrite>, before: Vec<Rewrite>| if given.is_empty() { before } else { given };
        let password = self.password_file.as_deref().map(password).transpose()?;
        Ok(Trunk {
            server: self.server.unwrap_or(trunk.server),
            transport: self.transport.map_or(trunk.transport, |name| match name {
                TransportName::Udp => Transport::Udp,
                TransportName::Tcp => Transport::Tcp,
                TransportName::Tls => Transport::Tls,
            }),
            domain: self.domain.or(trunk.domain),
            outbound_proxy: self.outbound_proxy.or(trunk.outbound_proxy),
            user: self.user.or(trunk.user),
            auth_user: self.auth_user.or(trunk.auth_user),
            password: password.or(trunk.password),
            register: self.register.unwrap_or(trunk.register),
            register_s: self.register_seconds.unwrap_or(trunk.register_s),
            caller_id: self.caller_id.map_or(trunk.caller_id, |name| match name {
                CallerIdName::From => CallerId::From,
                CallerIdName::PAssertedIdentity => CallerId::PAssertedIdentity,
                CallerIdName::RemotePartyId => CallerId::RemotePartyId,
            }),
            called: rules(self.called, trunk.called),
            caller: rules(self.caller, trunk.caller),
            prefer_ulaw: self.prefer_ulaw.unwrap_or(trunk.prefer_ulaw),
            srtp: self.srtp.map_or(trunk.srtp, |name| match name {
                SrtpName::Off => Srtp::Off,
                SrtpName::Offered => Srtp::Offered,
                SrtpName::Required => Srtp::Required,
            }),
            options_s: self.options_seconds.unwrap_or(trunk.options_s),
            ring_s: self.ring_seconds.unwrap_or(trunk.ring_s),
            reply_s: self.reply_seconds.unwrap_or(trunk.reply_s),
            reliable_provisional: self.reliable_provisional.unwrap_or(trunk.reliable_provisional),
            bridges_max: self.bridges_max.unwrap_or(trunk.bridges_max),
            sandbox: self.sandbox.unwrap_or(trunk.sandbox),
        })
    }
}

/// The first line of a file.
fn password(file: &Path) -> Result<Secret> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|cause| Error::file(file, cause))?;
    Ok(Secret(text.lines().next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_stays_is_not_sealed_anew() {
        let vault = Vault::new(&[7; 32]);
        let trunk = Trunk {
            user: Some("account".to_owned()),
            password: Some(Secret("hunter2".to_owned())),
            ..Trunk::at("trunk.example")
        };
        let before = settings::seal(&trunk, &vault).unwrap();
        let changed = TrunkArgs { ring_seconds: Some(30), ..TrunkArgs::default() }.changed(&before, &vault).unwrap();
        let sealed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["password"].clone();
        assert!(sealed(&before).is_string());
        assert_eq!(sealed(&changed), sealed(&before));
        assert_eq!(settings::open(&changed, &vault).unwrap(), Trunk { ring_s: 30, ..trunk });
    }
}
