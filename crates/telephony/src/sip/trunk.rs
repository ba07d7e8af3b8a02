//! What an operator says about a trunk, and the requests that follow from it.

use std::time::Duration;

use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_domain::transfer::Destination;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::sip::{Auth, Header, HostWithPort, Param, Scheme, Uri, typed};
use serde::{Deserialize, Serialize};

/// A SIP trunk: where its calls go, and what it wants to see in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// The far side: a host or an address, with a port where it is not the standard one.
    pub server: String,
    /// What carries the requests.
    #[serde(default)]
    pub transport: Transport,
    /// The host in From and To; the server's where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// A proxy that all requests go through (a loose route, RFC 3261 §16.12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_proxy: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user name in digests, where it is not the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_user: Option<String>,
    /// The account's password, sealed with the installation's key wherever it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Whether the trunk wants a registration.
    #[serde(default)]
    pub register: bool,
    /// For how many seconds a registration is asked for.
    #[serde(default = "default_register_s")]
    pub register_s: u32,
    /// Where the caller number stands.
    #[serde(default)]
    pub caller_id: CallerId,
    /// How called numbers are written for this trunk; the first rule that fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<Rewrite>,
    /// How caller numbers are written for this trunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caller: Vec<Rewrite>,
    /// Whether µ-law is preferred to A-law.
    #[serde(default)]
    pub prefer_ulaw: bool,
    /// Encryption of the voices.
    #[serde(default)]
    pub srtp: Srtp,
    /// Seconds between two OPTIONS; 0 for none.
    #[serde(default = "default_options_s")]
    pub options_s: u32,
    /// For how many seconds a number rings before the call is given up.
    #[serde(default = "default_ring_s")]
    pub ring_s: u32,
    /// For how many seconds the first word of the trunk is waited for before it counts as dead.
    #[serde(default = "default_reply_s")]
    pub reply_s: u32,
    /// Whether reliable provisional responses are offered (100rel, RFC 3262).
    #[serde(default)]
    pub reliable_provisional: bool,
    /// How many of its calls may be handed over to people at once by calling these on the trunk too: each needs a channel
    /// more.
    #[serde(default = "default_bridges_max")]
    pub bridges_max: u32,
    /// Whether this is the callee farm, whose people say their words as text as well. Never true of a real trunk.
    #[serde(default)]
    pub sandbox: bool,
}

const fn default_register_s() -> u32 {
    3_600
}
const fn default_options_s() -> u32 {
    30
}
const fn default_ring_s() -> u32 {
    45
}
const fn default_reply_s() -> u32 {
    5
}
const fn default_bridges_max() -> u32 {
    10
}

/// What carries SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A stream.
    Tcp,
    /// An encrypted stream.
    Tls,
}

impl Transport {
    /// The port where none is given (RFC 3261 §19.1.2).
    pub(super) const fn standard_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5_060,
            Self::Tls => 5_061,
        }
    }
}

impl From<Transport> for rsipstack::sip::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
            Transport::Tls => Self::Tls,
        }
    }
}

/// Where the caller number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerId {
    /// In From.
    #[default]
    From,
    /// In P-Asserted-Identity (RFC 3325); From carries the account.
    PAssertedIdentity,
    /// In Remote-Party-ID; From carries the account.
    RemotePartyId,
}

/// Encryption of the voices (SRTP with keys in the session description, RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Srtp {
    /// Not offered.
    #[default]
    Off,
    /// If the far side can.
    Offered,
    /// Without it, there is no call.
    Required,
}

/// A number that begins with `prefix` is written with `to` in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// What the number begins with; empty fits every number.
    pub prefix: String,
    /// What stands there instead.
    pub to: String,
}

/// A caller number, shown or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number<'a> {
    /// The callee sees it.
    Shown(&'a str),
    /// The callee does not (无主叫); the trunk may.
    Hidden(&'a str),
}

/// A text that never appears in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("***")
    }
}

/// What is wrong with the settings of a trunk: the setting, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {}", mend.en)]
pub struct TrunkError {
    /// The setting.
    pub setting: &'static str,
    /// What it has to be; in Chinese, a sentence of its own.
    pub mend: Message,
}

