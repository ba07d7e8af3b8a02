//! What the open API has as an operation is asked from inside, as the user: one set of checks, one audit log.

use hutong_api::{Answered, Person, Refused};
use serde::Serialize;

use crate::error::Error;
use crate::router::Shared;
use crate::visitor::Visit;

/// What stands before the reason in what the API answers: its code in words.
const CODE_ENDS: char = '：';

/// Asks an operation, such as `v1/task/start`.
///
/// # Errors
/// [`Refused`]: nothing has happened then.
pub(crate) async fn ask(
    shared: &Shared,
    visit: &Visit,
    operation: &str,
    parameters: &(impl Serialize + Sync),
) -> Result<Answered, Refused> {
    shared.inside.ask(&person(visit), operation, parameters).await
}

/// Whoever looks, as the API knows them.
pub(crate) fn person(visit: &Visit) -> Person {
    let user = &visit.signed_in.user;
    Person { name: user.name.clone(), access: user.access.clone() }
}

/// Why something was refused, without the words for its code.
pub(crate) fn reason(refused: &Refused) -> &str {
    refused.text.split_once(CODE_ENDS).map_or(refused.text.as_str(), |(_, reason)| reason)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused.code {
            403 => Self::Forbidden,
            404 => Self::NotFound,
            500 => Self::Refused(refused.text),
            _ => Self::Refused(reason(&refused).to_owned()),
        }
    }
}
