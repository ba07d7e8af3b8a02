//! From what a call was to what is concluded about it.

use cel::Context;

use crate::call::{CallResult, Evidence, FinishStatus, INTENT_LEVEL, Speaker, Understanding, Utterance};
use crate::dialogue::State;
use crate::scene::Scene;
use crate::scene::condition::{Circumstances, Condition, MentionList};
use crate::scene::model::{Conclusion, Given, Rule};

/// The kind of rule that gives the intent level (`analyzeType` on the wire).
pub const BY_USER_LEVEL: &str = "BY_ANALYZE_USER_LEVEL";

/// The kind of rule that gives any other result from what happened in the call.
pub const BY_RULE: &str = "BY_ANALYZE_RULE";

/// The kind of rule that gives a result from what the customer asked.
pub const BY_KNOWLEDGE: &str = "BY_KNOWLEDGE";

/// Everything that the rules of a scene may ask about a finished call.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// How the call ended.
    pub finish_status: FinishStatus,
    /// Talk time in milliseconds.
    pub talk_ms: i64,
    /// How often the robot spoke.
    pub chat_rounds: i64,
    /// Where the conversation stood at its end; none where nobody talked.
    pub state: Option<&'a State>,
    /// Everything that was said, in order; results point into it.
    pub transcript: &'a [Utterance],
}

/// What is concluded about a call whose scene cannot be read: the level of a call that nobody answered.
#[must_use]
pub fn without_scene() -> Vec<CallResult> {
    vec![CallResult {
        name: INTENT_LEVEL.to_owned(),
        value: crate::scene::DEFAULT_UNANSWERED_LEVEL.to_owned(),
        description: None,
        rule: Some(BY_USER_LEVEL.to_owned()),
        evidence: Vec::new(),
    }]
}

/// What a scene concludes about a call, in the scene's order. The intent level is always among it;
/// of a call that nobody answered nothing else is known.
#[must_use]
pub fn grade(scene: &Scene, facts: &Facts<'_>) -> Vec<CallResult> {
    if facts.finish_status != FinishStatus::Answered {
        return vec![CallResult {
            name: INTENT_LEVEL.to_owned(),
            value: scene.unanswered.clone(),
            description: Some(format!("电话未接通：{}。", facts.finish_status.label())),
            rule: Some(BY_USER_LEVEL.to_owned()),
            evidence: Vec::new(),
        }];
    }
    let context = circumstances(facts).context();
    let conclusions = scene.conclusions.iter();
    conclusions.flat_map(|conclusion| conclude(scene, facts, conclusion, &context)).collect()
}

fn circumstances(facts: &Facts<'_>) -> Circumstances {
    let conversation = facts.state.map(State::circumstances).unwrap_or_default();
    Circumstances { rounds: facts.chat_rounds, talk_seconds: facts.talk_ms / 1_000, ..conversation }
}

/// The values of one result: what its rules say, then what the customer's questions reveal, then its
/// default; all of the first two where it can have several values.
fn conclude(scene: &Scene, facts: &Facts<'_>, conclusion: &Conclusion, context: &Context<'_, '_>) -> Vec<CallResult> {
    let rules = conclusion
        .rules
        .iter()
        .filter(|rule| rule.condition.as_ref().is_none_or(|condition| condition.holds(context)))
        .filter_map(|rule| by_rule(facts, conclusion, rule));
    let questions = by_knowledge(scene, facts, conclusion);
    let default = conclusion.default.iter().map(|value| CallResult {
        name: conclusion.name.clone(),
        value: value.clone(),
        description: Some("没有命中任何规则，取默认值。".to_owned()),
        rule: Some(kind_of_rule(conclusion).to_owned()),
        evidence: Vec::new(),
    });
    let mut results: Vec<CallResult> = Vec::new();
    for result in rules.chain(questions) {
        match results.iter_mut().find(|known| known.value == result.value) {
            Some(known) => add_evidence(&mut known.evidence, &result.evidence),
            None => results.push(result),
        }
    }
    if !conclusion.multiple {
        results.truncate(1);
    }
    if results.is_empty() {
        results.extend(default);
    }
    results
}

fn add_evidence(evidence: &mut Vec<Evidence>, more: &[Evidence]) {
    evidence.extend(more);
    evidence.sort_unstable();
    evidence.dedup();
}

