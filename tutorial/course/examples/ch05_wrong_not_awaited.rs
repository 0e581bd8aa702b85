//! The mistake: an async function that is called, and never awaited.

use roundelay::{RunError, Runner, say};

async fn save(what: &str) {
    say!("saved {what}");
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        // Without the `_ =` the compiler warns: futures do nothing unless you await them.
        _ = save("the first");
        save("the second").await;
        say!("all is saved");
    })
}
