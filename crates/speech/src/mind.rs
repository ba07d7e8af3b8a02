//! Mind.
