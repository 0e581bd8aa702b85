//! Tiny next to real: the same scenario on both loops, and what each makes of it.
//!
//! Each test is one difference. It asserts both results, so whoever mends the tiny loop is told
//! that the page `tutorial/book/tiny_next_to_real.md` has to change, too.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io::{self, Read, Write};
use std::net;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use roundelay::runtime::Direction;
use roundelay::{RunError, Runner, TaskError};
use roundelay_build::step_8::Loop;

const SECOND: Duration = Duration::from_secs(1);

/// What was called, in order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn add(&self, line: &'static str) {
        self.0.borrow_mut().push(line);
    }

    /// A callback that adds a line.
    fn later(&self, line: &'static str) -> impl FnOnce() + 'static {
        let log = self.clone();
        move || log.add(line)
    }

    fn lines(&self) -> Vec<&'static str> {
        self.0.borrow().clone()
    }
}

/// Says so when it is dropped.
struct Told(Rc<RefCell<Vec<usize>>>, usize);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

fn runner() -> Runner {
    Runner::builder().virtual_clock().build().unwrap()
}

/// Runs what panics, and keeps its message off the screen: the panic is expected.
fn panics(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

#[test]
fn the_page_tells_of_each_of_these_tests() {
    let (page, tests) =
        (include_str!("../../book/tiny_next_to_real.md"), include_str!("tiny_next_to_real.rs"));
    let names = tests.lines().filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("() {"));
    let differences: Vec<&str> = names.filter(|name| !name.starts_with("the_page_")).collect();
    assert_eq!(differences.len(), 12);
    for (number, name) in differences.iter().enumerate() {
        let told = format!("**{}. `{name}`.**", number + 1);
        assert!(page.contains(&told), "the page does not say {told}");
    }
}

#[test]
fn callbacks_and_tasks_stand_in_one_queue() {
    let (tiny, log) = (Loop::new(), Log::default());
    let to_log = log.clone();
    drop(tiny.spawn(async move { to_log.add("task") }));
    tiny.call_soon(log.later("callback"));
    tiny.run();
    assert_eq!(log.lines(), ["callback", "task"]);

    let log = Log::default();
    let to_log = log.clone();
    let real = runner();
    let within = real.loop_ref().clone();
    real.run(async move {
        let to_task = to_log.clone();
        let task = roundelay::spawn(async move { to_task.add("task") });
        within.call_soon(to_log.later("callback")).unwrap();
        task.await.unwrap();
    })
    .unwrap();
    assert_eq!(log.lines(), ["task", "callback"]);
}

#[test]
fn a_timer_can_be_cancelled_until_it_is_called() {
    // Both are due in the same turn, and the first cancels the second.
    let (tiny, log) = (Loop::new(), Log::default());
    let second = Rc::new(Cell::new(0));
    let (within, number, to_log) = (tiny.clone(), second.clone(), log.clone());
    tiny.call_later(SECOND, move || {
        to_log.add("first");
        within.cancel_timer(number.get());
    });
    second.set(tiny.call_later(SECOND, log.later("second")));
    tiny.run();
    assert_eq!(log.lines(), ["first", "second"]);

    let (real, log) = (runner(), Log::default());
    let second = Rc::new(RefCell::new(None::<roundelay::CallHandle>));
    let (handle, to_log) = (second.clone(), log.clone());
    let cancels = move || {
        to_log.add("first");
        handle.take().unwrap().cancel();
    };
    real.loop_ref().call_later(SECOND, cancels).unwrap();
    *second.borrow_mut() = Some(real.loop_ref().call_later(SECOND, log.later("second")).unwrap());
    real.run(roundelay::sleep(2 * SECOND)).unwrap();
    assert_eq!(log.lines(), ["first"]);
}

#[test]
fn a_callback_that_panics_does_not_end_the_run() {
    let (tiny, log) = (Loop::new(), Log::default());
    tiny.call_soon(|| panic!("a mistake in a callback"));
    tiny.call_soon(log.later("the next"));
    assert!(panics(|| tiny.run()));
    assert_eq!(log.lines(), [""; 0]);

    let (real, log) = (runner(), Log::default());
    real.loop_ref().call_soon(|| panic!("a mistake in a callback")).unwrap();
    real.loop_ref().call_soon(log.later("the next")).unwrap();
    real.run(roundelay::yield_now()).unwrap();
    assert_eq!(log.lines(), ["the next"]);
}

