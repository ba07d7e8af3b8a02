//! Recordings whose process was killed: what became of their attempts, and whether a row names them.

use hutong_domain::call::CallStatus;
use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::Result;
use crate::retention::REMOVED;
use crate::values;

/// A recording that a killed process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    /// Whose call was recorded.
    pub company: CompanyId,
    /// The call.
    pub call: CallId,
    /// Which attempt of it.
    pub attempt_no: i64,
    /// The name of both voices together.
    pub both: String,
    /// The name of the customer alone.
    pub customer: String,
}

/// What the store says of such a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The attempt has not ended: whoever ends it has the first word.
    Undecided,
    /// The call is over, and its row names the recording.
    Named,
    /// The call went on after this attempt: no row names the recording.
    Unnamed,
    /// The store knows no such attempt.
    Unknown,
}

/// What becomes of a recording that was left over. Where another process has ended the attempt, which could not know of the
/// recording, and with it the call, the call's row names it from now on.
///
/// # Errors
/// When the store fails.
pub fn settle(db: &mut Db, left_over: &LeftOver, now: Moment) -> Result<Standing> {
    let LeftOver { company, call, attempt_no, both, customer } = left_over;
    let found = db.query_one(
        "SELECT a.ended_at, c.status, c.recording,
             (SELECT MAX(l.attempt_no) FROM attempt l WHERE l.company_id = ?1 AND l.call_id = ?2),
             (SELECT COUNT(*) FROM customer cu
              WHERE cu.company_id = ?1 AND cu.id = c.customer_id AND strpos(cu.phone, ?4) = 1)
         FROM attempt a JOIN call c ON c.company_id = a.company_id AND c.id = a.call_id
         WHERE a.company_id = ?1 AND a.call_id = ?2 AND a.attempt_no = ?3",
        values![*company, *call, *attempt_no, REMOVED],
        |row| {
            let is_done = row.int(1)? == CallStatus::Done.number();
            let is_last = row.int(3)? == *attempt_no;
            // Nobody may name the voice of a person who was forgotten meanwhile.
            let named = row.text_or_null(2)?;
            let may_be_named = named.is_some() || row.int(4)? == 0;
            Ok((row.moment_or_null(0)?, is_done && is_last && may_be_named, named))
        },
    )?;
    let Some((ended_at, is_its_end, named)) = found else { return Ok(Standing::Unknown) };
    if ended_at.is_none() {
        return Ok(Standing::Undecided);
    }
    if !is_its_end {
        return Ok(Standing::Unnamed);
    }
    if named.is_none() {
        db.execute(
            "UPDATE call SET recording = ?3, customer_recording = ?4, modified_at = ?5
             WHERE company_id = ?1 AND id = ?2 AND recording IS NULL",
            values![*company, *call, both.as_str(), customer.as_str(), now],
        )?;
    }
    Ok(Standing::Named)
}
