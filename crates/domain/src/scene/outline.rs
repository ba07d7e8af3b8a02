//! A scene as its author wrote it, for people who look at it: its steps and the ways between them, its words, its rules.
//!
//! It is read from the text alone, so that a scene that does not pass its checks yet can be looked at as well.

use std::collections::BTreeMap;

use super::document::forms::{self, Returns, Values, Way};
use super::document::{self, Document, Wordings};
use super::problem::Problem;
use super::source::{self, Located};

/// A scene as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// The name of the step that it begins with.
    pub start: String,
    /// The steps of the scene, then those of its flows.
    pub steps: Vec<Step>,
    /// The ways that are open at every step that listens.
    pub anywhere: Vec<Exit>,
    /// The questions that are answered at any step.
    pub knowledge: Vec<Question>,
    /// What customers may mean, beside what is built in.
    pub intents: Vec<Meaning>,
    /// What imports give.
    pub variables: Vec<Variable>,
    /// What is concluded.
    pub results: Vec<Conclusion>,
}

/// A step of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name; `flow/node` in a flow.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// What is said on entering it, as it is written.
    pub says: Vec<String>,
    /// What it does then.
    pub does: Does,
    /// The ways on.
    pub exits: Vec<Exit>,
}

/// What a step does once it has spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// It listens.
    Listen,
    /// It goes on.
    GoOn,
    /// It ends the call.
    End {
        /// Why.
        reason: String,
    },
    /// It hands the call to a person.
    Transfer {
        /// Whom.
        to: String,
    },
    /// It enters a flow.
    Call {
        /// Which.
        flow: String,
    },
    /// It leaves a flow.
    Return {
        /// What the flow returns.
        name: String,
    },
}

/// A way on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// What leads this way.
    pub by: By,
    /// The condition under which it does.
    pub when: Option<String>,
    /// The name under which something is kept.
    pub keeps: Option<String>,
    /// The name of the step that it leads to.
    pub to: String,
}

/// What leads along a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// What the customer means, and the kind of value in it; at least one of them.
    Words {
        /// The intent.
        intent: Option<String>,
        /// The kind of value.
        value: Option<&'static str>,
    },
    /// A key.
    Key(String),
    /// So many keys.
    Keys(u32),
    /// Anything else.
    Otherwise,
    /// Silence.
    Silence,
    /// Words that are not understood.
    Unknown,
    /// Nothing: it goes on by itself.
    Next,
    /// Nobody took the call.
    Failed,
    /// What a flow returns.
    Returned(String),
    /// The beginning of a flow.
    Enter,
}

/// A question with its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// The words that ask it.
    pub words: Words,
    /// The answers.
    pub answers: Vec<String>,
    /// Where it is understood.
    pub when: Option<String>,
    /// How often it is answered.
    pub limit: Option<u32>,
    /// What it says about the customer: result and value.
    pub reveals: Vec<(String, String)>,
    /// Where the talk goes on; empty: back where it was.
    pub exits: Vec<Exit>,
}

/// Words that give a meaning away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// An intent whose words count as well.
    pub intent: Option<String>,
    /// Words anywhere in a sentence.
    pub keywords: Vec<String>,
    /// Whole utterances with `*` for any words.
    pub patterns: Vec<String>,
    /// Sentences that customers say.
    pub samples: Vec<String>,
}

/// Something that customers may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// The words for it.
    pub words: Words,
    /// Whether it asks never to be called again.
    pub do_not_call: bool,
}

/// Something that imports give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// What it is: `text`, `money` …
    pub kind: &'static str,
    /// What stands for it where an import gives none.
    pub default: Option<String>,
    /// An example.
    pub example: Option<String>,
    /// Whether an import must give it.
    pub required: bool,
}

/// What is concluded under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Its name.
    pub name: String,
    /// Its line, from 1.
    pub line: u32,
    /// The values; none: any.
    pub values: Option<Vec<String>>,
    /// Whether a call can have several of them.
    pub multiple: bool,
    /// The value where no rule holds.
    pub default: Option<String>,
    /// The value of a call that nobody answered.
    pub unanswered: Option<String>,
    /// When which value is concluded.
    pub rules: Vec<Rule>,
}

/// When a value is concluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its line, from 1.
    pub line: u32,
    /// The condition.
    pub when: Option<String>,
    /// The value; or the name of the kept value that is concluded.
    pub gives: String,
    /// Whether `gives` is a name.
    pub is_kept: bool,
    /// The reason in words.
    pub because: String,
}

