//! A list of futures that are polled together.
//!
//! ```text
//!   first poll:  0  1  2  3  4 ...          all, in order
//!   later:          1        4              whoever was woken, in the order of the waking
//! ```
//!
//! Each has a waker of its own ([`Woken`]), so an end costs the same among three as among thirty
//! thousand. One poll of the whole polls those who had been woken when it began: a future that
//! wakes itself has its turn in the next one, after the other tasks.
//!
//! A dump shows what the last in the list waits for that has not ended, as with a race. Who is not
//! polled in a step does not say so itself, so it is noted here.
//!
//! # Invariants
//! - A future is polled once for each time that it was woken, or less often, and never after its end.
//! - They are dropped in the order of the list.
//!
//! Tutorial: chapter 9. Before this: `woken.rs`. After this: `join.rs`.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::combinators::children::Many;
use crate::combinators::joinable::{Joinable, Joined, Rule, Seat};
use crate::combinators::woken::{OwnWaker, Woken};
use crate::own_step::{self, Wait};

/// Futures of one type, in a list.
#[allow(missing_debug_implementations, reason = "futures are looked at through their pin only")]
pub struct JoinedList<F: Future, R: Rule<F::Output>> {
    members: Vec<Member<F, R::Value>>,
    woken: Arc<Woken>,
    /// Room for the next numbers.
    emptied: Vec<usize>,
    /// How many have not ended.
    running: usize,
    /// Nobody after this one runs.
    last: usize,
}

struct Member<F, V> {
    seat: Seat<Pin<Box<F>>, V>,
    waker: OwnWaker,
    /// What it waited for when it was polled last.
    wait: Wait,
}

// The futures are boxed, and the values are never pinned.
impl<F: Future, R: Rule<F::Output>> Unpin for JoinedList<F, R> {}

impl<I, F, R> Joinable<Many, R> for I
where
    I: IntoIterator<Item = F>,
    F: Future,
    R: Rule<F::Output>,
{
    type Joined = JoinedList<F, R>;

    fn seat_all(self) -> JoinedList<F, R> {
        let woken = Arc::<Woken>::default();
        let seat = |(number, future)| Member {
            seat: Seat::Running { future: Box::pin(future) },
            waker: OwnWaker::new(&woken, number),
            wait: Wait::Unknown,
        };
        let members: Vec<_> = self.into_iter().enumerate().map(seat).collect();
        let running = members.len();
        JoinedList { members, woken, emptied: Vec::new(), running, last: running }
    }
}

impl<F: Future, R: Rule<F::Output>> Joined for JoinedList<F, R> {
    type Values = Vec<R::Value>;
    type Error = R::Error;

    fn poll_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        let this = self.get_mut();
        let (noted, _) = own_step::awaited();
        let polled = this.poll_woken();
        let Ok(Some(wait)) = polled.as_ref().map(|()| this.last_wait()) else {
            own_step::note(noted);
            return Poll::Ready(polled);
        };
        own_step::note(wait);
        this.woken.let_wake(cx.waker());
        Poll::Pending
    }

    fn take_values(self: Pin<&mut Self>) -> Vec<R::Value> {
        let members = mem::take(&mut self.get_mut().members);
        members.into_iter().map(|mut member| Pin::new(&mut member.seat).take()).collect()
    }

    fn drop_all(mut self: Pin<&mut Self>) {
        // A foreign waker is dropped last, for it may do anything.
        let _poller = self.woken.forget_poller();
        self.members.clear();
    }
}

impl<F: Future, R: Rule<F::Output>> JoinedList<F, R> {
    /// Polls those who had been woken when this began.
    fn poll_woken(&mut self) -> Result<(), R::Error> {
        let mut numbers = self.woken.take(mem::take(&mut self.emptied));
        numbers.drain(..).try_for_each(|number| self.poll_one(number))?;
        self.emptied = numbers;
        Ok(())
    }

    fn poll_one(&mut self, number: usize) -> Result<(), R::Error> {
        let member = &mut self.members[number];
        if !matches!(member.seat, Seat::Running { .. }) {
            return Ok(());
        }
        own_step::note(Wait::Unknown);
        let mut cx = Context::from_waker(member.waker.for_a_poll());
        match Pin::new(&mut member.seat).poll::<R>(&mut cx)? {
            Poll::Pending => (member.wait, _) = own_step::awaited(),
            Poll::Ready(()) => {
                member.waker.is_over();
                self.running -= 1;
            }
        }
        Ok(())
    }

    /// What the last that has not ended waits for; `None` if all have.
    fn last_wait(&mut self) -> Option<Wait> {
        if self.running == 0 {
            return None;
        }
        // It only ever goes down: all steps together are as many as there are members.
        while !matches!(self.members[self.last - 1].seat, Seat::Running { .. }) {
            self.last -= 1;
        }
        Some(self.members[self.last - 1].wait)
    }
}

impl<F: Future, R: Rule<F::Output>> Drop for JoinedList<F, R> {
    fn drop(&mut self) {
        Pin::new(self).drop_all();
    }
}
