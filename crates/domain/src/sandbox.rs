//! The people of the sandbox: what they do when they are called, and what they say.
//!
//! Nobody is called there. The simulated line plays them in text, the callee farm with real voices; that both play the
//! same people is why they are here. Fixed numbers have fixed fates, see [`Fate::of_number`] and `docs/sandbox.md`.

use crate::outcome::Disposition;

/// What a callee is going to do.
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
    /// Presses a key instead of speaking.
    PressesKeys,
    /// A voicemail: a greeting, a beep, and silence.
    Voicemail,
    /// Agrees, and does not let the robot finish.
    Interrupts,
    /// Is gone after the first sentence, without hanging up.
    Vanishes,
    /// Agrees with everything, over a connection that loses one packet of their voice in ten.
    DropsPackets,
    /// Agrees with everything; its telephone hands no call over (REFER is refused).
    KeepsCalls,
    /// Takes calls that are handed over: speaks first, answers some times, and hangs up.
    Attends,
}

impl Fate {
    /// The fixed outcomes of the sandbox numbers 13800138000 to 13800138034: up to 22, the last two digits
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
            28 => Self::Answers(Manner::PressesKeys),
            29 => Self::Answers(Manner::Voicemail),
            30 => Self::Answers(Manner::Interrupts),
            31 => Self::Answers(Manner::Vanishes),
            32 => Self::Answers(Manner::DropsPackets),
            33 => Self::Answers(Manner::KeepsCalls),
            34 => Self::Answers(Manner::Attends),
            _ => return None,
        })
    }

    /// The fate of the person at this place of a hundred, in shares that campaigns see.
    #[must_use]
    pub const fn by_chance(percent: u32) -> Self {
        match percent {
            0..14 => Self::Answers(Manner::Interested),
            14..24 => Self::Answers(Manner::Curious),
            24..32 => Self::Answers(Manner::Declining),
            32..37 => Self::Answers(Manner::Busy),
            37..41 => Self::Answers(Manner::Puzzling),
            41..43 => Self::Answers(Manner::Silent),
            43..49 => Self::Answers(Manner::HangsUp),
            49..51 => Self::Answers(Manner::Forbids),
            51..65 => Self::Unanswered(Disposition::RangOut),
            65..75 => Self::Unanswered(Disposition::Declined),
            75..83 => Self::Unanswered(Disposition::Busy),
            83..88 => Self::Unanswered(Disposition::Vacant),
            88..93 => Self::Unanswered(Disposition::PoweredOff),
            93..96 => Self::Unanswered(Disposition::Suspended),
            96..99 => Self::Unanswered(Disposition::Unreachable),
            _ => Self::Unanswered(Disposition::OutOfCoverage),
        }
    }
}

/// What a callee does when it is their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Says one of these.
    Says(&'static [&'static str]),
    /// Presses this key.
    Presses(char),
    /// Does nothing.
    Waits,
}

/// What a voicemail says before its beep.
pub const VOICEMAIL_GREETING: &str = "您好，我现在不方便接听电话，请在嘀声后留言。";

impl Manner {
    /// What the callee does after the robot spoke: `turn` counts from 0, `robot_said` is what it said last, as far as
    /// that is known, and `greets` is whether a first turn begins with a greeting.
    #[must_use]
    pub fn turn(self, turn: usize, robot_said: &str, greets: bool) -> Turn {
        const GREETINGS: &[&str] = &["喂，你好", "喂，哪位", "你好，请讲"];
        const ATTENDING: &[&str] = &["你好，请讲"];
        const AGREEING: &[&str] = &["嗯，可以", "好的，你说", "可以啊", "行，没问题", "好的"];
        const HOUSE_QUESTIONS: &[&str] =
            &["多少钱一平", "你们楼盘在哪里", "可以贷款吗", "周边有什么配套", "都有什么户型", "环境怎么样"];
        const DEBT_QUESTIONS: &[&str] = &["我欠多少钱", "怎么还款", "可以分期还吗", "晚几天还行不行"];
        const DECLINING: &[&str] = &["不需要，谢谢", "没兴趣", "不考虑"];
        const BUSY: &[&str] = &["我在开会，晚点再说", "现在没空，我在开车"];
        const PUZZLING: &[&str] = &["你猜今天股市涨了没有", "我家的猫又跑丢了", "火星上有没有氧气"];
        const FORBIDDING: &[&str] = &["不要再给我打电话了"];
        const GREETING: &[&str] = &[VOICEMAIL_GREETING];
        Turn::Says(match self {
            Self::Silent => return Turn::Waits,
            Self::Vanishes if turn > 0 => return Turn::Waits,
            Self::Voicemail if turn > 0 => return Turn::Waits,
            Self::Voicemail => GREETING,
            Self::PressesKeys => return Turn::Presses('1'),
            Self::Attends if turn == 0 => ATTENDING,
            _ if turn == 0 && greets => GREETINGS,
            Self::Interested
            | Self::HangsUp
            | Self::Interrupts
            | Self::Vanishes
            | Self::DropsPackets
            | Self::KeepsCalls
            | Self::Attends => AGREEING,
            Self::Curious if turn % 2 == 1 => {
                if ["还款", "欠款", "逾期", "账单"].iter().any(|word| robot_said.contains(word)) {
                    DEBT_QUESTIONS
                } else {
                    HOUSE_QUESTIONS
                }
            }
            Self::Curious => AGREEING,
            Self::Declining => DECLINING,
            Self::Busy => BUSY,
            Self::Puzzling => PUZZLING,
            Self::Forbids => FORBIDDING,
        })
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
