//! What is new in the store: attempts that began or ended, and calls that finished.

use hutong_domain::call::{FinishStatus, Understanding, Utterance};
use hutong_domain::caps::{Caps, WEEK_DAYS};
use hutong_domain::ids::{CallId, CompanyId, LineId, TaskId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::{Disposition, LineOutcome};
use hutong_domain::statistics::{chat_round_bucket, talk_time_bucket};
use hutong_store::feed::ResultPair;
use hutong_store::task::{Counters, Settings};
use hutong_store::{Db, Result, Row, blacklist, values};
use jiff::ToSpan as _;

use super::{Checked, Checker, TaskModel, Unrest};

/// What scenes call the wish never to be called again.
const FORBIDS: &str = "拒绝再打";

/// An attempt that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Live {
    attempt_no: i64,
    task: TaskId,
    line: LineId,
    seated: bool,
    answered: bool,
    /// Whether its call is in progress, as it must be.
    in_progress: bool,
    /// When it was seen first, in true time.
    since: Moment,
}

/// What an attempt that began is about.
struct Begun {
    phone: String,
    due_at: Moment,
    claimed_at: Moment,
    /// Whether its number is taken by it.
    is_taken: bool,
}

/// A task, as the store says.
pub(super) struct Found {
    pub(super) id: TaskId,
    /// Where it stands, as it is kept.
    pub(super) status: i64,
    counters: Counters,
}

/// A call that has finished.
struct FinishedCall {
    call_index: i64,
    status: FinishStatus,
    duration_s: i64,
    chat_rounds: i64,
    result_pairs: Vec<ResultPair>,
}

impl Checker {
    /// Takes what is new into the model, and sees whether the store agrees with it. Whether anything was new.
    pub(super) fn look(&mut self, now: Moment) -> Checked<bool> {
        let mut is_new = false;
        for company in self.companies.keys().copied().collect::<Vec<_>>() {
            let (found, tasks) = self.read(move |db| Ok((attempts(db, company, now)?, tasks(db, company)?)))?;
            is_new |= self.take_live(company, found, now)?;
            for found in tasks {
                is_new |= self.take_finished(company, &found)?;
                is_new |= self.take_status(&found);
            }
        }
        Ok(is_new)
    }

    fn take_live(&mut self, id: CompanyId, found: Vec<(CallId, Live)>, now: Moment) -> Checked<bool> {
        let Some(company) = self.companies.get_mut(&id) else { return Ok(false) };
        let mut before = std::mem::take(&mut company.live);
        let mut begun = Vec::new();
        let mut answered = Vec::new();
        for (call, mut attempt) in found {
            if !attempt.in_progress {
                return Err(format!("call {call} has attempt {} and is not in progress", attempt.attempt_no));
            }
            match before.get(&call).copied().filter(|known| known.attempt_no == attempt.attempt_no) {
                Some(known) => {
                    before.remove(&call);
                    attempt.since = known.since;
                    answered.extend((attempt.answered && !known.answered).then_some(attempt));
                }
                None => begun.push((call, attempt)),
            }
            if company.live.insert(call, attempt).is_some() {
                return Err(format!("call {call} has two attempts at once"));
            }
        }
        if before.is_empty() && answered.is_empty() && begun.is_empty() {
            return Ok(false);
        }
        self.keeps_limits(id)?;
        for (call, attempt) in before {
            self.take_end(id, (call, attempt), now)?;
        }
        for attempt in answered {
            self.shown(&attempt, Disposition::Answered, now);
        }
        // Those of one task in the order of their numbers: they may have been claimed together.
        begun.sort_unstable_by_key(|(call, attempt)| (attempt.task, *call));
        for (call, attempt) in begun {
            self.take_begin(id, (call, attempt), now)
                .map_err(|why| format!("call {call}, attempt {}: {why}", attempt.attempt_no))?;
        }
        self.keeps_order(id)?;
        Ok(true)
    }

