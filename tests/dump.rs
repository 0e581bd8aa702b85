//! What a dump shows: who waits for what, who holds it, since when; at any time, and for nothing.

mod support;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use roundelay::runtime::Event;
use roundelay::{
    Dump, Lock, Queue, Runner, RwLock, Semaphore, TaskBuilder, TaskState, WaitsFor, When,
    as_completed, channel, dump, gather_all, promise, race_tasks, sleep, spawn, spawner,
    task_group, timeout, to_thread, wait, window, yield_now,
};
use support::virtual_runner;

/// A dump without its first line and without what stands in brackets.
fn lines(dump: &Dump) -> Vec<String> {
    let text = dump.to_string();
    let lines = text.lines().skip(1);
    // Numbers of locks go on from test to test of one thread.
    lines.map(|line| line.split(" [").next().unwrap().to_owned()).collect()
}

fn without_numbers(lines: Vec<String>) -> Vec<String> {
    let kinds = ["lock", "semaphore", "rwlock", "queue", "event", "channel"];
    let words = |line: String| {
        let mut out: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let number = word.trim_end_matches(',');
            let is_number = number.parse::<u64>().is_ok();
            match out.last() {
                Some(kind) if is_number && kinds.contains(&kind.as_str()) => {
                    out.push(word.replace(number, "N"));
                }
                _ => out.push(word.to_owned()),
            }
        }
        out.join(" ")
    };
    lines.into_iter().map(words).collect()
}

fn named(name: &str) -> TaskBuilder {
    TaskBuilder::new().name(name)
}

#[test]
fn it_tells_of_each_task_what_it_waits_for_who_holds_that_and_since_when() {
    let runner = virtual_runner();
    let seen = runner.run(async {
        let (lock, permits, book) = (Lock::new(0), Semaphore::new(2), RwLock::new(0));
        let (queue, ready) = (Queue::<u8>::bounded(1), roundelay::Event::new());
        let (_promise, value) = promise::<()>();
        let (_sender, mut receiver) = channel::<u8>(1);
        let _guard = lock.lock().await;
        let _permit = permits.acquire_many(2).await;
        let _reader = book.read().await;
        named("nap").spawn(sleep(Duration::from_secs(7))).detach();
        let locker = named("locker").spawn(async move { drop(lock.lock().await) });
        named("joiner").spawn(async move { locker.await.unwrap() }).detach();
        named("permit").spawn(async move { drop(permits.acquire().await) }).detach();
        named("writer").spawn(async move { drop(book.write().await) }).detach();
        named("getter")
            .spawn(async move {
                let _ = queue.get().await;
            })
            .detach();
        named("event").spawn(async move { ready.wait().await }).detach();
        named("promise")
            .spawn(async move {
                let _ = value.await;
            })
            .detach();
        named("receiver")
            .spawn(async move {
                let _ = receiver.recv().await;
            })
            .detach();
        named("several").spawn(timeout(Duration::from_secs(9), pending::<()>())).detach();
        named("foreign").spawn(pending::<()>()).detach();
        sleep(Duration::from_secs(2)).await;
        dump()
    });
    let waited = |rest: &str| format!("+- {rest}").replace(" ... ", " has waited 2s for ");
    let expected = [
        "task 1 (main) runs".to_owned(),
        waited("  task 2 (nap) ... a timer, due in 5s"),
        waited("  task 3 (locker) ... lock N, held by task 1 (main)"),
        waited("  task 4 (joiner) ... the end of task 3 (locker)"),
        waited("  task 5 (permit) ... semaphore N, held by task 1 (main)"),
        waited("  task 6 (writer) ... rwlock N, held by task 1 (main)"),
        waited("  task 7 (getter) ... queue N"),
        waited("  task 8 (event) ... event N"),
        waited("  task 9 (promise) ... a promise"),
        waited("  task 10 (receiver) ... channel N"),
        waited("  task 11 (several) ... a timer, due in 7s"),
        waited("  task 12 (foreign) ... something that does not say what it is"),
    ];
    let expected: Vec<String> =
        expected.iter().map(|line| line.replace("+-   ", "  +- ")).collect();
    assert_eq!(without_numbers(lines(&seen.unwrap())), expected);
}

