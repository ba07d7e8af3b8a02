//! The audit log: who changes what, under names that stay, and how much of a change is kept.

use std::fmt;

use serde_json::{Map, Value};

/// Bytes of JSON that are kept of either side of a change.
pub const SIDE_BYTES_MAX: usize = 8 << 10;
/// Characters of a text that are kept where a side would be longer.
const TEXT_CHARS_KEPT: usize = 200;

/// Who changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user of the console.
    User(String),
    /// A key of the API.
    Key(String),
    /// Somebody at the command line of the machine, by their account there.
    CommandLine(String),
    /// hutong by itself.
    Hutong,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Key(key) => write!(f, "key {key}"),
            Self::CommandLine(account) => write!(f, "command line {account}"),
            Self::Hutong => f.write_str("hutong"),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What is done. The names stay what they are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action, in the order of `docs/accounts.md`.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in the log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// A task is made.
    TaskCreate = "task.create",
    /// What was decided about a task is changed, or its lines.
    TaskUpdate = "task.update",
    /// Customers are imported into a task.
    TaskImport = "task.import",
    /// A task is started, or goes on.
    TaskStart = "task.start",
    /// A task is paused.
    TaskPause = "task.pause",
    /// A task is stopped for good.
    TaskStop = "task.stop",
    /// A task is marked as deleted.
    TaskDelete = "task.delete",
    /// A number of a task is moved to its head.
    NumberFirst = "number.first",
    /// What is kept of a number is deleted.
    NumberForget = "number.forget",
    /// A call is placed by itself.
    CallPlace = "call.place",
    /// A person judges a result of a call otherwise.
    CallGrade = "call.grade",
    /// A person notes something about a call, or takes it back.
    CallNote = "call.note",
    /// A person opens a call for the first time.
    CallRead = "call.read",
    /// Numbers are put on a blacklist.
    BlacklistAdd = "blacklist.add",
    /// A number is taken off a blacklist.
    BlacklistRemove = "blacklist.remove",
    /// A group of blacklisted numbers is made.
    BlacklistGroupCreate = "blacklist.group.create",
    /// A group is renamed.
    BlacklistGroupUpdate = "blacklist.group.update",
    /// A group is deleted.
    BlacklistGroupDelete = "blacklist.group.delete",
    /// A company is made.
    CompanyCreate = "company.create",
    /// The seats or rules of a company are changed.
    CompanyUpdate = "company.update",
    /// The address that a company's callbacks are sent to is set.
    CallbackSet = "callback.set",
    /// It is taken away.
    CallbackUnset = "callback.unset",
    /// Callbacks are sent once more.
    CallbackResend = "callback.resend",
    /// A line is made.
    LineCreate = "line.create",
    /// A line is changed, or its trunk.
    LineUpdate = "line.update",
    /// An announcement is learnt.
    AnnouncementCreate = "announcement.create",
    /// An announcement is forgotten.
    AnnouncementDelete = "announcement.delete",
    /// A version of a scene is published.
    ScenePublish = "scene.publish",
    /// What robots did not understand is crossed off, since a scene has learnt it.
    SceneLearn = "scene.learn",
    /// A key is made.
    KeyCreate = "key.create",
    /// The edition, rate or addresses of a key are changed.
    KeyUpdate = "key.update",
    /// A key is bound to companies.
    KeyBind = "key.bind",
    /// A key is no longer bound to companies.
    KeyUnbind = "key.unbind",
    /// A key gets a new secret.
    KeyRotate = "key.rotate",
    /// A key is revoked.
    KeyRevoke = "key.revoke",
    /// A user is made.
    UserCreate = "user.create",
    /// The password of a user is changed.
    UserPassword = "user.password",
    /// A user gets another role.
    UserRole = "user.role",
    /// A user is bound to other companies.
    UserCompanies = "user.companies",
    /// A user is disabled.
    UserDisable = "user.disable",
    /// A user is enabled again.
    UserEnable = "user.enable",
    /// A user signs in.
    UserSignIn = "user.sign_in",
    /// A session of a user is ended before its time.
    UserSignOut = "user.sign_out",
}

