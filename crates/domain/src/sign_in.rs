//! Signing in to the console: names, passwords, how long a session lasts, and what wrong passwords cost.

use std::net::IpAddr;
use std::time::Duration;

use crate::moment::Moment;

/// Characters that a password has at least: length is what makes it hard to guess.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Bytes that a password has at most, so that hashing one costs no more than it should.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Characters that the name of a user has at most.
pub const NAME_CHARS_MAX: usize = 64;

/// Wrong passwords for one name that cost nothing: people mistype.
const FREE_OF_NAME: u32 = 4;
/// Those from one address: a whole office may stand behind it.
const FREE_OF_ADDRESS: u32 = 19;
/// What the first one costs that is not free; each after it costs twice as much.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// What one costs at most.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// After so long without a wrong password they are forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// Why a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// It is easily guessed.
    #[error("the password must have at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// It is longer than anybody types.
    #[error("the password must have at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// It is what everybody tries first.
    #[error("the password must not be the name of the user, or one character over and over")]
    TooSimple,
}

/// Whether a password may be used by the user of this name.
///
/// # Errors
/// Why not.
pub fn check_password(name: &str, password: &str) -> Result<(), BadPassword> {
    let mut characters = password.chars();
    let first = characters.next();
    if password.len() > PASSWORD_BYTES_MAX {
        Err(BadPassword::TooLong)
    } else if password.chars().count() < PASSWORD_CHARS_MIN {
        Err(BadPassword::TooShort)
    } else if password.to_lowercase() == name || characters.all(|character| Some(character) == first) {
        Err(BadPassword::TooSimple)
    } else {
        Ok(())
    }
}

/// A text that cannot be the name of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a user must have 1 to {NAME_CHARS_MAX} letters, digits, and . _ - or @ between them")]
pub struct BadName;

/// The name of a user as it is kept: in small letters, so that it is one user however it is written.
///
/// # Errors
/// Where it has other characters, or too many.
pub fn user_name(text: &str) -> Result<String, BadName> {
    let name = text.trim().to_lowercase();
    let edges = [name.chars().next(), name.chars().next_back()];
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '-' | '@');
    let edge = |character: &Option<char>| character.is_some_and(char::is_alphanumeric);
    let fits = name.chars().count() <= NAME_CHARS_MAX && name.chars().all(plain) && edges.iter().all(edge);
    if fits { Ok(name) } else { Err(BadName) }
}

/// Whom wrong passwords are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A name, whether there is such a user or not.
    Name(String),
    /// Where they come from.
    Address(IpAddr),
}

impl Subject {
    /// What it is counted under. Whoever has one address of IPv6 has the 2^64 around it as well.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Name(name) => format!("name {name}"),
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => format!("address {address}"),
                IpAddr::V6(address) => {
                    let [a, b, c, d, ..] = address.segments();
                    format!("address {a:x}:{b:x}:{c:x}:{d:x}::/64")
                }
            },
        }
    }

    /// How long nobody gets in after so many wrong passwords in a row.
    #[must_use]
    pub fn wait_after(&self, failures: u32) -> Duration {
        let free = match self {
            Self::Name(_) => FREE_OF_NAME,
            Self::Address(_) => FREE_OF_ADDRESS,
        };
        match failures.checked_sub(free + 1) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
                WAIT_MIN.saturating_mul(factor).min(WAIT_MAX)
            }
        }
    }
}

/// Wrong passwords in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// When the last one came.
    pub last_at: Moment,
    /// From when on another one is looked at.
    pub open_at: Moment,
}

impl Failures {
    /// With one more.
    #[must_use]
    pub fn with_another(self, subject: &Subject, now: Moment) -> Self {
        let before = if now.since(self.last_at) >= FORGOTTEN_AFTER { 0 } else { self.count };
        let count = before.saturating_add(1);
        Self { count, last_at: now, open_at: now.after(subject.wait_after(count)) }
    }

    /// Without the last one, which turned out to be right.
    #[must_use]
    pub const fn with_one_less(self, now: Moment) -> Self {
        Self { count: self.count.saturating_sub(1), last_at: self.last_at, open_at: now }
    }