    /// Seats, channels, and calls of each task.
    fn keeps_limits(&self, id: CompanyId) -> Checked {
        let Some(company) = self.companies.get(&id) else { return Ok(()) };
        let seated = |of: &dyn Fn(&Live) -> bool| company.live.values().filter(|it| it.seated && of(it)).count();
        let calls = |of: &dyn Fn(&Live) -> bool| company.live.values().filter(|it| of(it)).count();
        let held = seated(&|_| true);
        if held > company.seats as usize {
            return Err(format!("{held} calls hold a seat, of {}", company.seats));
        }
        for (id, line) in &self.lines {
            let calls = calls(&|it| it.line == *id);
            if calls > line.channels {
                return Err(format!("line {id} carries {calls} calls, of {}", line.channels));
            }
        }
        for (id, task) in self.tasks.iter().filter(|(_, task)| !task.settings.elastic) {
            let (calls, seated) = (calls(&|it| it.task == *id), seated(&|it| it.task == *id));
            let Settings { quota, in_progress_max, .. } = task.settings;
            if calls > in_progress_max as usize {
                return Err(format!("task {id} has {calls} calls in progress, of {in_progress_max}"));
            }
            if seated > quota as usize {
                return Err(format!("task {id} holds {seated} seats, of {quota}"));
            }
        }
        Ok(())
    }

    fn take_end(&mut self, company: CompanyId, (call, attempt): (CallId, Live), now: Moment) -> Checked {
        let attempt_no = attempt.attempt_no;
        let name = self.read(move |db| {
            db.query_one(
                "SELECT disposition FROM attempt
                 WHERE company_id = ?1 AND call_id = ?2 AND attempt_no = ?3 AND ended_at IS NOT NULL",
                values![company, call, attempt_no],
                |row| row.text_or_null(0),
            )
        })?;
        let Some(disposition) = name.flatten().as_deref().and_then(Disposition::from_name) else {
            return Err(format!("call {call}, attempt {attempt_no} ended in no way: a call without an attempt"));
        };
        if disposition == Disposition::Answered {
            self.hears_who_forbids(company, call, now)?;
        }
        // What was answered has shown at the answer how the line does.
        if !attempt.answered || disposition.line_outcome() != LineOutcome::Worked {
            self.shown(&attempt, disposition, now);
        }
        Ok(())
    }

    /// Who asked never to be called again is on the blacklist from the end of the call on.
    fn hears_who_forbids(&mut self, company: CompanyId, call: CallId, now: Moment) -> Checked {
        let Some((phone, said)) = self.read(move |db| transcript(db, company, call))? else { return Ok(()) };
        let forbids =
            |said: &Utterance| matches!(&said.understanding, Some(Understanding::Matched(hit)) if hit.name == FORBIDS);
        if !said.iter().any(forbids) {
            return Ok(());
        }
        let asked = phone.clone();
        if !self.read(move |db| blacklist::contains(db, company, &asked))? {
            return Err(format!("{phone} asked in call {call} never to be called again, and is not blacklisted"));
        }
        if let Some(company) = self.companies.get_mut(&company) {
            company.blacklist.entry(phone).or_insert(now);
        }
        Ok(())
    }

    fn shown(&mut self, attempt: &Live, disposition: Disposition, now: Moment) {
        if let Some(line) = self.lines.get_mut(&attempt.line) {
            line.shown(disposition, (attempt.since, now));
        }
    }

    fn take_begin(&mut self, company: CompanyId, (call, attempt): (CallId, Live), now: Moment) -> Checked {
        let attempt_no = attempt.attempt_no;
        let Some(begun) = self.read(move |db| begun(db, company, call, attempt_no))? else { return Ok(()) };
        let restless = Unrest::touches(&self.unrest.spans, (Moment(0), now));
        if let Some(task) = self.tasks.get_mut(&attempt.task) {
            task.begun(&begun)?;
            task.queued = None;
        }
        for (_, task) in self.tasks.iter_mut().filter(|(id, task)| task.company == company && **id != attempt.task) {
            task.overtaken();
        }
        let Some(model) = self.companies.get_mut(&company) else { return Ok(()) };
        model.claims += 1;
        if !begun.is_taken {
            // It is refused: no line carries it, and its number stays free for others.
            return self.is_refused(company, begun.phone, now);
        }
        let own_caps = model.rules.caps;
        self.count_claim(company, own_caps, &begun)?;
        let line = self.lines.get_mut(&attempt.line).ok_or("is on no line")?;
        line.claimed(now, restless).map_err(|why| format!("line {}: {why}", attempt.line))
    }

