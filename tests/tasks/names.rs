//! Every task has a number, a name and a place, and keeps them when it has ended.

use roundelay::{TaskBuilder, current_task, spawn};

use crate::support::run_virtual;

#[test]
fn every_task_has_a_number_a_name_and_the_line_that_spawned_it() {
    run_virtual(async {
        assert_eq!(current_task().unwrap().name, "main");
        let (task, line) = (spawn(async { current_task().unwrap() }), line!());
        let place = task.spawned_at().unwrap();
        assert!(place.file().ends_with("names.rs") && place.line() == line, "{place}");
        let id = task.id();
        assert_eq!(task.name(), format!("Task-{id}"));
        assert_eq!(task.await.unwrap().id, id);
        let named = TaskBuilder::new().name("fetch").spawn(async { current_task().unwrap().name });
        assert_eq!((named.name(), named.await.unwrap()), ("fetch".into(), "fetch".into()));
    });
    assert_eq!(current_task(), None);
}

#[test]
fn a_task_keeps_its_number_name_and_place_after_its_outcome_was_taken() {
    run_virtual(async {
        let mut task = TaskBuilder::new().name("fetch").spawn(async {});
        let (id, place) = (task.id(), task.spawned_at());
        (&mut task).await.unwrap();
        assert_eq!((task.name(), task.id()), ("fetch".to_owned(), id));
        assert_eq!(task.spawned_at(), place);
        assert!(task.is_finished() && !task.cancel());
    });
}

#[test]
fn an_outcome_that_was_taken_is_not_a_cancel_when_it_is_asked_for_again() {
    // B45: whoever polls a handle again after its answer must hear what the mistake is.
    run_virtual(async {
        let mut task = spawn(async { 7 });
        assert_eq!((&mut task).await.unwrap(), 7);
        let again = futures_lite::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(&mut task));
        if let Ok(outcome) = again.await {
            assert!(!outcome.unwrap_err().is_cancelled(), "nobody cancelled this task");
        }
    });
}
