//! The simulated line: callees that exist only inside the server, drawn from a seed, who answer in text.
//!
//! Who they are and what they say stands in [`hutong_domain::sandbox`]: fixed numbers have fixed fates, any other number
//! gets one by chance, the same one each time for the same seed and attempt.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::dialogue::{Interruption, Listen};
use hutong_domain::outcome::Disposition;
use hutong_domain::sandbox::{Fate, Manner, Turn};
use hutong_domain::transfer::{TransferFailure, TransferWay};
use hutong_store::claim::Claimed;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::line::{Heard, Line, LiveCall, PartedBy, Said, TransferTarget, Transferred};
use crate::runtime::{BoxFuture, Runtime};

/// Milliseconds that a spoken Mandarin character takes.
const CHARACTER_MS: u64 = 220;
/// The most that one utterance takes, whatever its length.
const UTTERANCE_MAX: Duration = Duration::from_secs(120);
/// How long a ringing phone rings before nobody takes it.
const RING_TIMEOUT: Duration = Duration::from_secs(30);

/// A line whose callees are played by the server.
pub struct SimulatedLine {
    runtime: Arc<dyn Runtime>,
    seed: u64,
}

impl SimulatedLine {
    /// A line whose callees are drawn from `seed`.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, seed: u64) -> Self {
        Self { runtime, seed }
    }
}

impl Line for SimulatedLine {
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall> {
        let call = claimed.call.get().unsigned_abs().rotate_left(24);
        let mut rng = StdRng::seed_from_u64(self.seed ^ call ^ claimed.attempt_no.unsigned_abs());
        let fate =
            Fate::of_number(&claimed.customer_phone).unwrap_or_else(|| Fate::by_chance(rng.random_range(0..100)));
        Box::new(SimulatedCall {
            runtime: self.runtime.clone(),
            rng,
            fate,
            prompts: 0,
            last_prompt: String::new(),
            turns: 0,
        })
    }
}

struct SimulatedCall {
    runtime: Arc<dyn Runtime>,
    rng: StdRng,
    fate: Fate,
    prompts: u32,
    last_prompt: String,
    turns: usize,
}

impl SimulatedCall {
    async fn pause(&mut self, least_ms: u64, most_ms: u64) {
        let pause = Duration::from_millis(self.rng.random_range(least_ms..=most_ms));
        self.runtime.sleep(pause).await;
    }

    fn manner(&self) -> Option<Manner> {
        match self.fate {
            Fate::Answers(manner) => Some(manner),
            Fate::Unanswered(_) => None,
        }
    }

    /// How long the person takes to answer, or why nobody does. Fixed numbers have fixed fates here as well, and any
    /// other person is there for whom is handed over to them.
    async fn called(&mut self, to: &TransferTarget) -> Result<(), TransferFailure> {
        let Some(Fate::Unanswered(disposition)) = Fate::of_number(to.to.user()) else {
            let takes = Duration::from_millis(self.rng.random_range(2_000..=9_000));
            self.runtime.sleep(takes.min(to.ring)).await;
            return if takes <= to.ring { Ok(()) } else { Err(TransferFailure::NoAnswer) };
        };
        match disposition {
            Disposition::RangOut => self.runtime.sleep(to.ring.min(RING_TIMEOUT)).await,
            _ => self.pause(800, 4_000).await,
        }
        Err(TransferFailure::of(disposition))
    }

    /// What the customer does next.
    fn turn(&mut self) -> Turn {
        let Some(manner) = self.manner() else { return Turn::Waits };
        let turn = self.turns;
        self.turns += 1;
        let greets = turn == 0 && manner != Manner::Silent && self.rng.random_range(0..4) == 0;
        manner.turn(turn, &self.last_prompt, greets)
    }
}

fn speaking_time(text: &str) -> Duration {
    let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    Duration::from_millis(characters.saturating_mul(CHARACTER_MS)).min(UTTERANCE_MAX)
}

