//! An `await` gives way only if it has to wait.

use roundelay::{RunError, Runner, say, spawn, yield_now};

async fn count(name: &'static str, polite: bool) {
    for number in 1..=3 {
        say!("{name}{number}");
        std::future::ready(()).await; // has its value: goes straight on
        if polite {
            yield_now().await; // waits once: the others run
        }
    }
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        for polite in [false, true] {
            say!("polite: {polite}");
            let (a, b) = (spawn(count("a", polite)), spawn(count("b", polite)));
            a.await.expect("it counts");
            b.await.expect("it counts");
        }
    })
}