fn kind_of_rule(conclusion: &Conclusion) -> &'static str {
    if conclusion.name == INTENT_LEVEL { BY_USER_LEVEL } else { BY_RULE }
}

/// What a rule gives that holds; nothing where it gives a value that was not kept.
fn by_rule(facts: &Facts<'_>, conclusion: &Conclusion, rule: &Rule) -> Option<CallResult> {
    let mut evidence = Vec::new();
    for mention in rule.condition.iter().flat_map(Condition::mentions) {
        add_evidence(&mut evidence, &borne_out(facts, mention.list, &mention.name));
    }
    let value = match &rule.value {
        Given::Value(value) => value.clone(),
        Given::Kept(name) => {
            add_evidence(&mut evidence, &borne_out(facts, MentionList::Values, name));
            facts.state?.values().get(name)?.value.clone()
        }
    };
    Some(CallResult {
        name: conclusion.name.clone(),
        value,
        description: Some(rule.because.render(|name| facts.state?.words(name))),
        rule: Some(kind_of_rule(conclusion).to_owned()),
        evidence,
    })
}

/// Where the transcript bears out what a condition looks for: the customer's words that hit an intent
/// or a question; for a node, the robot's first words there and the customer's that led to them.
fn borne_out(facts: &Facts<'_>, list: MentionList, name: &str) -> Vec<Evidence> {
    let transcript = facts.transcript;
    let of_robot = |utterance: &Utterance| utterance.speaker == Speaker::Robot;
    match list {
        MentionList::Intents => positions(transcript, |said| hits(said, name, false)),
        MentionList::Knowledge => positions(transcript, |said| hits(said, name, true)),
        MentionList::Values => {
            let kept = facts.state.and_then(|state| state.values().get(name));
            let words = kept.map(|kept| kept.utterance.as_str()).filter(|words| !words.is_empty());
            let Some(words) = words else {
                return Vec::new();
            };
            // The last time counts: a value that is said again is kept anew.
            let said = |said: &Utterance| !of_robot(said) && said.text.trim() == words.trim();
            let last = transcript.iter().rposition(said);
            last.into_iter().filter_map(|position| evidence_at(transcript, position)).collect()
        }
        MentionList::Variables => Vec::new(),
        MentionList::Visited => {
            let at_node = |said: &Utterance| of_robot(said) && said.node == name;
            let Some(first) = transcript.iter().position(at_node) else {
                return Vec::new();
            };
            let before = transcript.iter().take(first);
            let led_there = before.into_iter().rposition(|said| !of_robot(said));
            led_there.into_iter().chain([first]).filter_map(|position| evidence_at(transcript, position)).collect()
        }
    }
}

fn positions(transcript: &[Utterance], wanted: impl Fn(&Utterance) -> bool) -> Vec<Evidence> {
    let said = transcript.iter().enumerate().filter(|(_, utterance)| wanted(utterance));
    said.filter_map(|(position, _)| evidence_at(transcript, position)).collect()
}

fn evidence_at(transcript: &[Utterance], utterance: usize) -> Option<Evidence> {
    let said = transcript.get(utterance)?;
    Some(Evidence { utterance, from_ms: said.start_ms, until_ms: said.end_ms })
}

fn hits(utterance: &Utterance, name: &str, knowledge: bool) -> bool {
    matches!(&utterance.understanding, Some(Understanding::Matched(hit))
        if hit.name == name && hit.knowledge.is_some() == knowledge)
}

/// What the customer's questions reveal, in the order in which they were first asked.
fn by_knowledge<'a>(
    scene: &'a Scene,
    facts: &'a Facts<'_>,
    conclusion: &'a Conclusion,
) -> impl Iterator<Item = CallResult> + 'a {
    let asked = facts.state.map_or(&[][..], |state| state.history().knowledge.as_slice());
    let entries = asked.iter().filter_map(|name| scene.knowledge.iter().find(|entry| entry.name == *name));
    entries.flat_map(move |entry| {
        let revealed = entry.reveals.iter().filter(|(name, _)| *name == conclusion.name);
        revealed.map(move |(_, value)| CallResult {
            name: conclusion.name.clone(),
            value: value.clone(),
            description: Some(format!("客户问到了“{}”。", entry.name)),
            rule: Some(BY_KNOWLEDGE.to_owned()),
            evidence: positions(facts.transcript, |said| hits(said, &entry.name, true)),
        })
    })
}
