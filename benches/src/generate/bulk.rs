//! Writes calls in bulk: the rows that importing, dialling and finishing them would have left.

use std::collections::BTreeMap;

use anyhow::Result;
use hutong_domain::call::{CallKind, CallResult, CallStatus, FinishStatus};
use hutong_domain::ids::{CompanyId, LineId, NodeId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
use hutong_store::feed::ResultPair;
use hutong_store::waiting::block::{Changes, Count};
use rusqlite::{Connection, Statement, params};

use super::content::{Content, chance, content};
use super::plan::PlannedTask;

/// From one call's end to the next one's, in a task.
const STEP_MS: i64 = 1500;
/// From the beginning of an attempt to the answer.
const RING_MS: i64 = 12_000;
/// Calls end in another order than they were imported, but not far from it.
const SHUFFLED: i64 = 64;
/// One finished call of so many was redialled before.
const REDIALLED_OF: u64 = 30;

/// What all generated calls have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) company: CompanyId,
    pub(crate) line: LineId,
    pub(crate) caller_phone: &'static str,
    pub(crate) node: NodeId,
}

/// Ids that come next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    pub(crate) call: i64,
    pub(crate) utterance: i64,
    pub(crate) result: i64,
}

/// Counts what is written for a task.
#[derive(Default)]
struct Counts {
    by_finish_status: [i64; FinishStatus::ALL.len()],
    by_talk_time: [i64; 4],
    by_chat_rounds: [i64; 4],
    by_result: BTreeMap<(String, String), i64>,
    waiting: Changes,
}

/// The prepared statements.
pub(crate) struct Bulk<'c> {
    setting: Setting,
    pub(crate) next: Next,
    customer: Statement<'c>,
    waiting: Statement<'c>,
    finished: Statement<'c>,
    record: Statement<'c>,
    result: Statement<'c>,
    attempt: Statement<'c>,
    result_count: Statement<'c>,
    waiting_block: Statement<'c>,
    connection: &'c Connection,
}

