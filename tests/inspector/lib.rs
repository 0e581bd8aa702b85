//! The inspector page in a real browser: each control, each key, each way to look at it.
//!
//! ```text
//!   page.rs ----\
//!   recorded.rs |
//!   devices.rs ---> Browser (browser.rs) --HTTP--> chromedriver ---> a browser without a window
//!   large.rs ---/      ^
//!                      '-- file:///tmp/.../page.html (pages.rs)
//! ```
//!
//! Run it with
//!
//! ```text
//! cargo test --manifest-path tests/inspector/Cargo.toml
//! cargo test --manifest-path tests/inspector/Cargo.toml --release --test large -- --ignored --nocapture
//! ```
//!
//! It needs `chromedriver` and a browser it can drive (Debian: `chromium`, `chromium-driver`).
//! Where there is none, each test says so in a line and passes.

pub mod browser;
pub mod pages;

pub use browser::Browser;

/// Opens a browser, or says that there is none and ends the test.
#[macro_export]
macro_rules! browser {
    () => {
        match $crate::Browser::start() {
            Some(browser) => browser,
            None => {
                eprintln!("skipped: no chromedriver here (Debian: chromium, chromium-driver)");
                return;
            }
        }
    };
}
