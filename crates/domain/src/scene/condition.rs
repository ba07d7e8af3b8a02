//! Conditions of rules, in CEL over what happened in a call.
//!
//! An expression is compiled and tried once, when the scene is read. What could run away is refused
//! there, so that evaluation is bounded by the length of the expression and of the conversation:
//! no list is built (`map`, `filter`), `exists` and `all` run only over the conversation's own lists,
//! and are nested at most [`NESTING_MAX`] deep.

mod survey;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value};

use crate::message::Message;
use crate::say;
use survey::Survey;

/// Longest expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 1000;

/// How deep `exists` and `all` may be nested.
const NESTING_MAX: usize = 2;

/// The names that hold a list of what happened, in order.
const LISTS: &[&str] = &["visited", "intents", "knowledge"];

/// The names that hold something else.
const SCALARS: &[&str] = &["rounds", "unknowns", "silences", "node", "deaf", "do_not_call", "variables", "values"];

/// The names that are known only when the call is over.
const AFTERWARDS: &[&str] = &["talk_seconds", "reason", "label", "hung_up_by_customer", "transferred"];

/// What an expression may call, beside operators.
const FUNCTIONS: &[&str] = &["size", "startsWith", "endsWith", "contains"];

/// Operators as the parser names them; they do not build anything larger than their operands.
const OPERATORS: &[&str] = &[
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "_-_",
    "_+_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_>=_",
    "_<=_",
    "_>_",
    "_<_",
    "-_",
    "_[_]",
    "@in",
    "@not_strictly_false",
];

/// The standard environment, built once: it costs more than most evaluations.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What happened in a call, as conditions see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circumstances {
    /// How often the robot spoke.
    pub(crate) rounds: i64,
    /// Seconds of talk.
    pub(crate) talk_seconds: i64,
    /// How often the robot did not understand.
    pub(crate) unknowns: i64,
    /// How often the customer said nothing.
    pub(crate) silences: i64,
    /// The node where the conversation ended.
    pub(crate) node: String,
    /// Why the robot hung up; empty where the customer did.
    pub(crate) reason: String,
    /// The label of the end that the conversation came to; empty where it has none.
    pub(crate) label: String,
    /// Whether the customer hung up.
    pub(crate) hung_up_by_customer: bool,
    /// Whether a person took the call over.
    pub(crate) transferred: bool,
    /// Whether nothing could be recognised any more.
    pub(crate) deaf: bool,
    /// Whether the customer asked never to be called again.
    pub(crate) do_not_call: bool,
    /// The nodes that the conversation came through.
    pub(crate) visited: Vec<String>,
    /// The intents that the customer's words hit.
    pub(crate) intents: Vec<String>,
    /// The knowledge entries that the customer asked for.
    pub(crate) knowledge: Vec<String>,
    /// What was known of the customer.
    pub(crate) variables: BTreeMap<String, String>,
    /// What was kept of the customer's words: numbers where they are whole or decimal ones.
    pub(crate) values: BTreeMap<String, Kept>,
}

/// A kept value as conditions see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kept {
    /// A number.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl From<&Kept> for Value {
    fn from(kept: &Kept) -> Self {
        match kept {
            Kept::Number(number) => Self::Float(*number),
            Kept::Text(words) => text(words),
        }
    }
}

impl Circumstances {
    /// The same as the expression language sees it.
    pub(crate) fn context(&self) -> Context<'static, 'static> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        let list = |names: &[String]| -> Value {
            let values: Vec<Value> = names.iter().map(|name| text(name)).collect();
            Value::List(Arc::new(values))
        };
        let variables: HashMap<String, String> = self.variables.clone().into_iter().collect();
        context.add_variable_from_value("rounds", self.rounds);
        context.add_variable_from_value("talk_seconds", self.talk_seconds);
        context.add_variable_from_value("unknowns", self.unknowns);
        context.add_variable_from_value("silences", self.silences);
        context.add_variable_from_value("node", text(&self.node));
        let values: HashMap<String, Value> =
            self.values.iter().map(|(name, kept)| (name.clone(), Value::from(kept))).collect();
        context.add_variable_from_value("values", values);
        context.add_variable_from_value("label", text(&self.label));
        context.add_variable_from_value("transferred", self.transferred);
        context.add_variable_from_value("deaf", self.deaf);
        context.add_variable_from_value("do_not_call", self.do_not_call);
        context.add_variable_from_value("reason", text(&self.reason));
        context.add_variable_from_value("hung_up_by_customer", self.hung_up_by_customer);
        context.add_variable_from_value("visited", list(&self.visited));
        context.add_variable_from_value("intents", list(&self.intents));
        context.add_variable_from_value("knowledge", list(&self.knowledge));
        context.add_variable_from_value("variables", variables);
        context
    }
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    program: Program,
    mentions: Vec<Mention>,
    /// Whether it asks for anything that happened.
    asks: bool,
}

