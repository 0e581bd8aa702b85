//! From other threads into a loop: what crosses, in both directions, and what is refused.

mod support;

use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use roundelay::pools::ThreadPool;
use roundelay::{
    FromThreadError, JobError, RemoteError, RemoteTask, Runner, Spawner, TaskBuilder, current_task,
    from_thread, is_host_gone, run, run_on, sleep, spawn, spawner, timeout, to_thread, yield_now,
};

use support::{Log, ms, must_end, on_drop, reporting_runner, run_virtual, virtual_runner};

/// Calls `work` on another thread with the loop's spawner, while the loop turns.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce(Spawner) -> T + Send + 'static,
) -> Result<T, JobError> {
    let home = spawner();
    to_thread(move || work(home)).await
}

// ---- starting tasks -------------------------------------------------------------------------

#[test]
fn a_result_crosses_to_the_thread_that_waits() {
    let answer = run(elsewhere(|home| home.spawn(|| async { 6 * 7 }).wait()));
    assert_eq!(answer.unwrap().unwrap(), 42);
}

#[test]
fn the_future_is_made_driven_and_dropped_on_the_loops_thread() {
    let (tell, told) = mpsc::channel::<(&str, ThreadId)>();
    let home = thread::current().id();
    run(elsewhere(move |home| {
        let task = home.spawn(move || {
            let not_send = Rc::new(tell);
            not_send.send(("made", thread::current().id())).unwrap();
            async move {
                let last = Rc::clone(&not_send);
                let _guard = on_drop(move || {
                    last.send(("dropped", thread::current().id())).unwrap();
                });
                not_send.send(("polled", thread::current().id())).unwrap();
                std::future::pending::<()>().await;
            }
        });
        // Once it runs, the handle goes, and with it, in a wrong design, the future.
        while home.spawn(|| async {}).wait().is_err() {}
        task.cancel();
        assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
    }))
    .unwrap();
    let told: Vec<_> = told.iter().collect();
    assert_eq!(told, [("made", home), ("polled", home), ("dropped", home)]);
}