impl Outline {
    /// Reads a scene.
    ///
    /// # Errors
    /// Where the text is no scene at all. Everything else that may be wrong with it is found by [`super::Scene::parse`].
    pub fn read(yaml: &str) -> Result<Self, Problem> {
        let document: Document = source::read(yaml)?;
        let mut steps: Vec<Step> = document.nodes.iter().map(|node| step(node, None, &document)).collect();
        for flow in &document.flows {
            steps.extend(flow.nodes.iter().map(|node| step(node, Some(&flow.name.value), &document)));
        }
        let first = steps.first().map(|step| step.name.clone());
        Ok(Self {
            start: document.start.as_ref().map(|start| start.value.clone()).or(first).unwrap_or_default(),
            steps,
            anywhere: document.anywhere.iter().flat_map(|it| branch(it, None)).collect(),
            knowledge: document.knowledge.iter().map(question).collect(),
            intents: document.intents.iter().map(meaning).collect(),
            variables: document.variables.iter().map(variable).collect(),
            results: document.results.value.iter().map(conclusion).collect(),
            name: document.name.value,
        })
    }

    /// Where a step stands among all.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.name == name)
    }
}

fn full_name(flow: Option<&str>, node: &str) -> String {
    flow.map_or_else(|| node.to_owned(), |flow| super::compile::full_name(flow, node))
}

fn step(node: &document::Node, flow: Option<&str>, scene: &Document) -> Step {
    let mut exits: Vec<Exit> = node.branches.iter().flat_map(|it| branch(it, flow)).collect();
    let mut add = |by: By, way: &Option<Way>| {
        exits.extend(way.iter().flat_map(|way| ways(&by, None, way, flow)));
    };
    add(By::Otherwise, &node.otherwise);
    add(By::Next, &node.next);
    for (by, fallback) in [(By::Silence, &node.on_silence), (By::Unknown, &node.on_unknown)] {
        fallback.iter().for_each(|fallback| add(by.clone(), &fallback.next));
    }
    let does = if let Some(end) = &node.end {
        Does::End { reason: end.reason.clone() }
    } else if let Some(transfer) = &node.transfer {
        exits.extend(ways(&By::Failed, None, &transfer.failed, flow));
        Does::Transfer { to: transfer.to.value.clone() }
    } else if let Some(called) = &node.call {
        exits.extend(enter(&called.value, scene));
        exits.extend(node.then.iter().flat_map(|then| returned(&then.value, flow)));
        Does::Call { flow: called.value.clone() }
    } else if let Some(name) = &node.returns {
        Does::Return { name: name.value.clone() }
    } else if node.next.is_some() {
        Does::GoOn
    } else {
        Does::Listen
    };
    Step {
        name: full_name(flow, &node.name.value),
        line: node.name.at.line,
        says: node.say.as_ref().map_or_else(Vec::new, |say| texts(&say.value)),
        does,
        exits,
    }
}

fn enter(flow: &str, scene: &Document) -> Option<Exit> {
    let called = scene.flows.iter().find(|it| it.name.value == flow)?;
    let start = called.start.as_ref().or_else(|| called.nodes.first().map(|node| &node.name))?;
    Some(Exit { by: By::Enter, when: None, keeps: None, to: full_name(Some(flow), &start.value) })
}

fn returned(returns: &Returns, flow: Option<&str>) -> Vec<Exit> {
    match returns {
        Returns::Any(way) => ways(&By::Next, None, way, flow),
        Returns::Each(each) => {
            each.iter().flat_map(|(name, way)| ways(&By::Returned(name.clone()), None, &way.value, flow)).collect()
        }
    }
}

fn branch(branch: &document::Branch, flow: Option<&str>) -> Vec<Exit> {
    let by = match (&branch.key, &branch.keys) {
        (Some(key), _) => By::Key(key.value.clone()),
        (None, Some(keys)) => By::Keys(keys.value.digits),
        (None, None) => By::Words {
            intent: branch.intent.as_ref().map(|intent| intent.value.clone()),
            value: branch.value.as_ref().map(|value| value.value.name()),
        },
    };
    let keeps = branch.keep.as_ref().or_else(|| branch.keys.as_ref().and_then(|keys| keys.value.keep.as_ref()));
    ways(&by, keeps, &branch.next, flow)
}

fn ways(by: &By, keeps: Option<&Located<String>>, way: &Way, flow: Option<&str>) -> Vec<Exit> {
    let exit = |when: Option<&Located<String>>, to: &Located<String>| Exit {
        by: by.clone(),
        when: when.map(|when| when.value.clone()),
        keeps: keeps.map(|keeps| keeps.value.clone()),
        to: full_name(flow, &to.value),
    };
    let steps = way.0.iter().map(|step| match step {
        forms::Step::To(to) => exit(None, to),
        forms::Step::When(guard) => exit(Some(&guard.when), &guard.to),
    });
    steps.collect()
}

fn texts(wordings: &Wordings) -> Vec<String> {
    wordings.0.iter().map(|wording| wording.text.value.clone()).collect()
}

