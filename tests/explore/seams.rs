//! Clock, readiness and jobs in a script: the same events, every time.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use futures_lite::AsyncReadExt;
use roundelay::pools::JobError;
use roundelay::runtime::{self, Callback, Direction, Source};
use roundelay::{
    EventLoop, JobPlan, Moment, Queue, ReadinessScript, RunError, Runner, RunnerBuilder,
    TaskBuilder, TimedPool, current_loop, gather_all, run_on, sleep, spawn, timeout, to_thread,
    yield_now,
};

use crate::support::{Log, ms, races};

/// A pipe's end that waits for the loop's word; what executor/net does, in small.
struct Wire {
    source: Source,
    stream: UnixStream,
}

impl Wire {
    fn new(stream: UnixStream) -> Wire {
        stream.set_nonblocking(true).unwrap();
        Wire { source: current_loop().unwrap().register(&stream).unwrap(), stream }
    }

    /// Reads once, when there is something. Says how often it tried.
    async fn read(&mut self) -> (String, usize) {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut room = [0; 64];
            match self.stream.read(&mut room) {
                Ok(count) => return (String::from_utf8_lossy(&room[..count]).into(), tries),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            self.source.clear_ready(Direction::Read).unwrap();
            let (told, news) = roundelay::promise();
            let tell = Callback::new(move || _ = told.resolve(()));
            self.source.wait(Direction::Read, None, tell).unwrap();
            news.await.unwrap();
        }
    }
}

fn scripted() -> RunnerBuilder {
    let script = ReadinessScript::new().readable(ms(5), 0).readable(ms(1), 0).writable(ms(7), 3);
    let plan = |job| match job {
        1 => JobPlan::fails(ms(10), JobError::Killed),
        job => JobPlan::takes(ms(30 - 10 * job)),
    };
    Runner::builder().virtual_clock().isolated().scripted_selector(script).scripted_jobs(plan)
}

/// Tasks, timers, readiness and jobs.
async fn program(log: Log) {
    let (near, mut far) = UnixStream::pair().unwrap();
    let reader = spawn({
        let log = log.clone();
        async move {
            let mut wire = Wire::new(near);
            let (text, tries) = wire.read().await;
            log.add(format!("{text} after {tries} tries"));
        }
    });
    let writer = spawn(async move {
        sleep(ms(3)).await;
        far.write_all(b"hello").unwrap();
    });
    let queue = Queue::bounded(1);
    let numbers = queue.clone();
    let source = spawn(async move {
        for number in 0..3 {
            numbers.put(number).await.unwrap();
            yield_now().await;
        }
        numbers.close();
    });
    let jobs = gather_all((0..3).map(|number| {
        let log = log.clone();
        async move {
            let outcome = to_thread(move || number).await;
            let text = outcome.map_or_else(|error| error.to_string(), |number| number.to_string());
            log.add(format!("job {number}: {text}"));
        }
    }));
    while let Ok(number) = queue.get().await {
        log.add(format!("item {number}"));
    }
    assert!(timeout(ms(4), sleep(ms(40))).await.is_err());
    jobs.await;
    gather_all([reader, writer, source]).await;
}

fn events_of_a_run(builder: RunnerBuilder) -> (Vec<String>, Vec<String>) {
    let (events, log) = (Rc::new(RefCell::new(Vec::new())), Log::new());
    let seen = events.clone();
    let hear = move |now: Moment, event: &runtime::Event| {
        seen.borrow_mut().push(format!("{:?} {event:?}", now.since(Moment::START)));
    };
    let runner = builder.observer(hear).build().unwrap();
    runner.run(program(log.clone())).unwrap();
    drop(runner);
    (events.take(), log.take())
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn with_three_scripts_a_thousand_runs_have_the_same_events() {
    let (events, log) = events_of_a_run(scripted());
    let expected =
        ["item 0", "item 1", "item 2", "hello after 3 tries", "job 1: ...", "job 2: 2", "job 0: 0"];
    let killed = JobError::Killed.to_string();
    let mut expected = expected.map(str::to_owned);
    expected[4] = format!("job 1: {killed}");
    assert_eq!(log, expected);
    assert!(events.len() > 100);
    for _ in 1..races(1000) {
        let again = events_of_a_run(scripted());
        if again.0 != events {
            assert_eq!(again.0, events);
        }
    }
}

#[test]
fn a_scripted_job_takes_its_virtual_time_and_no_other() {
    let runner = scripted().build().unwrap();
    let start = runner.loop_ref().time();
    let at = || current_loop().unwrap().time() - start;
    runner
        .run(async {
            assert_eq!(to_thread(|| 6 * 7).await.unwrap(), 42);
            assert_eq!(at(), ms(30));
            assert!(matches!(to_thread(|| panic!("not called")).await, Err(JobError::Killed)));
            assert_eq!(at(), ms(40));
            let panicked = to_thread(|| panic!("an example")).await;
            assert!(matches!(panicked, Err(JobError::Panicked(_))));
            assert_eq!(at(), ms(50));
        })
        .unwrap();
}

#[test]
fn a_job_that_is_given_up_runs_on_and_a_closing_runner_ends_it() {
    let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let log = log.clone();
        move || log.lock().unwrap().push(what)
    };
    let plan = |job| JobPlan::takes(ms(10 * (job + 1)));
    let runner = Runner::builder().virtual_clock().scripted_jobs(plan).build().unwrap();
    runner
        .run(async {
            assert!(timeout(ms(1), to_thread(note("given up"))).await.is_err());
            sleep(ms(20)).await;
            assert_eq!(*log.lock().unwrap(), ["given up"]);
            assert!(timeout(ms(1), to_thread(note("at the close"))).await.is_err());
        })
        .unwrap();
    runner.close();
    assert_eq!(*log.lock().unwrap(), ["given up", "at the close"]);
}