#[test]
fn orders_of_one_thread_are_taken_up_in_the_order_of_giving() {
    let names = run(elsewhere(|home| {
        let (tell, told) = mpsc::channel();
        let tasks: Vec<RemoteTask<()>> = (0..5)
            .map(|n| {
                let tell = tell.clone();
                home.spawn(move || async move { tell.send(n).unwrap() })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.wait().unwrap());
        drop(tell);
        told.iter().collect::<Vec<i32>>()
    }));
    assert_eq!(names.unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_panic_crosses_with_its_payload() {
    let outcome =
        run(elsewhere(|home| home.spawn(|| async { std::panic::panic_any(7_u8) }).wait()));
    let Err(RemoteError::Panicked(panic)) = outcome.unwrap() else { panic!("it panicked") };
    assert_eq!(panic.into_payload().downcast_ref::<u8>(), Some(&7));
}

#[test]
fn a_panic_in_the_closure_that_makes_the_future_is_the_tasks() {
    fn make() -> std::future::Ready<()> {
        panic!("no future today")
    }
    let outcome = run(elsewhere(|home| home.spawn(make).wait()));
    let Err(RemoteError::Panicked(panic)) = outcome.unwrap() else { panic!("it panicked") };
    assert_eq!(panic.message(), "no future today");
}

#[test]
fn a_panic_that_nobody_waits_for_is_reported_with_the_line_that_spawned_it() {
    let (runner, reports) = reporting_runner();
    let line = line!() + 3;
    let outcome = runner.run(elsewhere(|home| {
        // The second answer comes after the first task has ended.
        home.spawn_named("lost", || async { panic!("unheard") }).detach();
        home.spawn(|| async { yield_now().await }).wait().unwrap();
    }));
    outcome.unwrap().unwrap();
    let failures = reports.take_whole();
    assert_eq!(failures.len(), 1);
    assert_eq!((&*failures[0].who, &*failures[0].message), ("task lost", "unheard"));
    assert_eq!(failures[0].origin.unwrap().line(), line);
}

#[test]
fn a_cancel_from_the_thread_reaches_the_task_and_the_answer_comes_after_the_drop() {
    let log = run_virtual(async {
        let (tell, told) = mpsc::channel();
        let seen = tell.clone();
        elsewhere(move |home| {
            let task = home.spawn(move || async move {
                let _guard = on_drop(move || tell.send("future dropped").unwrap());
                sleep(Duration::from_secs(3600)).await;
            });
            home.spawn(|| async { yield_now().await }).wait().unwrap();
            assert!(task.cancel());
            assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
            seen.send("cancelled").unwrap();
            assert!(!task.cancel());
        })
        .await
        .unwrap();
        told.iter().collect::<Vec<_>>()
    });
    assert_eq!(log, ["future dropped", "cancelled"]);
}

#[test]
fn a_cancel_before_the_loop_takes_the_order_up_means_that_nothing_is_called() {
    let runner = virtual_runner();
    let home = runner.spawner();
    let task = home.spawn(|| -> std::future::Ready<()> { panic!("called") });
    assert!(task.cancel());
    assert!(matches!(runner.run(task).unwrap(), Err(RemoteError::Cancelled)));
}

#[test]
fn a_cancel_by_the_loop_crosses_too() {
    let mut kept = None;
    run(async {
        let home = spawner();
        let task = thread::spawn(move || {
            home.spawn_named("victim", || async {
                // It asks the loop to end everything: the run is over.
                std::future::pending::<()>().await;
            })
        });
        let task = task.join().unwrap();
        yield_now().await;
        kept = Some(task);
    });
    // The loop is closed by now.
    assert!(matches!(kept.unwrap().wait(), Err(RemoteError::Cancelled)));
}

#[test]
fn a_remote_task_is_awaited_on_another_loop() {
    let (give, given) = mpsc::channel();
    let (close, closed) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        run(async move {
            give.send(spawner()).unwrap();
            to_thread(move || closed.recv().unwrap_err()).await.unwrap();
        });
    });
    let other = given.recv().unwrap();
    let answer = run(async {
        let task = other.spawn(|| async { yield_now().await });
        task.await.unwrap();
        other.spawn(|| async { current_task().unwrap().name }).await
    });
    assert!(answer.unwrap().starts_with("Task-"));
    drop(close);
    server.join().unwrap();
}

#[test]
fn an_outcome_is_given_once() {
    run(async {
        let mut task = spawner().spawn(|| async { 7 });
        assert!(task.outcome().is_none());
        assert_eq!((&mut task).await.unwrap(), 7);
        assert!(matches!(task.outcome(), Some(Err(RemoteError::Taken))));
        assert!(matches!((&mut task).await, Err(RemoteError::Taken)));
    });
}

// ---- what is refused -------------------------------------------------------------------------

#[test]
fn waiting_on_the_loops_own_thread_is_refused_instead_of_a_deadlock() {
    run(async {
        let task = spawner().spawn(|| async { 7 });
        assert!(matches!(task.wait(), Err(RemoteError::OnLoopThread)));
        assert!(matches!(task.wait_timeout(ms(1)), Err(RemoteError::OnLoopThread)));
        assert!(matches!(task.wait_timeout(ms(0)), Err(RemoteError::WaitTimeout)));
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn waiting_on_the_thread_of_a_loop_that_is_not_running_is_refused_too() {
    let runner = virtual_runner();
    let task = runner.spawner().spawn(|| async { 7 });
    assert!(matches!(task.wait(), Err(RemoteError::OnLoopThread)));
    assert_eq!(runner.run(task).unwrap().unwrap(), 7);
}

#[test]
fn waiting_on_the_loops_thread_for_what_has_ended_is_fine() {
    run(async {
        let task = spawner().spawn(|| async { 7 });
        while !task.is_finished() {
            yield_now().await;
        }
        assert_eq!(task.wait().unwrap(), 7);
    });
}

#[test]
fn a_limit_that_passes_leaves_the_task_alone() {
    run(elsewhere(|home| {
        let (open, door) = mpsc::channel::<()>();
        let task = home.spawn(move || async move { to_thread(move || door.recv()).await });
        assert!(matches!(task.wait_timeout(ms(1)), Err(RemoteError::WaitTimeout)));
        open.send(()).unwrap();
        assert!(task.wait().unwrap().unwrap().is_ok());
    }))
    .unwrap();
}

#[test]
fn a_closed_loop_refuses_and_drops_the_closure_here() {
    let home = run(async { spawner() });
    let (tell, told) = mpsc::channel();
    let captured = SendOnDrop(tell);
    let task = home.spawn(move || {
        let _captured = captured;
        async {}
    });
    assert_eq!(told.recv().unwrap(), "dropped");
    assert!(matches!(task.wait(), Err(RemoteError::LoopClosed)));
    assert!(!task.cancel());
}

struct SendOnDrop(mpsc::Sender<&'static str>);

impl Drop for SendOnDrop {
    fn drop(&mut self) {
        let _ = self.0.send("dropped");
    }
}

#[test]
fn a_loop_that_closes_meanwhile_ends_every_wait() {
    must_end(|| {
        let runner = virtual_runner();
        let home = runner.spawner();
        let begun = home.spawn(std::future::pending::<()>);
        runner.run(async { yield_now().await }).unwrap();
        let never_taken_up = home.spawn(std::future::pending::<()>);
        let waits = thread::spawn(move || (begun.wait(), never_taken_up.wait()));
        drop(runner);
        let (begun, never_taken_up) = waits.join().unwrap();
        assert!(matches!(begun, Err(RemoteError::Cancelled)));
        // It was taken up by the closing loop and cancelled, or not taken up at all.
        assert!(matches!(never_taken_up, Err(RemoteError::Cancelled | RemoteError::LoopClosed)));
    });
}

#[test]
fn a_runner_that_is_closed_without_a_run_answers_all_orders() {
    let runner = virtual_runner();
    let task = runner.spawner().spawn(|| async {});
    drop(runner);
    assert!(matches!(task.wait(), Err(RemoteError::LoopClosed)));
}

// ---- from a job back into the loop -------------------------------------------------------------

#[test]
fn a_job_calls_back_into_the_loop_that_awaits_it() {
    let log = Log::new();
    let seen = log.clone();
    let answer = run(async move {
        let ticks = spawn(async move {
            loop {
                yield_now().await;
            }
        });
        let answer = to_thread(|| {
            let first = from_thread(|| async { 20 }).unwrap();
            let second = from_thread(move || async move {
                yield_now().await;
                first + 1
            });
            second.map(|half| half * 2)
        });
        let answer = answer.await;
        ticks.cancel();
        seen.add("the loop turned meanwhile");
        answer
    });
    assert_eq!(answer.unwrap().unwrap(), 42);
    assert_eq!(log.take(), ["the loop turned meanwhile"]);
}

#[test]
fn outside_of_a_job_there_is_nothing_to_call_back_into() {
    let outside = from_thread(|| async {});
    assert!(matches!(outside, Err(FromThreadError::OutsideJob)));
    let on_the_loop = run(async { from_thread(|| async {}) });
    assert!(matches!(on_the_loop, Err(FromThreadError::OutsideJob)));
    let inner_thread =
        run(to_thread(|| thread::spawn(|| from_thread(|| async {})).join().unwrap()));
    assert!(matches!(inner_thread.unwrap(), Err(FromThreadError::OutsideJob)));
    let a_plain_pool = ThreadPool::new(1).submit(|| from_thread(|| async {})).unwrap();
    assert!(matches!(a_plain_pool.wait().unwrap(), Err(FromThreadError::OutsideJob)));
}

#[test]
fn a_panic_in_the_call_comes_to_the_job_and_not_to_the_host() {
    let outcome = run(to_thread(|| from_thread(|| async { panic!("in the call") })));
    let Err(FromThreadError::Call(RemoteError::Panicked(panic))) = outcome.unwrap() else {
        panic!("it panicked")
    };
    assert_eq!(panic.message(), "in the call");
}

#[test]
fn a_host_that_gives_up_ends_the_call_and_refuses_the_next() {
    must_end(|| {
        run(async {
            let (tell, told) = mpsc::channel();
            let (entered, inside) = mpsc::channel();
            let job = spawn(to_thread(move || {
                let first = from_thread(move || async move {
                    entered.send(()).unwrap();
                    std::future::pending::<()>().await;
                });
                let second = from_thread(|| async {});
                tell.send((first, second, is_host_gone())).unwrap();
            }));
            while inside.try_recv().is_err() {
                yield_now().await;
            }
            job.cancel();
            assert!(job.await.unwrap_err().is_cancelled());
            let told = to_thread(move || told.recv().unwrap()).await.unwrap();
            assert!(matches!(told.0, Err(FromThreadError::HostGone)));
            assert!(matches!(told.1, Err(FromThreadError::HostGone)));
            assert!(told.2);
        });
    });
}

#[test]
fn a_closing_loop_lets_a_job_that_calls_back_go() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        run(async move {
            let (in_call, is_in_call) = mpsc::channel();
            let _left_behind = spawn(to_thread(move || {
                let during = from_thread(move || async move {
                    in_call.send(()).unwrap();
                    std::future::pending::<()>().await;
                });
                gone.recv().unwrap_err();
                let after = from_thread(|| async {});
                tell.send((during, after)).unwrap();
            }));
            while is_in_call.try_recv().is_err() {
                yield_now().await;
            }
            drop(go);
        });
        let (during, after) = told.recv().unwrap();
        assert!(matches!(during, Err(FromThreadError::HostGone)));
        assert!(matches!(after, Err(FromThreadError::HostGone)));
    });
}

#[test]
fn a_job_that_uses_a_spawner_while_its_loop_closes_gets_an_answer() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        let (closing, is_closing) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        run(async move {
            let home = spawner();
            let task = spawn(to_thread(move || {
                begun.send(()).unwrap();
                is_closing.recv().unwrap_err();
                // The loop is waiting for this very job by now, or will be.
                tell.send(home.spawn(std::future::pending::<()>).wait()).unwrap();
            }));
            while has_begun.try_recv().is_err() {
                yield_now().await;
            }
            // Dropped when the loop unwinds its tasks.
            TaskBuilder::new()
                .spawn(async move {
                    let _closing = closing;
                    std::future::pending::<()>().await;
                })
                .detach();
            yield_now().await;
            task.detach();
        });
        let outcome = told.recv().unwrap();
        assert!(matches!(outcome, Err(RemoteError::Cancelled | RemoteError::LoopClosed)));
    });
}

