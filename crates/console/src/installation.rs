//! What only the binary knows: how the installation is configured.

use hutong_domain::retention::Keep;

/// What the binary tells the console of the installation.
#[derive(Debug, Clone, Default)]
pub struct Installation {
    /// For how long it keeps what it knows of people; companies can only be stricter.
    pub keep: Keep,
    /// Keys of the configuration with their values, as they are to be shown: no secret is among them.
    pub settings: Vec<(&'static str, String)>,
}
