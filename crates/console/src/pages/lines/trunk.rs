//! A trunk as it is typed into a form.

use hutong_telephony::sip::{CallerId, Rewrite, Secret, Srtp, Transport, Trunk};
use hutong_trunks::settings::SettingsError;
use serde::Deserialize;

use crate::form::Problems;
use crate::ui::Ui;

/// Fields of the form by the names that their settings have in words of errors.
const FIELDS: [(&str, &str); 9] = [
    ("server", "server"),
    ("domain", "domain"),
    ("outbound-proxy", "outbound_proxy"),
    ("user", "user"),
    ("auth-user", "auth_user"),
    ("password", "password"),
    ("rewrite", "called"),
    ("register-seconds", "register_s"),
    ("bridges-max", "bridges_max"),
];

/// A trunk as it was typed. A password that is not typed stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenTrunk {
    pub(crate) server: String,
    pub(crate) transport: String,
    pub(crate) domain: String,
    pub(crate) outbound_proxy: String,
    pub(crate) user: String,
    pub(crate) auth_user: String,
    pub(crate) password: String,
    pub(crate) register: Option<String>,
    pub(crate) register_s: String,
    pub(crate) caller_id: String,
    pub(crate) called: String,
    pub(crate) caller: String,
    pub(crate) prefer_ulaw: Option<String>,
    pub(crate) srtp: String,
    pub(crate) options_s: String,
    pub(crate) ring_s: String,
    pub(crate) reply_s: String,
    pub(crate) reliable_provisional: Option<String>,
    pub(crate) bridges_max: String,
    pub(crate) sandbox: Option<String>,
}

impl GivenTrunk {
    /// What a form shows of a trunk: all but its password.
    pub(crate) fn of(trunk: &Trunk) -> Self {
        let tick = |is: bool| is.then(|| "1".to_owned());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            server: trunk.server.clone(),
            transport: match trunk.transport {
                Transport::Udp => "udp",
                Transport::Tcp => "tcp",
                Transport::Tls => "tls",
            }
            .to_owned(),
            domain: text(&trunk.domain),
            outbound_proxy: text(&trunk.outbound_proxy),
            user: text(&trunk.user),
            auth_user: text(&trunk.auth_user),
            password: String::new(),
            register: tick(trunk.register),
            register_s: trunk.register_s.to_string(),
            caller_id: match trunk.caller_id {
                CallerId::From => "from",
                CallerId::PAssertedIdentity => "p-asserted-identity",
                CallerId::RemotePartyId => "remote-party-id",
            }
            .to_owned(),
            called: written(&trunk.called),
            caller: written(&trunk.caller),
            prefer_ulaw: tick(trunk.prefer_ulaw),
            srtp: match trunk.srtp {
                Srtp::Off => "off",
                Srtp::Offered => "offered",
                Srtp::Required => "required",
            }
            .to_owned(),
            options_s: trunk.options_s.to_string(),
            ring_s: trunk.ring_s.to_string(),
            reply_s: trunk.reply_s.to_string(),
            reliable_provisional: tick(trunk.reliable_provisional),
            bridges_max: trunk.bridges_max.to_string(),
            sandbox: tick(trunk.sandbox),
        }
    }

    /// The trunk that is meant; its password is that of `before` where none was typed.
    pub(crate) fn over(&self, ui: &Ui, before: &Trunk) -> Result<Trunk, Problems> {
        let mut problems = Problems::default();
        let given = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let mut number = |field: &'static str, text: &str, known: u32| {
            let number = given(text).map_or(Some(known), |text| text.parse().ok());
            if number.is_none() {
                problems.add(field, ui.t("应为整数", "A number"));
            }
            number.unwrap_or(known)
        };
        let (register_s, bridges_max) = (
            number("register_s", &self.register_s, before.register_s),
            number("bridges_max", &self.bridges_max, before.bridges_max),
        );
        let (options_s, ring_s, reply_s) = (
            number("options_s", &self.options_s, before.options_s),
            number("ring_s", &self.ring_s, before.ring_s),
            number("reply_s", &self.reply_s, before.reply_s),
        );
        let mut rules = |field: &'static str, text: &str| {
            let rules = rewrites(text);
            if rules.is_none() {
                problems.add(field, ui.t("每行一条，形如 0=+86", "A rule a line, such as 0=+86"));
            }
            rules.unwrap_or_default()
        };
        let (called, caller) = (rules("called", &self.called), rules("caller", &self.caller));
        let trunk = Trunk {
            server: self.server.trim().to_owned(),
            transport: match self.transport.as_str() {
                "tcp" => Transport::Tcp,
                "tls" => Transport::Tls,
                _ => Transport::Udp,
            },
            domain: given(&self.domain),
            outbound_proxy: given(&self.outbound_proxy),
            user: given(&self.user),
            auth_user: given(&self.auth_user),
            password: if self.password.is_empty() {
                before.password.clone()
            } else {
                Some(Secret(self.password.clone()))
            },
            register: self.register.is_some(),
            register_s,
            caller_id: match self.caller_id.as_str() {
                "p-asserted-identity" => CallerId::PAssertedIdentity,
                "remote-party-id" => CallerId::RemotePartyId,
                _ => CallerId::From,
            },
            called,
            caller,
            prefer_ulaw: self.prefer_ulaw.is_some(),
            srtp: match self.srtp.as_str() {
                "offered" => Srtp::Offered,
                "required" => Srtp::Required,
                _ => Srtp::Off,
            },
            options_s,
            ring_s,
            reply_s,
            reliable_provisional: self.reliable_provisional.is_some(),
            bridges_max,
            sandbox: self.sandbox.is_some(),
        };
        if problems.is_empty() { Ok(trunk) } else { Err(problems) }
    }
}