/// What differs between two states of a thing: what it was, and what it is. None where nothing does. Where the thing was
/// not there, or is not there any more, the other side is kept whole.
#[must_use]
pub fn difference(before: Option<Value>, after: Option<Value>) -> Option<(Option<Value>, Option<Value>)> {
    if before == after {
        return None;
    }
    match (before, after) {
        (Some(Value::Object(mut before)), Some(Value::Object(mut after))) => {
            drop_common(&mut before, &mut after);
            Some((Some(before.into()), Some(after.into())))
        }
        sides => Some(sides),
    }
}

/// Leaves what differs, of documents within them too.
fn drop_common(before: &mut Map<String, Value>, after: &mut Map<String, Value>) {
    before.retain(|name, was| match (was, after.get_mut(name)) {
        (was, Some(is)) if *was == *is => {
            after.remove(name);
            false
        }
        (Value::Object(was), Some(Value::Object(is))) => {
            drop_common(was, is);
            true
        }
        _ => true,
    });
}

/// The JSON of one side of a change, cut to [`SIDE_BYTES_MAX`]: long texts lose their ends first, and where that is not
/// enough, only how much it was is kept.
#[must_use]
pub fn bounded(side: &Value) -> String {
    let whole = side.to_string();
    if whole.len() <= SIDE_BYTES_MAX {
        return whole;
    }
    let cut = with_texts_cut(side.clone()).to_string();
    if cut.len() <= SIDE_BYTES_MAX { cut } else { serde_json::json!({ "bytes_left_out": whole.len() }).to_string() }
}

fn with_texts_cut(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(match text.char_indices().nth(TEXT_CHARS_KEPT) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }),
        Value::Array(values) => values.into_iter().map(with_texts_cut).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_texts_cut(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_actions_are_told_apart_and_stay() {
        let names: BTreeSet<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        assert_eq!(Action::TaskCreate.name(), "task.create");
    }

    #[test]
    fn every_action_stands_in_the_documentation() {
        let page = include_str!("../../../docs/accounts.md");
        let missing: Vec<&str> =
            Action::ALL.iter().map(|it| it.name()).filter(|name| !page.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn an_actor_says_what_it_is() {
        assert_eq!(Actor::User("anna".to_owned()).to_string(), "user anna");
        assert_eq!(Actor::Key("k1".to_owned()).to_string(), "key k1");
        assert_eq!(Actor::CommandLine("root".to_owned()).to_string(), "command line root");
        assert_eq!(Actor::Hutong.to_string(), "hutong");
    }

    #[test]
    fn only_what_differs_is_kept() {
        let before = json!({ "name": "a", "seats": 3, "hours": "09:00" });
        let after = json!({ "name": "a", "seats": 4 });
        let expected = (Some(json!({ "seats": 3, "hours": "09:00" })), Some(json!({ "seats": 4 })));
        assert_eq!(difference(Some(before.clone()), Some(after)), Some(expected));
        let trunks = [5, 30].map(|ring_s| Some(json!({ "name": "a", "trunk": { "user": "u", "ring_s": ring_s } })));
        let [short, long] = [5, 30].map(|ring_s| Some(json!({ "trunk": { "ring_s": ring_s } })));
        assert_eq!(difference(trunks[0].clone(), trunks[1].clone()), Some((short, long)));
        assert_eq!(difference(Some(before.clone()), Some(before.clone())), None);
        assert_eq!(difference(None, None), None);
        assert_eq!(difference(None, Some(before.clone())), Some((None, Some(before.clone()))));
        assert_eq!(difference(Some(before.clone()), None), Some((Some(before), None)));
    }

    #[test]
    fn a_side_is_never_longer_than_it_may_be() {
        let short = json!({ "name": "短" });
        assert_eq!(bounded(&short), short.to_string());
        let remark = json!({ "name": "短", "remark": "呼".repeat(SIDE_BYTES_MAX) });
        let kept: Value = serde_json::from_str(&bounded(&remark)).unwrap();
        assert_eq!(kept["name"], "短");
        assert_eq!(kept["remark"], format!("{}…", "呼".repeat(TEXT_CHARS_KEPT)));
        let many = json!({ "ids": (0..SIDE_BYTES_MAX).collect::<Vec<_>>() });
        assert_eq!(bounded(&many), json!({ "bytes_left_out": many.to_string().len() }).to_string());
    }
}