// ---- work on pools ---------------------------------------------------------------------------

#[test]
fn a_cancelled_await_ends_at_once_and_the_running_job_goes_on() {
    must_end(|| {
        let (tell, told) = mpsc::channel();
        run(async move {
            let (begun, has_begun) = mpsc::channel();
            let (open, door) = mpsc::channel::<()>();
            let job = spawn(to_thread(move || {
                begun.send(()).unwrap();
                let _ = door.recv();
                tell.send("the thread goes on").unwrap();
            }));
            while has_begun.try_recv().is_err() {
                yield_now().await;
            }
            job.cancel();
            assert!(job.await.unwrap_err().is_cancelled());
            drop(open); // only now can the function end
        });
        assert_eq!(told.iter().collect::<Vec<_>>(), ["the thread goes on"]);
    });
}

#[test]
fn a_queued_job_whose_await_is_cancelled_never_runs() {
    let runner = Runner::builder().threads(1).build().unwrap();
    let (open, door) = mpsc::channel::<()>();
    let outcome = runner.run(async move {
        let first = spawn(to_thread(move || door.recv()));
        let second = spawn(to_thread(|| panic!("it never runs")));
        yield_now().await;
        second.cancel();
        assert!(second.await.unwrap_err().is_cancelled());
        open.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
    });
    outcome.unwrap();
}

