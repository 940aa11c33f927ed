//! Workers of a cluster over both drivers, which must behave the same: each test body runs for both. The
//! primary is a socket that the test controls.

mod support;

#[cfg(feature = "axum")]
#[path = "cluster_worker/axum.rs"]
mod axum;
#[path = "cluster_worker/cancelling.rs"]
mod cancelling;
#[path = "cluster_worker/connections.rs"]
mod connections;
#[path = "cluster_worker/ending.rs"]
mod ending;
#[path = "cluster_worker/environment.rs"]
mod environment;
#[path = "cluster_worker/hostile.rs"]
mod hostile;
#[path = "cluster_worker/listening.rs"]
mod listening;
#[path = "cluster_worker/primary.rs"]
mod primary;

/// Makes a test of each body for each driver.
macro_rules! for_both_workers {
    ($runner:ident: $($name:ident),+ $(,)?) => {
        mod blocking {
            $(#[test] fn $name() {
                super::$runner(concat!(module_path!(), "::", stringify!($name)), super::$name::<crossfork::blocking::cluster::Worker>)
            })+
        }
        mod tokio {
            $(#[test] fn $name() {
                super::$runner(concat!(module_path!(), "::", stringify!($name)), super::$name::<crate::support::workers::TaskWorker>)
            })+
        }
    };
}
pub(crate) use for_both_workers;
