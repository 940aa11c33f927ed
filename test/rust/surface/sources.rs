//! The library as text.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Source {
    /// From the package's root.
    pub path: PathBuf,
    pub text: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files whose public items a user finds in the documentation.
pub fn documented() -> Vec<Source> {
    let mut found = sources("src");
    found.retain(|source| {
        let path = source.path.to_str().unwrap().trim_start_matches("src/");
        let is_in = |folder: &str| path.starts_with(folder);
        let is_hidden = ["proto/", "sys/", "supervisor/", "bin/", "addon/"].into_iter().any(is_in);
        // Of these two rooms, a part is shown elsewhere.
        let is_apart = is_in("driver/") && !is_in("driver/listen/") && !is_in("driver/face/")
            || is_in("wire/") && !is_in("wire/v8/") && path != "wire/mod.rs";
        !is_hidden && !is_apart
    });
    assert!(found.len() > 50);
    found
}

/// All files of Rust in a folder.
pub fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root()).unwrap().to_owned(), text });
            }
        }
    }
    found
}
