//! Random sets of tasks under every combinator, beside a plain model: a list, sorted by when each
//! should end. The combinator is dropped after any number of polls; then nobody may be left who
//! was promised to be gone, and nobody may be gone who was promised to go on.

mod support;

use std::future::{Future, poll_fn};
use std::task::Poll;

use proptest::prelude::*;
use roundelay::{
    GatherCause, GatherError, Task, TaskError, When, as_completed, for_each_concurrent, gather,
    gather_all, map_concurrent, race, race_ok, race_tasks, sleep, spawn, try_gather, wait, window,
    yield_now,
};
use support::{Census, Log, ms, virtual_runner};

/// What a child does: gives way some times, sleeps, and ends.
#[derive(Clone, Copy, Debug)]
struct Child {
    yields: u64,
    nap: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    Badly,
    Panicking,
}

fn child() -> impl Strategy<Value = Child> {
    let end = prop_oneof![6 => Just(End::Well), 2 => Just(End::Badly), 1 => Just(End::Panicking)];
    (0_u64..4, 0_u64..4, end).prop_map(|(yields, nap, end)| Child { yields, nap, end })
}

fn children(least: usize) -> impl Strategy<Value = Vec<Child>> {
    prop::collection::vec(child(), least..8)
}

/// After how many polls the combinator is dropped, if it has not answered.
fn cut() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(usize::MAX), 2 => 0_usize..8]
}

/// The model: in which order the children end if nobody disturbs them. In virtual time whoever
/// does not sleep is first; equal deadlines are called in the order of setting.
fn order(children: &[Child]) -> Vec<usize> {
    let mut order: Vec<_> = (0..children.len()).collect();
    order.sort_by_key(|&index| (children[index].nap, children[index].yields, index));
    order
}

fn numbers(order: &[usize]) -> Vec<String> {
    order.iter().map(usize::to_string).collect()
}

/// Who saw what.
#[derive(Clone, Default)]
struct World {
    /// The numbers of those that have ended, in order.
    ended: Log,
    /// How many are alive.
    census: Census,
}

impl World {
    fn body(
        &self,
        number: usize,
        child: Child,
    ) -> impl Future<Output = Result<usize, usize>> + use<> {
        let (ended, guard) = (self.ended.clone(), self.census.born());
        async move {
            let _guard = guard;
            for _ in 0..child.yields {
                yield_now().await;
            }
            if child.nap > 0 {
                sleep(ms(child.nap)).await;
            }
            ended.add(number.to_string());
            match child.end {
                End::Well => Ok(number),
                End::Badly => Err(number),
                End::Panicking => panic!("child {number} panics on purpose"),
            }
        }
    }

    fn bodies(
        &self,
        children: &[Child],
    ) -> Vec<impl Future<Output = Result<usize, usize>> + use<>> {
        children.iter().enumerate().map(|(number, child)| self.body(number, *child)).collect()
    }

    fn tasks(&self, children: &[Child]) -> Vec<Task<Result<usize, usize>>> {
        self.bodies(children).into_iter().map(spawn).collect()
    }
}

/// Polls a future so many times at most, and drops it before this gives an answer.
async fn cut_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Pending if left == 0 => Poll::Ready(None),
            poll => poll.map(Some),
        }
    })
    .await
}

/// Long enough for everybody.
async fn until_all_is_over() {
    sleep(ms(1000)).await;
}

/// Whose failure an error is, and of what kind.
fn blame(error: &GatherError<usize>) -> (usize, End) {
    match &error.cause {
        GatherCause::Failed(number) => {
            assert_eq!(*number, error.index);
            (error.index, End::Badly)
        }
        GatherCause::Task(TaskError::Panicked(_)) => (error.index, End::Panicking),
        GatherCause::Task(TaskError::Cancelled) => {
            panic!("nobody cancelled number {}", error.index)
        }
    }
}

fn first_failure(children: &[Child]) -> Option<(usize, End)> {
    let mut order = order(children).into_iter();
    order.find(|&i| children[i].end != End::Well).map(|i| (i, children[i].end))
}

