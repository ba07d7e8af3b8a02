//! The simulated line: callees that exist only inside the server, drawn from a seed, who answer in text.
//!
//! Fixed sandbox numbers have fixed outcomes, see [`Fate::of_number`] and `docs/sandbox.md`; any other
//! number gets an outcome by chance, the same one each time for the same seed and attempt.

use std::sync::Arc;
use std::time::Duration;

use hutong_domain::outcome::Disposition;
use hutong_store::claim::Claimed;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::line::{Heard, Line, LiveCall, Said};
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

/// What the callee of an attempt is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Never answers; the attempt ends like this.
    Unanswered(Disposition),
    /// Answers and talks.
    Answers(Manner),
}

/// How a callee who answers talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Agrees with everything.
    Interested,
    /// Agrees, and asks about what is offered.
    Curious,
    /// Declines.
    Declining,
    /// Has no time.
    Busy,
    /// Says what no scene expects.
    Puzzling,
    /// Says nothing.
    Silent,
    /// Hangs up in the middle of the robot's second sentence.
    HangsUp,
    /// Asks not to be called again.
    Forbids,
}

impl Fate {
    /// The fixed outcomes of the sandbox numbers 13800138000 to 13800138027: up to 22, the last two digits
    /// are the finish status that the number leads to.
    #[must_use]
    pub fn of_number(number: &str) -> Option<Self> {
        let case: u32 = number.strip_prefix("138001380")?.parse().ok()?;
        Some(match case {
            0 => Self::Answers(Manner::Interested),
            1 => Self::Unanswered(Disposition::Declined),
            2 => Self::Unanswered(Disposition::Unreachable),
            3 => Self::Unanswered(Disposition::LineFailed),
            4 => Self::Unanswered(Disposition::Vacant),
            5 => Self::Unanswered(Disposition::PoweredOff),
            6 => Self::Unanswered(Disposition::Busy),
            7 => Self::Unanswered(Disposition::Suspended),
            8 => Self::Unanswered(Disposition::RangOut),
            9 => Self::Unanswered(Disposition::LineInArrears),
            10 => Self::Unanswered(Disposition::Interrupted),
            20 => Self::Answers(Manner::Curious),
            21 => Self::Answers(Manner::Declining),
            22 => Self::Unanswered(Disposition::OutOfCoverage),
            23 => Self::Answers(Manner::Busy),
            24 => Self::Answers(Manner::Puzzling),
            25 => Self::Answers(Manner::Silent),
            26 => Self::Answers(Manner::HangsUp),
            27 => Self::Answers(Manner::Forbids),
            _ => return None,
        })
    }

    /// An outcome by chance, in shares that campaigns see.
    fn by_chance(rng: &mut StdRng) -> Self {
        let unanswered = |disposition| Self::Unanswered(disposition);
        match rng.random_range(0..100) {
            0..14 => Self::Answers(Manner::Interested),
            14..24 => Self::Answers(Manner::Curious),
            24..32 => Self::Answers(Manner::Declining),
            32..37 => Self::Answers(Manner::Busy),
            37..41 => Self::Answers(Manner::Puzzling),
            41..43 => Self::Answers(Manner::Silent),
            43..49 => Self::Answers(Manner::HangsUp),
            49..51 => Self::Answers(Manner::Forbids),
            51..65 => unanswered(Disposition::RangOut),
            65..75 => unanswered(Disposition::Declined),
            75..83 => unanswered(Disposition::Busy),
            83..88 => unanswered(Disposition::Vacant),
            88..93 => unanswered(Disposition::PoweredOff),
            93..96 => unanswered(Disposition::Suspended),
            96..99 => unanswered(Disposition::Unreachable),
            _ => unanswered(Disposition::OutOfCoverage),
        }
    }
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
        let fate = Fate::of_number(&claimed.customer_phone).unwrap_or_else(|| Fate::by_chance(&mut rng));
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

    /// The customer's next words; none where nothing is said.
    fn reply(&mut self) -> Option<&'static str> {
        const GREETINGS: &[&str] = &["喂，你好", "喂，哪位", "你好，请讲"];
        const AGREEING: &[&str] = &["嗯，可以", "好的，你说", "可以啊", "行，没问题", "好的"];
        const HOUSE_QUESTIONS: &[&str] =
            &["多少钱一平", "你们楼盘在哪里", "可以贷款吗", "周边有什么配套", "都有什么户型", "环境怎么样"];
        const DEBT_QUESTIONS: &[&str] = &["我欠多少钱", "怎么还款", "可以分期还吗", "晚几天还行不行"];
        const DECLINING: &[&str] = &["不需要，谢谢", "没兴趣", "不考虑"];
        const BUSY: &[&str] = &["我在开会，晚点再说", "现在没空，我在开车"];
        const PUZZLING: &[&str] = &["你猜今天股市涨了没有", "我家的猫又跑丢了", "火星上有没有氧气"];
        const FORBIDDING: &[&str] = &["不要再给我打电话了"];
        let turn = self.turns;
        self.turns += 1;
        let manner = self.manner()?;
        let phrases = match manner {
            Manner::Silent => return None,
            _ if turn == 0 && self.rng.random_range(0..4) == 0 => GREETINGS,
            Manner::Interested | Manner::HangsUp => AGREEING,
            Manner::Curious if turn % 2 == 1 => {
                if ["还款", "欠款", "逾期", "账单"].iter().any(|word| self.last_prompt.contains(word)) {
                    DEBT_QUESTIONS
                } else {
                    HOUSE_QUESTIONS
                }
            }
            Manner::Curious => AGREEING,
            Manner::Declining => DECLINING,
            Manner::Busy => BUSY,
            Manner::Puzzling => PUZZLING,
            Manner::Forbids => FORBIDDING,
        };
        phrases.get(self.rng.random_range(0..phrases.len())).copied()
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

    fn say<'a>(&'a mut self, text: &'a str, _interruptible: bool) -> BoxFuture<'a, Said> {
        Box::pin(async move {
            self.prompts += 1;
            text.clone_into(&mut self.last_prompt);
            let from = self.runtime.now();
            let whole = speaking_time(text);
            let hung_up = self.manner() == Some(Manner::HangsUp) && self.prompts >= 2;
            self.runtime.sleep(if hung_up { whole / 2 } else { whole }).await;
            Said { from, until: self.runtime.now(), hung_up }
        })
    }

    fn listen(&mut self, silence: Duration) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            let Some(words) = self.reply() else {
                self.runtime.sleep(silence).await;
                return Heard::Silence;
            };
            self.pause(300, 1_200).await;
            let from = self.runtime.now();
            self.runtime.sleep(speaking_time(words)).await;
            Heard::Words { text: words.to_owned(), from, until: self.runtime.now() }
        })
    }

    fn hang_up(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digits_of_a_sandbox_number_are_its_finish_status() {
        for case in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 22] {
            let Some(Fate::Unanswered(disposition)) = Fate::of_number(&format!("138001380{case:02}")) else {
                panic!("{case} is answered");
            };
            assert_eq!(disposition.finish_status().number(), case);
        }
        assert!(matches!(Fate::of_number("13800138000"), Some(Fate::Answers(Manner::Interested))));
        assert_eq!(Fate::of_number("13900000000"), None);
        assert_eq!(Fate::of_number("1380013800"), Some(Fate::Answers(Manner::Interested)));
    }
}
