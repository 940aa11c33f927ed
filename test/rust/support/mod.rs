//! What the tests of the drivers, and of the processes that they start, share.
// Each of the test programs uses a part.
#![allow(dead_code)]

pub mod deadline;
pub mod descriptors;
pub mod drivers;
pub mod parents;
pub mod peer;
pub mod process;

/// Makes a test of each body for each driver. The runner says how it is run:
/// [`deadline::in_time`], [`process::alone`] or [`process::with_name`].
macro_rules! for_both_drivers {
    ($runner:ident: $($name:ident),+ $(,)?) => {
        mod blocking {
            $(#[test] fn $name() {
                super::$runner(concat!(module_path!(), "::", stringify!($name)), super::$name::<crossfork::blocking::Channel>)
            })+
        }
        mod tokio {
            $(#[test] fn $name() {
                super::$runner(concat!(module_path!(), "::", stringify!($name)), super::$name::<crate::support::drivers::Tasks>)
            })+
        }
    };
}
#[allow(unused_imports)]
pub(crate) use for_both_drivers;