    /// Whether a number is refused for a reason: it was blacklisted before, or whoever is called on it has just asked not to
    /// be, in a call that goes on.
    fn is_refused(&mut self, company: CompanyId, phone: String, now: Moment) -> Checked {
        if self.companies.get(&company).is_some_and(|model| model.blacklist.contains_key(&phone)) {
            return Ok(());
        }
        let asked = phone.clone();
        if !self.read(move |db| blacklist::contains(db, company, &asked))? {
            return Err(format!("{phone} is in a call and not taken"));
        }
        if let Some(company) = self.companies.get_mut(&company) {
            company.blacklist.entry(phone).or_insert(now);
        }
        Ok(())
    }

    /// Counts an attempt at a number, on the day on which it was claimed: no cap may be exceeded.
    fn count_claim(&mut self, company: CompanyId, own: Caps, begun: &Begun) -> Checked {
        let day = begun.claimed_at.civil(&self.rules.zone).date();
        let claims = self.claims.entry(begun.phone.clone()).or_default();
        match claims.iter_mut().find(|(by, on, _)| *by == company && *on == day) {
            Some((_, _, count)) => *count += 1,
            None => claims.push((company, day, 1)),
        }
        for (caps, of) in [(self.rules.caps, None), (own, Some(company))] {
            let made = |days: i64| -> u32 {
                let counted = claims.iter().filter(|(by, ..)| of.is_none_or(|of| of == *by));
                // Days are claimed in their order: none after this one has any yet.
                counted.filter(|(_, on, _)| *on > day.saturating_sub(days.days())).map(|(.., count)| count).sum()
            };
            for (cap, made, days) in [(caps.per_day, made(1), 1), (caps.per_week, made(WEEK_DAYS), WEEK_DAYS)] {
                if cap.is_some_and(|cap| made > cap) {
                    return Err(format!("{} is dialled {made} times in {days} days, of {cap:?}", begun.phone));
                }
            }
        }
        Ok(())
    }

    /// Calls that finished must have the next indexes, and counters say what was seen of each.
    fn take_finished(&mut self, company: CompanyId, found: &Found) -> Checked<bool> {
        let id = found.id;
        let Some(known) = self.tasks.get(&id).map(|task| task.counters.done) else { return Ok(false) };
        let new = if found.counters.done == known {
            Vec::new()
        } else {
            self.read(move |db| finished_from(db, company, id, known))?
        };
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(false) };
        for call in new {
            if call.call_index != task.counters.done {
                return Err(format!(
                    "the feed of task {id} has gaps or repetitions: {} follows {} others",
                    call.call_index, task.counters.done
                ));
            }
            task.count(&call);
        }
        if task.counters.done != found.counters.done {
            let (seen, said) = (task.counters.done, found.counters.done);
            return Err(format!("the feed of task {id} has gaps or repetitions: {seen} calls, of {said}"));
        }
        if task.counters != found.counters {
            return Err(format!("task {id} counts {:?}, but there are {:?}", found.counters, task.counters));
        }
        Ok(found.counters.done != known)
    }
}

impl TaskModel {
    /// A number of it is called: it does not wait for its first call any more.
    fn begun(&mut self, begun: &Begun) -> Checked {
        let Some(place) = self.places.get(&begun.phone) else {
            return Err(format!("{} is no number of its task", begun.phone));
        };
        if self.fresh.remove(place).is_some() && begun.due_at == Moment(0) {
            self.called_to = self.called_to.max(*place);
        }
        Ok(())
    }

    fn count(&mut self, call: &FinishedCall) {
        let Counters { done, by_finish_status, by_talk_time, by_chat_rounds, .. } = &mut self.counters;
        *done += 1;
        let status = FinishStatus::ALL.iter().position(|status| *status == call.status);
        add_one(by_finish_status, status.unwrap_or(usize::MAX));
        if call.status == FinishStatus::Answered {
            add_one(by_talk_time, talk_time_bucket(call.duration_s));
            add_one(by_chat_rounds, chat_round_bucket(call.chat_rounds));
        }
        let mut pairs: Vec<_> = call.result_pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
        pairs.sort();
        pairs.dedup();
        for pair in pairs {
            *self.results.entry(pair).or_default() += 1;
        }
    }
}

