//! Repair: a server that is asked to stop, and drops what it has begun.
//!
//! `door.next()` gives the next request, or `None` when somebody asks the server to stop. Requests
//! are handled side by side. When the server ends, the last of them is still under way, and is
//! lost.

use std::time::Duration;

use roundelay::{sleep, spawn};
use roundelay_exercises::checks::ch08;
use roundelay_exercises::props::Door;
use roundelay_exercises::{Verdict, say};

async fn handle(request: u8) {
    say(format_args!("request {request} begins"));
    sleep(Duration::from_millis(150) * u32::from(request)).await;
    say(format_args!("request {request} is done"));
}

async fn serve(door: Door) {
    let mut begun = Vec::new();
    while let Some(request) = door.next().await {
        begun.push(spawn(handle(request)));
    }
    for task in begun {
        task.await.expect("handling does not fail");
    }
}

pub(crate) fn main() -> Verdict {
    ch08::stop(serve)
}
