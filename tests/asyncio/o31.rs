//! O31: what may be awaited, and how often.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use roundelay::{RunError, Task, promise, spawn, yield_now};

use crate::support::{must_end, poll_now, run_virtual, virtual_runner};

#[test]
fn o31_2_awaiting_oneself_takes_a_handle_on_purpose_and_is_a_deadlock_that_is_told() {
    must_end(|| {
        let outcome = virtual_runner().run(async {
            let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
            let reach = Rc::clone(&own);
            let task = spawn(async move {
                let me = reach.take().unwrap();
                let _ = me.await;
            });
            // The handle moves into its own task, so nobody else can await it.
            *own.borrow_mut() = Some(task);
            yield_now().await;
            let (_never, value) = promise::<()>();
            value.await
        });
        assert!(matches!(outcome, Err(RunError::Deadlock(_))), "{outcome:?}");
    });
}

#[test]
fn o31_3_a_future_and_a_task_give_their_outcome_once() {
    run_virtual(async {
        let mut task = spawn(async { 3 });
        yield_now().await;
        assert!(poll_now(&mut task).await.is_ready());
        let again = AssertUnwindSafe(std::future::poll_fn(|cx| {
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| {
                std::pin::Pin::new(&mut task).poll(cx).is_ready()
            }));
            std::task::Poll::Ready(caught)
        }));
        let panic = again.0.await.unwrap_err();
        let text = roundelay::runtime::panic_message(&*panic);
        assert!(text.contains("has been taken; a task gives it once"), "{text}");
    });
}
