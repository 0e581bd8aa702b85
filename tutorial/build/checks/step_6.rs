// Step 6: sleeping, and the result of a task.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tiny::Loop;

use crate::support::{Log, expect};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_sleeper_goes_on_at_its_deadline() {
    let event_loop = Loop::new();
    event_loop.block_on(event_loop.sleep(5 * SECOND));
    expect("The clock shows the deadline.", 5 * SECOND, event_loop.now());
    event_loop.block_on(event_loop.sleep(Duration::ZERO));
    expect("A sleep of no time is over at once.", 5 * SECOND, event_loop.now());
}

#[test]
fn many_sleep_at_the_same_time() {
    let event_loop = Loop::new();
    let sleepers: Vec<_> =
        (1..=100).map(|number| event_loop.spawn(event_loop.sleep(number * SECOND))).collect();
    event_loop.block_on(async {
        for sleeper in sleepers {
            sleeper.await;
        }
    });
    expect("All of them take as long as the longest.", 100 * SECOND, event_loop.now());
}

#[test]
fn a_tasks_output_comes_back() {
    let event_loop = Loop::new();
    let inner = event_loop.clone();
    let task = event_loop.spawn(async move {
        inner.sleep(SECOND).await;
        21
    });
    let output = event_loop.block_on(async { task.await * 2 });
    expect("Awaiting what `spawn` gives back is awaiting the output.", 42, output);
}

#[test]
fn a_task_whose_handle_is_dropped_goes_on() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let (inner, to_log) = (event_loop.clone(), log.clone());
    drop(event_loop.spawn(async move {
        inner.sleep(SECOND).await;
        to_log.add("done");
    }));
    event_loop.run();
    log.expect("It is detached, not ended.", &["done"]);
}

#[test]
fn a_dropped_sleeper_leaves_no_live_timer() {
    let event_loop = Loop::new();
    let long = event_loop.sleep(3600 * SECOND);
    let short = event_loop.sleep(SECOND);
    let inner = event_loop.clone();
    event_loop.block_on(async move {
        let mut long = Box::pin(long);
        let mut short = pin!(short);
        poll_fn(|cx| {
            let _ = long.as_mut().poll(cx);
            short.as_mut().poll(cx)
        })
        .await;
        expect("Both have set a timer, and one has been called.", 1, inner.live_timers());
        drop(long);
    });
    let why = "Dropping a sleeper takes its timer back: implement `Drop` for it.";
    expect(why, 0, event_loop.live_timers());
    event_loop.run();
    let why = "The clock does not move to the deadline of a timer that was taken back.";
    expect(why, SECOND, event_loop.now());
}

#[test]
fn a_sleeper_that_is_polled_often_has_one_timer() {
    let event_loop = Loop::new();
    let mut sleep = Box::pin(event_loop.sleep(SECOND));
    let inner = event_loop.clone();
    let mut most = 0;
    let mut polls = 0;
    let most = event_loop.block_on(poll_fn(move |cx| {
        polls += 1;
        let answer = sleep.as_mut().poll(cx);
        most = most.max(inner.live_timers());
        if polls < 5 {
            cx.waker().wake_by_ref();
        }
        if answer.is_ready() { Poll::Ready(most) } else { Poll::Pending }
    }));
    expect("Each poll replaces the timer of the poll before.", 1, most);
}

#[test]
fn a_cancelled_timer_is_not_called() {
    let (event_loop, log) = (Loop::new(), Log::default());
    let number = event_loop.call_later(SECOND, log.later("cancelled"));
    event_loop.call_later(2 * SECOND, log.later("kept"));
    event_loop.cancel_timer(number);
    event_loop.run();
    event_loop.cancel_timer(number);
    log.expect("Only the other one is called.", &["kept"]);
}

#[test]
fn what_a_cancelled_callback_holds_is_dropped_at_once() {
    struct Told(Loop, Rc<Cell<bool>>);
    impl Drop for Told {
        fn drop(&mut self) {
            // A destructor may use the loop.
            self.0.call_soon(|| ());
            self.1.set(true);
        }
    }
    let event_loop = Loop::new();
    let dropped = Rc::new(Cell::new(false));
    let told = Told(event_loop.clone(), dropped.clone());
    let number = event_loop.call_later(SECOND, move || drop(told));
    event_loop.cancel_timer(number);
    expect("The callback is gone when `cancel_timer` returns.", true, dropped.get());
}
