//! The testing aids themselves.

use roundelay::testing::{Sequencer, SimNet, SimWeather, wait_all_tasks_blocked};
use roundelay::{sleep, spawn};

use crate::support::ms;
use crate::{Case, Entry, LosesPlace, Safe, case, give_up_everywhere, soon};

#[test]
fn a_testing_aid_that_is_given_up_does_not_spoil_the_test() {
    let mut table = table();
    if cfg!(miri) {
        // It is suspended 130 times, and so given up as often.
        table.retain(|(name, ..)| *name != "wait_all_tasks_blocked");
    }
    give_up_everywhere(table);
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("wait_all_tasks_blocked", Safe, || {
            spawn(async { sleep(ms(5)).await }).detach();
            case(wait_all_tasks_blocked(), async |_| wait_all_tasks_blocked().await)
        }),
        ("Sequencer::turn", LosesPlace, turn),
        ("SimNet::connect", Safe, connect),
        ("SimListener::accept", Safe, accept),
    ]
}

fn turn() -> Case {
    let order = Sequencer::new();
    let (mine, earlier) = (order.clone(), order.clone());
    let zero = async move {
        // If the other one has left before this asks, the order is broken for all.
        let _turn = earlier.turn(0).await;
        sleep(ms(1)).await;
    };
    spawn(zero).detach();
    case(async move { drop(mine.turn(1).await.unwrap()) }, async move |finished| {
        // Whoever comes later is told; nobody waits for ever.
        let later = order.turn(2).await;
        assert_eq!(later.is_ok(), finished);
    })
}

fn connect() -> Case {
    let net = SimNet::new(SimWeather::usual());
    let listener = net.listen("server").unwrap();
    let mine = net.clone();
    case(async move { drop(mine.connect("client", "server").await.unwrap()) }, async move |_| {
        drop(net.connect("client", "server").await.unwrap());
        drop(listener);
    })
}

fn accept() -> Case {
    let net = SimNet::new(SimWeather::usual());
    let listener = std::rc::Rc::new(net.listen("server").unwrap());
    let (mine, client) = (listener.clone(), net);
    soon(move || {
        let connect = async move { drop(client.connect("client", "server").await.unwrap()) };
        spawn(connect).detach();
    });
    case(async move { drop(mine.accept().await.unwrap()) }, async move |finished| {
        if !finished {
            assert_eq!(listener.accept().await.unwrap().1, "client");
        }
    })
}
