//! Shared by the tests of the drivers and of processes.
// Each of the test programs uses a part.
#![allow(dead_code)]

pub mod advanced;
pub mod deadline;
pub mod descriptors;
pub mod drivers;
pub mod names;
pub mod parents;
pub mod peer;
pub mod process;
pub mod signals;
pub mod transcode;
pub mod workers;

#[allow(unused_macros)]
/// Makes a test of each body for each driver. The runner says how to run it:
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

/// [`for_both_drivers`], and once more in the advanced mode.
#[allow(unused_macros)]
macro_rules! in_both_modes {
    ($runner:ident: $($name:ident),+ $(,)?) => {
        mod json {
            #[allow(unused_imports)]
            use super::{$runner, $($name),+};
            crate::support::for_both_drivers!($runner: $($name),+);
        }
        mod advanced {
            mod blocking {
                $(#[test] fn $name() {
                    super::super::$runner(
                        concat!(module_path!(), "::", stringify!($name)),
                        super::super::$name::<crate::support::advanced::Advanced<crossfork::blocking::Channel>>,
                    )
                })+
            }
            mod tokio {
                $(#[test] fn $name() {
                    super::super::$runner(
                        concat!(module_path!(), "::", stringify!($name)),
                        super::super::$name::<crate::support::advanced::Advanced<crate::support::drivers::Tasks>>,
                    )
                })+
            }
        }
    };
}
#[allow(unused_imports)]
pub(crate) use in_both_modes;
