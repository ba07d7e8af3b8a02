//! `hutong line test`: one call on a trunk, step by step.

use std::time::Duration;

use hutong_dialer::SystemRuntime;
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Clock as _;
use hutong_store::line::Line;
use hutong_store::vault::Vault;
use hutong_telephony::sip::{SipError, UserAgent};
use hutong_trunks::settings;
use hutong_trunks::trial::{Step, TrialError, Way};

use crate::cli::print;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::telephony::{self, Registering, TRUST_ADVICE};

/// For how long a registration, or an answer to our goodbye, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Places one call to `number` and says what happens, with the time since the beginning.
pub(super) async fn run(config: &Config, vault: &Vault, line: &Line, number: &str) -> Result<()> {
    if line.driver != LineDriver::Sip {
        return Err(Error::Usage(format!("line {} has no trunk: its driver is {}", line.id, line.driver.name())));
    }
    let trunk = settings::open(&line.settings, vault).map_err(|error| Error::Failed(error.to_string()))?;
    let begun = SystemRuntime.now();
    let tell = move |step: Step| {
        let passed = SystemRuntime.now().since(begun);
        // Where nobody reads any more, the call goes on to its end.
        let _ = print(&format!("{:>7.3} s  {step}\n", passed.as_secs_f64()));
    };
    let (agent, engine) = telephony::open_for_a_test(&config.sip, &config.media).await?;
    let way = Way { agent: &agent, engine: &engine, advertised: None, trunk: &trunk };
    way.ask(&tell).await.map_err(explain)?;
    let registering = if trunk.register {
        let begun = Registering::begin(&agent, &trunk, PATIENCE).await.map_err(Error::Failed)?;
        tell(Step::Registered);
        Some(begun)
    } else {
        None
    };
    let outcome = way.call(line, number, &tell).await;
    if let Some(registering) = registering {
        registering.give_back().await;
    }
    let_go(&agent).await;
    outcome.map_err(explain)
}

/// Why it failed, and what mends it.
fn explain(error: TrialError) -> Error {
    Error::Failed(match error {
        TrialError::Sip(SipError::Untrusted(_)) => format!("{error}\n{TRUST_ADVICE}"),
        error => error.to_string(),
    })
}

/// Waits, not too long, until the far side has answered our goodbye.
async fn let_go(agent: &UserAgent) {
    let quiet = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while agent.stats().calls > 0 {
            tick.tick().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, quiet).await;
}