#[test]
fn it_tells_the_number_of_steps_who_woke_a_task_who_spawned_it_and_from_which_line() {
    let runner = virtual_runner();
    let (seen, line) = runner
        .run(async {
            let queue = Queue::unbounded();
            let gets = queue.clone();
            let line = line!() + 1;
            let getter = spawn(async move {
                gets.get().await.unwrap();
                gets.get().await.unwrap();
            });
            yield_now().await;
            queue.try_put(1).unwrap();
            sleep(Duration::from_secs(1)).await;
            getter.cancel();
            let seen = dump();
            (seen, line)
        })
        .unwrap();
    let getter = &seen.tasks[1];
    assert_eq!((getter.steps, getter.woken_by, getter.parent), (2, Some(1), Some(1)));
    assert_eq!((getter.spawned_at.file(), getter.spawned_at.line()), (file!(), line));
    assert_eq!((getter.state, getter.cancel_requested), (TaskState::Scheduled, true));
    assert_eq!(getter.age, Duration::from_secs(1));
}

#[test]
fn it_can_be_taken_in_a_callback_between_two_runs_from_another_thread_and_outside_of_a_loop() {
    assert_eq!(dump(), Dump::default());
    let runner = Runner::new().unwrap();
    let [sleeper] = runner.run(async { [named("nap").spawn(sleep(Duration::MAX))] }).unwrap();
    let between = lines(&runner.dump());
    assert!(between[0].ends_with("a timer that is never due"), "{between:?}");
    // On a slow machine the loop says besides that it has been held up.
    assert!(between[1..].iter().all(|line| line.starts_with("held up")), "{between:?}");
    let seen = Rc::new(RefCell::new(Vec::new()));
    let sees = Rc::clone(&seen);
    runner.loop_ref().call_soon(move || sees.replace(lines(&dump())).clear()).unwrap();
    let threads = runner.run(async {
        let spawner = spawner();
        to_thread(move || spawner.spawn(|| async { dump().tasks.len() }).wait()).await
    });
    assert!(threads.unwrap().unwrap().unwrap() >= 3);
    assert!(seen.borrow().iter().any(|line| line.contains("(nap)")), "{seen:?}");
    drop(sleeper);
}

#[test]
fn taking_one_polls_nothing_and_changes_nothing() {
    let polls = Rc::new(RefCell::new(0));
    let counts = Rc::clone(&polls);
    let told = Rc::new(RefCell::new(0));
    let tells = Rc::clone(&told);
    let count = move |_, _: &Event| *tells.borrow_mut() += 1;
    let runner = Runner::builder().virtual_clock().observer(count).build().unwrap();
    runner
        .run(async {
            spawn(poll_fn(move |_| {
                *counts.borrow_mut() += 1;
                Poll::<()>::Pending
            }))
            .detach();
            yield_now().await;
            let before = *told.borrow();
            let (first, second) = (dump(), dump());
            drop(first.to_string());
            assert_eq!(first, second);
            assert_eq!(*told.borrow(), before);
        })
        .unwrap();
    assert_eq!(*polls.borrow(), 1);
}

#[test]
fn it_is_as_long_as_there_are_tasks_also_for_a_lattice_a_chain_and_many_holders() {
    let lengths = (if cfg!(miri) { [10, 20] } else { [500, 1000] }).map(|count| {
        let runner = Runner::builder().virtual_clock().build().unwrap();
        let dump = runner.run(async move {
            let permits = Semaphore::new(count);
            let gate = Lock::new(());
            let _closed = gate.lock().await;
            for _ in 0..count {
                let (permits, gate) = (permits.clone(), gate.clone());
                let lattice = async move {
                    let _one = permits.acquire().await;
                    let _two = permits.acquire().await;
                    drop(gate.lock().await);
                };
                spawn(lattice).detach();
            }
            fn chain(rest: usize) {
                if rest > 0 {
                    spawn(async move {
                        chain(rest - 1);
                        pending::<()>().await
                    })
                    .detach();
                }
            }
            chain(count);
            sleep(Duration::from_secs(1)).await;
            dump()
        });
        let dump = dump.unwrap();
        assert_eq!(dump.tasks.len(), 2 * count + 1);
        assert_eq!(dump.to_string().lines().count(), dump.tasks.len() + 1);
        dump.to_string().len()
    });
    assert!(lengths[1] < lengths[0] * 9 / 4, "{lengths:?}");
}

