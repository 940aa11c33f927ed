//! The addon's: how a library is linked whose symbols are found in the process that loads it.

fn main() {
    napi_build::setup();
}
