//! Copies what threads share, with loom's locks and atomics in place of the system's.

use std::path::Path;
use std::{env, fs};

/// What is run, in reading order, and where it lies.
const SOURCES: [(&str, &str); 5] = [
    ("callback", "../callback.rs"),
    ("inbox", "../inbox.rs"),
    ("waker", "../../executor/waker.rs"),
    ("job_ring", "../../executor/job_ring.rs"),
    ("reply", "../../executor/bridge/reply.rs"),
];

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let mut list = String::new();
    for (module, source) in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        let mut text = fs::read_to_string(source).unwrap();
        // Unit tests use the real reactor, and the examples in the docs name the real crate.
        if let Some(tests) = text.find("#[cfg(test)]") {
            text.truncate(tests);
        }
        for (from, to) in [
            ("parking_lot::", "crate::shim::lock::"),
            ("std::sync::atomic", "loom::sync::atomic"),
            ("std::sync::Arc", "loom::sync::Arc"),
            ("std::sync::{", "crate::shim::sync::{"),
            ("std::task::", "crate::shim::task::"),
            ("roundelay_runtime::", "crate::"),
            // loom's `Arc` is no receiver of methods.
            ("self: Arc<Self>", "&self"),
            ("self: &Arc<Self>", "&self"),
            ("Arc::as_ptr(self)", "std::ptr::from_ref(self)"),
        ] {
            text = text.replace(from, to);
        }
        let path = Path::new(&out).join(format!("{module}.rs"));
        fs::write(&path, text).unwrap();
        list += &format!("#[path = {path:?}]\nmod {module};\n");
    }
    fs::write(Path::new(&out).join("modules.rs"), list).unwrap();
}
