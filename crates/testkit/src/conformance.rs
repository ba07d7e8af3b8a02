//! One suite, stamped onto every engine.

use std::future::Future;

use crate::{Engine, TestStore};

/// Runs a test on a fresh store of this engine; what [`conformance!`](crate::conformance) expands to.
pub fn conform<Body: Future<Output = ()>>(engine: Engine, test: impl FnOnce(TestStore) -> Body) {
    let store = TestStore::open(engine);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for the test");
    runtime.block_on(test(store));
}

/// Stamps each `async fn(TestStore)` of this module onto every engine, as the tests `sqlite::name`,
/// `postgres::name` and `postgres_partitioned::name`.
#[macro_export]
macro_rules! conformance {
    ($($test:ident),+ $(,)?) => {
        $crate::conformance!(@on sqlite, Sqlite, $($test),+);
        $crate::conformance!(@on postgres, Postgres, $($test),+);
        $crate::conformance!(@on postgres_partitioned, PostgresPartitioned, $($test),+);
    };
    (@on $module:ident, $engine:ident, $($test:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    $crate::conform($crate::Engine::$engine, super::$test);
                }
            )+
        }
    };
}
