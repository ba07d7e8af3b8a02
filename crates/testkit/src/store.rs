//! Stores of their own for tests, on every engine.

use std::ops::Deref;

use hutong_store::{Options, Store, Url};
use tempfile::TempDir;

use crate::clock::START;
use crate::postgres::Server;

/// Partitions of the big tables on [`Engine::PostgresPartitioned`].
pub const PARTITIONS: u32 = 8;
/// Readers of a store on PostgreSQL: fewer than the product has, since each test has its own.
const POSTGRES_READERS: usize = 4;

/// What a store is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A PostgreSQL server with the big tables partitioned by company.
    PostgresPartitioned,
}

/// Where the store of a test is: a folder with a SQLite file in it, or a PostgreSQL server. Both go when
/// this is dropped.
pub struct Place {
    engine: Engine,
    kind: Kind,
}

enum Kind {
    Folder(TempDir),
    Server(Server),
}

impl Place {
    /// A place without a store yet.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self::with_postgres_settings(engine, &[])
    }

    /// A place whose server, where the engine has one, runs with these settings (`name=value`).
    #[must_use]
    pub fn with_postgres_settings(engine: Engine, settings: &[&str]) -> Self {
        let kind = match engine {
            Engine::Sqlite => Kind::Folder(tempfile::tempdir().expect("a temporary folder for the store")),
            Engine::Postgres | Engine::PostgresPartitioned => Kind::Server(Server::start(settings)),
        };
        Self { engine, kind }
    }

    /// How a store is opened here.
    #[must_use]
    pub fn options(&self) -> Options {
        let url = match &self.kind {
            Kind::Folder(folder) => Url::Sqlite(folder.path().join("hutong.db")),
            Kind::Server(server) => Url::Postgres(server.url()),
        };
        let mut options = Options::new(url);
        if self.engine != Engine::Sqlite {
            options.readers = POSTGRES_READERS;
        }
        if self.engine == Engine::PostgresPartitioned {
            options.partitions = PARTITIONS;
        }
        options
    }

    /// The address of the store here, as `store.url` has it: for another process.
    #[must_use]
    pub fn address(&self) -> String {
        match self.options().url {
            Url::Sqlite(path) => format!("sqlite:{}", path.display()),
            Url::Memory => "sqlite::memory:".to_owned(),
            Url::Postgres(url) => url,
        }
    }

    /// Opens the store here, which is made where there is none yet.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(&self) -> hutong_store::Result<Store> {
        Store::open(&self.options(), START)
    }

    /// The server, where the engine has one.
    #[must_use]
    pub fn into_server(self) -> Option<Server> {
        match self.kind {
            Kind::Folder(_) => None,
            Kind::Server(server) => Some(server),
        }
    }
}

/// A store of one test's own, opened at [`START`], with the place that it is in. No clone of the store may
/// outlive it.
pub struct TestStore {
    // Dropped in this order: the store is closed before its place goes.
    store: Store,
    place: Place,
}

impl TestStore {
    /// A new store.
    ///
    /// # Panics
    /// When it cannot be opened: the test fails.
    #[must_use]
    pub fn open(engine: Engine) -> Self {
        Self::open_in(Place::new(engine))
    }

    /// The store of this place.
    ///
    /// # Panics
    /// When it cannot be opened: the test fails.
    #[must_use]
    pub fn open_in(place: Place) -> Self {
        let store = place.open().expect("the test's store opens");
        Self { store, place }
    }

    /// What it is kept in.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        self.place.engine
    }

    /// Where it is kept.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Closes the store, which must not have a clone any more; the place with all that is kept in it.
    #[must_use]
    pub fn close(self) -> Place {
        self.place
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