/// A name that an expression looks for in one of the lists, as in `'预约看房' in visited`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where it looks.
    pub(crate) list: MentionList,
    /// What it looks for.
    pub(crate) name: String,
    /// Where the name stands, in bytes of the expression.
    pub(crate) offset: usize,
}

/// The list that a [`Mention`] looks into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MentionList {
    /// Nodes.
    Visited,
    /// Intents.
    Intents,
    /// Knowledge entries.
    Knowledge,
    /// What the customer said that was kept.
    Values,
    /// What is known of the customer.
    Variables,
}

/// What a condition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Where the talk goes on: what is known only when the call is over is not there yet.
    Way,
    /// A result of the call.
    Rule,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, in bytes of the expression.
    pub(crate) offset: usize,
    /// What.
    pub(crate) message: Message,
}

impl Condition {
    /// Compiles an expression and tries it on an empty conversation.
    pub(crate) fn compile(expression: &str, purpose: Use) -> Result<Self, Vec<Fault>> {
        if expression.len() > EXPRESSION_BYTES_MAX {
            let message = say!(
                "a condition may have at most {EXPRESSION_BYTES_MAX} bytes",
                "条件最多 {EXPRESSION_BYTES_MAX} 字节"
            );
            return Err(vec![Fault { offset: 0, message }]);
        }
        let program = ENVIRONMENT.compile(expression).map_err(|errors| {
            let faults = errors.errors.iter();
            faults
                .map(|error| {
                    // The parser goes on to list every token that it knows.
                    let (reason, _) = error.msg.split_once(" expecting ").unwrap_or((&error.msg, ""));
                    Fault {
                        offset: offset_of(expression, error.pos),
                        message: say!(
                            "the condition is not valid CEL: {reason}",
                            "条件不是有效的 CEL 表达式：{reason}"
                        ),
                    }
                })
                .collect::<Vec<_>>()
        })?;
        let mut survey = Survey::new(&program, purpose);
        survey.expression(program.expression());
        let Survey { faults, mentions, asks, .. } = survey;
        if !faults.is_empty() {
            return Err(faults);
        }
        match program.execute(&Circumstances::default().context()) {
            Ok(Value::Bool(_)) => Ok(Self { program, mentions, asks }),
            // These may go wrong in an empty conversation only.
            Err(
                ExecutionError::NoSuchKey(_)
                | ExecutionError::IndexOutOfBounds(_)
                | ExecutionError::DivisionByZero(_)
                | ExecutionError::RemainderByZero(_),
            ) => Ok(Self { program, mentions, asks }),
            Ok(_) => {
                let message = say!("the condition must be true or false", "条件的结果必须是真或假");
                Err(vec![Fault { offset: 0, message }])
            }
            Err(error) => {
                let message = say!("the condition cannot be evaluated: {error}", "条件无法求值：{error}");
                Err(vec![Fault { offset: 0, message }])
            }
        }
    }

    /// Whether the condition holds. One that cannot be evaluated does not hold.
    pub(crate) fn holds(&self, context: &Context<'_, '_>) -> bool {
        matches!(self.program.execute(context), Ok(Value::Bool(true)))
    }

    /// Whether it holds whatever happens: nothing that happened is asked for, and it is true.
    pub(crate) fn always_holds(&self) -> bool {
        !self.asks && self.holds(&Circumstances::default().context())
    }

    /// The expression as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.program.source_info().source
    }

    /// The names that it looks for.
    pub(crate) fn mentions(&self) -> &[Mention] {
        &self.mentions
    }
}