impl Trunk {
    /// A trunk at `server` with everything else at its default.
    #[must_use]
    pub fn at(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            transport: Transport::Udp,
            domain: None,
            outbound_proxy: None,
            user: None,
            auth_user: None,
            password: None,
            register: false,
            register_s: default_register_s(),
            caller_id: CallerId::From,
            called: Vec::new(),
            caller: Vec::new(),
            prefer_ulaw: false,
            srtp: Srtp::Off,
            options_s: default_options_s(),
            ring_s: default_ring_s(),
            reply_s: default_reply_s(),
            reliable_provisional: false,
            bridges_max: default_bridges_max(),
            sandbox: false,
        }
    }

    /// Looks for what could never work.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn check(&self) -> Result<(), TrunkError> {
        let wrong = |setting, mend| Err(TrunkError { setting, mend });
        let hosts = [
            ("server", Some(&self.server)),
            ("domain", self.domain.as_ref()),
            ("outbound-proxy", self.outbound_proxy.as_ref()),
        ];
        for (setting, host) in hosts {
            if host.is_some_and(|host| !is_host(host)) {
                let mend = say!(
                    "must be a host or an address, with :PORT where it is not the standard one",
                    "应为主机名或地址；端口不是标准端口时写作 主机:端口"
                );
                return wrong(setting, mend);
            }
        }
        for (setting, user) in [("user", &self.user), ("auth-user", &self.auth_user)] {
            if user.as_deref().is_some_and(|user| !is_user(user)) {
                let mend =
                    say!("must be of letters, digits and -_.!~*'()&=+$,;?/", "只能有字母、数字和 -_.!~*'()&=+$,;?/");
                return wrong(setting, mend);
            }
        }
        if self.password.as_ref().is_some_and(|password| password.0.contains(['\r', '\n', '\0'])) {
            return wrong("password", say!("must be one line", "密码不能换行"));
        }
        if self.user.is_none() && (self.register || self.password.is_some()) {
            let mend = say!(
                "must be given together with a password or a registration",
                "填写了密码或需要注册时，必须填写账号"
            );
            return wrong("user", mend);
        }
        if self.sandbox && !is_loopback(&self.server) {
            let mend = say!(
                "is for the callee farm on a loopback address, such as 127.0.0.1:5070",
                "模拟被叫只能在本机地址上，如 127.0.0.1:5070"
            );
            return wrong("sandbox", mend);
        }
        if self.rules().any(|rule| !is_dialled(&rule.prefix) || !is_dialled(&rule.to)) {
            let mend = say!("must be PREFIX=REPLACEMENT of digits, + * and #", "应为 前缀=替换，只能有数字、+、* 和 #");
            return wrong("rewrite", mend);
        }
        if !(60..=86_400).contains(&self.register_s) {
            return wrong("register-seconds", say!("must be between 60 and 86400", "应在 60 与 86400 秒之间"));
        }
        if self.bridges_max > BRIDGES_MAX {
            return wrong("bridges-max", say!("is at most 10000", "最多 10000"));
        }
        if self.options_s > 3_600 || !(5..=180).contains(&self.ring_s) || !(1..=32).contains(&self.reply_s) {
            let mend = say!(
                "is at most 3600, ring-seconds between 5 and 180, reply-seconds between 1 and 32",
                "OPTIONS 间隔最多 3600 秒，振铃时长应在 5 与 180 秒之间，首次应答时限应在 1 与 32 秒之间"
            );
            return wrong("options-seconds", mend);
        }
        Ok(())
    }

    fn rules(&self) -> impl Iterator<Item = &Rewrite> {
        self.called.iter().chain(&self.caller)
    }

    /// For how long a number rings.
    #[must_use]
    pub fn ring_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.ring_s))
    }

    /// For how long the trunk's first word is waited for.
    #[must_use]
    pub fn reply_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.reply_s))
    }

    /// Where the trunk is: requests outside of any call are addressed to it.
    pub(super) fn uri(&self) -> Result<Uri, TrunkError> {
        self.uri_of(None, &self.server)
    }

    /// The address of a called number.
    pub(super) fn callee(&self, number: &str) -> Result<Uri, TrunkError> {
        let number = rewritten(&self.called, number);
        if number.is_empty() || !is_dialled(&number) {
            let mend = say!("{number:?} cannot be dialled", "号码 {number:?} 无法拨打");
            return Err(TrunkError { setting: "number", mend });
        }
        self.uri_of(Some(&number), &self.server)
    }

    /// The address of a person whom a call is handed over to.
    pub(super) fn person(&self, person: &Destination) -> Result<Uri, TrunkError> {
        match person.address() {
            Some((user, host)) => {
                let address = plain_uri(Scheme::Sip, Some(user), host)?;
                let is_ours = address.host_with_port == self.uri()?.host_with_port;
                if is_ours { self.uri_of(Some(user), host) } else { Ok(address) }
            }
            None => self.callee(person.user()),
        }
    }

    /// The way to an address: through the proxies, or through the trunk where the address is not of it.
    pub(super) fn route_to(&self, callee: &Uri) -> Result<Vec<typed::Route>, TrunkError> {
        let own = self.uri()?;
        if self.outbound_proxy.is_some() || callee.host_with_port == own.host_with_port {
            return self.route_set();
        }
        Ok(vec![loose(own)])
    }

    /// The proxies on the way, as a preloaded route.
    pub(super) fn route_set(&self) -> Result<Vec<typed::Route>, TrunkError> {
        let Some(proxy) = &self.outbound_proxy else { return Ok(Vec::new()) };
        Ok(vec![loose(self.uri_of(None, proxy)?)])
    }

    /// What From carries, and what stands beside it.
    pub(super) fn identity(&self, caller: Number<'_>) -> Result<Identity, TrunkError> {
        let (number, hidden) = match caller {
            Number::Shown(number) => (number, false),
            Number::Hidden(number) => (number, true),
        };
        let number = rewritten(&self.caller, number);
        if !is_dialled(&number) {
            let mend = say!("{number:?} is no caller number", "{number:?} 不是主叫号码");
            return Err(TrunkError { setting: "phone", mend });
        }
        let account = self.user.as_deref().unwrap_or(&number);
        let mut headers = Vec::new();
        let asserted = self.address_of(&number)?;
        match self.caller_id {
            CallerId::From => {}
            CallerId::PAssertedIdentity => {
                headers.push(Header::PAssertedIdentity(format!("<{asserted}>").into()));
            }
            CallerId::RemotePartyId => {
                let privacy = if hidden { "full" } else { "off" };
                let party = format!("<{asserted}>;party=calling;screen=yes;privacy={privacy}");
                headers.push(Header::Other("Remote-Party-ID".to_owned(), party));
            }
        }
        if hidden {
            // RFC 3323 §4.1 and RFC 3325 §9.3: the trunk knows the caller, the callee does not.
            headers.push(Header::Privacy("id".into()));
            let from = plain_uri(Scheme::Sip, Some("anonymous"), "anonymous.invalid")?;
            if self.caller_id == CallerId::From {
                headers.push(Header::PAssertedIdentity(format!("<{asserted}>").into()));
            }
            return Ok(Identity { from, display_name: Some("Anonymous".to_owned()), headers });
        }
        let user = if self.caller_id == CallerId::From { &number } else { account };
        Ok(Identity { from: self.address_of(user)?, display_name: None, headers })
    }

    /// The account's address of record.
    pub(super) fn address_of(&self, user: &str) -> Result<Uri, TrunkError> {
        let host = self.domain.as_deref().unwrap_or(&self.server);
        // A port says where to send, which is no part of whom one speaks of.
        plain_uri(Scheme::Sip, Some(user), without_port(host))
    }

    /// What challenges are answered with.
    pub(super) fn credential(&self) -> Option<Credential> {
        let (user, password) = (self.user.as_ref()?, self.password.as_ref()?);
        Some(Credential {
            username: user.clone(),
            password: password.0.clone(),
            realm: None,
            auth_username: self.auth_user.clone(),
        })
    }

    fn uri_of(&self, user: Option<&str>, host: &str) -> Result<Uri, TrunkError> {
        let mut uri = plain_uri(Scheme::Sip, user, host)?;
        if self.transport != Transport::Udp {
            uri.params.push(Param::Transport(self.transport.into()));
        }
        Ok(uri)
    }
}

