//! What comes out, and in which order; the first error.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::task::{Poll, Waker};

use roundelay::{join, sleep, try_join, yield_now};

use crate::actors::napper;
use crate::support::{Log, ms, poll_once, run_virtual};

#[test]
fn outputs_come_in_the_order_of_the_argument_whatever_the_order_of_ending() {
    run_virtual(async {
        let start = roundelay::now();
        let naps = [30, 10, 20].map(|nap| async move {
            sleep(ms(nap)).await;
            nap
        });
        assert_eq!(join(naps).await, [30, 10, 20]);
        assert_eq!(roundelay::now() - start, ms(30), "they sleep at the same time");
        let late = async {
            sleep(ms(5)).await;
            'a'
        };
        assert_eq!(join((late, ready("b"), async { 3 })).await, ('a', "b", 3));
    });
}

#[test]
fn a_tuple_may_have_eight_members_of_eight_types() {
    run_virtual(async {
        let (a, b, c, d, e, f, g, h) = join((
            ready(1_u8),
            ready(2_u16),
            ready(3_u32),
            ready(4_u64),
            ready('5'),
            ready("6"),
            yield_now(),
            async { Some(8) },
        ))
        .await;
        assert_eq!((a, b, c, d, e, f, g, h), (1, 2, 3, 4, '5', "6", (), Some(8)));
    });
}

#[test]
fn an_empty_list_ends_at_once() {
    let nobody = || Vec::<std::future::Ready<Result<(), ()>>>::new();
    assert_eq!(poll_once(&mut join(nobody()), Waker::noop()), Poll::Ready(Vec::new()));
    assert_eq!(poll_once(&mut try_join(nobody()), Waker::noop()), Poll::Ready(Ok(Vec::new())));
}

#[test]
fn the_futures_may_borrow() {
    run_virtual(async {
        let words = ["long".to_owned(), "short".to_owned()];
        let counted = Cell::new(0);
        let lengths = words.iter().map(|word| async {
            yield_now().await;
            counted.set(counted.get() + 1);
            word.len()
        });
        assert_eq!(join(lengths).await, [4, 5]);
        let mut log = Vec::new();
        let adds = async {
            yield_now().await;
            log.push(counted.get());
            Ok::<_, ()>(())
        };
        try_join((adds, async { Ok(words[0].as_str()) })).await.unwrap();
        assert_eq!(log, [2]);
    });
}

#[test]
fn the_first_error_comes_out_at_once_and_the_others_are_gone_by_then() {
    let log = Log::new();
    run_virtual(async {
        let start = roundelay::now();
        let runner = |name, nap, is_well: bool| {
            let nap = napper(&log, name, nap);
            async move {
                let name = nap.await;
                if is_well { Ok(name) } else { Err(name) }
            }
        };
        let all = [("a", 30, true), ("b", 10, false), ("c", 5, true), ("d", 20, false)];
        let list = all.map(|(name, nap, is_well)| runner(name, nap, is_well));
        assert_eq!(try_join(list).await, Err("b"));
        log.add("list");
        let pair = (runner("a", 30, true), runner("b", 10, false), runner("c", 5, true));
        assert_eq!(try_join(pair).await, Err("b"));
        log.add("tuple");
        assert_eq!(roundelay::now() - start, ms(20));
    });
    let list = ["c is gone", "b is gone", "a is gone", "d is gone", "list"];
    let tuple = ["c is gone", "b is gone", "a is gone", "tuple"];
    assert_eq!(log.take(), [&list[..], &tuple].concat());
}

#[test]
fn after_an_error_in_the_first_poll_nobody_further_on_is_polled() {
    let polled = Cell::new(false);
    let noted = || {
        polled.set(true);
        Poll::Ready(Ok::<(), _>(()))
    };
    let fails = || ready(Err("no"));
    let mut tuple = Box::pin(try_join((fails(), poll_fn(|_| noted()))));
    assert_eq!(poll_once(&mut tuple, Waker::noop()), Poll::Ready(Err("no")));
    type Boxed<'a> = Pin<Box<dyn Future<Output = Result<(), &'static str>> + 'a>>;
    let list: [Boxed<'_>; 2] = [Box::pin(fails()), Box::pin(poll_fn(|_| noted()))];
    assert_eq!(poll_once(&mut try_join(list), Waker::noop()), Poll::Ready(Err("no")));
    assert!(!polled.get());
}
