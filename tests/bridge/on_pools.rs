//! Work on pools: giving it up, and what it holds meanwhile.

use std::cell::RefCell;
use std::sync::{Arc, mpsc};
use std::thread::{self};
use std::time::Duration;

use roundelay::pools::{Job, ThreadPool};
use roundelay::{
    ContextVar, FromThreadError, JobError, Runner, from_thread, run, run_on, sleep, spawn, timeout,
    to_thread, yield_now,
};

use crate::support::{in_a_process, ms, must_end, virtual_runner};

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
#[cfg_attr(miri, ignore = "asks the system for the process's threads, which are Miri's own")]
fn the_threads_of_a_loop_begin_with_its_first_job_and_are_waited_for_when_it_is_closed() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let name = "on_pools::the_threads_of_a_loop_begin_with_its_first_job_and_are_waited_for_when_it_is_closed";
    in_a_process(name, || {
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        let (tell, told) = mpsc::channel();
        run(async {
            yield_now().await;
            assert_eq!(threads(), before);
            let (begun, has_begun) = mpsc::channel();
            let job = spawn(to_thread(move || {
                begun.send(()).unwrap();
                thread::sleep(ms(20));
                tell.send("closing waits for a job that nobody awaits any more").unwrap();
            }));
            while has_begun.try_recv().is_err() {
                yield_now().await;
            }
            assert_eq!(threads(), before + 1);
            job.cancel();
        });
        assert!(told.try_recv().is_ok());
    })
    .well();
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
fn a_job_that_has_ended_lets_the_virtual_clock_go_although_nobody_awaits_it_yet() {
    must_end(|| {
        let pool = ThreadPool::new(1);
        let runner = virtual_runner();
        let start = runner.loop_ref().time();
        let outcome = runner.run(async {
            let job = run_on(&pool, || 7);
            sleep(Duration::from_secs(3600)).await;
            job.await
        });
        assert_eq!(outcome.unwrap().unwrap(), 7);
        assert_eq!(runner.loop_ref().time() - start, Duration::from_secs(3600));
    });
}

#[test]
fn the_destructor_of_a_thread_local_may_wait_for_a_job_of_its_own_pool() {
    struct LastDeed(Arc<ThreadPool>, mpsc::Sender<u8>);
    impl Drop for LastDeed {
        fn drop(&mut self) {
            self.1.send(self.0.submit(|| 42).unwrap().wait().unwrap()).unwrap();
        }
    }
    thread_local!(static LEFT: RefCell<Option<LastDeed>> = const { RefCell::new(None) });
    must_end(|| {
        let pool = ThreadPool::builder().threads(1).idle_timeout(Duration::ZERO).build();
        let pool = Arc::new(pool);
        let (tell, told) = mpsc::channel();
        let (open, door) = mpsc::channel::<()>();
        let deed = LastDeed(Arc::clone(&pool), tell);
        pool.submit(move || {
            LEFT.set(Some(deed));
            door.recv()
        })
        .unwrap();
        // The same thread runs this, so what the loop leaves there was made after the deed.
        let after = run(async {
            let after = run_on(&*pool, || 7);
            drop(open);
            after.await
        });
        assert_eq!((after.unwrap(), told.recv().unwrap()), (7, 42));
    });
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

#[test]
fn a_job_that_runs_while_another_waits_sees_nothing_of_it_and_leaves_nothing_behind() {
    static USER: ContextVar<&str> = ContextVar::new("user");
    type Seen = (Option<&'static str>, bool);
    fn look() -> Seen {
        let has_host = !matches!(from_thread(|| async {}), Err(FromThreadError::OutsideJob));
        (USER.get(), has_host)
    }
    must_end(|| {
        let pool = ThreadPool::new(1);
        run(async {
            USER.set("alice");
            let (hand, handed) = mpsc::channel::<Job<Seen>>();
            let outer = run_on(&pool, move || {
                let inner = handed.recv().unwrap();
                (inner.wait().unwrap(), look())
            });
            // The only thread has the outer job, which waits for this one and so runs it itself.
            let inner = pool.submit(|| {
                let seen = look();
                USER.set("mallory");
                seen
            });
            hand.send(inner.unwrap()).unwrap();
            assert_eq!(outer.await.unwrap(), ((None, false), (Some("alice"), true)));

            // The callbacks of such a job are not the waiting one's either.
            let (tell, told) = mpsc::channel();
            let (hand, handed) = mpsc::channel::<Job<()>>();
            let outer = run_on(&pool, move || handed.recv().unwrap().wait().unwrap());
            let inner = pool.submit(|| ()).unwrap();
            inner.on_done(move |_| tell.send(look()).unwrap());
            hand.send(inner).unwrap();
            outer.await.unwrap();
            assert_eq!(told.recv(), Ok((None, false)));
        });
    });
}
