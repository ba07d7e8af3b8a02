//! Where servers run, one after another.

use std::path::{Path, PathBuf};

use hutong_e2e::Server;
use hutong_store::{Options, Store, Url};
use hutong_testkit::clock::START;

/// A data folder, and the configuration of the servers on it.
pub(crate) struct Site {
    data: PathBuf,
    environment: Vec<(String, String)>,
}

impl Site {
    pub(crate) fn new(data: &Path, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { data: data.to_owned(), environment: environment.iter().map(owned).collect() }
    }

    /// A server that says what it dials.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The same, with no limit to its calls.
    pub(crate) fn serve_without_limit(&self) -> Server {
        self.serve_with(&[("HUTONG_DIALING__CALLS_MAX", "2000")])
    }

    fn serve_with(&self, more: &[(&str, &str)]) -> Server {
        let log = [("HUTONG_LOG__LEVEL", "info,hutong_dialer=debug")];
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<(&str, &str)> = own.chain(log).chain(more.iter().copied()).collect();
        Server::serve(&self.data, &environment)
    }

    /// The store of the servers.
    pub(crate) fn store(&self) -> Store {
        let url = self.environment.iter().find(|(name, _)| name == "HUTONG_STORE__URL");
        let url = url.map_or_else(|| Url::Sqlite(self.data.join("hutong.db")), |(_, url)| url.parse().unwrap());
        Store::open(&Options::new(url), START).unwrap()
    }
}
