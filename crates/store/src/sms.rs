//! Text message templates. They are kept and listed; sending is not part of the product yet.

use hutong_domain::ids::{CompanyId, SmsTemplateId};
use hutong_domain::moment::Moment;

use crate::db::Db;
use crate::error::Result;
use crate::{Page, PageRequest, values};

/// A template of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsTemplate {
    /// Its id.
    pub id: SmsTemplateId,
    /// Its name.
    pub name: String,
    /// Its text.
    pub content: String,
    /// 1 when it may be used.
    pub status: i64,
    /// When it was made.
    pub created_at: Moment,
}

/// Makes a template.
///
/// # Errors
/// When the store fails.
pub fn insert(db: &mut Db, company: CompanyId, name: &str, content: &str, now: Moment) -> Result<SmsTemplateId> {
    let id = SmsTemplateId(db.next_id("sms_template")?);
    db.execute(
        "INSERT INTO sms_template (id, company_id, name, content, status, created_at) VALUES (?1, ?2, ?3, ?4, 1, ?5)",
        values![id, company, name, content, now],
    )?;
    Ok(id)
}

/// The templates of one company, newest first; those with `status` where one is given.
///
/// # Errors
/// When the store fails.
pub fn page(db: &mut Db, company: CompanyId, status: Option<i64>, page: PageRequest) -> Result<Page<SmsTemplate>> {
    let (low, high) = status.map_or((i64::MIN, i64::MAX), |status| (status, status));
    let total = db.query_int(
        "SELECT COUNT(*) FROM sms_template WHERE company_id = ?1 AND status BETWEEN ?2 AND ?3",
        values![company, low, high],
    )?;
    let rows = db.query(
        "SELECT id, name, content, status, created_at FROM sms_template
         WHERE company_id = ?1 AND status BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4 OFFSET ?5",
        values![company, low, high, page.size, page.offset()],
        |row| {
            Ok(SmsTemplate {
                id: SmsTemplateId(row.int(0)?),
                name: row.text(1)?,
                content: row.text(2)?,
                status: row.int(3)?,
                created_at: row.moment(4)?,
            })
        },
    )?;
    Ok(Page { total, rows })
}

/// Whether the company has this template.
///
/// # Errors
/// When the store fails.
pub fn exists(db: &mut Db, company: CompanyId, id: SmsTemplateId) -> Result<bool> {
    let found =
        db.query_one("SELECT 1 FROM sms_template WHERE company_id = ?1 AND id = ?2", values![company, id], |_| Ok(()))?;
    Ok(found.is_some())
}
