//! What is recorded: everything that happened, with its causes, and the same each time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use roundelay::runtime::EventLoop;
use roundelay::trace::{Recorder, Step, TaskState, Thing, ThingKind, Trace, TraceEvent, WokenBy};
use roundelay::{
    JobPlan, Lock, ReadinessScript, RunError, Runner, Semaphore, promise, sleep, spawn, to_thread,
    yield_now,
};

use crate::programs::{a_job, check, everything, record, recorded, two_tasks};
use crate::support::rounds;

fn events(trace: &Trace) -> Vec<String> {
    trace.steps.iter().map(|step| step.event.name()).collect()
}

#[test]
fn a_sleep_is_told_from_the_timer_to_the_end_of_its_task() {
    let trace = two_tasks();
    let of_tea = |event: &TraceEvent| match event {
        TraceEvent::TimerSet { .. } | TraceEvent::TimerDue { .. } | TraceEvent::Out { .. } => true,
        TraceEvent::TaskWake { task, .. }
        | TraceEvent::TaskPoll { task }
        | TraceEvent::TaskPending { task, .. }
        | TraceEvent::TaskEnd { task, .. } => *task == 1,
        _ => false,
    };
    let told: Vec<TraceEvent> =
        trace.steps.iter().map(|step| step.event.clone()).filter(of_tea).collect();
    let expected = [
        TraceEvent::TaskPoll { task: 1 },
        TraceEvent::TimerSet { timer: 1, due: 30_000_000 },
        TraceEvent::TaskPending { task: 1, on: Some(Thing(ThingKind::Timer, 1)) },
        TraceEvent::TimerDue { timer: 1 },
        TraceEvent::TaskWake { task: 1, by: WokenBy::Timer },
        TraceEvent::TaskPoll { task: 1 },
        TraceEvent::Out { text: "tea is ready".into(), err: false },
        TraceEvent::TaskEnd { task: 1, how: TaskState::Finished },
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_chain_of_causes_goes_back_to_the_first_step() {
    let trace = two_tasks();
    let out = trace.steps.iter().find(|step| matches!(step.event, TraceEvent::Out { .. }));
    let mut chain = Vec::new();
    let mut step = out.unwrap();
    while let Some(cause) = step.cause {
        chain.push(step.event.name());
        step = &trace.steps[cause];
    }
    chain.push(step.event.name());
    let expected = [
        "out",
        "task.poll",
        "ready.pop",
        "ready.push",
        "task.wake",
        "ready.pop",
        "ready.push",
        "timer.due",
        "timer.set",
        "task.poll",
        "ready.pop",
        "ready.push",
        "task.spawn",
        "task.poll",
        "ready.pop",
        "ready.push",
        "task.spawn",
        "run.begin",
    ];
    assert_eq!(chain, expected);
}

#[test]
fn a_bit_of_everything_holds_what_every_run_must_hold() {
    let trace = everything();
    let told = events(&trace);
    for name in [
        "sync.new",
        "sync.wait",
        "sync.acquire",
        "sync.release",
        "sync.leave",
        "sync.level",
        "promise.new",
        "promise.settle",
        "group.open",
        "group.close",
        "task.cancel",
        "note",
        "out",
        "timer.cancel",
        "clock.jump",
    ] {
        assert!(told.iter().any(|told| told == name), "{name} is not told of");
    }
}

#[test]
fn a_job_is_told_from_its_submission_to_its_end() {
    let trace = a_job();
    let mut told = events(&trace);
    told.retain(|name| name.starts_with("job."));
    assert_eq!(told, ["job.submit", "job.start", "job.end", "job.submit", "job.start", "job.end"]);
    assert_eq!(trace.things.jobs[0].pool, "threads");
}

#[test]
fn those_who_share_a_promise_or_a_task_wait_for_that_one_thing() {
    let trace = recorded("shared", async {
        let (setter, value) = promise();
        let value = value.shared();
        let nap = spawn(sleep(Duration::from_millis(1))).shared();
        let all = [spawn(value.clone()), spawn(value)];
        let naps = [spawn(nap.clone()), spawn(nap)];
        yield_now().await;
        setter.resolve(7).unwrap();
        for task in all {
            assert_eq!(task.await.unwrap(), Ok(7));
        }
        for nap in naps {
            nap.await.unwrap().unwrap();
        }
    });
    let waits = trace.steps.iter().filter_map(|step| match step.event {
        TraceEvent::TaskPending { task, on: Some(on) } if task > 1 => Some((task, on)),
        _ => None,
    });
    let (promise, nap) = (Thing(ThingKind::Promise, 1), Thing(ThingKind::Task, 1));
    assert_eq!(waits.collect::<Vec<_>>(), [(2, promise), (3, promise), (4, nap), (5, nap)]);
    let told = events(&trace);
    let settled = told.iter().filter(|name| name.starts_with("promise.")).collect::<Vec<_>>();
    assert_eq!(settled, ["promise.new", "promise.settle"]);
}

#[test]
fn the_head_of_a_trace_says_which_of_the_three_seams_were_in_a_script() {
    let recorder = Recorder::new("seams");
    let builder = Runner::builder().virtual_clock().scripted_selector(ReadinessScript::new());
    let builder = builder.scripted_jobs(|_| JobPlan::takes(Duration::from_millis(3)));
    let runner = builder.observer(recorder.clone()).build().unwrap();
    runner.run(async { to_thread(|| ()).await.unwrap() }).unwrap();
    let meta = recorder.finish().meta;
    let seams = [meta.clock, meta.selector, meta.executor];
    assert_eq!(seams, ["virtual", "script", "script"]);
    let meta = two_tasks().meta;
    assert_eq!([meta.clock, meta.selector, meta.executor], ["virtual", "mio", "pools"]);
}

#[test]
fn a_run_that_is_stuck_names_who_waits_for_what() {
    let (outcome, trace) = record("deadlock", async {
        let (one, two) = (Lock::new(()), Lock::new(()));
        let (a, b) = ((one.clone(), two.clone()), (two, one));
        let takes = |(first, second): (Lock<()>, Lock<()>)| async move {
            let _first = first.lock().await;
            sleep(Duration::from_millis(1)).await;
            let _second = second.lock().await;
        };
        let (a, b) = (spawn(takes(a)), spawn(takes(b)));
        (a.await.unwrap(), b.await.unwrap())
    });
    assert!(matches!(outcome, Err(RunError::Deadlock(_))));
    check(&trace);
    let stuck = trace.steps.iter().find_map(|step| match &step.event {
        TraceEvent::Stuck { waiting } => Some(waiting.clone()),
        _ => None,
    });
    let named: Vec<_> = stuck.unwrap().iter().map(|it| (it.task, it.on.unwrap())).collect();
    let (task, sync) = (|id| Thing(ThingKind::Task, id), |id| Thing(ThingKind::Sync, id));
    assert_eq!(named, [(0, task(1)), (1, sync(2)), (2, sync(1))]);
}

#[test]
fn what_is_written_is_read_back() {
    // To read texts takes Miri long.
    let longer = if cfg!(miri) { vec![] } else { vec![everything(), a_job()] };
    for trace in [vec![two_tasks()], longer].concat() {
        assert_eq!(Trace::from_json(&trace.to_json()).unwrap(), trace);
    }
}

#[test]
fn what_is_no_trace_is_refused_with_the_reason() {
    let json = two_tasks().to_json();
    let told = |json: &str| Trace::from_json(json).unwrap_err().to_string();
    assert!(told("[]").starts_with("this is no trace of version 1"));
    assert!(told(r#"{"format":"x","version":1}"#).contains("this is `x`"));
    let later = json.replacen("\"version\":1", "\"version\":2", 1);
    assert!(told(&later).contains("version 2, and this program reads version 1"));
    let unknown = json.replacen("timer.due", "timer.rings", 1);
    assert!(told(&unknown).contains("unknown variant `timer.rings`"), "{}", told(&unknown));
}

#[test]
fn a_run_is_recorded_the_same_each_time() {
    let (program, times): (fn() -> Trace, _) =
        if cfg!(miri) { (two_tasks, 1) } else { (everything, 20) };
    let first = program();
    for _ in 0..times {
        assert_eq!(program().to_json(), first.to_json());
    }
}

/// The full count: `cargo test --release --test trace -- --ignored`
#[test]
#[ignore = "takes a minute without optimisation"]
fn a_run_is_recorded_the_same_a_thousand_times() {
    let first = everything();
    for _ in 0..1000 {
        assert_eq!(everything().meta.hash, first.meta.hash);
    }
}

#[test]
fn what_goes_beyond_the_limit_is_counted_and_not_kept() {
    let recorder = Recorder::new("long").limit(10);
    let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
    runner.run(async { sleep(Duration::from_secs(1)).await }).unwrap();
    runner.close();
    let trace = recorder.finish();
    assert_eq!(trace.steps.len(), 10);
    assert!(trace.meta.truncated);
    let whole = recorded("whole", async { sleep(Duration::from_secs(1)).await });
    assert!(trace.meta.dropped as usize + 10 >= whole.steps.len());
    check(&trace);
}

/// What is heard of for the first time makes a step of its own before the event's.
#[test]
fn no_more_steps_are_kept_than_the_limit_says_wherever_it_cuts() {
    for limit in 1..rounds(80) {
        let recorder = Recorder::new("cut").limit(limit);
        let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
        let main = async { drop((Lock::new(()).lock().await, yield_now().await)) };
        runner.run(main).unwrap();
        runner.close();
        let trace = recorder.finish();
        assert!(trace.steps.len() <= limit, "{limit}: {}", trace.steps.len());
        check(&trace);
    }
}

#[test]
fn the_state_at_the_end_is_what_the_fold_says() {
    let trace = everything();
    let last = trace.keys.last().unwrap();
    assert_eq!(last.n + 1, trace.steps.len());
    assert!(last.state.ready.is_empty() && last.state.timers.is_empty());
    let living = [TaskState::Idle, TaskState::Scheduled, TaskState::Running];
    assert!(last.state.tasks.iter().all(|task| !living.contains(&task.1)));
    assert!(last.state.syncs.iter().all(|sync| sync.2.is_empty() && sync.3.is_empty()));
}

#[test]
fn a_lock_that_is_given_back_between_two_runs_is_free_in_the_second() {
    let recorder = Recorder::new("two runs");
    let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
    let lock = Lock::new(());
    let guard = runner.run(async { lock.lock().await }).unwrap();
    drop(guard);
    drop(runner.run(async { lock.lock().await }).unwrap());
    runner.run(async { drop(lock.lock().await) }).unwrap();
    drop(runner);
    let trace = recorder.finish();
    assert_eq!(trace.check(), []);
    let told = events(&trace).into_iter().filter(|event| event.starts_with("sync."));
    let [get, give] = ["sync.acquire", "sync.release"];
    assert_eq!(told.collect::<Vec<_>>(), ["sync.new", get, give, get, give, get, give]);
}

#[test]
fn a_task_that_stands_in_line_may_take_another_permit_and_stands_there_still() {
    let trace = recorded("two requests", async {
        let permits = Semaphore::new(2);
        let both = permits.acquire_many(2).await;
        let waits = spawn({
            let permits = permits.clone();
            async move {
                let mut first = Box::pin(permits.acquire());
                let by_hand = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
                assert!(by_hand.is_pending());
                yield_now().await;
                // The first has been granted, and not been collected yet.
                let second = permits.try_acquire().unwrap();
                drop(first);
                drop(second);
            }
        });
        yield_now().await;
        drop(both);
        waits.await.unwrap();
    });
    let stood = |step: &Step| match step.event {
        TraceEvent::SyncAcquire { stood, .. } => Some(stood),
        _ => None,
    };
    assert_eq!(trace.steps.iter().filter_map(stood).collect::<Vec<_>>(), [false, false]);
    let text = trace.to_json().replace(",\"stood\":false", "");
    assert!(!Trace::from_json(&text).unwrap().check().is_empty(), "as it was told before");
}

#[test]
fn a_lock_that_another_loop_gives_back_as_it_closes_inside_a_task_is_told_to_the_loop_that_knows_it()
 {
    let (outcome, trace) = record("a loop inside", async {
        let (lock, (promise, future)) = (Lock::new(()), promise::<()>());
        let guard = lock.lock().await;
        let inner = EventLoop::new().unwrap();
        inner.call_soon(move || drop((guard, promise))).unwrap();
        let waits = spawn(future);
        yield_now().await;
        drop(inner); // with all that it has not called
        assert!(waits.await.unwrap().is_err());
        assert!(lock.try_lock().is_some());
    });
    outcome.unwrap();
    assert_eq!(trace.check(), []);
    let of_lock = |step: &Step| match step.event {
        TraceEvent::SyncAcquire { .. } => Some("acquired"),
        TraceEvent::SyncRelease { .. } => Some("released"),
        TraceEvent::PromiseSettle { .. } => Some("settled"),
        _ => None,
    };
    let told: Vec<_> = trace.steps.iter().filter_map(of_lock).collect();
    assert_eq!(told, ["acquired", "released", "settled", "acquired", "released"]);
}

#[test]
fn a_promise_that_was_polled_by_hand_and_settled_in_the_same_step_wakes_the_hand_and_not_the_task()
{
    let (promise, mut future) = promise::<()>();
    let (outcome, trace) = record("by hand", async move {
        let waits = spawn(async move {
            let by_hand = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
            assert!(by_hand.is_pending());
            promise.resolve(()).unwrap();
            // Nothing here says what it waits for.
            std::future::pending::<()>().await;
        });
        yield_now().await;
        waits.cancel();
    });
    outcome.unwrap();
    assert_eq!(trace.check(), []);
}

#[test]
fn a_trace_that_was_changed_is_found_out() {
    let trace = everything();
    let swap = |a: &str, b: &str| {
        let mut changed = trace.clone();
        let at = changed.steps.iter().position(|step| step.event.name() == a).unwrap();
        let to = changed.steps[at..].iter().position(|step| step.event.name() == b).unwrap() + at;
        let event = changed.steps[at].event.clone();
        changed.steps[at].event = changed.steps[to].event.clone();
        changed.steps[to].event = event;
        changed.check()
    };
    assert!(!swap("ready.push", "ready.pop").is_empty());
    assert!(!swap("task.poll", "task.end").is_empty());
    assert!(!swap("sync.acquire", "sync.release").is_empty());
    let mut early = trace.clone();
    early.steps[20].t = 0;
    early.steps[19].t = 5;
    assert!(early.check().iter().any(|wrong| wrong.what == "time goes back"));
    let mut uncaused = trace.clone();
    uncaused.steps[20].cause = Some(20);
    assert!(uncaused.check().iter().any(|wrong| wrong.what == "its cause is not earlier"));
    let mut key = trace;
    key.keys[1].state.out += 1;
    assert_eq!(key.check().len(), 1);
}

#[test]
fn a_task_that_waits_says_which_line_made_what_it_waits_for() {
    let trace = two_tasks();
    let waits = trace.steps.iter().find(|step| {
        matches!(
            step.event,
            TraceEvent::TaskPending { task: 1, on: Some(Thing(ThingKind::Timer, 1)) }
        )
    });
    let at = waits.unwrap().at.unwrap();
    let file = &trace.files[at.0];
    assert!(file.path.ends_with("programs.rs"));
    assert_eq!(file.lines[at.1 as usize - 1].trim(), "sleep(ms(30)).await;");
}