#[test]
fn a_tree_shows_who_spawned_whom_and_those_whose_parent_has_ended_stand_at_the_root() {
    let seen = virtual_runner().run(async {
        let parent = named("parent").spawn(async {
            named("child").spawn(pending::<()>()).detach();
            sleep(Duration::from_secs(2)).await;
        });
        sleep(Duration::from_secs(1)).await;
        let before = lines(&dump());
        parent.await.unwrap();
        (before, lines(&dump()))
    });
    let (before, after) = seen.unwrap();
    let unknown = "something that does not say what it is";
    assert_eq!(
        before,
        [
            "task 1 (main) runs".to_owned(),
            "  +- task 2 (parent) has waited 1s for a timer, due in 1s".to_owned(),
            format!("    +- task 3 (child) has waited 1s for {unknown}"),
        ]
    );
    assert_eq!(
        after,
        ["task 1 (main) runs".to_owned(), format!("task 3 (child) has waited 2s for {unknown}"),]
    );
}

#[test]
fn a_group_that_has_only_its_children_left_says_so_and_a_job_is_named() {
    let seen = Runner::new().unwrap().run(async {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let group = named("group").spawn(async {
            let _: Result<_, roundelay::GroupError<String>> = task_group(async |group| {
                group.spawn(async {
                    sleep(Duration::MAX).await;
                    Ok(())
                });
                Ok(())
            })
            .await;
        });
        let job = named("job").spawn(to_thread(move || gone.recv().is_ok()));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        let seen = dump();
        go.send(()).unwrap();
        drop((group, job));
        seen
    });
    let lines = lines(&seen.unwrap());
    assert!(lines.iter().any(|line| line.contains("(group)") && line.contains("children")));
    assert!(lines.iter().any(|line| line.contains("(job)") && line.contains("for job ")));
}

#[test]
fn whoever_waits_for_several_tasks_names_them_and_says_whether_it_needs_all() {
    let runner = virtual_runner();
    let seen = runner.run(async {
        let child = |name: &str| named(name).spawn(pending::<()>());
        let (first, second) = (child("first"), child("second"));
        let waits = async move {
            let mut tasks = vec![first, second];
            wait(&mut tasks, When::All, None).await;
        };
        named("wait").spawn(waits).detach();
        named("as_completed")
            .spawn(async {
                as_completed((0..10).map(|_| spawn(pending::<()>()))).next().await.is_some()
            })
            .detach();
        named("race_tasks").spawn(async { race_tasks([pending::<()>()]).await.0 }).detach();
        named("window")
            .spawn(async {
                let three = [pending::<()>(), pending(), pending()];
                window(2, three).next().await.is_some()
            })
            .detach();
        yield_now().await;
        yield_now().await;
        dump()
    });
    let waits = seen.unwrap().tasks.into_iter().filter_map(|task| match task.waits_for? {
        WaitsFor::Tasks { all, tasks, more } => Some((task.name, all, tasks.len(), more)),
        _ => None,
    });
    let waits: Vec<_> = waits.collect();
    let expected = [
        ("wait", true, 2, 0),
        ("as_completed", false, 8, 2),
        ("race_tasks", false, 1, 0),
        ("window", false, 2, 0),
    ];
    let expected = expected.map(|(name, all, named, more)| (name.to_owned(), all, named, more));
    assert_eq!(waits, expected);
}

#[test]
fn the_answer_of_a_stuck_loop_names_those_who_are_gathered() {
    let outcome =
        virtual_runner().run(async { gather_all([pending::<()>(), pending()]).await.len() });
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("for the ends of task 2 (Task-2), task 3 (Task-3)"), "{message}");
}

#[test]
fn a_name_cannot_break_the_list_or_colour_the_terminal() {
    let runner = virtual_runner();
    let text = runner.run(async {
        let task = TaskBuilder::new().name("na\u{1b}[31m\nname é").spawn(pending::<()>());
        yield_now().await;
        let text = dump().to_string();
        task.cancel();
        text
    });
    let text = text.unwrap();
    assert!(text.contains("(na\\u{1b}[31m\\nname é) has waited"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}
