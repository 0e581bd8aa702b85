//! The mistake: an async function that is called, and never awaited.

use roundelay::{RunError, Runner};

async fn save(what: &str) {
    println!("saved {what}");
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        // Without the `_ =` the compiler warns: futures do nothing unless you await them.
        _ = save("the first");
        save("the second").await;
        println!("all is saved");
    })
}