impl LiveCall for SimulatedCall {
    fn answered(&mut self) -> BoxFuture<'_, Result<(), Disposition>> {
        Box::pin(async move {
            match self.fate {
                Fate::Answers(_) => {
                    self.pause(2_000, 9_000).await;
                    Ok(())
                }
                Fate::Unanswered(disposition) => {
                    match disposition {
                        Disposition::RangOut => self.runtime.sleep(RING_TIMEOUT).await,
                        Disposition::Declined => self.pause(3_000, 15_000).await,
                        Disposition::LineFailed | Disposition::LineInArrears => self.pause(100, 400).await,
                        _ => self.pause(800, 4_000).await,
                    }
                    Err(disposition)
                }
            }
        })
    }

    fn say<'a>(&'a mut self, text: &'a str, _interruption: Interruption) -> BoxFuture<'a, Said> {
        Box::pin(async move {
            self.prompts += 1;
            text.clone_into(&mut self.last_prompt);
            let from = self.runtime.now();
            let whole = speaking_time(text);
            let hung_up = self.manner() == Some(Manner::HangsUp) && self.prompts >= 2;
            self.runtime.sleep(if hung_up { whole / 2 } else { whole }).await;
            Said { from, until: self.runtime.now(), interrupted: false, hung_up, machine: false }
        })
    }

    fn listen(&mut self, listen: Listen) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            let silence = Duration::from_millis(u64::from(listen.silence_ms));
            let words = match self.turn() {
                Turn::Says(phrases) => {
                    phrases.get(self.rng.random_range(0..phrases.len())).copied().unwrap_or_default()
                }
                Turn::Presses(key) => {
                    self.pause(300, 1_200).await;
                    return Heard::Key(key);
                }
                Turn::Waits if self.manner() == Some(Manner::Voicemail) => {
                    self.pause(300, 1_200).await;
                    return Heard::Machine;
                }
                Turn::Waits => {
                    self.runtime.sleep(silence).await;
                    return Heard::Silence;
                }
            };
            self.pause(300, 1_200).await;
            let from = self.runtime.now();
            self.runtime.sleep(speaking_time(words)).await;
            Heard::Words { text: words.to_owned(), from, until: self.runtime.now(), recognition: None }
        })
    }

    fn transfer<'a>(&'a mut self, to: &'a TransferTarget) -> BoxFuture<'a, Transferred> {
        Box::pin(async move {
            if to.how == TransferWay::Refer && self.manner() == Some(Manner::KeepsCalls) {
                self.pause(100, 400).await;
                return Transferred::Failed(TransferFailure::Unsupported);
            }
            if let Err(why) = self.called(to).await {
                return Transferred::Failed(why);
            }
            let from = self.runtime.now();
            let by = match to.how {
                TransferWay::Refer => PartedBy::Us,
                TransferWay::Bridge => {
                    self.pause(20_000, 90_000).await;
                    if self.rng.random_range(0..2) == 0 { PartedBy::Customer } else { PartedBy::Person }
                }
            };
            Transferred::Taken { from, until: self.runtime.now(), by }
        })
    }

    fn hang_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
    use hutong_domain::line::LineDriver;
    use hutong_domain::moment::Moment;
    use hutong_domain::transfer::Destination;

    use super::*;
    use crate::virtual_time::VirtualRuntime;

    const START: Moment = Moment(1_700_000_000_000);

    /// What comes of handing a call to `number` over to `person`.
    fn handed_over(number: &str, person: &str, how: TransferWay) -> Transferred {
        let runtime = Arc::new(VirtualRuntime::new(START));
        let claimed = Claimed {
            company: CompanyId(1),
            task: TaskId(1),
            call: CallId(7),
            attempt_no: 1,
            node: NodeId(1),
            customer_name: "王女士".to_owned(),
            customer_phone: number.to_owned(),
            properties: std::collections::BTreeMap::new(),
            line: LineId(1),
            driver: LineDriver::Simulated,
            caller_phone: "02180000001".to_owned(),
            seated: true,
            scene: SceneId(1),
            scene_version: 1,
            voice: VoiceId(0),
            dial_before: Moment(i64::MAX),
        };
        let mut call = SimulatedLine::new(runtime.clone(), 7).dial(&claimed);
        let (to, ring) = (Destination::parse(person).unwrap(), Duration::from_secs(20));
        let transferred = runtime.run(async move {
            call.answered().await.unwrap();
            call.transfer(&TransferTarget { to, how, ring, wait: None }).await
        });
        transferred.unwrap()
    }

    #[test]
    fn a_call_is_handed_over_as_the_numbers_of_the_sandbox_say() {
        let check = |number: &str, person: &str, how: TransferWay, expected: Option<TransferFailure>| match handed_over(
            number, person, how,
        ) {
            Transferred::Taken { from, until, by } => {
                assert_eq!(expected, None, "{person}");
                assert_eq!((how, by == PartedBy::Us), (how, how == TransferWay::Refer), "{person}");
                assert_eq!(until > from, how == TransferWay::Bridge, "{person}");
            }
            Transferred::Failed(why) => assert_eq!(Some(why), expected, "{person}"),
            Transferred::HungUp => panic!("{number} hung up"),
        };
        let (customer, keeps_calls) = ("13800138000", "13800138033");
        for how in [TransferWay::Refer, TransferWay::Bridge] {
            check(customer, "13800138034", how, None);
            check(customer, "13900000000", how, None);
            check(customer, "sip:8001@pbx.example", how, None);
            check(customer, "13800138001", how, Some(TransferFailure::Refused));
            check(customer, "13800138006", how, Some(TransferFailure::Busy));
            check(customer, "13800138008", how, Some(TransferFailure::NoAnswer));
            check(customer, "13800138009", how, Some(TransferFailure::Trunk));
        }
        check(keeps_calls, "13800138034", TransferWay::Refer, Some(TransferFailure::Unsupported));
        check(keeps_calls, "13800138034", TransferWay::Bridge, None);
    }
}