impl<'c> Bulk<'c> {
    pub(crate) fn new(connection: &'c Connection, setting: Setting) -> Result<Self> {
        Ok(Self {
            setting,
            next: Next { call: 1, utterance: 1, result: 1 },
            customer: connection.prepare(
                "INSERT INTO customer (id, company_id, task_id, name, phone, properties, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            waiting: connection.prepare(
                "INSERT INTO call (id, company_id, task_id, customer_id, customer_name, customer_phone, kind, status,
                     due_at, created_at, modified_at, started_at, ended_at, line_id, caller_phone, redial_planned_at,
                     import_no)
                 VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?,
            finished: connection.prepare(
                "INSERT INTO call (id, company_id, task_id, customer_id, customer_name, customer_phone, kind, status,
                     due_at, redials, created_at, modified_at, call_index, finish_status, duration_s, chat_rounds,
                     started_at, ended_at, line_id, caller_phone, redial_planned_at, hung_up_by, result_pairs,
                     import_no)
                 VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?10, ?16, ?17, ?18,
                     ?19, ?20, ?21)",
            )?,
            record: connection.prepare(
                "INSERT INTO call_record (id, company_id, first_utterance_id, first_result_id, utterances, results,
                     created_at, modified_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            )?,
            result: connection.prepare(
                "INSERT INTO call_result (company_id, task_id, name, value, call_index) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            attempt: connection.prepare(
                "INSERT INTO attempt (company_id, call_id, attempt_no, task_id, line_id, node_id, seated, claimed_at,
                     answered_at, ended_at, disposition)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10)",
            )?,
            result_count: connection.prepare(
                "INSERT INTO task_result_count (company_id, task_id, name, value, calls) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            waiting_block: connection.prepare(
                "INSERT INTO waiting_block (company_id, task_id, level, status, block, waiting)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            connection,
        })
    }

    /// Writes the calls of a task and its counters; `created_at` is when they were imported.
    pub(crate) fn task(&mut self, id: TaskId, task: &PlannedTask, created_at: Moment) -> Result<()> {
        let mut counts = Counts::default();
        for n in 0..task.calls {
            let call = self.next.call;
            self.next.call += 1;
            let (name, phone) = (format!("客户{call:07}"), phone(id, n));
            self.customer.execute(params![
                call,
                self.setting.company.get(),
                id.get(),
                name,
                phone,
                format!("{{\"项目名称\":\"示例花园\",\"首付\":\"{}万\"}}", 30 + n % 50),
                created_at.ms(),
            ])?;
            let call_index = shuffled(n, task.finished);
            let place = Place { task: id, call, import_no: n, call_index, created_at };
            if n < task.finished {
                self.finished(&place, &name, &phone, &mut counts)?;
            } else {
                let redial = n < task.finished + task.redials;
                self.waiting(&place, (&name, &phone), redial, &mut counts)?;
            }
        }
        self.counters(id, task, &counts, created_at)
    }

    fn waiting(&mut self, place: &Place, who: (&str, &str), redial: bool, counts: &mut Counts) -> Result<()> {
        let Place { task, call, import_no, created_at, .. } = *place;
        let status = if redial { CallStatus::AwaitingRedial } else { CallStatus::NotStarted };
        let started_at = redial.then_some(created_at.ms() + 60_000);
        let due_at = if redial { created_at.ms() + 600_000 + call % 1000 * 1000 } else { 0 };
        self.waiting.execute(params![
            call,
            self.setting.company.get(),
            task.get(),
            who.0,
            who.1,
            CallKind::Task.number(),
            status.number(),
            due_at,
            created_at.ms(),
            started_at.map_or(created_at.ms(), |at| at + RING_MS),
            started_at,
            started_at.map(|at| at + RING_MS),
            redial.then_some(self.setting.line.get()),
            redial.then_some(self.setting.caller_phone),
            redial.then_some(due_at),
            import_no,
        ])?;
        counts.waiting.add((status, Moment(due_at), import_no), 1);
        Ok(())
    }

    fn finished(&mut self, place: &Place, name: &str, phone: &str, counts: &mut Counts) -> Result<()> {
        let ended_at = Moment(place.created_at.ms() + 600_000 + place.call_index * STEP_MS);
        let number = place.call.unsigned_abs();
        let content = content(number, ended_at);
        let redialled = chance(number, 10).is_multiple_of(REDIALLED_OF);
        let pair = |it: &CallResult| ResultPair { name: it.name.clone(), value: it.value.clone() };
        let pairs: Vec<ResultPair> = content.results.iter().map(pair).collect();
        self.finished.execute(params![
            place.call,
            self.setting.company.get(),
            place.task.get(),
            name,
            phone,
            CallKind::Task.number(),
            CallStatus::Done.number(),
            i64::from(redialled),
            place.created_at.ms(),
            ended_at.ms(),
            place.call_index,
            content.disposition.finish_status().number(),
            content.duration_s,
            content.chat_rounds,
            started_ms(&content, ended_at),
            self.setting.line.get(),
            self.setting.caller_phone,
            redialled.then_some(ended_at.ms() - 60_000),
            content.hung_up_by.map(hutong_domain::call::HungUpBy::number),
            serde_json::to_string(&pairs)?,
            place.import_no,
        ])?;
        self.record(place, &content, ended_at)?;
        self.attempt(place, &content, 1 + i64::from(redialled), ended_at)?;
        counts.add(&content);
        Ok(())
    }

    fn record(&mut self, place: &Place, content: &Content, ended_at: Moment) -> Result<()> {
        self.record.execute(params![
            place.call,
            self.setting.company.get(),
            self.next.utterance,
            self.next.result,
            serde_json::to_string(&content.utterances)?,
            serde_json::to_string(&content.results)?,
            ended_at.ms(),
        ])?;
        self.next.utterance += i64::try_from(content.utterances.len())?;
        self.next.result += i64::try_from(content.results.len())?;
        for result in &content.results {
            self.result.execute(params![
                self.setting.company.get(),
                place.task.get(),
                result.name,
                result.value,
                place.call_index,
            ])?;
        }
        Ok(())
    }

    fn attempt(&mut self, place: &Place, content: &Content, attempt_no: i64, ended_at: Moment) -> Result<()> {
        let answered = content.hung_up_by.map(|_| ended_at.ms() - content.duration_s * 1000);
        let disposition = serde_json::to_value(content.disposition)?;
        self.attempt.execute(params![
            self.setting.company.get(),
            place.call,
            attempt_no,
            place.task.get(),
            self.setting.line.get(),
            self.setting.node.get(),
            started_ms(content, ended_at),
            answered,
            ended_at.ms(),
            disposition.as_str(),
        ])?;
        Ok(())
    }

    fn counters(&mut self, id: TaskId, task: &PlannedTask, counts: &Counts, created_at: Moment) -> Result<()> {
        let ended_at = task.status.is_final().then(|| created_at.ms() + 700_000 + task.finished * STEP_MS);
        let columns = FinishStatus::ALL
            .iter()
            .zip(counts.by_finish_status)
            .map(|(status, n)| format!("finish_{} = {n}", status.number()))
            .chain((0..).zip(counts.by_talk_time).map(|(bucket, n)| format!("talk_{bucket} = {n}")))
            .chain((0..).zip(counts.by_chat_rounds).map(|(bucket, n)| format!("rounds_{bucket} = {n}")));
        let columns: Vec<String> = columns.collect();
        self.connection.execute(
            &format!(
                "UPDATE task SET status = ?2, ended_at = ?3, total_count = ?4, next_call_index = ?5, {} WHERE id = ?1",
                columns.join(", ")
            ),
            params![id.get(), task.status.number(), ended_at, task.calls, task.finished],
        )?;
        for ((name, value), calls) in &counts.by_result {
            self.result_count.execute(params![self.setting.company.get(), id.get(), name, value, calls])?;
        }
        for Count { level, status, block, calls } in counts.waiting.counts() {
            let company = self.setting.company.get();
            self.waiting_block.execute(params![company, id.get(), level, status, block, calls])?;
        }
        Ok(())
    }
}

