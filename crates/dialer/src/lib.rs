//! Carries campaigns out.