/// What is wrong with a trunk, at its field.
pub(crate) fn problem(ui: &Ui, error: &SettingsError) -> Problems {
    let field = match error {
        SettingsError::Wrong(wrong) => FIELDS.iter().find(|(setting, _)| *setting == wrong.setting),
        SettingsError::Unreadable(_) | SettingsError::Sealed(_) => None,
    };
    Problems::one(field.map_or("trunk", |(_, field)| field), ui.message(&error.message()))
}

fn written(rules: &[Rewrite]) -> String {
    rules.iter().map(|rule| format!("{}={}\n", rule.prefix, rule.to)).collect()
}

fn rewrites(text: &str) -> Option<Vec<Rewrite>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_once('=').map(|(prefix, to)| Rewrite { prefix: prefix.to_owned(), to: to.to_owned() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Look;
    use hutong_domain::moment::Moment;
    use jiff::tz::TimeZone;

    fn ui() -> Ui {
        Ui { look: Look::default(), zone: TimeZone::UTC, now: Moment(0), user: None, company: None, section: "" }
    }

    #[test]
    fn what_a_form_shows_is_the_same_trunk_again() {
        let trunk = Trunk {
            user: Some("account".to_owned()),
            password: Some(Secret("hunter2".to_owned())),
            register: true,
            ring_s: 30,
            srtp: Srtp::Required,
            transport: Transport::Tls,
            caller_id: CallerId::RemotePartyId,
            called: vec![Rewrite { prefix: "0".to_owned(), to: "+86".to_owned() }],
            ..Trunk::at("trunk.example")
        };
        let given = GivenTrunk::of(&trunk);
        assert!(given.password.is_empty());
        assert_eq!(given.over(&ui(), &trunk).unwrap(), trunk);
        let other = GivenTrunk { password: "another".to_owned(), ..given.clone() };
        assert_eq!(other.over(&ui(), &trunk).unwrap().password, Some(Secret("another".to_owned())));
        for wrong in [
            GivenTrunk { ring_s: "long".to_owned(), ..given.clone() },
            GivenTrunk { called: "0".to_owned(), ..given.clone() },
        ] {
            assert!(wrong.over(&ui(), &trunk).is_err());
        }
    }
}
