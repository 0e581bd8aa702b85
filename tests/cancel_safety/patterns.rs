//! Small machines.

use std::cell::Cell;
use std::num::{NonZeroU32, NonZeroUsize};
use std::rc::Rc;

use roundelay::{
    Feed, Lock, RateLimiter, ResourcePool, RetryPolicy, pipeline, promise, retry, retry_if, sleep,
    spawn, yield_now,
};

use crate::support::{Census, ms};
use crate::{Case, Entry, LosesData, LosesPlace, case, give_up_everywhere, settle};

#[test]
fn what_a_pattern_holds_is_given_back_wherever_it_is_given_up() {
    give_up_everywhere(table());
}

pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("retry", LosesData, || {
            attempts(async |policy, census| {
                let outcome = retry(&policy, async |_| {
                    let _here = census.born();
                    sleep(ms(1)).await;
                    Err::<(), _>(())
                });
                assert!(outcome.await.is_err());
            })
        }),
        ("retry_if", LosesData, || {
            attempts(async |policy, census| {
                let attempt = async |_| {
                    let _here = census.born();
                    sleep(ms(1)).await;
                    Err::<(), _>(())
                };
                assert!(retry_if(&policy, |()| true, attempt).await.is_err());
            })
        }),
        ("RateLimiter::acquire", LosesPlace, rate_limit),
        ("ResourcePool::get", LosesPlace, resource),
        ("pipeline", LosesData, whole_pipeline),
        ("Feed::put", LosesData, feed),
    ]
}

fn attempts(run: impl AsyncFnOnce(RetryPolicy, Census) + 'static) -> Case {
    let census = Census::new();
    let seen = census.clone();
    let policy = RetryPolicy::new(NonZeroU32::new(3).unwrap());
    case(async move { run(policy, seen).await }, async move |_| assert_eq!(census.alive(), 0))
}

fn rate_limit() -> Case {
    let limiter = RateLimiter::new(NonZeroU32::MIN, ms(10));
    assert!(limiter.try_acquire());
    let (mine, behind) = (limiter.clone(), limiter.clone());
    case(async move { mine.acquire().await }, async move |finished| {
        // The token that was not had comes for the next.
        let start = roundelay::now();
        behind.acquire().await;
        assert!(roundelay::now() - start <= ms(10), "{finished}");
        assert_eq!(limiter.waiting(), 0);
    })
}

fn resource() -> Case {
    let census = Census::new();
    let making = census.clone();
    let pool = ResourcePool::new(NonZeroUsize::MIN, move || {
        let here = making.born();
        async move {
            sleep(ms(1)).await;
            Ok::<_, ()>(here)
        }
    });
    let (seen, other) = (pool.clone(), pool.clone());
    let holder = async move {
        other.get().await.unwrap().discard();
        sleep(ms(1)).await;
    };
    spawn(holder).detach();
    let borrow = async move {
        yield_now().await;
        drop(pool.get().await);
    };
    case(borrow, async move |_| {
        settle().await;
        assert_eq!((seen.available(), seen.waiting()), (1, 0));
        assert_eq!(census.alive(), seen.idle()); // none is half made
    })
}

fn two() -> NonZeroUsize {
    NonZeroUsize::new(2).unwrap()
}

fn whole_pipeline() -> Case {
    let census = Census::new();
    let (fed, eaten) = (census.clone(), census.clone());
    let all = async move {
        let produce = async |feed: Feed<_>| {
            for _ in 0..4 {
                feed.put(fed.born()).await;
                sleep(ms(1)).await;
            }
            Ok::<_, ()>(())
        };
        let consume = move |item| {
            let here = eaten.born();
            async move {
                sleep(ms(2)).await;
                drop((item, here));
                Ok(())
            }
        };
        pipeline(two(), two(), produce, consume).await.unwrap();
    };
    case(all, async move |_| assert_eq!(census.alive(), 0))
}

fn feed() -> Case {
    let (census, eaten) = (Census::new(), Rc::new(Cell::new(0)));
    let (promise, feed) = promise();
    let (ended, end) = roundelay::promise();
    let eats = eaten.clone();
    let line = pipeline(
        NonZeroUsize::MIN,
        NonZeroUsize::MIN,
        async move |feed: Feed<_>| {
            drop(promise.resolve(feed));
            end.await.unwrap();
            Ok::<_, ()>(())
        },
        move |item| {
            let eats = eats.clone();
            async move {
                sleep(ms(1)).await;
                drop(item);
                eats.set(eats.get() + 1);
                Ok(())
            }
        },
    );
    spawn(line).detach();
    let (put, born) = (Lock::new(0), census.clone());
    let puts = put.clone();
    let fill = async move {
        let feed = feed.await.unwrap();
        for _ in 0..3 {
            feed.put(born.born()).await;
            *puts.lock().await += 1;
        }
    };
    case(fill, async move |_| {
        settle().await;
        ended.resolve(()).unwrap();
        settle().await;
        assert_eq!((eaten.get(), census.alive()), (*put.lock().await, 0));
    })
}
