//! Myths about the queue and the clock, measured: each function is a claim and shows what is true.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{RunError, Runner, block_for, current_loop, now, say, sleep, spawn, yield_now};

fn runner() -> Result<Runner, RunError> {
    Runner::builder().virtual_clock().build()
}

fn a_new_task_begins_at_once() -> Result<(), RunError> {
    runner()?.run(async {
        let task = spawn(async { say!("the task begins") });
        for line in 1..=3 {
            say!("line {line} after spawn");
        }
        task.await.expect("it prints");
    })
}

fn tasks_have_a_queue_of_their_own() -> Result<(), RunError> {
    runner()?.run(async {
        let event_loop = current_loop().expect("one runs");
        event_loop.call_soon(|| say!("1 callback")).expect("it is open");
        let one = spawn(async { say!("2 task") });
        event_loop.call_soon(|| say!("3 callback")).expect("it is open");
        let other = spawn(async { say!("4 task") });
        say!("0 whoever asked goes on");
        one.await.expect("it prints");
        other.await.expect("it prints");
    })
}

fn a_turn_runs_one_task() -> Result<(), RunError> {
    runner()?.run(async {
        let ran = Rc::new(Cell::new(0));
        for _ in 0..1000 {
            let ran = ran.clone();
            spawn(async move { ran.set(ran.get() + 1) }).detach();
        }
        let event_loop = current_loop().expect("one runs");
        let before = event_loop.turn();
        yield_now().await;
        say!("{} tasks ran in {} turn", ran.get(), event_loop.turn() - before);
    })
}

fn every_await_lets_others_run() -> Result<(), RunError> {
    async fn at_once() {}
    runner()?.run(async {
        let ran = Rc::new(Cell::new(false));
        let seen = ran.clone();
        spawn(async move { ran.set(true) }).detach();
        for _ in 0..100_000 {
            at_once().await;
        }
        say!("after 100000 awaits that have their value: another ran: {}", seen.get());
        yield_now().await;
        say!("after one that has to wait: another ran: {}", seen.get());
    })
}

fn a_timer_counts_in_the_background() -> Result<(), RunError> {
    runner()?.run(async {
        let start = now();
        let late = move || say!("asked for 50 ms, called at {:?}", now() - start);
        let event_loop = current_loop().expect("one runs");
        event_loop.call_later(Duration::from_millis(50), late).expect("it is open");
        block_for(Duration::from_millis(300));
        sleep(Duration::from_millis(100)).await;
    })
}

fn tasks_run_in_parallel() -> Result<(), RunError> {
    runner()?.run(async {
        let start = now();
        let work = || spawn(async { block_for(Duration::from_millis(200)) });
        let (one, other) = (work(), work());
        one.await.expect("it ends");
        other.await.expect("it ends");
        say!("twice 200 ms of computing took {:?}", now() - start);
    })
}

fn a_done_callback_runs_when_the_task_ends() -> Result<(), RunError> {
    runner()?.run(async {
        let event_loop = current_loop().expect("one runs");
        let inside = event_loop.clone();
        let task = spawn(async move {
            say!("the task's last line");
            inside.call_soon(|| say!("a callback that the task asked for")).expect("it is open");
        });
        task.on_done(|_| say!("the done-callback"));
        event_loop.call_soon(|| say!("a callback that was ready already")).expect("it is open");
        task.await.expect("it ends");
    })
}

fn what_a_task_prints_comes_in_one_piece() -> Result<(), RunError> {
    async fn greet(name: &str) {
        say!("{name}: hello");
        sleep(Duration::from_millis(10)).await;
        say!("{name}: world");
    }
    runner()?.run(async {
        let (a, b) = (spawn(greet("a")), spawn(greet("b")));
        a.await.expect("it greets");
        b.await.expect("it greets");
    })
}

fn main() -> Result<(), RunError> {
    say!("== 1");
    a_new_task_begins_at_once()?;
    say!("== 2");
    tasks_have_a_queue_of_their_own()?;
    say!("== 3");
    a_turn_runs_one_task()?;
    say!("== 4");
    every_await_lets_others_run()?;
    say!("== 5");
    a_timer_counts_in_the_background()?;
    say!("== 6");
    tasks_run_in_parallel()?;
    say!("== 7");
    a_done_callback_runs_when_the_task_ends()?;
    say!("== 8");
    what_a_task_prints_comes_in_one_piece()
}
