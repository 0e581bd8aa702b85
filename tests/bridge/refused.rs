//! Waits that could only hang are refused, and a loop that closes answers everybody.

use std::sync::mpsc;
use std::thread::{self};

use roundelay::{RemoteError, run, spawner, to_thread, yield_now};

use crate::elsewhere;
use crate::support::{ms, must_end, virtual_runner};

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
