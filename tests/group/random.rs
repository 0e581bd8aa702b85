//! Random trees of groups, dropped at every step: nobody is left behind, everybody ends exactly
//! once, and errors come in the order in which they happened.

use std::cell::Cell;
use std::panic::resume_unwind;

use proptest::prelude::*;
use roundelay::Child;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Yield,
    Sleep(u8),
    /// Spawns a sibling.
    Spawn(Vec<Op>),
    /// Runs a group with this body.
    Nest(Vec<Op>),
    CancelGroup,
    CancelSibling(u8),
    Fail,
    Panic,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let leaf = prop_oneof![
        4 => Just(Op::Yield),
        2 => (0_u8..5).prop_map(Op::Sleep),
        1 => Just(Op::CancelGroup),
        1 => (0_u8..8).prop_map(Op::CancelSibling),
        1 => Just(Op::Fail),
        1 => Just(Op::Panic),
    ];
    let op = leaf.prop_recursive(4, 24, 5, |inner| {
        let ops = prop::collection::vec(inner, 0..5);
        prop_oneof![3 => ops.clone().prop_map(Op::Spawn), 1 => ops.prop_map(Op::Nest)]
    });
    prop::collection::vec(op, 0..crate::support::length(6))
}

#[derive(Clone, Default)]
struct World {
    next: Rc<Cell<u32>>,
    alive: Census,
}

/// One group, as its members see it.
#[derive(Clone)]
struct Family {
    world: World,
    group: CancellableGroup<String>,
    children: Members,
    /// Failures of children, as they happen.
    failed: Rc<RefCell<Vec<String>>>,
}

/// The children so far, with their numbers.
type Members = Rc<RefCell<Vec<(u32, Child<()>)>>>;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// A group with this body, which checks its own outcome.
fn family(world: World, body: Vec<Op>) -> Boxed<Result<(), String>> {
    Box::pin(async move {
        let failed = Rc::new(RefCell::new(Vec::new()));
        let (seen, own) = (Rc::clone(&failed), Rc::new(RefCell::new(None)));
        let (keep, kept) = (Rc::clone(&own), Rc::new(RefCell::new(None)));
        let handle = Rc::clone(&kept);
        let inner = world.clone();
        let outcome = cancellable_group(async move |group: CancellableGroup<String>| {
            *handle.borrow_mut() = Some(group.clone());
            let children = Members::default();
            let family = Family { world: inner, group, children, failed };
            let id = family.world.next.replace(family.world.next.get() + 1);
            let outcome = act(family, id, body).await;
            *keep.borrow_mut() = outcome.as_ref().err().cloned();
            outcome
        })
        .await;
        let group: CancellableGroup<String> = kept.take().unwrap();
        assert!(group.is_empty() && !group.is_open());
        let mut expected = seen.take();
        expected.extend(own.take());
        let got = outcome.as_ref().err().map(messages).unwrap_or_default();
        let got: Vec<&str> = got.iter().map(|text| text.trim_start_matches("panic: ")).collect();
        assert_eq!(got, expected, "all errors, in the order in which they happened");
        outcome.map(drop).map_err(|error| error.to_string())
    })
}

/// What a child, or the body of a nested group, does.
fn act(family: Family, id: u32, ops: Vec<Op>) -> Boxed<Result<(), String>> {
    Box::pin(async move {
        let _alive = family.world.alive.born();
        for op in ops {
            match op {
                Op::Yield => yield_now().await,
                Op::Sleep(n) => sleep(ms(n.into())).await,
                Op::Spawn(ops) => spawn_into(&family, ops),
                Op::Nest(body) => family_in(&family, body).await?,
                Op::CancelGroup => family.group.cancel(),
                Op::CancelSibling(n) => {
                    let children = family.children.borrow();
                    if let Some((sibling, child)) = children.get(usize::from(n))
                        && *sibling != id
                    {
                        child.cancel();
                    }
                }
                Op::Fail => return Err(format!("{id} failed")),
                Op::Panic => return Err(format!("{id} panics")),
            }
        }
        Ok(())
    })
}

fn family_in(family: &Family, body: Vec<Op>) -> Boxed<Result<(), String>> {
    self::family(family.world.clone(), body)
}

fn spawn_into(family: &Family, ops: Vec<Op>) {
    let id = family.world.next.replace(family.world.next.get() + 1);
    let member = family.clone();
    let guard = family.world.alive.born();
    let child = family.group.spawn(async move {
        let _guard = guard;
        let failed = Rc::clone(&member.failed);
        let outcome = act(member, id, ops).await;
        if let Err(error) = &outcome {
            failed.borrow_mut().push(error.clone());
            if error.ends_with("panics") {
                // No hook is called: this happens thousands of times.
                resume_unwind(Box::new(error.clone()));
            }
        }
        outcome
    });
    if !child.is_finished() {
        family.children.borrow_mut().push((id, child));
    }
}

/// Runs the tree, and drops it after so many looks. Says whether it had ended.
fn run_and_drop(body: &[Op], after: usize) -> bool {
    let (runner, _reports) = reporting_runner();
    let world = World::default();
    let ended = runner.run(async {
        let mut whole = family(world.clone(), body.to_vec());
        for _ in 0..after {
            if support::poll_now(&mut whole).await.is_ready() {
                assert_eq!(world.alive.alive(), 0, "a group has ended and left somebody behind");
                return true;
            }
            yield_now().await;
        }
        drop(whole);
        assert_eq!(world.alive.alive(), 0, "a group was dropped and left somebody behind");
        false
    });
    ended.unwrap()
}

proptest! {
    #![proptest_config(crate::support::properties(200))]

    #[test]
    fn nobody_is_left_behind_and_no_error_is_lost_wherever_a_tree_of_groups_is_dropped(
        body in ops(),
    ) {
        // Sleeps need time that moves, so the drops are counted in turns, and at last it is
        // awaited to its end.
        for after in (0..24).step_by(if cfg!(miri) { 5 } else { 1 }) {
            if run_and_drop(&body, after) {
                break;
            }
        }
        let (runner, _reports) = reporting_runner();
        let world = World::default();
        let _ = runner.run(family(world.clone(), body)).unwrap();
        prop_assert_eq!(world.alive.alive(), 0);
    }
}
