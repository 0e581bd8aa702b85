//! O23: other threads and the loop.

use std::sync::{Arc, Mutex};

use roundelay::{EventLoop, LoopProxy};

use crate::support::must_end;

#[test]
fn o23_1_another_thread_reaches_a_sleeping_loop_only_through_a_door_that_wakes_it() {
    fn travels<T: Send + Sync>(_: &T) {}
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let door: LoopProxy = event_loop.proxy();
        travels(&door);
        // `LoopRef`, which has the plain `call_soon`, is not `Send`: sending it does not compile.
        let thread = std::thread::spawn(move || {
            let inner = door.clone();
            door.call_soon_threadsafe(move || inner.stop()).unwrap();
        });
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn o23_3_calls_from_another_thread_keep_their_order() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (door, log) = (event_loop.proxy(), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            for n in 0..5 {
                let log = Arc::clone(&log);
                door.call_soon_threadsafe(move || log.lock().unwrap().push(n)).unwrap();
            }
            door.stop();
        });
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
        assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3, 4]);
    });
}