#[test]
fn completion_is_delivered_on_the_loops_thread() {
    let home = thread::current().id();
    run(async move {
        let elsewhere = to_thread(|| thread::current().id()).await.unwrap();
        assert_ne!(elsewhere, home);
        assert_eq!(thread::current().id(), home);
    });
}

#[test]
fn a_permit_that_a_job_holds_comes_back_when_its_thread_is_free() {
    must_end(|| {
        run(async {
            let drives = roundelay::Semaphore::new(1);
            let (begun, has_begun) = mpsc::channel();
            let (open, door) = mpsc::channel::<()>();
            let permit = drives.acquire().await;
            let job = to_thread(move || {
                begun.send(()).unwrap();
                let _ = door.recv();
            });
            let job = spawn(job.holding(permit));
            while has_begun.try_recv().is_err() {
                yield_now().await;
            }
            job.cancel();
            assert!(job.await.unwrap_err().is_cancelled());
            yield_now().await;
            assert_eq!(drives.available_permits(), 0); // the thread is still busy
            drop(open);
            drop(drives.acquire().await);
        });
    });
}

#[test]
fn what_a_queued_job_holds_is_dropped_when_the_job_is_given_up() {
    let runner = Runner::builder().threads(1).build().unwrap();
    let (open, door) = mpsc::channel::<()>();
    let outcome = runner.run(async move {
        let drives = roundelay::Semaphore::new(1);
        let busy = spawn(to_thread(move || door.recv()));
        yield_now().await;
        let permit = drives.acquire().await;
        let queued = spawn(to_thread(|| panic!("it never runs")).holding(permit));
        yield_now().await;
        queued.cancel();
        drop(drives.acquire().await);
        assert!(queued.await.unwrap_err().is_cancelled());
        open.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
    });
    outcome.unwrap();
}

