//! What users of the console may do, and for which companies.

use std::collections::BTreeSet;

use crate::ids::CompanyId;

/// What a user is. Each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks and listens.
    Viewer,
    /// Runs campaigns.
    Operator,
    /// Runs the installation.
    Admin,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See tasks, calls, transcripts and reports, and hear recordings.
    SeeCalls,
    /// Make tasks, import numbers into them, start, pause, stop and delete them.
    RunTasks,
    /// Place calls outside of tasks.
    PlaceCalls,
    /// Put numbers on the blacklist, and take them off it.
    EditBlacklist,
    /// Judge the results of calls otherwise.
    JudgeCalls,
    /// Edit and publish scenes.
    PublishScenes,
    /// Make companies and change their seats and rules.
    ManageCompanies,
    /// Make lines and change them.
    ManageLines,
    /// Make, change, rotate and revoke keys of the API.
    ManageKeys,
    /// Make users and change them.
    ManageUsers,
    /// Read the audit log.
    ReadAudit,
}

impl Role {
    /// Every role, the one that may do least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name in the database and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether the role includes the permission.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("{text:?} is no role: admin, operator or viewer"))
    }
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 11] = [
        Self::SeeCalls,
        Self::RunTasks,
        Self::PlaceCalls,
        Self::EditBlacklist,
        Self::JudgeCalls,
        Self::PublishScenes,
        Self::ManageCompanies,
        Self::ManageLines,
        Self::ManageKeys,
        Self::ManageUsers,
        Self::ReadAudit,
    ];

    const fn least_role(self) -> Role {
        match self {
            Self::SeeCalls => Role::Viewer,
            Self::RunTasks | Self::PlaceCalls | Self::EditBlacklist | Self::JudgeCalls | Self::PublishScenes => {
                Role::Operator
            }
            Self::ManageCompanies | Self::ManageLines | Self::ManageKeys | Self::ManageUsers | Self::ReadAudit => {
                Role::Admin
            }
        }
    }
}

/// The companies that a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All of them, those that are made later too.
    All,
    /// These.
    Companies(BTreeSet<CompanyId>),
}

/// What a user may do, and for whom. An admin reaches every company: what it manages belongs to the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    role: Role,
    reach: Reach,
}

impl Access {
    /// A role within these companies.
    #[must_use]
    pub fn new(role: Role, reach: Reach) -> Self {
        Self { role, reach: if role == Role::Admin { Reach::All } else { reach } }
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The companies.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it sees the company at all.
    #[must_use]
    pub fn reaches(&self, company: CompanyId) -> bool {
        match &self.reach {
            Reach::All => true,
            Reach::Companies(companies) => companies.contains(&company),
        }
    }

    /// Whether it may do this for the company.
    #[must_use]
    pub fn may(&self, permission: Permission, company: CompanyId) -> bool {
        self.role.may(permission) && self.reaches(company)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_one_below_may_and_more() {
        let permitted = |role: Role| Permission::ALL.into_iter().filter(move |it| role.may(*it)).collect::<Vec<_>>();
        for pair in Role::ALL.windows(2) {
            let (below, above) = (permitted(pair[0]), permitted(pair[1]));
            assert!(below.iter().all(|permission| above.contains(permission)));
            assert!(below.len() < above.len());
        }
        assert_eq!(permitted(Role::Viewer), [Permission::SeeCalls]);
        assert_eq!(permitted(Role::Admin), Permission::ALL);
        assert!(Role::Operator.may(Permission::RunTasks) && !Role::Operator.may(Permission::ManageKeys));
    }

    #[test]
    fn a_role_ends_at_the_companies_that_it_is_bound_to() {
        let (ours, theirs) = (CompanyId(1), CompanyId(2));
        let bound = || Reach::Companies([ours].into());
        let operator = Access::new(Role::Operator, bound());
        assert!(operator.may(Permission::RunTasks, ours) && !operator.may(Permission::SeeCalls, theirs));
        assert!(Access::new(Role::Viewer, Reach::All).may(Permission::SeeCalls, theirs));
        assert!(!Access::new(Role::Viewer, Reach::All).may(Permission::RunTasks, ours));
        assert!(Access::new(Role::Admin, bound()).may(Permission::ManageUsers, theirs), "an admin reaches all");
    }

    #[test]
    fn a_role_is_read_by_its_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().unwrap_err().contains("admin, operator or viewer"));
    }
}
