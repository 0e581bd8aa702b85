// Step 4: polling a Rust future.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tiny::Loop;

use crate::support::expect;

const SECOND: Duration = Duration::from_secs(1);

/// `future`, and how often it is polled.
async fn counted<F: Future>(future: F, polls: Rc<Cell<u32>>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn the_output_of_the_future_is_given_back() {
    let event_loop = Loop::new();
    let polls = Rc::new(Cell::new(0));
    let output = event_loop.block_on(counted(ready("done"), polls.clone()));
    expect("`block_on` gives back the output.", "done", output);
    expect("A future that is ready at once is polled once.", 1, polls.get());
}

#[test]
fn the_number_of_polls_is_exact() {
    let event_loop = Loop::new();
    for tenth in 1..30 {
        event_loop.call_later(SECOND * tenth / 10, || ());
    }
    let (promise, later) = event_loop.promise();
    event_loop.call_later(3 * SECOND, move || promise.resolve(7).unwrap());
    let polls = Rc::new(Cell::new(0));
    let output = event_loop.block_on(counted(later, polls.clone()));
    expect("The value is what the promise was resolved with.", 7, output);
    let why =
        "Polled once to begin with, and once when the value has come. Poll only after a wake.";
    expect(why, 2, polls.get());
    expect("The clock shows the moment of the value.", 3 * SECOND, event_loop.now());
}

#[test]
fn one_value_after_the_other_is_one_poll_more_each() {
    let event_loop = Loop::new();
    let polls = Rc::new(Cell::new(0));
    let sum = async {
        let mut sum = 0;
        for number in 1..=3 {
            let (promise, later) = event_loop.promise();
            event_loop.call_later(SECOND, move || promise.resolve(number).unwrap());
            sum += later.await;
        }
        sum
    };
    let sum = event_loop.block_on(counted(sum, polls.clone()));
    expect("One and two and three.", 6, sum);
    expect("The first poll, and one for each of three values.", 4, polls.get());
}

#[test]
fn a_value_that_is_there_needs_no_second_poll() {
    let event_loop = Loop::new();
    let (promise, later) = event_loop.promise();
    promise.resolve(1).unwrap();
    let polls = Rc::new(Cell::new(0));
    event_loop.block_on(counted(later, polls.clone()));
    expect("The first poll finds the value.", 1, polls.get());
}

#[test]
fn a_future_that_wakes_itself_is_polled_again() {
    let event_loop = Loop::new();
    let mut left = 3;
    let future = poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready("over");
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    expect("A wake during the poll counts.", "over", event_loop.block_on(future));
}

#[test]
fn with_nothing_to_do_the_thread_sleeps_until_another_thread_wakes() {
    let event_loop = Loop::new();
    let polls = Rc::new(Cell::new(0));
    let mut asked = false;
    let future = poll_fn(move |cx| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        let waker = cx.waker().clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        Poll::Pending
    });
    event_loop.block_on(counted(future, polls.clone()));
    expect("One poll to begin with, one after the wake.", 2, polls.get());
}
