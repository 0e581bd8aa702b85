//! Write: a future that gives way once.
//!
//! When it is awaited, the others that are ready run, and then the task goes on. So it is pending
//! at its first poll and ready at its second. And somebody has to say that there is a second.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch06;

/// A future that is pending once.
struct GiveWay {
    has_given_way: bool,
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_given_way {
            return Poll::Ready(());
        }
        self.has_given_way = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn give_way() -> GiveWay {
    GiveWay { has_given_way: false }
}

pub(crate) fn main() -> Verdict {
    ch06::give_way(give_way)
}