/// A call and where it stands; the index is that of a finished one.
struct Place {
    task: TaskId,
    call: i64,
    import_no: i64,
    call_index: i64,
    created_at: Moment,
}

impl Counts {
    fn add(&mut self, content: &Content) {
        let status = content.disposition.finish_status();
        for (known, count) in FinishStatus::ALL.iter().zip(&mut self.by_finish_status) {
            *count += i64::from(*known == status);
        }
        if status == FinishStatus::Answered {
            self.by_talk_time[talk_time_bucket(content.duration_s)] += 1;
            self.by_chat_rounds[chat_round_bucket(content.chat_rounds)] += 1;
        }
        for result in &content.results {
            *self.by_result.entry((result.name.clone(), result.value.clone())).or_default() += 1;
        }
    }
}

fn started_ms(content: &Content, ended_at: Moment) -> i64 {
    ended_at.ms() - content.duration_s * 1000 - RING_MS
}

/// The index of the n-th of `finished` calls: a permutation within blocks, none in the last, shorter one.
fn shuffled(n: i64, finished: i64) -> i64 {
    let block = n / SHUFFLED * SHUFFLED;
    if block + SHUFFLED > finished { n } else { block + (n - block) * 29 % SHUFFLED }
}

/// The n-th number of a task: every one another, in no order, as lists of numbers come.
fn phone(task: TaskId, n: i64) -> String {
    format!("138{:08}", (n * 61_803_399 + task.get() * 7919) % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_indexes_have_no_gaps_and_phones_do_not_repeat() {
        for finished in [0, 1, 63, 64, 65, 1000] {
            let mut indexes: Vec<i64> = (0..finished).map(|n| shuffled(n, finished)).collect();
            indexes.sort_unstable();
            assert_eq!(indexes, (0..finished).collect::<Vec<_>>());
        }
        let phones: std::collections::BTreeSet<String> = (0..10_000).map(|n| phone(TaskId(7), n)).collect();
        assert_eq!(phones.len(), 10_000);
    }
}
