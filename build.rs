//! The addon's build script: lets it link against symbols that the loading process provides.

fn main() {
    napi_build::setup();
}