fn plain(texts: &[Located<String>]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone()).collect()
}

fn question(entry: &document::Knowledge) -> Question {
    Question {
        name: entry.name.value.clone(),
        line: entry.name.at.line,
        words: Words {
            intent: entry.intent.as_ref().map(|intent| intent.value.clone()),
            keywords: plain(&entry.keywords),
            patterns: plain(&entry.patterns),
            samples: plain(&entry.samples),
        },
        answers: texts(&entry.answer.value),
        when: entry.when.as_ref().map(|when| when.value.clone()),
        limit: entry.limit.as_ref().map(|limit| limit.value),
        reveals: pairs(&entry.reveals),
        exits: entry.then.iter().flat_map(|way| ways(&By::Next, None, way, None)).collect(),
    }
}

fn pairs(given: &BTreeMap<String, Located<String>>) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect()
}

fn meaning(intent: &document::Intent) -> Meaning {
    Meaning {
        name: intent.name.value.clone(),
        line: intent.name.at.line,
        words: Words {
            intent: None,
            keywords: plain(&intent.keywords),
            patterns: plain(&intent.patterns),
            samples: plain(&intent.samples),
        },
        do_not_call: intent.do_not_call,
    }
}

fn variable(variable: &document::Variable) -> Variable {
    Variable {
        name: variable.name.value.clone(),
        line: variable.name.at.line,
        kind: variable.kind.name(),
        default: variable.default.as_ref().map(|it| it.value.clone()),
        example: variable.example.as_ref().map(|it| it.value.clone()),
        required: variable.required.unwrap_or(variable.default.is_none()),
    }
}

fn conclusion(result: &document::ResultRules) -> Conclusion {
    let rules = result.rules.iter().map(|rule| Rule {
        line: rule.because.at.line,
        when: rule.when.as_ref().map(|when| when.value.clone()),
        gives: rule.value.as_ref().or(rule.value_of.as_ref()).map_or_else(String::new, |it| it.value.clone()),
        is_kept: rule.value.is_none(),
        because: rule.because.value.clone(),
    });
    Conclusion {
        name: result.name.value.clone(),
        line: result.name.at.line,
        values: match &result.values {
            Values::Any => None,
            Values::These(values) => Some(plain(values)),
        },
        multiple: result.multiple,
        default: result.default.as_ref().map(|it| it.value.clone()),
        unanswered: result.unanswered.as_ref().map(|it| it.value.clone()),
        rules: rules.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{BUILT_IN, Scene};

    #[test]
    fn every_way_of_every_scene_that_ships_leads_to_a_step_of_it() {
        for built_in in BUILT_IN {
            let (outline, scene) = (Outline::read(built_in.yaml).unwrap(), Scene::parse(built_in.yaml).unwrap());
            let names: Vec<&str> = scene.nodes.iter().map(|node| node.name.as_str()).collect();
            assert_eq!(outline.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(outline.start, scene.nodes[scene.start].name);
            let exits = outline.steps.iter().flat_map(|step| &step.exits).chain(&outline.anywhere);
            for exit in exits.chain(outline.knowledge.iter().flat_map(|entry| &entry.exits)) {
                assert!(outline.position(&exit.to).is_some(), "{exit:?}");
            }
            assert_eq!(outline.results.len(), scene.results().len());
        }
    }

    #[test]
    fn a_step_tells_what_it_does_and_where_it_stands() {
        let yaml = "hutong: 1\nname: 甲\nrobot: { name: 乙 }\nnodes:\n  - name: 开场\n    say: [您好, 你好]\n    branches:\n      \
                    - { intent: 肯定, value: time, keep: 时间, next: [{ when: rounds > 2, to: 完 }, 开场] }\n  \
                    - { name: 完, say: 再见, end: { reason: 好 } }\nresults: []\n";
        let outline = Outline::read(yaml).unwrap();
        let [first, last] = outline.steps.as_slice() else { panic!("{outline:?}") };
        assert_eq!(
            (first.line, &first.says, &first.does),
            (5, &vec!["您好".to_owned(), "你好".to_owned()], &Does::Listen)
        );
        let by = By::Words { intent: Some("肯定".to_owned()), value: Some("time") };
        let exit = |when: Option<&str>, to: &str| Exit {
            by: by.clone(),
            when: when.map(str::to_owned),
            keeps: Some("时间".to_owned()),
            to: to.to_owned(),
        };
        assert_eq!(first.exits, [exit(Some("rounds > 2"), "完"), exit(None, "开场")]);
        assert_eq!((last.line, &last.does), (9, &Does::End { reason: "好".to_owned() }));
        assert!(Scene::parse(yaml).is_err());
        assert_eq!(Outline::read("a: [").unwrap_err().line, 1);
    }
}