#[test]
fn a_pool_of_ones_own_can_be_timed_too() {
    let runner = Runner::builder().virtual_clock().build().unwrap();
    let start = runner.loop_ref().time();
    let log = Log::new();
    let disk = TimedPool::new(|job| JobPlan::takes(ms(20 - 10 * job)));
    runner
        .run(async {
            gather_all((0..2).map(|number| {
                let (job, log) = (run_on(&disk, move || number), log.clone());
                async move { log.add(job.await.unwrap().to_string()) }
            }))
            .await;
        })
        .unwrap();
    assert_eq!(log.take(), ["1", "0"]);
    assert_eq!(runner.loop_ref().time() - start, ms(20));
}

#[test]
fn a_timed_pool_that_is_dropped_leaves_nobody_waiting() {
    let runner = Runner::builder().virtual_clock().build().unwrap();
    let outcome = runner.run(async {
        let pool = TimedPool::new(|_| JobPlan::takes(ms(10)));
        let job = run_on(&pool, || 1);
        drop(pool);
        job.await
    });
    assert!(matches!(outcome.unwrap(), Err(JobError::Killed)));
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn an_isolated_loop_does_not_hope_for_a_script_that_has_ended() {
    let runner = scripted().build().unwrap();
    let outcome = runner.run(async {
        let (near, _far) = UnixStream::pair().unwrap();
        Wire::new(near).read().await
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    assert_eq!(runner.loop_ref().now().since(Moment::START), ms(7));
}

/// Sockets keep a door of their loop, so the loop could not know that nobody will call it. But
/// their only news comes from the script.
#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn whoever_waits_for_a_script_that_has_run_out_is_stuck_on_either_clock() {
    for builder in [Runner::builder().virtual_clock(), Runner::builder()] {
        let script = ReadinessScript::new().readable(ms(1), 0);
        let runner = builder.scripted_selector(script).build().unwrap();
        let outcome = runner.run(async {
            let (mut ours, _theirs) = roundelay::UnixStream::pair().unwrap();
            let reader = TaskBuilder::new().name("reader");
            reader.spawn(async move { ours.read(&mut [0; 16]).await }).await.unwrap()
        });
        let Err(RunError::Deadlock(stuck)) = outcome else { panic!("{outcome:?}") };
        let told: Vec<_> = stuck.iter().map(|it| format!("{}: {}", it.who, it.waits_for)).collect();
        let expected =
            ["task 1 (main): the end of task 2 (reader)", "task 2 (reader): a socket to read"];
        assert_eq!(told, expected);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn a_script_that_has_run_out_keeps_nobody_from_timers_and_from_who_holds_the_clock() {
    let script = ReadinessScript::new();
    let runner = Runner::builder().virtual_clock().scripted_selector(script).build().unwrap();
    runner
        .run(async {
            let (mut ours, _theirs) = roundelay::UnixStream::pair().unwrap();
            let reader = spawn(async move { ours.read(&mut [0; 16]).await });
            sleep(ms(5)).await;
            assert_eq!(to_thread(|| 7).await.unwrap(), 7);
            assert!(timeout(ms(5), reader).await.is_err());
        })
        .unwrap();
}

#[test]
fn an_isolated_loop_still_waits_for_whoever_holds_the_clock() {
    let event_loop = EventLoop::builder().virtual_clock().isolated().build().unwrap();
    let (door, hold) = (event_loop.proxy(), event_loop.proxy().hold_clock());
    let thread = std::thread::spawn(move || {
        door.stop();
        drop(hold);
    });
    event_loop.run_forever().unwrap();
    thread.join().unwrap();
    // That the clock is free may still lie in the inbox: then one turn takes it out.
    let outcomes = [event_loop.run_once(), event_loop.run_once()];
    assert!(matches!(outcomes[1], Err(RunError::Deadlock(_))), "{outcomes:?}");
}

#[test]
#[cfg_attr(miri, ignore = "Miri cannot tell a socket pair not to block")]
fn a_script_works_on_the_real_clock_too() {
    let script = ReadinessScript::new().readable(ms(1), 0);
    let runner = Runner::builder().scripted_selector(script).build().unwrap();
    let text = runner.run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut wire = Wire::new(near);
        spawn(async move { far.write_all(b"hello").unwrap() }).detach();
        wire.read().await.0
    });
    assert_eq!(text.unwrap(), "hello");
}
