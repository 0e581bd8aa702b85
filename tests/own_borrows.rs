//! Promises about futures that hold a borrow of a variable of their own over an await: whoever
//! wraps such a future, or drops it halfway, leaves that borrow alone.
//!
//! Natively these tests cannot fail. Under Miri they do if a wrapper looks at the future through
//! a plain `&`: that counts as reading all of it, also the variable that the future has lent out.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_lite::StreamExt;
use futures_lite::stream::unfold;
use roundelay::{
    CancelScope, CancelToken, ContextScope, ContextVar, Deadline, TaskGroup, fail_after, join,
    race, run, select, spawn, task_group, timeout, window, with_cleanup, yield_now,
};

static NAME: ContextVar<&str> = ContextVar::new("name");

const LONG: Duration = Duration::from_secs(3600);

/// Uses what it was lent once more when it is dropped.
struct CountsItsEnd<'a>(&'a mut u32);

impl Drop for CountsItsEnd<'_> {
    fn drop(&mut self) {
        *self.0 += 1;
    }
}

async fn counts_up(count: &mut u32) {
    let count = CountsItsEnd(count);
    yield_now().await;
    *count.0 += 1;
}

/// Lends a variable of its own to a future that it awaits, and uses it afterwards.
async fn lends() -> u32 {
    let mut count = 0;
    counts_up(&mut count).await;
    count
}

type Wrapped = Pin<Box<dyn Future<Output = u32>>>;

/// [`lends`], as each of those has it who wrap a future.
fn wrapped() -> Vec<(&'static str, Wrapped)> {
    let in_group = async { task_group(async |_: TaskGroup<()>| Ok(lends().await)).await.unwrap() };
    let in_scope = async { CancelScope::new().run(lends()).await.unwrap() };
    let in_time = async { timeout(LONG, lends()).await.unwrap() };
    let in_scoped_time = async { fail_after(LONG, lends()).await.unwrap() };
    let guarded = async { Deadline::after(LONG).guard(lends()).await.unwrap() };
    let cancellable = async { CancelToken::new().run_until_cancelled(lends()).await.unwrap() };
    let from_stream = async {
        let inputs = unfold(0, async |n| (n < 2).then_some((lends(), lends().await)));
        let outcomes: Vec<_> = pin!(window(2, inputs)).collect().await;
        outcomes.into_iter().map(|(_, outcome)| outcome.unwrap()).max().unwrap()
    };
    vec![
        ("task", Box::pin(async { spawn(lends()).await.unwrap() })),
        ("group", Box::pin(in_group)),
        ("scope", Box::pin(in_scope)),
        ("shield", Box::pin(CancelScope::shield(lends()))),
        ("timeout", Box::pin(in_time)),
        ("fail_after", Box::pin(in_scoped_time)),
        ("deadline", Box::pin(guarded)),
        ("token", Box::pin(cancellable)),
        ("variable", Box::pin(NAME.scope("somebody", lends()))),
        ("cleanup", Box::pin(with_cleanup(lends(), async {}, LONG))),
        ("race", Box::pin(async { race([lends(), lends()]).await.1 })),
        ("select", Box::pin(async { select(lends(), lends()).await.into_inner() })),
        ("list", Box::pin(async { join([lends(), lends()]).await[0] })),
        ("tuple", Box::pin(async { join((lends(), lends())).await.1 })),
        ("window", Box::pin(from_stream)),
    ]
}

#[test]
fn whoever_wraps_a_future_leaves_its_own_borrows_alone() {
    run(async {
        for (who, future) in wrapped() {
            assert_eq!(future.await, 2, "{who}");
        }
    });
}

#[test]
fn whoever_is_dropped_halfway_leaves_them_alone_as_well() {
    run(async {
        for (_, mut future) in wrapped() {
            assert!(support::poll_now(&mut future).await.is_pending());
        }
    });
}