    /// For how long from `now` on nobody gets in; nothing when somebody may.
    #[must_use]
    pub fn wait(&self, now: Moment) -> Duration {
        self.open_at.since(now)
    }
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// Without a request.
    pub idle_max: Duration,
    /// In all.
    pub lifetime_max: Duration,
}

impl Default for SessionRules {
    /// Half an hour away from the desk, and a working day.
    fn default() -> Self {
        Self { idle_max: Duration::from_secs(30 * 60), lifetime_max: Duration::from_secs(12 * 3600) }
    }
}

impl SessionRules {
    /// Whether a session that began and was last used then still lasts.
    #[must_use]
    pub fn lasts(&self, began_at: Moment, seen_at: Moment, now: Moment) -> bool {
        now < began_at.after(self.lifetime_max) && now < seen_at.after(self.idle_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_the_first_guess() {
        let check = |password: &str, expected| assert_eq!(check_password("anna.von.berg", password), expected);
        check("eleven-char", Err(BadPassword::TooShort));
        check("twelve-chars", Ok(()));
        check("呼通呼通呼通呼通呼通呼", Err(BadPassword::TooShort));
        check("aaaaaaaaaaaaaaaa", Err(BadPassword::TooSimple));
        check("Anna.Von.Berg", Err(BadPassword::TooSimple));
        check(&"ab".repeat(PASSWORD_BYTES_MAX / 2), Ok(()));
        check(&"ab".repeat(PASSWORD_BYTES_MAX), Err(BadPassword::TooLong));
    }

    #[test]
    fn a_name_is_one_user_however_it_is_written() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(user_name(text).ok().as_deref(), expected, "{text}");
        check(" Anna@Example.com ", Some("anna@example.com"));
        check("张三", Some("张三"));
        check("a", Some("a"));
        for wrong in ["", "   ", "a b", "-a", "a.", "a\nb", "a/b", &"a".repeat(NAME_CHARS_MAX + 1)] {
            check(wrong, None);
        }
    }

    #[test]
    fn wrong_passwords_cost_twice_as_much_each_from_the_fifth_on() {
        let check = |subject: &Subject, costs: &[(u32, u64)]| {
            for &(failures, seconds) in costs {
                assert_eq!(subject.wait_after(failures), Duration::from_secs(seconds), "{subject:?} {failures}");
            }
        };
        let name = Subject::Name("anna".to_owned());
        check(&name, &[(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (36, 900), (u32::MAX, 900)]);
        let address = Subject::Address("192.0.2.7".parse().unwrap());
        check(&address, &[(5, 0), (19, 0), (20, 1), (21, 2), (30, 900)]);
    }

    #[test]
    fn failures_are_forgotten_after_a_day_without_one() {
        let name = Subject::Name("anna".to_owned());
        let mut failures = Failures::default();
        for _ in 0..8 {
            failures = failures.with_another(&name, Moment(1_000));
        }
        assert_eq!((failures.count, failures.wait(Moment(1_000))), (8, Duration::from_secs(8)));
        assert_eq!(failures.wait(Moment(9_000)), Duration::ZERO);
        let later = Moment(1_000).after(FORGOTTEN_AFTER);
        assert_eq!(failures.with_another(&name, later).count, 1);
        assert_eq!(failures.with_another(&name, Moment(later.ms() - 1)).count, 9);
    }

    #[test]
    fn an_address_of_ipv6_is_counted_with_its_neighbours() {
        let key = |text: &str| Subject::Address(text.parse().unwrap()).key();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), key("2001:db8:1:2::9"));
        assert_ne!(key("2001:db8:1:2::9"), key("2001:db8:1:3::9"));
        assert_eq!(key("::ffff:192.0.2.7"), "address 192.0.2.7");
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_when_it_is_old() {
        let rules = SessionRules { idle_max: Duration::from_secs(10), lifetime_max: Duration::from_secs(30) };
        assert!(rules.lasts(Moment(0), Moment(0), Moment(9_999)));
        assert!(!rules.lasts(Moment(0), Moment(0), Moment(10_000)));
        assert!(rules.lasts(Moment(0), Moment(25_000), Moment(29_999)));
        assert!(!rules.lasts(Moment(0), Moment(25_000), Moment(30_000)));
    }
}