/// Turns the parser's line and column, both from 1 and the column in characters, into an offset in
/// bytes.
fn offset_of(expression: &str, (line, column): (isize, isize)) -> usize {
    let from_zero = |number: isize| usize::try_from(number - 1).unwrap_or(0);
    let lines = expression.split_inclusive('\n');
    let start: usize = lines.take(from_zero(line)).map(str::len).sum();
    let rest = expression.get(start..).unwrap_or_default();
    let within: usize = rest.chars().take(from_zero(column)).map(char::len_utf8).sum();
    start + within
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn circumstances() -> Circumstances {
        Circumstances {
            rounds: 4,
            visited: vec!["开场".to_owned(), "预约看房".to_owned()],
            knowledge: vec!["询问价格".to_owned()],
            variables: BTreeMap::from([("城市".to_owned(), "杭州".to_owned())]),
            ..Circumstances::default()
        }
    }

    fn check(expression: &str, expected: bool) {
        let condition = Condition::compile(expression, Use::Rule).unwrap();
        let holds = condition.holds(&circumstances().context());
        assert_eq!(holds, expected, "{expression}");
    }

    #[test]
    fn conditions_ask_about_what_happened() {
        check("rounds >= 3 && '预约看房' in visited", true);
        check("!('预约看房' in visited)", false);
        check("size(knowledge) >= 2", false);
        check("visited.exists(n, n.startsWith('预约'))", true);
        check("variables['城市'] == '杭州'", true);
        check("variables['没有'] == '杭州'", false);
        check("100 / rounds == 25", true);
        check("10 / (rounds - 4) > 1 || true", true);
        check("intents[3] == '肯定'", false);
    }

    #[track_caller]
    fn refuse(expression: &str, offset: usize, message: &str) {
        let faults = Condition::compile(expression, Use::Rule).unwrap_err();
        assert_eq!(faults[0].offset, offset, "{expression}: {faults:?}");
        assert!(faults[0].message.en.contains(message), "{faults:?}");
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_with_its_place() {
        refuse("rounds >= ", 10, "not valid CEL");
        refuse("'预约' in visited &&", 22, "not valid CEL");
        refuse("'预约' in visited && round > 1", 23, "did you mean `rounds`");
        refuse("rounds + 1", 0, "true or false");
        refuse("rounds == 'a' + 1", 0, "cannot be evaluated");
        refuse("lenght(visited) > 1", 6, "unknown function");
    }

    #[test]
    fn what_could_run_away_is_refused() {
        refuse("visited.map(x, x + x) == []", 11, "`map` and `filter`");
        refuse("[1, 2].exists(x, x == 1)", 13, "run over");
        refuse(&format!("{}true", "!".repeat(2000)), 0, "at most 1000 bytes");
        let nested = "visited.exists(a, visited.exists(b, visited.exists(c, a == b)))";
        refuse(nested, 50, "nest at most");
    }

    #[test]
    fn the_names_that_a_condition_looks_for_are_known() {
        let condition = Condition::compile("rounds > 1 && '预约看房' in visited", Use::Rule).unwrap();
        let expected = Mention { list: MentionList::Visited, name: "预约看房".to_owned(), offset: 14 };
        assert_eq!(condition.mentions(), [expected]);
    }

    /// Pieces of expressions, sensible and not.
    const PIECES: &[&str] = &[
        "rounds",
        "visited",
        "variables",
        "node",
        "'开场'",
        "1",
        "0",
        "9223372036854775807",
        "1.5",
        "null",
        "true",
        " in ",
        " && ",
        " || ",
        "!",
        "-",
        " + ",
        " / ",
        " % ",
        " == ",
        " < ",
        " ? ",
        " : ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".exists(x, ",
        ".all(x, ",
        ".map(x, ",
        "size(",
        ".startsWith(",
        ".a",
        "has(",
        "x",
        "int(",
        "b'a'",
    ];

    proptest! {
        #[test]
        fn no_expression_crashes(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24), any: String) {
            for expression in [pieces.concat(), any] {
                if let Ok(condition) = Condition::compile(&expression, Use::Rule) {
                    condition.holds(&circumstances().context());
                }
            }
        }
    }
}
