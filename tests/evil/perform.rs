//! What each act does, with whatever the storm has in its hands.

use std::panic::panic_any;
use std::task::Context;

use roundelay::{
    EventLoop, Failure, FailureKind, Queue, RunError, Runner, TaskBuilder, current_loop, spawn,
    yield_now,
};

use crate::leaves::leaf;
use crate::storm::Act;
use crate::support::ms;
use crate::things::{Evil, EvilFuture, Owner, evil_waker};
use crate::world::{INHERITED, Leaf, ROOM, World, keep, take};

impl World {
    pub(crate) fn perform(&self, act: Act) {
        match act {
            Act::Spawn(n) if self.may_spawn() => keep(&self.tasks, spawn(EvilFuture::new(n, 0))),
            Act::SpawnDetached(n) if self.may_spawn() => spawn(EvilFuture::new(n, 0)).detach(),
            Act::SpawnReporting(n) if self.may_spawn() => {
                let future = EvilFuture::new(n, 1);
                spawn(async move {
                    let evil = future.await;
                    if n % 2 == 0 { Ok(evil) } else { Err("evil error") }
                })
                .report_errors();
            }
            Act::SpawnInGroup(n) if self.may_spawn() => {
                let Some(group) = take(&self.groups, n) else { return };
                let future = EvilFuture::new(n, 1);
                drop(group.spawn(async move { Ok(future.await) }));
                keep(&self.groups, group);
            }
            Act::SpawnEager(n) if self.may_spawn() => {
                keep(&self.tasks, TaskBuilder::new().eager().spawn(EvilFuture::new(n, 1)));
            }
            Act::Spawn(_) | Act::SpawnDetached(_) | Act::SpawnEager(_) => {}
            Act::SpawnReporting(_) | Act::SpawnInGroup(_) => {}
            Act::OnDone(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                let owner = Owner::new();
                keep(&self.done, task.on_done(move |_| owner.call()));
                keep(&self.tasks, task);
            }
            Act::RemoveOnDone(n) => {
                let Some(done) = take(&self.done, n) else { return };
                done.remove();
                if done.remove() {
                    self.complain("a callback was removed twice");
                }
            }
            Act::CancelScope(n) => {
                let Some(scope) = take(&self.scopes, n) else { return };
                scope.cancel();
                keep(&self.scopes, scope);
            }
            Act::DropScope(n) => drop(take(&self.scopes, n)),
            Act::CancelToken(n) => {
                let Some(token) = take(&self.tokens, n) else { return };
                token.cancel();
                if !token.is_cancelled() || token.cancel() {
                    self.complain("a token that is cancelled and does not know it");
                }
            }
            Act::DropToken(n) => drop(take(&self.tokens, n)),
            Act::Send(n) => {
                let Some(sender) = take(&self.senders, n) else { return };
                drop(sender.try_send(Evil::new()));
                keep(&self.senders, sender);
            }
            Act::DropSender(n) => drop(take(&self.senders, n)),
            Act::Broadcast(n) => {
                let Some(sender) = take(&self.broadcasts, n) else { return };
                drop(sender.send(Evil::new()));
                keep(&self.broadcasts, sender);
            }
            Act::DropBroadcast(n) => drop(take(&self.broadcasts, n)),
            Act::Notify => {
                if let Some(guard) = self.lock.try_lock() {
                    self.condition.notify_all(&guard);
                }
            }
            Act::SetVariable => drop(INHERITED.set(Evil::new())),
            Act::CancelTask(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                task.cancel();
                keep(&self.tasks, task);
            }
            Act::DropTask(n) => drop(take(&self.tasks, n)),
            Act::TakeOutcome(n) => {
                let Some(task) = take(&self.tasks, n) else { return };
                match task.try_outcome() {
                    Ok(outcome) => drop(outcome),
                    Err(task) => keep(&self.tasks, task),
                }
            }
            Act::CancelGroup(n) => {
                let Some(group) = take(&self.groups, n) else { return };
                group.cancel();
                keep(&self.groups, group);
            }
            Act::DropGroup(n) => drop(take(&self.groups, n)),
            Act::CallSoon => {
                let Some(home) = current_loop() else { return };
                let owner = Owner::new();
                if let Ok(handle) = home.call_soon(move || owner.call()) {
                    keep(&self.calls, handle);
                }
            }
            Act::CallLater(n) => {
                let Some(home) = current_loop() else { return };
                let owner = Owner::new();
                let delay = ms(u64::from(n % 4));
                if let Ok(handle) = home.call_later(delay, move || owner.call()) {
                    keep(&self.calls, handle);
                }
            }
            Act::CancelCall(n) => {
                let Some(handle) = take(&self.calls, n) else { return };
                let waits = handle.is_waiting();
                if handle.cancel() != waits || handle.cancel() || handle.is_waiting() {
                    self.complain("a handle that does not know whether it waits");
                }
            }
            Act::Begin(n) => self.poll_by_hand(leaf(n, 1)),
            Act::PollAgain(n) => {
                let Some(future) = take(&self.futures, n) else { return };
                self.poll_by_hand(future);
            }
            Act::DropFuture(n) => drop(take(&self.futures, n)),
            Act::Resolve(n) => {
                let Some(promise) = take(&self.promises, n) else { return };
                let awaited = promise.is_awaited();
                if promise.resolve(Evil::new()).is_ok() != awaited {
                    self.complain("a promise that does not know whether it is awaited");
                }
            }
            Act::Abandon(n) => drop(take(&self.promises, n)),
            Act::TryAcquire => {
                if let Some(permit) = self.semaphore.try_acquire() {
                    keep(&self.permits, permit);
                }
            }
            Act::Release(n) => drop(take(&self.permits, n)),
            Act::TryPut => drop(self.queue().try_put(Evil::new())),
            Act::TryGet => drop(self.queue().try_get()),
            Act::CloseQueue => {
                let closed = self.queue();
                if self.queues.borrow().len() < 5 {
                    keep(&self.queues, Queue::bounded(ROOM));
                    closed.close();
                }
            }
            Act::KeepWaker => self.wants_waker.set(true),
            Act::Wake(n) => {
                if let Some(waker) = take(&self.wakers, n) {
                    waker.wake();
                }
            }
            Act::WakeElsewhere(n) => {
                if let Some(waker) = take(&self.wakers, n) {
                    std::thread::spawn(move || waker.wake()).join().unwrap();
                }
            }
            Act::DropWaker(n) => drop(take(&self.wakers, n)),
            Act::Stop => {
                if let Some(home) = current_loop() {
                    home.stop();
                }
            }
            Act::StopThroughTheDoor => {
                if let Some(home) = current_loop() {
                    home.proxy().stop();
                }
            }
            Act::RunInside => self.run_inside(),
            Act::LoopInside => {
                let inner = EventLoop::builder().virtual_clock().build().unwrap();
                for delay in [0, 3] {
                    let owner = Owner::new();
                    let _ = inner.call_later(ms(delay), move || owner.call());
                }
                let owner = Owner::new();
                let _ = inner.proxy().call_soon_threadsafe(move || owner.call());
            }
            Act::RunnerInside(n) => {
                let inner = Runner::builder().virtual_clock().build().unwrap();
                let owner = Owner::new();
                let _ = inner.loop_ref().call_soon(move || owner.call());
                if self.may_spawn() && current_loop().is_none() {
                    drop(inner.run(async move { spawn(EvilFuture::new(n, 2)).detach() }));
                }
            }
            Act::Report => {
                if let Some(home) = current_loop() {
                    home.report(Failure::new(FailureKind::TaskFailed, "evil", "evil report"));
                }
            }
            Act::Panic if !std::thread::panicking() => panic!("evil"),
            Act::PanicWithPayload if !std::thread::panicking() => panic_any(Evil::new()),
            Act::Panic | Act::PanicWithPayload => {}
        }
    }

    fn poll_by_hand(&self, mut future: Leaf) {
        let waker = evil_waker(None);
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            keep(&self.futures, future);
        }
    }

    fn run_inside(&self) {
        let outer = current_loop();
        let inner = Runner::builder().virtual_clock().build().unwrap();
        let outcome = inner.run(async { yield_now().await });
        match outcome {
            Err(RunError::Nested { .. }) if outer.is_some() => {}
            Ok(()) if outer.is_none() => {}
            // The storm's own wakers may stop any loop, so also this one.
            Err(RunError::Stopped) if outer.is_none() => {}
            outcome => self.complain(format!("a run inside {outer:?} gave {outcome:?}")),
        }
    }
}
