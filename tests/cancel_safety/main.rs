//! Every public async function and every public future, given up at every await, one after the
//! other. What the documentation says in its fixed words is what is shown here:
//!
//! | word | what must hold after the cut, wherever it was |
//! |---|---|
//! | *safe* | asked again, it gives what it would have given: nothing is lost, nothing comes twice |
//! | *loses its place* | nobody waits for the one who left; what it was granted is to be had by the next |
//! | *loses data* | what was inside has been dropped, each once; nothing of it goes on |
//! | that of its parts | its parts have been dropped; what it promises besides (a cleanup) is kept |
//!
//! `complete.rs` compares this table with the sources: a public async function that is not tried
//! here fails the tests, and so does one whose documentation says another word.

#[path = "../support/mod.rs"]
mod support;

mod bridge;
mod cancel;
mod channels;
mod combinators;
mod complete;
mod group;
mod net;
mod patterns;
mod processes;
mod queues;
mod sync;
mod testing;
mod time;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use roundelay::testing::{Cut, cancel_at_every_await};
use roundelay::{sleep, spawn};
use support::{ms, must_end};

/// What the documentation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Safe,
    LosesPlace,
    LosesData,
    /// "That of `future`."
    OfItsParts,
}

use Word::{LosesData, LosesPlace, OfItsParts, Safe};

/// A public name, its word, and what makes the future and the check anew for every run.
type Entry = (&'static str, Word, fn() -> Case);

type Later = Pin<Box<dyn Future<Output = ()>>>;

/// The future that is cut, and what is asked of the world afterwards.
struct Case {
    future: Later,
    /// It is told whether the future came to its end.
    check: Box<dyn FnOnce(bool) -> Later>,
}

fn case(
    future: impl Future<Output = ()> + 'static,
    check: impl AsyncFnOnce(bool) + 'static,
) -> Case {
    Case {
        future: Box::pin(future),
        check: Box::new(move |finished| Box::pin(async move { check(finished).await })),
    }
}

/// All of them.
fn table() -> Vec<Entry> {
    let parts = [
        time::table(),
        sync::table(),
        queues::table(),
        channels::table(),
        cancel::table(),
        combinators::table(),
        group::table(),
        bridge::table(),
        patterns::table(),
        net::table(),
        processes::table(),
        testing::table(),
    ];
    parts.into_iter().flatten().collect()
}

/// What begins with one of these may be done at once, by the time that the system takes. It is
/// given up where it can be.
const MAY_BE_DONE_AT_ONCE: &[&str] = &[
    "Child::",
    "Command::",
    "TcpStream::connect",
    "UdpSocket::send",
    "UnixStream::connect",
    "fs::",
    "lookup_host",
];

/// Cuts each one everywhere.
#[track_caller]
fn give_up_everywhere(table: Vec<Entry>) {
    for (name, word, make) in table {
        println!("{name}, {word:?}"); // seen if the test fails
        let suspensions = must_end(move || {
            let make = || {
                let Case { future, check } = make();
                (check, future)
            };
            cancel_at_every_await(make, async move |check, cut| {
                check(matches!(cut, Cut::Finished(_))).await;
            })
        });
        // A future that is ready at once would show nothing.
        let may_be_ready = MAY_BE_DONE_AT_ONCE.iter().any(|start| name.starts_with(start));
        assert!(suspensions > 0 || may_be_ready, "{name} never waits");
    }
}

/// Whoever was to give something comes to its end.
async fn settle() {
    sleep(ms(1000)).await;
}

/// Does something in a millisecond.
fn soon(act: impl FnOnce() + 'static) {
    let later = async move {
        sleep(ms(1)).await;
        act();
    };
    spawn(later).detach();
}

/// Counts how often something was had.
#[derive(Clone, Default)]
struct Count(Rc<Cell<usize>>);

impl Count {
    fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    fn get(&self) -> usize {
        self.0.get()
    }
}