#[test]
fn who_keeps_the_future_can_wait_for_the_thread_after_a_limit() {
    run(async {
        let (open, door) = mpsc::channel::<()>();
        let mut job = to_thread(move || door.recv().is_err());
        assert!(timeout(ms(1), &mut job).await.is_err());
        drop(open);
        assert!(job.await.unwrap());
    });
}

#[test]
fn a_job_on_a_pool_of_ones_own_holds_the_virtual_clock() {
    let pool = ThreadPool::new(1);
    let runner = virtual_runner();
    let start = runner.loop_ref().time();
    let (open, door) = mpsc::channel::<()>();
    let outcome = runner.run(async {
        let job = run_on(&pool, move || door.recv().is_ok());
        let opener = spawn(async move {
            yield_now().await;
            open.send(()).unwrap();
        });
        let answer = timeout(Duration::from_secs(3600), job).await;
        opener.await.unwrap();
        answer
    });
    assert!(outcome.unwrap().unwrap().unwrap());
    assert_eq!(runner.loop_ref().time(), start);
}

#[test]
fn a_pool_that_refuses_says_so_when_the_job_is_awaited() {
    let pool = ThreadPool::new(1);
    pool.close();
    let outcome = run(async { run_on(&pool, || 7).await });
    assert!(matches!(outcome, Err(JobError::Refused(_))));
}

#[test]
fn a_job_on_a_pool_of_ones_own_calls_back_too() {
    let pool = ThreadPool::new(1);
    let outcome = run(async { run_on(&pool, || from_thread(|| async { 7 })).await });
    assert_eq!(outcome.unwrap().unwrap(), 7);
}
