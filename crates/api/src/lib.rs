//! The open API.