/// Who calls, in the words of a request.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) from: Uri,
    pub(super) display_name: Option<String>,
    pub(super) headers: Vec<Header>,
}

/// A hop that the request passes through (RFC 3261 §19.1.1, "lr").
fn loose(mut uri: Uri) -> typed::Route {
    uri.params.push(Param::Lr);
    typed::Route { display_name: None, uri, params: Vec::new() }
}

fn plain_uri(scheme: Scheme, user: Option<&str>, host: &str) -> Result<Uri, TrunkError> {
    let host_with_port = HostWithPort::try_from(host).map_err(|error| {
        let mend = say!("{host:?} is no host: {error}", "{host:?} 不是主机名：{error}");
        TrunkError { setting: "server", mend }
    })?;
    let auth = user.map(|user| Auth { user: user.to_owned(), password: None });
    Ok(Uri { scheme: Some(scheme), auth, host_with_port, ..Uri::default() })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') =>
        {
            // An address of IPv6 has colons of its own, and stands in brackets where a port follows.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// The number after the first rule that fits.
fn rewritten(rules: &[Rewrite], number: &str) -> String {
    rules
        .iter()
        .find_map(|rule| Some(format!("{}{}", rule.to, number.strip_prefix(&rule.prefix)?)))
        .unwrap_or_else(|| number.to_owned())
}

/// Whether this is an address of the machine itself. A name is none: it may lead anywhere.
fn is_loopback(host: &str) -> bool {
    let address = without_port(host).trim_start_matches('[').trim_end_matches(']');
    address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The most calls that a trunk hands over at once.
const BRIDGES_MAX: u32 = 10_000;

/// The longest number or prefix.
const DIALLED_CHARS_MAX: usize = 32;

fn is_dialled(number: &str) -> bool {
    number.len() <= DIALLED_CHARS_MAX && number.bytes().all(|byte| byte.is_ascii_digit() || b"+*#".contains(&byte))
}

/// The longest name of a host.
const HOST_CHARS_MAX: usize = 255;

fn is_host(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty()
        && host.len() <= HOST_CHARS_MAX
        && host.bytes().all(known)
        && host.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && port_is_a_number(host)
        && HostWithPort::try_from(host).is_ok()
}

fn port_is_a_number(host: &str) -> bool {
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    after_address.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// The characters of a user that need no escape (RFC 3261 §25.1).
fn is_user(user: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
    !user.is_empty() && user.len() <= 64 && user.bytes().all(known)
}

#[cfg(test)]
mod tests;
