//! How a join is seen from outside: in a dump, and by a loop that is stuck.

use roundelay::{RunError, Runner, TaskBuilder, dump, join, promise, race, sleep};

use crate::support::{ms, must_end, run_virtual};

#[test]
fn a_dump_shows_of_a_join_what_it_shows_of_a_race_and_after_a_poll_of_others_too() {
    let lines = run_virtual(async {
        let named = |name: &str| TaskBuilder::new().name(name);
        let naps = || [9, 2, 7].map(|seconds| sleep(ms(1000 * seconds)));
        named("race").spawn(race(naps())).detach();
        named("list").spawn(join(naps())).detach();
        let [a, b, c] = naps();
        named("tuple").spawn(join((a, b, c))).detach();
        sleep(ms(1000)).await;
        let first = dump().to_string();
        sleep(ms(2000)).await; // the second has ended
        first + &dump().to_string()
    });
    let timers = lines.lines().filter(|line| line.contains("a timer"));
    let waits = timers.map(|line| {
        let name = line.split(['(', ')']).nth(1).unwrap();
        let due = line.split("due in ").nth(1).unwrap();
        format!("{name} {}", due.split([' ', ',']).next().unwrap())
    });
    assert_eq!(
        waits.collect::<Vec<_>>(),
        ["race 6s", "list 6s", "tuple 6s", "list 4s", "tuple 4s"]
    );
}

#[test]
fn a_loop_says_that_it_is_stuck_where_nobody_else_can_have_the_wakers() {
    let runner = || Runner::builder().virtual_clock();
    let never = || promise::<()>();
    let tuple = must_end(move || {
        let ((_a, a), (_b, b)) = (never(), never());
        matches!(runner().build().unwrap().run(join((a, b))), Err(RunError::Deadlock(_)))
    });
    let list = must_end(move || {
        let ((_a, a), (_b, b)) = (never(), never());
        let isolated = runner().isolated().build().unwrap();
        matches!(isolated.run(join([a, b])), Err(RunError::Deadlock(_)))
    });
    assert!(tuple && list);
}
