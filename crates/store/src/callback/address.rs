//! Where callbacks are sent, and how.

use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::CompanyId;
use hutong_domain::moment::Moment;

use crate::db::{Db, Row};
use crate::error::Result;
use crate::key::AppKey;
use crate::values;

/// What an address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// How calls ended.
    Calls,
    /// How tasks moved.
    Tasks,
}

impl Subject {
    /// What callbacks of this kind are about.
    #[must_use]
    pub const fn of(kind: CallbackKind) -> Self {
        match kind {
            CallbackKind::Call | CallbackKind::ManualChange => Self::Calls,
            CallbackKind::Task => Self::Tasks,
        }
    }

    /// Both.
    pub const ALL: [Self; 2] = [Self::Calls, Self::Tasks];

    /// The number in the database.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Calls => 0,
            Self::Tasks => 1,
        }
    }

    fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.number() == number)
    }

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Tasks => "tasks",
        }
    }
}

/// What a callback's body says that it is. The bytes are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentType {
    /// What it is.
    #[default]
    Json,
    /// What receivers of some private installations insist on.
    Text,
}

impl ContentType {
    /// The value of the header.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Text => "text/plain;charset=utf-8",
        }
    }

    /// The name in the database and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

impl std::str::FromStr for ContentType {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        [Self::Json, Self::Text]
            .into_iter()
            .find(|known| known.name() == text)
            .ok_or_else(|| format!("unknown content type {text:?}: expected json or text"))
    }
}

/// Where a company is told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What it is told.
    pub subject: Subject,
    /// Where.
    pub url: String,
    /// What the body says that it is.
    pub content_type: ContentType,
    /// Whether what people change by hand is told as well.
    pub manual_changes: bool,
    /// The key whose secret signs; none for the company's oldest one that is valid.
    pub app_key: Option<String>,
}

impl Address {
    /// Which of the company's valid keys signs what is sent there: the one that is named, or the oldest.
    #[must_use]
    pub fn signer<'a>(&self, keys: &'a [AppKey]) -> Option<&'a AppKey> {
        match &self.app_key {
            Some(wanted) => keys.iter().find(|key| key.app_key == *wanted),
            None => keys.first(),
        }
    }
}

fn address(row: &Row<'_>) -> Result<Address> {
    let app_key = row.text(4)?;
    Ok(Address {
        subject: row.number(0, "callback_address.subject", Subject::from_number)?,
        url: row.text(1)?,
        content_type: row.parsed(2, "callback_address.content_type")?,
        manual_changes: row.int(3)? != 0,
        app_key: (!app_key.is_empty()).then_some(app_key),
    })
}

/// Sets, or changes, an address of the company.
///
/// # Errors
/// When the store fails.
pub fn set(db: &mut Db, company: CompanyId, address: &Address, now: Moment) -> Result<()> {
    let Address { subject, url, content_type, manual_changes, app_key } = address;
    db.execute(
        "INSERT INTO callback_address (company_id, subject, url, content_type, manual_changes, app_key, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (company_id, subject) DO UPDATE SET url = excluded.url, content_type = excluded.content_type,
             manual_changes = excluded.manual_changes, app_key = excluded.app_key, modified_at = excluded.modified_at",
        values![
            company,
            subject.number(),
            url,
            content_type.name(),
            *manual_changes,
            app_key.as_deref().unwrap_or_default(),
            now
        ],
    )
    .map(|_| ())
}

/// Takes an address away. What was still to be told there is given up. False when there was none.
///
/// # Errors
/// When the store fails.
pub fn remove(db: &mut Db, company: CompanyId, subject: Subject, now: Moment) -> Result<bool> {
    let removed = db.execute(
        "DELETE FROM callback_address WHERE company_id = ?1 AND subject = ?2",
        values![company, subject.number()],
    )?;
    let of_subject = match subject {
        Subject::Calls => "kind < 2",
        Subject::Tasks => "kind = 2",
    };
    db.execute(
        &format!(
            "UPDATE callback SET due_at = NULL, given_up_at = ?2, answer = 'the address was taken away'
             WHERE company_id = ?1 AND due_at IS NOT NULL AND {of_subject}"
        ),
        values![company, now],
    )?;
    Ok(removed == 1)
}

/// The company's addresses.
///
/// # Errors
/// When the store fails.
pub fn of_company(db: &mut Db, company: CompanyId) -> Result<Vec<Address>> {
    db.query(
        "SELECT subject, url, content_type, manual_changes, app_key FROM callback_address
         WHERE company_id = ?1 ORDER BY subject",
        values![company],
        address,
    )
}
