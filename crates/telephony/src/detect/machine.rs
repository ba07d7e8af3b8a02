//! Whether a person or a machine has taken the call.
//!
//! A person says little and waits (喂); a machine talks on. Nothing but the rhythm of speech and pauses is needed, so
//! it takes flags, from [`crate::detect::activity`] or from a recogniser of speech; words that only machines say
//! (留言, 语音信箱 …) can be told to it as well. To hang up on a person is worse than to talk to a machine: whoever is
//! not sure has a person.

/// Milliseconds of a frame.
const FRAME_MS: u32 = 20;

/// What greetings of machines have in them, and first words of people do not.
pub const MACHINE_WORDS: &[&str] = &[
    "语音信箱",
    "留言",
    "语音秘书",
    "小秘书",
    "语音助理",
    "来电助手",
    "滴声",
    "嘀声",
    "提示音后",
    "不方便接听",
    "暂时无法接听",
];

/// What distinguishes people from machines, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Who says nothing for so long after the answer is not judged by the rest: [`Reason::SaysNothing`].
    pub initial_silence_ms: u32,
    /// Speech for longer is a machine's greeting.
    pub greeting_ms: u32,
    /// A pause of this length ends a person's greeting.
    pub after_greeting_silence_ms: u32,
    /// After this much, there is a verdict.
    pub total_ms: u32,
    /// Pieces of speech; more are a machine's.
    pub pieces_max: u32,
    /// A pause of this length stands between two pieces.
    pub between_pieces_ms: u32,
    /// Speech that is shorter is a noise.
    pub piece_ms_min: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            initial_silence_ms: 2_500,
            greeting_ms: 1_500,
            after_greeting_silence_ms: 800,
            total_ms: 5_000,
            pieces_max: 3,
            between_pieces_ms: 60,
            piece_ms_min: 120,
        }
    }
}

/// Who has taken the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A person.
    Person(Reason),
    /// A machine.
    Machine(Reason),
    /// Nobody can tell: to be treated as a person.
    Unsure(Reason),
}

impl Verdict {
    /// Whether to talk to them: to everybody but machines.
    #[must_use]
    pub const fn is_person(self) -> bool {
        !matches!(self, Self::Machine(_))
    }
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Said little, and waits.
    ShortGreeting,
    /// Talks on.
    LongGreeting,
    /// Said many pieces with short pauses.
    ManyPieces,
    /// Said words that machines say.
    Words,
    /// A beep was heard.
    Beep,
    /// Said nothing at all.
    SaysNothing,
    /// Spoke late or in between: neither a greeting nor an end.
    TimeUp,
}

/// Listens to the first seconds of an answered call, a flag for each frame of 20 ms.
#[derive(Debug, Clone, Default)]
pub struct MachineDetector {
    parameters: Parameters,
    heard_ms: u32,
    /// The piece of speech that goes on, or was the last.
    piece_ms: u32,
    /// The pause that goes on.
    pause_ms: u32,
    /// Of all pieces.
    speech_ms: u32,
    pieces: u32,
    verdict: Option<Verdict>,
}

impl MachineDetector {
    /// Listens with these parameters.
    #[must_use]
    pub fn new(parameters: Parameters) -> Self {
        Self { parameters, ..Self::default() }
    }

    /// The verdict, with the frame that completes it: once, after [`Parameters::total_ms`] at the latest.
    pub fn push(&mut self, speaking: bool) -> Option<Verdict> {
        if self.verdict.is_some() {
            return None;
        }
        self.heard_ms = self.heard_ms.saturating_add(FRAME_MS);
        if speaking {
            self.speak();
        } else {
            self.pause_ms = self.pause_ms.saturating_add(FRAME_MS);
        }
        self.verdict = self.judge();
        self.verdict
    }

    /// Words that were recognised; a verdict where only machines say them.
    pub fn heard(&mut self, words: &str) -> Option<Verdict> {
        let said = MACHINE_WORDS.iter().any(|word| words.contains(word));
        said.then(|| self.conclude(Verdict::Machine(Reason::Words)))
    }

    /// A beep was heard, see [`crate::detect::tones::Tone::Beep`]: nobody beeps but a machine. This also overrules a
    /// verdict from before.
    pub fn beep(&mut self) -> Verdict {
        self.conclude(Verdict::Machine(Reason::Beep))
    }

    /// The verdict so far.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    const fn conclude(&mut self, verdict: Verdict) -> Verdict {
        self.verdict = Some(verdict);
        verdict
    }

    fn speak(&mut self) {
        if self.pause_ms >= self.parameters.between_pieces_ms || self.piece_ms == 0 {
            if self.piece_ms < self.parameters.piece_ms_min {
                // It was a noise.
                self.pieces = self.pieces.saturating_sub(u32::from(self.piece_ms > 0));
                self.speech_ms = self.speech_ms.saturating_sub(self.piece_ms);
            }
            self.piece_ms = 0;
            self.pieces += 1;
        } else {
            // Too short for a pause.
            self.piece_ms += self.pause_ms;
            self.speech_ms += self.pause_ms;
        }
        self.pause_ms = 0;
        self.piece_ms += FRAME_MS;
        self.speech_ms += FRAME_MS;
    }

    fn judge(&self) -> Option<Verdict> {
        let Parameters { initial_silence_ms, greeting_ms, after_greeting_silence_ms, total_ms, .. } = self.parameters;
        let spoken = self.speech_ms >= self.parameters.piece_ms_min;
        if self.speech_ms > greeting_ms {
            Some(Verdict::Machine(Reason::LongGreeting))
        } else if self.pieces > self.parameters.pieces_max && spoken {
            Some(Verdict::Machine(Reason::ManyPieces))
        } else if spoken && self.pause_ms >= after_greeting_silence_ms {
            Some(Verdict::Person(Reason::ShortGreeting))
        } else if !spoken && self.heard_ms >= initial_silence_ms && self.pause_ms >= after_greeting_silence_ms {
            Some(Verdict::Unsure(Reason::SaysNothing))
        } else if self.heard_ms >= total_ms {
            Some(Verdict::Unsure(Reason::TimeUp))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