#[test]
fn who_waits_for_a_task_is_told_that_it_panicked() {
    let (tiny, log) = (Loop::new(), Log::default());
    let task = tiny.spawn(async { panic!("a mistake in a task") });
    let to_log = log.clone();
    drop(tiny.spawn(async move {
        let () = task.await;
        to_log.add("told");
    }));
    assert!(panics(|| tiny.run()));
    // Somebody has caught the panic, and goes on. The one who waits is never told.
    tiny.run();
    assert_eq!(log.lines(), [""; 0]);

    let outcome =
        runner().run(async { roundelay::spawn(async { panic!("a mistake in a task") }).await });
    let outcome: Result<(), TaskError> = outcome.unwrap();
    assert_eq!(outcome.unwrap_err().to_string(), "the task panicked: a mistake in a task");
}

#[test]
fn who_waits_for_a_promise_is_told_that_it_was_dropped() {
    let (tiny, log) = (Loop::new(), Log::default());
    let (promise, later) = tiny.promise::<i32>();
    let to_log = log.clone();
    drop(tiny.spawn(async move {
        later.await;
        to_log.add("told");
    }));
    drop(promise);
    tiny.run();
    assert_eq!(log.lines(), [""; 0]);

    let outcome = runner().run(async {
        let (promise, later) = roundelay::promise::<i32>();
        drop(promise);
        later.await
    });
    assert!(outcome.unwrap().is_err());
}

#[test]
fn a_deadlock_is_an_error_and_not_silence() {
    let (tiny, log) = (Loop::new(), Log::default());
    let to_log = log.clone();
    drop(tiny.spawn(async move {
        pending::<()>().await;
        to_log.add("never");
    }));
    // `run` returns as if all was well; `block_on` would sleep for ever.
    tiny.run();
    assert_eq!(log.lines(), [""; 0]);

    assert!(matches!(runner().run(pending::<()>()), Err(RunError::Deadlock(_))));
}

#[test]
fn leftovers_are_dropped_with_their_loop_the_oldest_first() {
    let dropped = Rc::new(RefCell::new(Vec::new()));
    let tiny = Loop::new();
    for number in 1..=3 {
        let told = Told(dropped.clone(), number);
        drop(tiny.spawn(async move {
            pending::<()>().await;
            drop(told);
        }));
    }
    tiny.block_on(tiny.sleep(SECOND));
    drop(tiny);
    // The loop holds the task, and the task's promise holds the loop: neither is ever dropped.
    assert_eq!(*dropped.borrow(), [0; 0]);

    let real = runner();
    let to_tasks = dropped.clone();
    let main = async move {
        for number in 1..=3 {
            let told = Told(to_tasks.clone(), number);
            let leftover = async move {
                pending::<()>().await;
                drop(told);
            };
            roundelay::spawn(leftover).detach();
        }
        roundelay::sleep(SECOND).await;
    };
    real.run(main).unwrap();
    real.close();
    assert_eq!(*dropped.borrow(), [1, 2, 3]);
}

/// A future that hands its waker to whoever listens, and is ready when it is polled again.
async fn hand_out(wakers: mpsc::Sender<Waker>) {
    let mut asked = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        wakers.send(cx.waker().clone()).unwrap();
        Poll::Pending
    })
    .await;
}

/// Starts `run` on a thread, wakes its task from here while it sleeps, and says whether it ended
/// within `patience`.
fn ends_when_woken_from_here(
    patience: Duration,
    run: impl FnOnce(mpsc::Sender<Waker>) + Send + 'static,
) -> bool {
    let (wakers, waker) = mpsc::channel();
    let (over, ended) = mpsc::channel();
    thread::spawn(move || {
        run(wakers);
        // Nobody listens any more, if it ends too late.
        let _ = over.send(());
    });
    let waker: Waker = waker.recv().unwrap();
    // Long enough for the loop to fall asleep after the poll that sent the waker.
    thread::sleep(Duration::from_millis(100));
    waker.wake();
    ended.recv_timeout(patience).is_ok()
}

#[test]
fn another_thread_can_wake_a_task() {
    // Its thread sleeps for the rest of the test: only the main future's waker would get it up.
    assert!(!ends_when_woken_from_here(SECOND / 5, |wakers| {
        let tiny = Loop::with_real_clock();
        let task = tiny.spawn(hand_out(wakers));
        tiny.block_on(task);
    }));

    assert!(ends_when_woken_from_here(20 * SECOND, |wakers| {
        let real = Runner::new().unwrap();
        real.run(async { roundelay::spawn(hand_out(wakers)).await.unwrap() }).unwrap();
    }));
}

