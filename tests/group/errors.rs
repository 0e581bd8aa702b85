//! What a group's error says, and how it is taken apart.

use super::*;

#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    Late,
    Broken(u8),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Trouble {}

/// late, [broken 1, late, panic], broken 2, and the body: late.
async fn nested() -> GroupError<Trouble> {
    let named = |name: &'static str| TaskBuilder::new().name(name);
    task_group(async |outer: TaskGroup<Trouble>| {
        drop(outer.spawn_with(named("first"), async { Err::<(), _>(Trouble::Late) }));
        drop(outer.spawn_group(named("inner"), async move |inner| {
            drop(inner.spawn_with(named("one"), async { Err::<(), _>(Trouble::Broken(1)) }));
            drop(inner.spawn_with(named("two"), async { Err::<(), _>(Trouble::Late) }));
            drop(inner.spawn_with(named("bad"), async {
                if roundelay::current_task().is_some() {
                    panic!("out of luck");
                }
                Ok(())
            }));
            pending::<Result<(), _>>().await
        }));
        let failing = on_drop({
            let outer = outer.clone();
            move || assert!(!outer.is_open())
        });
        drop(outer.spawn_with(named("last"), async move {
            let _failing = failing;
            // Until the inner group has failed and is waited for no more.
            for _ in 0..2 {
                yield_now().await;
            }
            Err::<(), _>(Trouble::Broken(2))
        }));
        for _ in 0..6 {
            yield_now().await;
        }
        Err::<(), _>(Trouble::Broken(9))
    })
    .await
    .unwrap_err()
}

fn shape(error: &GroupError<Trouble>) -> Vec<String> {
    messages(error)
}

#[test]
fn nested_groups_nest_their_errors() {
    run_virtual(async {
        let outcome = task_group(async |outer: TaskGroup<Trouble>| {
            drop(outer.spawn_group(TaskBuilder::new().name("inner"), async |inner| {
                let builder = TaskBuilder::new().name("innermost");
                drop(inner.spawn_with(builder, async { Err::<(), _>(Trouble::Late) }));
                Ok(())
            }));
            Ok(())
        });
        let error = outcome.await.unwrap_err();
        assert_eq!(messages(&error), ["(Late)"]);
        assert_eq!(
            error.to_string(),
            "the task group failed: inner: (the task group failed: innermost: Late)"
        );
    });
}

#[test]
fn a_group_that_fails_inside_of_another_cancels_the_others_there() {
    run_virtual(async {
        let error = nested().await;
        // "first" failed in its first step; everybody else was asked to end in the next.
        assert_eq!(shape(&error), ["Late"]);
    });
}

/// As [`nested`] would be if all failures happened at the same time.
fn made() -> GroupError<Trouble> {
    let failure = |name: &str, cause| GroupFailure { who: Some((name.to_owned(), None)), cause };
    let inner = GroupError {
        failures: vec![
            failure("one", GroupCause::Failed(Trouble::Broken(1))),
            failure("two", GroupCause::Failed(Trouble::Late)),
            GroupFailure { who: None, cause: GroupCause::Failed(Trouble::Broken(3)) },
        ],
    };
    GroupError {
        failures: vec![
            failure("first", GroupCause::Failed(Trouble::Late)),
            failure("inner", GroupCause::Group(inner)),
            GroupFailure { who: None, cause: GroupCause::Failed(Trouble::Broken(2)) },
        ],
    }
}

#[test]
fn all_errors_can_be_seen_without_the_nesting() {
    let error = made();
    let errors: Vec<String> = error.errors().map(ToString::to_string).collect();
    assert_eq!(errors, ["Late", "Broken(1)", "Late", "Broken(3)", "Broken(2)"]);
    assert_eq!(error.leaves().count(), 5);
}

#[test]
fn a_flattened_error_names_the_way_to_each_failure() {
    let flat = made().flatten();
    assert_eq!(
        flat.to_string(),
        "the task group failed 5 times: first: Late; inner > one: Broken(1); inner > two: Late; \
         inner: Broken(3); the group's body: Broken(2)"
    );
}

#[test]
fn splitting_keeps_the_nesting_and_the_order_on_both_sides() {
    let (late, rest) = made().partition(|error| *error == Trouble::Late);
    assert_eq!(shape(&late.unwrap()), ["Late", "(Late)"]);
    assert_eq!(shape(&rest.unwrap()), ["(Broken(1), Broken(3))", "Broken(2)"]);
    let (all, none) = made().partition(|_| true);
    assert!(all.unwrap().leaves().count() == 5 && none.is_none());
    let (none, all) = made().partition(|_| false);
    assert!(all.unwrap().leaves().count() == 5 && none.is_none());
}

#[test]
fn an_error_is_found_by_its_type_also_as_the_cause_of_another() {
    #[derive(Debug)]
    struct Wrapped(Trouble);
    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let cause = GroupCause::Failed(Wrapped(Trouble::Broken(4)));
    let error = GroupError { failures: vec![GroupFailure { who: None, cause }] };
    assert!(error.find::<Wrapped>().is_some());
    assert_eq!(error.find::<Trouble>(), Some(&Trouble::Broken(4)));
    assert!(error.find::<std::io::Error>().is_none());
}
