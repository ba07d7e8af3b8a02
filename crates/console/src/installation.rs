//! What only the binary knows: how the installation is configured, and what reaches out of it.

use std::sync::Arc;

use hutong_callbacks::Poster;
use hutong_domain::retention::Keep;

use crate::equipment::Equipment;

/// What the binary tells the console of the installation.
#[derive(Clone)]
pub struct Installation {
    /// Where clients of the API find the server, without a slash at the end.
    pub public_url: String,
    /// For how long it keeps what it knows of people; companies can only be stricter.
    pub keep: Keep,
    /// Keys of the configuration with their values, as they are to be shown: no secret is among them.
    pub settings: Vec<(&'static str, String)>,
    /// Sends trials of callbacks, under the rules that hold for callbacks.
    pub poster: Arc<Poster>,
    /// Trunks, and servers of speech.
    pub equipment: Arc<dyn Equipment>,
}