fn add_one(counts: &mut [i64], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count += 1;
    }
}

/// Attempts that have not ended.
fn attempts(db: &mut Db, company: CompanyId, now: Moment) -> Result<Vec<(CallId, Live)>> {
    // Without statistics SQLite would walk over every attempt that there ever was.
    let live = if db.is_postgres() { "attempt a" } else { "attempt a INDEXED BY attempt_live" };
    db.query(
        &format!(
            "SELECT a.call_id, a.attempt_no, a.task_id, a.line_id, a.seated, a.answered_at, c.status
             FROM {live} JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
             WHERE a.company_id = ?1 AND a.ended_at IS NULL"
        ),
        values![company],
        |row| {
            let live = Live {
                attempt_no: row.int(1)?,
                task: TaskId(row.int(2)?),
                line: LineId(row.int(3)?),
                seated: row.flag(4)?,
                answered: row.int_or_null(5)?.is_some(),
                in_progress: row.int(6)? == 1,
                since: now,
            };
            Ok((CallId(row.int(0)?), live))
        },
    )
}

/// Who was called, and what was said.
fn transcript(db: &mut Db, company: CompanyId, call: CallId) -> Result<Option<(String, Vec<Utterance>)>> {
    db.query_one(
        "SELECT c.id, c.customer_phone, cr.utterances
         FROM call c JOIN call_record cr ON cr.company_id = c.company_id AND cr.id = c.id
         WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, call],
        |row| Ok((row.text(1)?, row.json(2, "call_record.utterances")?)),
    )
}

fn begun(db: &mut Db, company: CompanyId, call: CallId, attempt_no: i64) -> Result<Option<Begun>> {
    db.query_one(
        "SELECT c.customer_phone, c.due_at, a.claimed_at, b.call_id
         FROM call c
         JOIN attempt a ON a.company_id = c.company_id AND a.call_id = c.id AND a.attempt_no = ?3
         LEFT JOIN busy_number b ON b.phone = c.customer_phone AND b.company_id = c.company_id AND b.call_id = c.id
         WHERE c.company_id = ?1 AND c.id = ?2",
        values![company, call, attempt_no],
        |row| {
            let is_taken = row.int_or_null(3)?.is_some();
            Ok(Begun { phone: row.text(0)?, due_at: row.moment(1)?, claimed_at: row.moment(2)?, is_taken })
        },
    )
}

fn tasks(db: &mut Db, company: CompanyId) -> Result<Vec<Found>> {
    let finish: Vec<String> = FinishStatus::ALL.iter().map(|status| format!("finish_{}", status.number())).collect();
    db.query(
        &format!(
            "SELECT id, total_count, next_call_index, talk_0, talk_1, talk_2, talk_3, rounds_0, rounds_1, rounds_2,
                 rounds_3, status, {} FROM task WHERE company_id = ?1 ORDER BY id",
            finish.join(", ")
        ),
        values![company],
        |row| {
            let counters = Counters {
                total: row.int(1)?,
                done: row.int(2)?,
                by_talk_time: ints(row, 3)?,
                by_chat_rounds: ints(row, 7)?,
                by_finish_status: ints(row, 12)?,
            };
            Ok(Found { id: TaskId(row.int(0)?), status: row.int(11)?, counters })
        },
    )
}

fn ints<const N: usize>(row: &Row<'_>, first: usize) -> Result<[i64; N]> {
    let mut ints = [0; N];
    for (column, int) in (first..).zip(&mut ints) {
        *int = row.int(column)?;
    }
    Ok(ints)
}

fn finished_from(db: &mut Db, company: CompanyId, task: TaskId, index: i64) -> Result<Vec<FinishedCall>> {
    db.query(
        "SELECT call_index, finish_status, duration_s, chat_rounds, result_pairs FROM call
         WHERE company_id = ?1 AND task_id = ?2 AND call_index >= ?3 ORDER BY call_index",
        values![company, task, index],
        |row| {
            Ok(FinishedCall {
                call_index: row.int(0)?,
                status: row.number(1, "call.finish_status", FinishStatus::from_number)?,
                duration_s: row.int(2)?,
                chat_rounds: row.int(3)?,
                result_pairs: row.json(4, "call.result_pairs")?,
            })
        },
    )
}
