//! A person whose telephone is asked to call somebody else (REFER): it plays that, and tells how it goes.

use std::time::Duration;

use hutong_domain::outcome::Disposition;
use hutong_domain::sandbox::{Fate, Manner};

use super::{Ended, Person, refusal_of};

/// For how long a report may take to be noted.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// For how long whoever handed the call over may take to leave it.
const LEAVING_MAX: Duration = Duration::from_secs(2);
/// What a telephone answers that knows no REFER.
const METHOD_NOT_ALLOWED: u16 = 405;

impl Person<'_> {
    /// Hands the call over as it was asked to; whether it is over for the caller then. Nobody is called in truth: the
    /// number alone says how it goes, as on every line of the sandbox.
    pub(super) async fn hand_over(&mut self, manner: Manner) -> bool {
        let Some(asked) = self.asked.take() else { return false };
        if manner == Manner::KeepsCalls {
            asked.refuse(METHOD_NOT_ALLOWED);
            return false;
        }
        let number = user_of(&asked.to).to_owned();
        asked.accept();
        self.report(100, false).await;
        if matches!(self.wait_a_little(500, 2_000).await, Ended::Gone) {
            return true;
        }
        if let Some(Fate::Unanswered(disposition)) = Fate::of_number(crate::sandbox_part(&number)) {
            if disposition == Disposition::RangOut {
                self.report(180, false).await;
                if matches!(self.wait_a_little(20_000, 30_000).await, Ended::Gone) {
                    return true;
                }
            }
            self.report(refusal_of(disposition).code, true).await;
            return false;
        }
        self.report(180, false).await;
        if matches!(self.wait_a_little(1_000, 4_000).await, Ended::Gone) {
            return true;
        }
        self.report(200, true).await;
        // Whoever handed the call over leaves it; where that does not happen, this side does.
        self.wait(LEAVING_MAX).await;
        true
    }

    async fn report(&self, code: u16, is_last: bool) {
        let noted = tokio::time::timeout(REPORT_MAX, self.call.report_referral(code, is_last)).await;
        if noted != Ok(true) {
            tracing::debug!(code, "nobody takes note of how a call goes that was asked for");
        }
    }
}

/// The user of an address: the number that is to be called.
fn user_of(address: &str) -> &str {
    let rest = address.split_once(':').map_or(address, |(_, rest)| rest);
    rest.split_once('@').map_or(rest, |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_to_be_called_is_the_user_of_the_address() {
        let check = |address: &str, user: &str| assert_eq!(user_of(address), user, "{address}");
        check("sip:13800138034@127.0.0.1:5070;transport=TCP", "13800138034");
        check("tel:13800138034", "13800138034");
        check("13800138034", "13800138034");
        check("", "");
    }
}
