//! Whether the trunks of the lines over SIP are there, and know us.

use std::time::Duration;

use futures::StreamExt as _;
use hutong_store::line::Line;
use hutong_store::vault::Vault;
use hutong_telephony::sip::{SipError, Trunk, UserAgent};
use hutong_trunks::settings;

use super::Finding;
use crate::config::Config;
use crate::error::Result;
use crate::telephony::{self, Registering, TRUST_ADVICE};

/// For how long a trunk's name, its answer to OPTIONS and its word to a registration are waited for, each.
const PATIENCE: Duration = Duration::from_secs(5);
/// Trunks that are asked at once.
const AT_ONCE: usize = 32;

/// Asks the trunk of each line; `is_served` says that a server keeps the registrations.
pub(super) async fn look(config: &Config, vault: &Vault, lines: &[Line], is_served: bool) -> Result<Vec<Finding>> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let agent = telephony::open_beside_a_server(&config.sip).await?;
    let asked = lines.iter().map(|line| look_at(&agent, vault, line, is_served));
    Ok(futures::stream::iter(asked).buffered(AT_ONCE).collect().await)
}

async fn look_at(agent: &UserAgent, vault: &Vault, line: &Line, is_served: bool) -> Finding {
    let Line { id, name, company, .. } = line;
    let name = format!("line {id} ({name}) of company {company}");
    let trunk = match settings::open(&line.settings, vault) {
        Ok(trunk) => trunk,
        Err(error) => {
            return Finding::Mend {
                problem: format!("{name}: {error}"),
                mend: format!("say it again: hutong line set {id} --server … --user … --password-file …"),
            };
        }
    };
    match ask(agent, &trunk, is_served).await {
        Ok(says) => Finding::Fine(format!("{name}: the trunk {} {says}", trunk.server)),
        Err(Trouble { problem, advice }) => {
            Finding::Mend { problem: format!("{name}: {problem}"), mend: format!("{advice} {id}") }
        }
    }
}

/// What is wrong with a trunk, and what helps: the number of its line ends that.
struct Trouble {
    problem: String,
    advice: &'static str,
}

/// What the trunk says.
async fn ask(agent: &UserAgent, trunk: &Trunk, is_served: bool) -> std::result::Result<String, Trouble> {
    let lost = |problem: String| Trouble {
        problem,
        advice: "check --server, --outbound-proxy, the name server and the way to it: hutong line set",
    };
    let untrusted = |problem: String| Trouble { problem, advice: TRUST_ADVICE };
    match tokio::time::timeout(PATIENCE, agent.address_towards(trunk)).await {
        Ok(Ok(_)) => {}
        Ok(Err(SipError::Untrusted(problem))) => return Err(untrusted(problem)),
        Ok(Err(error)) => return Err(lost(error.to_string())),
        Err(_elapsed) => return Err(lost(format!("{} is not found within {} s", trunk.server, PATIENCE.as_secs()))),
    }
    if trunk.register && !is_served {
        let registering = Registering::begin(agent, trunk, PATIENCE).await.map_err(|problem| Trouble {
            problem,
            advice: "check --user, --auth-user, --password-file and --domain: hutong line set",
        })?;
        registering.give_back().await;
        return Ok("takes the registration".to_owned());
    }
    let kept = if trunk.register { "; the server that runs keeps the registration" } else { "" };
    if trunk.options_s == 0 {
        return Ok(format!("is not asked whether it is there (--options-seconds 0){kept}"));
    }
    match agent.ping(trunk, PATIENCE).await {
        Ok(answered) => Ok(format!("answers OPTIONS within {} ms{kept}", answered.as_millis())),
        Err(SipError::Untrusted(problem)) => Err(untrusted(problem)),
        Err(error) => Err(Trouble {
            problem: error.to_string(),
            advice: "check --server, --transport and firewalls; where the carrier never answers OPTIONS, set \
                     --options-seconds 0: hutong line set",
        }),
    }
}
