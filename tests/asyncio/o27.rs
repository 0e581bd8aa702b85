//! O27: context variables.

use roundelay::{
    ContextValues, ContextVar, TaskBuilder, current_loop, promise, spawn, timeout, yield_now,
};

use crate::support::{Log, ms, run_virtual};

static V: ContextVar<&'static str> = ContextVar::new("v");

fn v() -> &'static str {
    V.get().unwrap_or("nothing")
}

/// Says what it sees, sets its own value, and after a turn says again.
async fn child(log: Log, own: &'static str) {
    log.add(format!("{own} sees {}", v()));
    V.set(own);
    yield_now().await;
    log.add(format!("{own} sees {}", v()));
}

#[test]
fn o27_1_a_task_copies_the_values_when_it_is_created_and_its_changes_stay_inside() {
    let log = Log::new();
    run_virtual(async {
        V.set("1");
        let first = spawn(child(log.clone(), "10"));
        V.set("2");
        let second = spawn(child(log.clone(), "20"));
        first.await.unwrap();
        second.await.unwrap();
        log.add(format!("parent still {}", v()));
    });
    let seen = ["10 sees 1", "20 sees 2", "10 sees 10", "20 sees 20", "parent still 2"];
    assert_eq!(log.take(), seen);
}

#[test]
fn o27_2_awaiting_a_plain_future_shares_the_values() {
    run_virtual(async {
        V.set("2");
        child(Log::new(), "30").await;
        assert_eq!(v(), "30");
    });
}

#[test]
fn o27_3_callbacks_take_the_values_of_their_registration_along() {
    let log = Log::new();
    run_virtual(async {
        let (home, seen) = (current_loop().unwrap(), log.clone());
        V.set("at call_soon");
        home.call_soon(move || seen.add(v())).unwrap();
        V.set("later");
        yield_now().await;
        let (set, value) = promise();
        let (value, seen) = (value.shared(), log.clone());
        V.set("at on_settled");
        value.on_settled(move |_| seen.add(v()));
        V.set("at resolve");
        set.resolve(1).unwrap();
        yield_now().await;
        let (task, seen) = (spawn(async {}), log.clone());
        V.set("at on_done");
        task.on_done(move |_| seen.add(v()));
        V.set("at the end");
        task.await.unwrap();
        yield_now().await;
    });
    assert_eq!(log.take(), ["at call_soon", "at on_settled", "at on_done"]);
}

/// asyncio's context object can be shared; here it is moved into the task, which lends it back.
#[test]
fn o27_4_values_given_to_a_task_are_used_as_they_are() {
    run_virtual(async {
        let mut values = ContextValues::current();
        values.run(|| drop(V.set("explicit")));
        let log = Log::new();
        let task = TaskBuilder::new().context(values).spawn(child(log.clone(), "c"));
        yield_now().await;
        yield_now().await;
        assert_eq!(log.take(), ["c sees explicit", "c sees c"]);
        assert_eq!((task.context().run(v), v()), ("c", "nothing"));
    });
}

#[test]
fn o27_5_what_a_callback_sets_stays_in_its_copy() {
    run_virtual(async {
        V.set("at resolve");
        let home = current_loop().unwrap();
        home.call_soon(|| drop(V.set("from a callback"))).unwrap();
        yield_now().await;
        assert_eq!(v(), "at resolve");
    });
}

#[test]
fn o27_6_what_is_set_under_a_limit_reaches_the_caller() {
    run_virtual(async {
        timeout(ms(1), child(Log::new(), "w")).await.unwrap();
        assert_eq!(v(), "w");
    });
}