/// Two ends of a connection. The first does not block.
fn connection() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_nonblocking(true).unwrap();
    (ours, listener.accept().unwrap().0)
}

#[test]
fn two_tasks_may_wait_for_one_socket() {
    let tiny = Loop::with_real_clock();
    let (ours, mut theirs) = connection();
    let socket = Rc::new(tiny.watch(mio::net::TcpStream::from_std(ours)).unwrap());
    let got = Rc::new(Cell::new(0));
    for _ in 0..2 {
        let (socket, got) = (socket.clone(), got.clone());
        drop(tiny.spawn(async move {
            socket.attempt(|mut socket| socket.read_exact(&mut [0])).await.unwrap();
            got.set(got.get() + 1);
        }));
    }
    // This turn polls both, and both have to wait.
    tiny.turn();
    theirs.write_all(b"ab").unwrap();
    while got.get() == 0 {
        tiny.turn();
    }
    tiny.turn();
    tiny.turn();
    // The table has room for one waker, and the second has taken the place of the first.
    assert_eq!(got.get(), 1);

    let (ours, mut theirs) = connection();
    let got = Rc::new(Cell::new(0));
    let real = Runner::new().unwrap();
    let main = async {
        let socket = Rc::new(roundelay::Watched::new(ours).unwrap());
        let read = |socket: Rc<roundelay::Watched<net::TcpStream>>, got: Rc<Cell<u32>>| async move {
            let read = |mut socket: &net::TcpStream| socket.read_exact(&mut [0]);
            socket.io(Direction::Read, read).await.unwrap();
            got.set(got.get() + 1);
        };
        let tasks = [(); 2].map(|()| roundelay::spawn(read(socket.clone(), got.clone())));
        roundelay::sleep(Duration::from_millis(20)).await;
        theirs.write_all(b"ab").unwrap();
        for task in tasks {
            task.await.unwrap();
        }
    };
    real.run(main).unwrap();
    assert_eq!(got.get(), 2);
}

#[test]
fn a_socket_that_is_always_ready_does_not_starve_the_others() {
    let tiny = Loop::with_real_clock();
    let (ours, _theirs) = connection();
    let socket = tiny.watch(mio::net::TcpStream::from_std(ours)).unwrap();
    let log = Log::default();
    let to_log = log.clone();
    drop(tiny.spawn(async move {
        for _ in 0..1000 {
            socket.attempt(|_| Ok(())).await.unwrap();
        }
        to_log.add("a thousand operations");
    }));
    let to_log = log.clone();
    drop(tiny.spawn(async move { to_log.add("the other") }));
    tiny.turn();
    assert_eq!(log.lines(), ["a thousand operations", "the other"]);

    let (ours, _theirs) = connection();
    let log = Log::default();
    let to_tasks = log.clone();
    let main = async move {
        let socket = roundelay::Watched::new(ours).unwrap();
        let to_log = to_tasks.clone();
        let busy = roundelay::spawn(async move {
            for _ in 0..1000 {
                socket.io(Direction::Write, |_| io::Result::Ok(())).await.unwrap();
            }
            to_log.add("a thousand operations");
        });
        let to_log = to_tasks.clone();
        let other = roundelay::spawn(async move { to_log.add("the other") });
        busy.await.unwrap();
        other.await.unwrap();
    };
    Runner::new().unwrap().run(main).unwrap();
    assert_eq!(log.lines(), ["the other", "a thousand operations"]);
}

#[test]
fn a_second_loop_inside_the_first_is_refused() {
    let tiny = Loop::new();
    let within = tiny.clone();
    // It works here. If the inner one waited for the outer task, it would wait for ever.
    let inner = tiny.block_on(async move { within.block_on(async { "run inside" }) });
    assert_eq!(inner, "run inside");

    let inner = runner().run(async { runner().run(async { "run inside" }) });
    assert!(matches!(inner.unwrap(), Err(RunError::Nested { .. })));
}

#[test]
fn a_sleep_may_be_longer_than_the_clock_can_count() {
    let tiny = Loop::new();
    tiny.block_on(tiny.sleep(SECOND));
    assert!(panics(|| drop(tiny.sleep(Duration::MAX))));

    let outcome = runner().run(async {
        roundelay::sleep(SECOND).await;
        roundelay::timeout(SECOND, roundelay::sleep(Duration::MAX)).await
    });
    assert!(outcome.unwrap().is_err());
}
