//! A loop in a background thread, for programs that are not built around one.

mod support;

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;

use roundelay::{
    LoopThread, LoopThreadError, RemoteError, current_loop, run, sleep, spawn, to_thread, yield_now,
};

use support::{in_a_process, ms, must_end, on_drop, races};

#[test]
fn a_sync_program_calls_async_code_and_gets_the_answer() {
    let background = LoopThread::start().unwrap();
    let answer = background.run(|| async {
        yield_now().await;
        "answer"
    });
    assert_eq!(answer.unwrap(), "answer");
    background.stop().unwrap();
}

#[test]
fn what_one_call_leaves_running_goes_on_between_the_calls() {
    must_end(|| {
        let background = LoopThread::start().unwrap();
        let (tell, told) = mpsc::channel();
        background
            .run(move || async move {
                spawn(async move {
                    for n in 0..3 {
                        sleep(ms(1)).await;
                        tell.send(n).unwrap();
                    }
                })
                .detach();
            })
            .unwrap();
        // No call is under way, and the task takes its steps.
        assert_eq!(told.iter().collect::<Vec<_>>(), [0, 1, 2]);
    });
}

#[test]
fn many_threads_call_at_the_same_time() {
    let background = LoopThread::start().unwrap();
    let together = Arc::new(Barrier::new(4));
    thread::scope(|scope| {
        for n in 0..4 {
            let (together, background) = (Arc::clone(&together), &background);
            scope.spawn(move || {
                together.wait();
                for m in 0..races(50) {
                    assert_eq!(background.run(move || async move { n * m }).unwrap(), n * m);
                }
            });
        }
    });
}

#[test]
fn a_panic_in_a_call_is_its_own_and_the_loop_goes_on() {
    let background = LoopThread::start().unwrap();
    let failed = background.run(|| async { panic!("only this call") });
    assert!(matches!(failed, Err(RemoteError::Panicked(_))));
    assert_eq!(background.run(|| async { 7 }).unwrap(), 7);
    background.stop().unwrap();
}

#[test]
fn stopping_unwinds_every_task_before_it_returns() {
    let background = LoopThread::start().unwrap();
    let (tell, told) = mpsc::channel();
    let task = background.spawner().spawn(move || async move {
        let _guard = on_drop(move || tell.send("unwound").unwrap());
        std::future::pending::<()>().await;
    });
    background.run(|| async { yield_now().await }).unwrap();
    background.stop().unwrap();
    assert_eq!(told.try_recv(), Ok("unwound"));
    assert!(matches!(task.wait(), Err(RemoteError::Cancelled)));
}

#[test]
fn dropping_it_joins_too() {
    let (tell, told) = mpsc::channel();
    let background = LoopThread::start().unwrap();
    background
        .spawner()
        .spawn(move || async move {
            let _guard = on_drop(move || tell.send("unwound").unwrap());
            std::future::pending::<()>().await;
        })
        .detach();
    background.run(|| async { yield_now().await }).unwrap();
    drop(background);
    assert_eq!(told.try_recv(), Ok("unwound"));
}

#[test]
fn calling_from_a_task_of_its_own_loop_is_refused() {
    must_end(|| {
        let background = Arc::new(LoopThread::start().unwrap());
        let same = Arc::clone(&background);
        let inner = background.run(move || async move { same.run(|| async { 7 }) });
        assert!(matches!(inner.unwrap(), Err(RemoteError::OnLoopThread)));
    });
}

#[test]
fn stopping_it_on_its_own_thread_asks_and_does_not_wait() {
    must_end(|| {
        let background = LoopThread::start().unwrap();
        let home = background.spawner().clone();
        let (give, given) = mpsc::channel::<LoopThread>();
        let task = home.spawn(move || async move { given.recv().unwrap().stop() });
        give.send(background).unwrap();
        assert!(matches!(task.wait().unwrap(), Err(LoopThreadError::OnLoopThread)));
    });
}

#[test]
fn a_call_after_the_end_is_refused_and_one_under_way_is_ended() {
    must_end(|| {
        let background = LoopThread::start().unwrap();
        let home = background.spawner().clone();
        let (tell, told) = mpsc::channel();
        let (begun, has_begun) = mpsc::channel();
        let waits = thread::spawn(move || {
            let task = home.spawn(move || async move {
                begun.send(()).unwrap();
                std::future::pending::<()>().await;
            });
            tell.send(task.wait()).unwrap();
            home
        });
        has_begun.recv().unwrap();
        background.stop().unwrap();
        assert!(matches!(told.recv().unwrap(), Err(RemoteError::Cancelled)));
        // Only now is the loop's end sure to be over.
        let home = waits.join().unwrap();
        assert!(matches!(home.spawn(|| async {}).wait(), Err(RemoteError::LoopClosed)));
    });
}

#[test]
fn a_loop_that_somebody_stops_from_inside_refuses_later_calls() {
    must_end(|| {
        let background = LoopThread::start().unwrap();
        let stopping = background.spawner().spawn(|| async { current_loop().unwrap().stop() });
        drop(stopping.wait());
        while background.run(|| async {}).is_ok() {}
        background.stop().unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "reads what a process of its own wrote")]
fn a_job_that_does_not_end_is_left_behind_after_the_patience() {
    let ended = in_a_process("a_job_that_does_not_end_is_left_behind_after_the_patience", || {
        let background = LoopThread::builder().patience(ms(1)).start().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let job = to_thread(move || {
            begun.send(()).unwrap();
            loop {
                thread::park();
            }
        });
        background.spawner().spawn(move || job).detach();
        has_begun.recv().unwrap();
        drop(background);
    });
    // The loop gives up on the job, or the program on the loop: whose patience ends first.
    let told = ended.well().stderr;
    assert!(told.contains("leaves threads behind") || told.contains("is left behind"), "{told}");
}

#[test]
fn an_async_program_stops_one_without_blocking_its_own_loop() {
    run(async {
        let background = LoopThread::builder().name("helper").threads(1).start().unwrap();
        let name =
            background.spawner().spawn(|| async { thread::current().name().map(str::to_owned) });
        assert_eq!(name.await.unwrap().as_deref(), Some("helper"));
        to_thread(move || background.stop()).await.unwrap().unwrap();
    });
}