fn is_outcome_of(
    children: &[Child],
    number: usize,
    outcome: &Result<Result<usize, usize>, TaskError>,
) {
    let end = match outcome {
        Ok(Ok(n)) if *n == number => End::Well,
        Ok(Err(n)) if *n == number => End::Badly,
        Err(TaskError::Panicked(_)) => End::Panicking,
        other => panic!("not an outcome of {number}: {other:?}"),
    };
    assert_eq!(end, children[number].end);
}

/// Runs `program` in virtual time, without a word on standard error of panics made on purpose.
fn play<F: Future>(program: F) -> F::Output {
    let runner = roundelay::Runner::builder()
        .virtual_clock()
        .failure_policy(support::Reports::new().policy());
    runner.build().unwrap().run(program).unwrap()
}

proptest! {
    #![proptest_config(crate::support::properties(200))]

    #[test]
    fn gather_gives_all_or_the_first_failure_and_then_the_others_go_on(
        children in children(0), cut in cut(),
    ) {
        let world = World::default();
        play(async {
            match cut_after(cut, gather(world.bodies(&children))).await {
                Some(Ok(values)) => assert_eq!(values, Vec::from_iter(0..children.len())),
                Some(Err(error)) => {
                    assert_eq!(Some(blame(&error)), first_failure(&children));
                    until_all_is_over().await;
                    assert_eq!(world.ended.take(), numbers(&order(&children)));
                }
                None => {
                    assert_eq!(world.census.alive(), 0, "dropped with the gather");
                    let ended = world.ended.len();
                    until_all_is_over().await;
                    assert_eq!(world.ended.len(), ended);
                }
            }
        });
    }

    #[test]
    fn try_gather_gives_all_or_the_first_failure_and_leaves_nobody(
        children in children(0), cut in cut(),
    ) {
        let world = World::default();
        play(async {
            match cut_after(cut, try_gather(world.bodies(&children))).await {
                Some(Ok(values)) => {
                    assert_eq!(values, Vec::from_iter(0..children.len()));
                    assert_eq!(first_failure(&children), None);
                }
                Some(Err(error)) => assert_eq!(Some(blame(&error)), first_failure(&children)),
                None => {}
            }
            assert_eq!(world.census.alive(), 0);
            let ended = world.ended.take();
            assert_eq!(ended, numbers(&order(&children))[..ended.len()]);
            until_all_is_over().await;
            assert_eq!(world.ended.len(), 0);
        });
    }

    #[test]
    fn gather_all_gives_every_outcome_in_its_place(children in children(0), cut in cut()) {
        let world = World::default();
        play(async {
            if let Some(outcomes) = cut_after(cut, gather_all(world.bodies(&children))).await {
                assert_eq!(outcomes.len(), children.len());
                for (number, outcome) in outcomes.iter().enumerate() {
                    is_outcome_of(&children, number, outcome);
                }
                assert_eq!(world.ended.take(), numbers(&order(&children)));
            }
            assert_eq!(world.census.alive(), 0);
        });
    }

    #[test]
    fn wait_parts_its_list_in_two_and_touches_nobody(
        children in children(1),
        cancelled in prop::collection::vec(any::<bool>(), 8),
        mode in 0..3,
        limit in prop::option::of(0_u64..6),
        head_start in 0_u64..3,
        cut in cut(),
    ) {
        let world = World::default();
        play(async {
            let mut tasks = world.tasks(&children);
            let names: Vec<_> = tasks.iter().map(Task::id).collect();
            for (task, cancelled) in tasks.iter().zip(&cancelled) {
                if *cancelled {
                    task.cancel();
                }
            }
            sleep(ms(head_start)).await;
            let when = match mode {
                0 => When::FirstCompleted,
                1 => When::FirstFailure(Result::is_err),
                _ => When::All,
            };
            let place = |task: &Task<_>| names.iter().position(|name| *name == task.id()).unwrap();
            let done = cut_after(cut, wait(&mut tasks, when, limit.map(ms))).await;
            if let Some(done) = &done {
                assert!(done.iter().all(Task::is_finished));
                assert!(tasks.iter().all(|task| !task.is_finished()));
                assert!(limit.is_some() || !done.is_empty());
                assert!(done.iter().map(place).is_sorted() && tasks.iter().map(place).is_sorted());
                assert_eq!(done.len() + tasks.len(), children.len(), "nobody is lost");
                let seen: Vec<_> = done.iter().map(place).collect();
                let failed = seen.iter().any(|&i| !cancelled[i] && children[i].end != End::Well);
                let enough = match mode {
                    0 => !done.is_empty(),
                    1 => failed || tasks.is_empty(),
                    _ => tasks.is_empty(),
                };
                assert!(enough || limit.is_some(), "{done:?}");
            } else {
                assert_eq!(tasks.iter().map(place).collect::<Vec<_>>(), Vec::from_iter(0..names.len()));
            }
            // Every handle still gives its outcome, once.
            for task in done.into_iter().flatten().chain(tasks) {
                let number = place(&task);
                match task.await {
                    Err(TaskError::Cancelled) => assert!(cancelled[number]),
                    outcome => {
                        assert!(!cancelled[number]);
                        is_outcome_of(&children, number, &outcome);
                    }
                }
            }
            let expected = order(&children).into_iter().filter(|&i| !cancelled[i]);
            assert_eq!(world.ended.take(), numbers(&expected.collect::<Vec<_>>()));
        });
    }

    #[test]
    fn as_completed_gives_each_once_in_the_order_of_ending_and_cancels_nobody(
        children in children(0), head_start in 0_u64..3, cut in cut(), again in cut(),
    ) {
        let world = World::default();
        play(async {
            let mut ends = as_completed(world.tasks(&children));
            sleep(ms(head_start)).await;
            let mut order = order(&children).into_iter();
            // A `next` that is dropped loses nothing: the one after it goes on.
            for polls in [cut, again] {
                while let Some(Some((number, outcome))) = cut_after(polls, ends.next()).await {
                    assert_eq!(Some(number), order.next());
                    is_outcome_of(&children, number, &outcome);
                }
            }
            assert_eq!(ends.pending(), order.len());
            drop(ends);
            until_all_is_over().await;
            assert_eq!(world.ended.len(), children.len());
            assert_eq!(world.census.alive(), 0);
        });
    }

    #[test]
    fn a_race_of_tasks_is_won_by_the_first_to_end_and_leaves_nobody(
        children in children(1), cut in cut(),
    ) {
        let world = World::default();
        play(async {
            if let Some((winner, outcome)) = cut_after(cut, race_tasks(world.bodies(&children))).await {
                assert_eq!(winner, order(&children)[0]);
                is_outcome_of(&children, winner, &outcome);
            }
            assert_eq!(world.census.alive(), 0);
        });
    }

    #[test]
    fn a_race_is_won_by_the_first_that_is_ready_and_leaves_nobody(
        children in children(1), cut in cut(),
    ) {
        let mut children = children;
        children.iter_mut().for_each(|child| child.end = End::Well);
        let world = World::default();
        play(async {
            if let Some((winner, value)) = cut_after(cut, race(world.bodies(&children))).await {
                assert_eq!(value, Ok(winner));
                // Those that sleep equally long are woken in one turn: the first of them wins.
                let first = order(&children)[0];
                let (nap, yields) = (children[first].nap, children[first].yields);
                let rivals = |child: &Child| {
                    child.nap == nap && (nap > 0 || child.yields == yields)
                };
                assert_eq!(Some(winner), children.iter().position(rivals));
            }
            assert_eq!(world.census.alive(), 0);
        });
    }

    #[test]
    fn the_first_success_wins_or_all_errors_come_out(children in children(0), cut in cut()) {
        let mut children = children;
        for child in &mut children {
            child.end = if child.end == End::Well { End::Well } else { End::Badly };
        }
        let world = World::default();
        play(async {
            match cut_after(cut, race_ok(world.bodies(&children))).await {
                Some(Ok((winner, value))) => {
                    assert_eq!((value, children[winner].end), (winner, End::Well));
                }
                Some(Err(failed)) => {
                    assert_eq!(failed.errors, Vec::from_iter(0..children.len()));
                    assert!(children.iter().all(|child| child.end == End::Badly));
                }
                None => {}
            }
            assert_eq!(world.census.alive(), 0);
        });
    }

    #[test]
    fn a_window_never_holds_more_than_its_width_and_gives_each_once(
        children in children(0), width in 1_usize..5, cut in cut(),
    ) {
        let world = World::default();
        play(async {
            let numbered = children.iter().enumerate();
            let mut ends = window(width, numbered.map(|(n, child)| world.body(n, *child)));
            let mut seen = Vec::new();
            while let Some(Some((number, outcome))) = cut_after(cut, ends.next()).await {
                is_outcome_of(&children, number, &outcome);
                seen.push(number.to_string());
            }
            assert!(world.census.most() <= width);
            let running = ends.running();
            assert!(running <= width);
            drop(ends);
            assert_eq!(world.census.alive(), 0);
            let ended = world.ended.take();
            assert_eq!(seen, ended[..seen.len()], "in the order of ending");
            if cut == usize::MAX {
                assert_eq!(seen.len(), children.len());
            }
        });
    }

    #[test]
    fn a_limited_map_and_a_limited_loop_are_the_unlimited_ones_a_few_at_a_time(
        children in children(0), width in 1_usize..5, cut in cut(),
    ) {
        let numbered = Vec::from_iter(children.iter().copied().enumerate());
        let world = World::default();
        play(async {
            let mapped = map_concurrent(width, numbered.clone(), |(n, child)| world.body(n, child));
            if let Some(outcomes) = cut_after(cut, mapped).await {
                assert_eq!(outcomes.len(), children.len());
                for (number, outcome) in outcomes.iter().enumerate() {
                    is_outcome_of(&children, number, outcome);
                }
            }
            assert!(world.census.alive() == 0 && world.census.most() <= width);
        });
        let world = World::default();
        play(async {
            let looped = for_each_concurrent(width, numbered, |(n, child)| {
                let body = world.body(n, child);
                async move { body.await.map(drop) }
            });
            match cut_after(cut, looped).await {
                Some(Ok(())) => assert_eq!(world.ended.len(), children.len()),
                Some(Err(error)) => {
                    // The first of those that ended to fail.
                    let (number, end) = blame(&error);
                    assert_eq!(end, children[number].end);
                    let ended: Vec<usize> =
                        world.ended.take().iter().map(|n| n.parse().unwrap()).collect();
                    let first = ended.iter().find(|&&n| children[n].end != End::Well);
                    assert_eq!(first, Some(&number));
                }
                None => {}
            }
            assert!(world.census.alive() == 0 && world.census.most() <= width);
        });
    }
}

#[test]
fn a_loop_that_is_closed_meanwhile_drops_every_combinator_and_every_child() {
    let world = World::default();
    let long = [Child { yields: 0, nap: 1000, end: End::Well }; 3];
    let runner = virtual_runner();
    runner
        .run(async {
            spawn(gather(world.bodies(&long))).detach();
            spawn(try_gather(world.bodies(&long))).detach();
            spawn(race_tasks(world.bodies(&long))).detach();
            spawn(race(world.bodies(&long))).detach();
            let (tasks, listed) = (world.tasks(&long), world.tasks(&long));
            spawn(async move { as_completed(tasks).next().await }).detach();
            spawn(async move {
                let mut listed = listed;
                wait(&mut listed, When::All, None).await.len()
            })
            .detach();
            let inputs = world.bodies(&long);
            spawn(async move { window(2, inputs).next().await }).detach();
            sleep(ms(5)).await;
            assert_eq!(world.census.alive(), 21);
        })
        .unwrap();
    drop(runner);
    assert_eq!(world.census.alive(), 0);
}
