//! `hutong grade`: what was concluded about a call, why, and what people made of it.

use std::fmt::Write as _;

use clap::Args;
use hutong_domain::call::{CallResult, Evidence, FinishStatus, Speaker, Utterance};
use hutong_domain::ids::CallId;
use hutong_store::audit::By;
use hutong_store::call::{self, CallView, Record};
use hutong_store::regrade::{self, Judgement, Outcome, Regrade};
use hutong_store::scenes::Scenes;
use jiff::tz::TimeZone;

use super::clock;
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

/// Who judges where the command does not say.
const SOMEBODY: &str = "operator";

/// Which call, and what a person makes of it.
#[derive(Debug, Args)]
pub(crate) struct GradeArgs {
    /// The call
    #[arg(long, value_name = "ID")]
    call: i64,
    /// The result to set, for example 客户意向等级; without it, everything that was concluded is printed
    #[arg(long, value_name = "NAME")]
    result: Option<String>,
    /// What it is from now on; several for a result that can have several values
    #[arg(long, value_name = "VALUE", requires = "result", conflicts_with = "none")]
    value: Vec<String>,
    /// Take the result away
    #[arg(long, requires = "result")]
    none: bool,
    /// Who judges
    #[arg(long, value_name = "NAME", requires = "result", default_value = SOMEBODY)]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "result", default_value = "")]
    note: String,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(crate) async fn run(args: GradeArgs) -> Result<()> {
    let GradeArgs { call: id, result, value, none, by, note, installation } = args;
    if result.is_some() && value.is_empty() && !none {
        return Err(Error::Usage("--result needs a --value, or --none".to_owned()));
    }
    let config = installation.load()?;
    let zone = config.zone()?;
    let store = installation::open(&config)?.store;
    let call = CallId(id);
    let owner = store.read(move |db| call::owner(db, call)).await?;
    let company = owner.ok_or_else(|| Error::Failed(format!("there is no call {id}")))?;
    if let Some(name) = result {
        let By { actor, at } = super::by();
        let judgement = Judgement { call, name, values: value, by, actor, note, at };
        match store.regrade(&Scenes::new(store.clone()), company, judgement).await? {
            Outcome::Done { .. } => {}
            Outcome::Unknown => return Err(Error::Failed(format!("there is no call {id}"))),
            Outcome::NotFinished(status) => {
                return Err(Error::Failed(format!("call {id} has not finished: {}", status.label())));
            }
            Outcome::Refused(refused) => return Err(Error::Failed(refused.to_string())),
        }
    }
    let (view, history) = store
        .read_snapshot(move |db| Ok((call::find(db, company, call)?, regrade::of_call(db, company, call)?)))
        .await?;
    let view = view.ok_or_else(|| Error::Failed(format!("there is no call {id}")))?;
    print(&report(&view, &history, &zone))
}

fn report(view: &CallView, history: &[Regrade], zone: &TimeZone) -> String {
    let finished = view.finish_status.map_or_else(|| view.status.label(), FinishStatus::label);
    let mut text = format!("call {}\t{}\t{finished}\t{} s\n", view.id, view.customer_name, view.duration_s);
    let Some(Record { utterances, results, .. }) = &view.record else { return text };
    for result in results {
        text.push_str(&result_text(result, utterances));
    }
    for change in history {
        let Regrade { name, was, became, by, note, at, .. } = change;
        let at = clock(*at, zone);
        let note = if note.is_empty() { String::new() } else { format!("\t{note}") };
        let _ = writeln!(text, "{at}\t{by}\t{name}\t{} → {}{note}", list(was), list(became));
    }
    text
}

fn list(results: &[CallResult]) -> String {
    let values: Vec<&str> = results.iter().map(|result| result.value.as_str()).collect();
    if values.is_empty() { "none".to_owned() } else { values.join("、") }
}

/// A result with its rule, and the words that bear it out.
fn result_text(result: &CallResult, transcript: &[Utterance]) -> String {
    let CallResult { name, value, description, rule, evidence } = result;
    let reasons = [description.as_deref(), rule.as_deref()].into_iter().flatten();
    let mut text = format!("{name}\t{value}{}\n", reasons.map(|reason| format!("\t{reason}")).collect::<String>());
    for evidence in evidence {
        text.push_str(&evidence_text(*evidence, transcript));
    }
    text
}

fn evidence_text(evidence: Evidence, transcript: &[Utterance]) -> String {
    let Evidence { utterance, from_ms, until_ms } = evidence;
    let Some(said) = transcript.get(utterance) else { return String::new() };
    // What was written before evidence had times has those of its words.
    let (from_ms, until_ms) = if until_ms > 0 { (from_ms, until_ms) } else { (said.start_ms, said.end_ms) };
    let speaker = match said.speaker {
        Speaker::Robot => "AI",
        Speaker::Customer => "ME",
    };
    format!("\t{}–{} s\t{speaker}\t“{}”\n", seconds(from_ms), seconds(until_ms), said.text)
}

fn seconds(ms: i64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use hutong_domain::moment::Moment;

    use super::*;

    #[test]
    fn a_result_is_told_with_its_rule_and_the_words_that_bear_it_out() {
        let said = Utterance {
            speaker: Speaker::Customer,
            text: "价格多少".to_owned(),
            start_ms: 12_340,
            end_ms: 13_990,
            at: Moment(0),
            understanding: None,
            node: String::new(),
            latency: None,
            recogniser: None,
        };
        let result = |from_ms, until_ms| CallResult {
            name: "客户关注点".to_owned(),
            value: "价格".to_owned(),
            description: Some("客户问到了“价格”。".to_owned()),
            rule: Some("BY_KNOWLEDGE".to_owned()),
            evidence: [0, 7].map(|utterance| Evidence { utterance, from_ms, until_ms }).to_vec(),
        };
        let head = "客户关注点\t价格\t客户问到了“价格”。\tBY_KNOWLEDGE\n";
        let told = result_text(&result(12_500, 13_000), std::slice::from_ref(&said));
        assert_eq!(told, format!("{head}\t12.5–13.0 s\tME\t“价格多少”\n"));
        let told = result_text(&result(0, 0), &[said]);
        assert_eq!(told, format!("{head}\t12.3–13.9 s\tME\t“价格多少”\n"));
    }
}
