//! Small programs to record: one of each kind of thing that a trace can tell of.

use std::time::Duration;

use roundelay::trace::{Recorder, Trace, remark, say};
use roundelay::{
    Lock, Queue, RunError, Runner, Semaphore, TaskBuilder, promise, sleep, spawn, task_group,
    timeout, to_thread, yield_now,
};

/// Records a run on the virtual clock, up to the end of its runner.
pub(crate) fn record<T>(
    program: &str,
    main: impl Future<Output = T>,
) -> (Result<T, RunError>, Trace) {
    let recorder = Recorder::new(program);
    let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
    let outcome = runner.run(main);
    runner.close();
    (outcome, recorder.finish())
}

/// The same, of a run that must end well and hold everything that a run must hold.
#[track_caller]
pub(crate) fn recorded<T>(program: &str, main: impl Future<Output = T>) -> Trace {
    let (outcome, trace) = record(program, main);
    outcome.unwrap();
    check(&trace);
    trace
}

#[track_caller]
pub(crate) fn check(trace: &Trace) {
    let violations = trace.check();
    assert!(violations.is_empty(), "{violations:#?}\n{}", trace.to_text());
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn two_tasks() -> Trace {
    recorded("two_tasks", async {
        let tea = TaskBuilder::new().name("tea").spawn(async {
            sleep(ms(30)).await;
            say("tea is ready");
        });
        tea.await.unwrap();
    })
}

pub(crate) fn everything() -> Trace {
    recorded("everything", a_bit_of_everything())
}

/// A bit of everything that is the same in each run.
pub(crate) async fn a_bit_of_everything() {
    remark("locks");
    let lock = Lock::new(0);
    let semaphore = Semaphore::new(2);
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let (lock, semaphore) = (lock.clone(), semaphore.clone());
            TaskBuilder::new().name(format!("worker {number}")).spawn(async move {
                let _permit = semaphore.acquire().await;
                let mut guard = lock.lock().await;
                yield_now().await;
                *guard += 1;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    say(format_args!("{} have counted", *lock.lock().await));

    let (setter, value) = promise();
    let waits = spawn(async move { value.await.unwrap() });
    sleep(ms(1)).await;
    setter.resolve(7).unwrap();
    assert_eq!(waits.await.unwrap(), 7);

    let queue = Queue::bounded(1);
    let putter = {
        let queue = queue.clone();
        spawn(async move {
            for item in 0..3 {
                queue.put(item).await.unwrap();
            }
            queue.close();
        })
    };
    while let Ok(item) = queue.get().await {
        say(item);
    }
    putter.await.unwrap();

    let gave_up = timeout(ms(5), lock_for_ever(&lock)).await;
    assert!(gave_up.is_err());
    let outcome = task_group::<_, (), _>(async |group| {
        group.spawn(async {
            sleep(ms(2)).await;
            Ok(())
        });
        group.spawn(async { Ok(()) });
        Ok(())
    });
    outcome.await.unwrap();
    spawn(sleep(ms(1000))).detach();
    let cancelled = spawn(sleep(ms(1000)));
    yield_now().await;
    cancelled.cancel();
    assert!(cancelled.await.is_err());
    let eager = TaskBuilder::new().eager().spawn(async { sleep(ms(1)).await });
    eager.await.unwrap();
}

async fn lock_for_ever(lock: &Lock<i32>) {
    let _held = lock.lock().await;
    let _again = lock.lock().await;
}

/// A job in a thread: not the same in each run, since nobody knows when the thread begins.
pub(crate) fn a_job() -> Trace {
    recorded("a_job", async {
        assert_eq!(to_thread(|| 6 * 7).await.unwrap(), 42);
        assert!(to_thread(|| panic!("a job's own")).await.is_err());
    })
}
