//! Promises about cancel tokens: a tree, level-triggered, from any thread. Feature U56.

mod support;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Context;

use proptest::prelude::*;
use roundelay::{CancelToken, Cancelled, UntilCancelled, run, spawn, yield_now};
use support::{
    Counter, Log, length, on_drop, panicking_waker, poll_once, rounds, run_virtual,
    waker_that_calls,
};

#[test]
fn a_token_is_cancelled_with_its_parents_and_not_with_its_children() {
    let server = CancelToken::new();
    let (one, two) = (server.child(), server.child());
    let request = one.child();
    assert!(one.cancel());
    let all = [&server, &one, &request, &two].map(CancelToken::is_cancelled);
    assert_eq!(all, [false, true, true, false]);
    assert!(server.cancel() && two.is_cancelled());
    assert!(!server.cancel() && !one.cancel());
}

#[test]
fn whoever_asks_late_hears_the_same_answer() {
    let token = CancelToken::new();
    assert_eq!(token.check(), Ok(()));
    token.cancel();
    for _ in 0..3 {
        assert_eq!(token.check(), Err(Cancelled));
        assert!(token.child().is_cancelled());
    }
    run_virtual(async {
        token.cancelled().await;
        token.cancelled().await;
    });
}

#[test]
fn waiters_go_on_in_the_order_in_which_they_began_to_wait_over_the_whole_tree() {
    let log = Log::new();
    run_virtual(async {
        let root = CancelToken::new();
        let (left, right) = (root.child(), root.child());
        let mut tasks = Vec::new();
        for (name, token) in [("right", &right), ("root", &root), ("left", &left)] {
            let (token, log) = (token.clone(), log.clone());
            tasks.push(spawn(async move {
                token.cancelled().await;
                log.add(name);
            }));
        }
        yield_now().await;
        root.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["right", "root", "left"]);
}

#[test]
fn a_waiter_that_is_dropped_is_not_woken_and_leaves_nothing_behind() {
    let token = CancelToken::new();
    let owned = Arc::new(());
    for _ in 0..rounds(1000) {
        let held = Arc::clone(&owned);
        let waker = waker_that_calls(move || panic!("{held:?} is woken after the end"));
        let mut waits = token.cancelled();
        assert!(poll_once(&mut waits, &waker).is_pending());
    }
    assert_eq!(Arc::strong_count(&owned), 1);
    token.cancel();
}

#[test]
fn everybody_sees_the_whole_tree_cancelled_when_the_first_is_woken() {
    // Each of them looks at all of them.
    let many = if cfg!(miri) { 10 } else { 100 };
    let root = CancelToken::new();
    let children: Vec<_> = (0..many).map(|_| root.child()).collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut waits: Vec<UntilCancelled> = Vec::new();
    for token in &children {
        let (all, seen) = (children.clone(), Arc::clone(&seen));
        let waker = waker_that_calls(move || {
            let count = all.iter().filter(|token| token.is_cancelled()).count();
            seen.lock().unwrap().push(count);
        });
        let mut wait = token.cancelled();
        assert!(poll_once(&mut wait, &waker).is_pending());
        waits.push(wait);
    }
    root.cancel();
    assert_eq!(*seen.lock().unwrap(), vec![many; many]);
}

#[test]
fn a_waker_that_panics_does_not_keep_the_news_from_the_others() {
    let token = CancelToken::new();
    let (counter, waker) = Counter::new();
    let (mut bad, mut good) = (token.cancelled(), token.cancelled());
    assert!(poll_once(&mut bad, &panicking_waker()).is_pending());
    assert!(poll_once(&mut good, &waker).is_pending());
    token.cancel();
    assert_eq!(counter.wakes(), 1);
}

#[test]
fn a_waiter_that_is_polled_by_another_wakes_the_last_and_keeps_its_place() {
    let token = CancelToken::new();
    let ((first, one), (second, two)) = (Counter::new(), Counter::new());
    let mut wait = token.cancelled();
    assert!(poll_once(&mut wait, &one).is_pending());
    assert!(poll_once(&mut wait, &two).is_pending());
    token.cancel();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

#[test]
fn a_token_can_be_cancelled_from_another_thread() {
    run(async {
        let token = CancelToken::new();
        let other = token.child();
        let thread = std::thread::spawn(move || token.cancel());
        other.cancelled().await;
        assert!(thread.join().unwrap());
    });
}

#[test]
fn a_guard_cancels_on_every_way_out_unless_it_is_disarmed() {
    let token = CancelToken::new();
    let token = token.drop_guard().disarm();
    assert!(!token.is_cancelled());
    let guarded = token.clone();
    let panicked = std::panic::catch_unwind(move || {
        let _guard = guarded.drop_guard();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panicked.is_err() && token.is_cancelled());
}

#[test]
fn run_until_cancelled_drops_the_future_before_it_answers_and_a_cancel_wins_over_a_result() {
    let log = Log::new();
    run_virtual(async {
        let token = CancelToken::new();
        let (stops, seen) = (token.clone(), log.clone());
        spawn(async move {
            stops.cancel();
        })
        .detach();
        let outcome = token
            .run_until_cancelled(async move {
                let _guard = on_drop(seen.adds("dropped"));
                yield_now().await;
                seen.add("not reached: the cancel wins");
            })
            .await;
        log.add(format!("{outcome:?}"));
        // The future cancels the token itself and ends in the same step: it has ended.
        let token = CancelToken::new();
        let inner = token.clone();
        let outcome = token.run_until_cancelled(async move { inner.cancel() }).await;
        assert_eq!(outcome, Some(true));
    });
    assert_eq!(log.take(), ["dropped", "None"]);
}

#[test]
fn very_many_children_and_very_deep_ones_are_cancelled_without_recursion() {
    let root = CancelToken::new();
    let wide: Vec<_> = (0..rounds(50_000)).map(|_| root.child()).collect();
    let mut deep = vec![root.clone()];
    for _ in 0..rounds(50_000) {
        deep.push(deep.last().unwrap().child());
    }
    root.cancel();
    assert!(wide.iter().chain(&deep).all(CancelToken::is_cancelled));
    drop(root);
}

/// To merge each child's waiters into those of all before it took a minute for 20,000 of them.
#[test]
fn very_many_children_who_are_all_awaited_are_woken_in_the_order_of_waiting() {
    let root = CancelToken::new();
    let children: Vec<_> = (0..rounds(100_000)).map(|_| root.child()).collect();
    let woken = Arc::new(Mutex::new(Vec::new()));
    // In an order that is not the one in which the tree is walked.
    let (even, odd) = ((0..children.len()).step_by(2), (1..children.len()).step_by(2));
    let order: Vec<usize> = odd.chain(even).collect();
    let waiting: Vec<_> = order
        .iter()
        .map(|&number| {
            let mut waits = Box::pin(children[number].cancelled());
            let noted = Arc::clone(&woken);
            let waker = waker_that_calls(move || noted.lock().unwrap().push(number));
            assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            waits
        })
        .collect();
    root.cancel();
    assert!(*woken.lock().unwrap() == order);
    drop(waiting);
}

#[derive(Clone, Debug)]
enum Command {
    Child(usize),
    Clone(usize),
    Cancel(usize),
    Drop(usize),
    Wait(usize),
    GiveUp(usize),
}

fn command() -> impl Strategy<Value = Command> {
    let n = 0_usize..64;
    prop_oneof![
        4 => n.clone().prop_map(Command::Child),
        1 => n.clone().prop_map(Command::Clone),
        1 => n.clone().prop_map(Command::Cancel),
        2 => n.clone().prop_map(Command::Drop),
        3 => n.clone().prop_map(Command::Wait),
        1 => n.prop_map(Command::GiveUp),
    ]
}

proptest! {
    /// The model keeps every node for ever and asks the parents.
    #[test]
    fn tokens_answer_as_a_plain_tree_does(
        commands in prop::collection::vec(command(), 0..length(80)),
    ) {
        let mut parents: Vec<Option<usize>> = vec![None];
        let mut flags = vec![false];
        let mut tokens = vec![(0, CancelToken::new())];
        // (node, future, wakes seen, number), and who should have been woken, in order.
        let mut waiting: Vec<(usize, UntilCancelled, usize)> = Vec::new();
        let woken: Arc<Mutex<Vec<usize>>> = Arc::default();
        let mut expected: Vec<usize> = Vec::new();
        let mut next = 0;
        let is = |flags: &[bool], parents: &[Option<usize>], node: usize| {
            std::iter::successors(Some(node), |node| parents[*node]).any(|node| flags[node])
        };
        for command in commands {
            let count = tokens.len();
            match command {
                Command::Child(n) if count > 0 => {
                    let (node, token) = &tokens[n % count];
                    parents.push(Some(*node));
                    flags.push(false);
                    tokens.push((parents.len() - 1, token.child()));
                }
                Command::Clone(n) if count > 0 => {
                    let again = tokens[n % count].clone();
                    tokens.push(again);
                }
                Command::Cancel(n) if count > 0 => {
                    let (node, token) = &tokens[n % count];
                    let first = !is(&flags, &parents, *node);
                    flags[*node] = true;
                    for (node, _, number) in &waiting {
                        if is(&flags, &parents, *node) && !expected.contains(number) {
                            expected.push(*number);
                        }
                    }
                    prop_assert_eq!(token.cancel(), first);
                }
                Command::Drop(n) if count > 0 => drop(tokens.swap_remove(n % count)),
                Command::Wait(n) if count > 0 => {
                    let (node, token) = &tokens[n % count];
                    let (number, seen) = (next, Arc::clone(&woken));
                    next += 1;
                    let waker = waker_that_calls(move || seen.lock().unwrap().push(number));
                    let mut wait = token.cancelled();
                    let polled = poll_once(&mut wait, &waker);
                    prop_assert_eq!(polled.is_ready(), is(&flags, &parents, *node));
                    if polled.is_pending() {
                        waiting.push((*node, wait, number));
                    }
                }
                Command::GiveUp(n) if !waiting.is_empty() => {
                    let n = n % waiting.len();
                    drop(waiting.remove(n));
                }
                _ => {}
            }
            for (node, token) in &tokens {
                prop_assert_eq!(token.is_cancelled(), is(&flags, &parents, *node));
            }
            prop_assert_eq!(&*woken.lock().unwrap(), &expected);
        }
    }
}
