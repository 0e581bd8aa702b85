//! Promises about threads, checked by the compiler: what may travel, what may be shared, and what
//! stays on the thread of its loop. Contract 11 of the house; bug class B10.
//!
//! Tasks and what they meet at are not `Send`, and whoever makes them so by mistake lets two
//! threads write one cell. Sockets, sleeps and errors are, and whoever takes that away breaks
//! every library that keeps one behind an `Arc`.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use roundelay::runtime::{self, Callback, ClockHold, Direction, Key, Source, TimerKey, WaitKey};
// The glob below brings in the attribute `test` for async functions, too.
use core::prelude::v1::test;
use roundelay::testing::{
    Explore, Explored, FailingSchedule, Schedule, Sequencer, SimListener, SimNet, SimStream,
    SimWeather, Turn,
};
use roundelay::*;

/// Compiles only if each type has the trait.
macro_rules! has {
    ($trait:ident: $($type:ty),+ $(,)?) => {
        $(const _: fn() = || {
            fn check<T: ?Sized + $trait>() {}
            check::<$type>();
        };)+
    };
}

/// Compiles only if no type has the trait: with it, `some` would be two things at once.
macro_rules! has_not {
    ($trait:ident: $($type:ty),+ $(,)?) => {
        $(const _: fn() = || {
            trait Ambiguous<A> {
                fn some() {}
            }
            struct HasIt;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $trait> Ambiguous<HasIt> for T {}
            let _ = <$type as Ambiguous<_>>::some;
        };)+
    };
}

/// Something that stays on its thread, and something that may travel but not be shared.
type Stays = Rc<()>;
type Travels = Cell<u8>;

type UnixReadHalf = ReadHalf<std::os::unix::net::UnixStream>;
type UnixWriteHalf = WriteHalf<std::os::unix::net::UnixStream>;

// ---- travels, and may be shared -------------------------------------------------------------

has!(Send: LoopProxy, ClockHold, Source, Key, TimerKey, WaitKey, Direction, Moment, Instant);
has!(Sync: LoopProxy, ClockHold, Source, Key, TimerKey, WaitKey, Direction, Moment, Instant);

has!(Send: ReadinessScript, JobPlan, Schedule, Explore, Explored, FailingSchedule, SimWeather);
has!(Send: TcpStream, TcpListener, ReadHalf, WriteHalf, Sleep, YieldNow, Interval, MissedTick);
has!(Sync: TcpStream, TcpListener, ReadHalf, WriteHalf, Sleep, YieldNow, Interval, MissedTick);

has!(Send: UnixStream, UnixListener, UnixDatagram, UdpSocket, Watched<std::fs::File>);
has!(Sync: UnixStream, UnixListener, UnixDatagram, UdpSocket, Watched<std::fs::File>);
has!(Send: UnixReadHalf, UnixWriteHalf, ReuniteError, Endpoint, Resolver, PeerCredentials);
has!(Sync: UnixReadHalf, UnixWriteHalf, ReuniteError, Endpoint, Resolver, PeerCredentials);

has!(Send: Select<Sleep, Sleep>, Race<Sleep>, RaceOk<Sleep, u8>, Either<Travels, Travels>);
has!(Sync: Select<Sleep, Sleep>, Race<Sleep>, RaceOk<Sleep, u8>);

has!(Send: Timeout<Sleep>, Timeout<std::future::Ready<Travels>>, ToThread<fn() -> u8, u8>);
has!(Sync: Timeout<Sleep>);

has!(Send: CancelToken, CancelOnDrop, UntilCancelled, RunUntilCancelled<Sleep>);
has!(Sync: CancelToken, CancelOnDrop, UntilCancelled, RunUntilCancelled<Sleep>);

has!(Send: Failure, FailureKind, runtime::Event, Work, TaskEnd, TaskInfo, TaskEnded, TaskState);
has!(Sync: Failure, FailureKind, runtime::Event, Work, TaskEnd, TaskInfo, TaskEnded, TaskState);
has!(Send: ContextVar<u8>, ContextValues, Reset, MetricsSnapshot, WithVariable<u8, Sleep>);
has!(Sync: ContextVar<u8>, ContextValues, Reset, MetricsSnapshot, WithVariable<u8, Sleep>);
has_not!(Send: Shared<u8>, OnDone, OnSettled, Metrics);

// ---- errors: whoever boxes one as `dyn Error + Send + Sync` can -------------------------------

has!(Send: LoopClosed, WrongLoop, RunError, TaskError, TaskPanic, Elapsed, Abandoned, ChildEnded);
has!(Sync: LoopClosed, WrongLoop, RunError, TaskError, TaskPanic, Elapsed, Abandoned, ChildEnded);
has!(Send: LookupError, ConnectError, LineTooLong, LineReader<&'static [u8]>);
has!(Sync: LookupError, ConnectError, LineTooLong, LineReader<&'static [u8]>);
has!(Send: Cancelled, StartError<u8>);
has!(Sync: Cancelled, StartError<u8>);
has!(Send: BrokenBarrier, OverReleased, SetError<u8>);
has!(Sync: BrokenBarrier, OverReleased, SetError<u8>);
has!(Send: NoReceivers<u8>, TryGetError, TaskDoneError, BroadcastError);
has!(Send: Closed<u8>, Finished, TryPutError<u8>, GatherError<u8>, GatherCause<u8>, AllFailed<u8>);
has!(Sync: Closed<u8>, Finished, TryPutError<u8>, GatherError<u8>, GatherCause<u8>, AllFailed<u8>);
has!(Send: GroupError<u8>, GroupFailure<u8>, GroupCause<u8>);
has!(Sync: NoReceivers<u8>, TryGetError, TaskDoneError, BroadcastError);
has!(Sync: GroupError<u8>, GroupFailure<u8>, GroupCause<u8>);

// An error that carries what stays, stays.
has_not!(Send: Closed<Stays>, TryPutError<Stays>, GatherError<Stays>, GroupError<Stays>);
has_not!(Sync: Closed<Travels>, TryPutError<Travels>, GatherError<Travels>, GroupError<Travels>);

// ---- bridges: made to travel -------------------------------------------------------------------

has!(Send: Spawner, RemoteTask<Travels>, LoopThread, RemoteError, LoopThreadError, FromThreadError);
has!(Sync: Spawner, RemoteTask<Travels>, LoopThread, RemoteError, LoopThreadError, FromThreadError);
has!(Send: RunOn<Travels>, Random, RetryPolicy, RetryError<Travels>, GaveUp);
has!(Sync: Random, RetryPolicy, RetryError<u8>, GaveUp);
has_not!(Send: RemoteTask<Stays>);

// ---- stays on the thread of its loop ----------------------------------------------------------

has_not!(Send: EventLoop, EventLoopBuilder, LoopRef, CallHandle, Callback, FailurePolicy);
has_not!(Sync: EventLoop, EventLoopBuilder, LoopRef, CallHandle, Callback, FailurePolicy);
has_not!(Send: Runner, RunnerBuilder, Task<()>, TaskBuilder, TaskGroup<()>, Child<()>);
has_not!(Sync: Runner, RunnerBuilder, Task<()>, TaskBuilder, TaskGroup<()>, Child<()>);
has_not!(Send: TryGather<Vec<Task<Result<(), ()>>>>, RaceTasks<()>, AsCompleted<()>, Wait<'_, ()>);
// A pair in memory stays, so that a loop can tell that both ends wait for each other.
has_not!(Send: DuplexStream, DuplexReader, DuplexWriter, LineReader<DuplexStream>);
has_not!(Sync: DuplexStream, DuplexReader, DuplexWriter, LineReader<DuplexStream>);
has_not!(Send: Deadline, Guarded<Sleep>, TimeoutJoin<()>, Select<Sleep, Task<()>>);
has_not!(Send: CancelScope, Scoped<Sleep>, Shielded<Sleep>);
has_not!(Sync: CancelScope, Scoped<Sleep>, Shielded<Sleep>);
has_not!(Send: CancellableGroup<()>, Room<()>, Start<(), ()>, GroupResults<(), ()>);
has_not!(Sync: CancellableGroup<()>, Room<()>, Start<(), ()>, GroupResults<(), ()>);
has_not!(Send: Semaphore, Acquire, Permit, Queue<()>, Put<()>, Get<()>);
has_not!(Sync: Semaphore, Acquire, Permit, Queue<()>, Put<()>, Get<()>);
has_not!(Send: Lock<()>, AcquireLock<()>, LockGuard<()>, Condition<()>, ConditionWait<()>);
has_not!(Sync: Lock<()>, AcquireLock<()>, LockGuard<()>, Condition<()>, ConditionWait<()>);
has_not!(Send: RwLock<()>, AcquireRead<()>, AcquireWrite<()>, ReadGuard<()>, WriteGuard<()>);
has_not!(Sync: RwLock<()>, AcquireRead<()>, AcquireWrite<()>, ReadGuard<()>, WriteGuard<()>);
has_not!(Send: Event, EventWait, Notify, Notified, Barrier, BarrierWait, OnceCell<()>);
has_not!(Sync: Event, EventWait, Notify, Notified, Barrier, BarrierWait, OnceCell<()>);
has_not!(Send: BoundedSemaphore, CapacityLimiter, AcquireToken, LimiterToken, Borrower);
has_not!(Sync: BoundedSemaphore, CapacityLimiter, AcquireToken, LimiterToken, Borrower);
has_not!(Send: BorrowError, LimiterStatistics);
has_not!(Sync: BorrowError, LimiterStatistics);
has_not!(Send: GetItem<()>, QueueItem<()>, QueueJoin, Sender<()>, Receiver<()>);
has_not!(Send: Sending<'static, ()>, Receiving<'static, ()>, Changed<'static, ()>);
has_not!(Send: BroadcastSender<()>, BroadcastReceiver<()>, BroadcastReceiving<'static, ()>);
has_not!(Send: WatchSender<()>, WatchReceiver<()>);
has_not!(Sync: GetItem<()>, QueueItem<()>, QueueJoin, Sender<()>, Receiver<()>);
has_not!(Sync: Sending<'static, ()>, Receiving<'static, ()>, Changed<'static, ()>);
has_not!(Sync: BroadcastSender<()>, BroadcastReceiver<()>, BroadcastReceiving<'static, ()>);
has_not!(Sync: WatchSender<()>, WatchReceiver<()>);
has_not!(Send: Promise<()>, PromiseFuture<()>, Gather<Vec<Task<Result<(), ()>>>>, GatherAll<Vec<Task<()>>>);
has_not!(Sync: Promise<()>, PromiseFuture<()>, Gather<Vec<Task<Result<(), ()>>>>, GatherAll<Vec<Task<()>>>);

has_not!(Send: TimedPool, SimNet, SimListener, SimStream);
has_not!(Sync: TimedPool, SimNet, SimListener, SimStream);
has_not!(Send: RateLimiter, ResourcePool<u8, ()>, Pooled<u8>, Feed<u8>, Sequencer, Turn);
has_not!(Sync: RateLimiter, ResourcePool<u8, ()>, Pooled<u8>, Feed<u8>, Sequencer, Turn);

// What guards or carries something that stays, stays.
has_not!(Send: Timeout<Task<()>>, Timeout<PromiseFuture<()>>, ToThread<Stays, ()>);
has_not!(Sync: Timeout<std::future::Ready<Travels>>);

// ---- needs no pin -----------------------------------------------------------------------------

has!(Unpin: UnixStream, UnixReadHalf, UnixWriteHalf, DuplexStream, DuplexReader, DuplexWriter);
has!(Unpin: TcpStream, ReadHalf, WriteHalf, Sleep, YieldNow, Task<Stays>, Child<Stays>);
has!(Unpin: AcquireLock<Stays>, AcquireRead<Stays>, AcquireWrite<Stays>, AcquireToken, EventWait);
has!(Unpin: ConditionWait<Stays>, BarrierWait, Notified);
has!(Unpin: GetItem<Stays>, QueueJoin, Sending<'static, Stays>, Receiving<'static, Stays>);
has!(Unpin: Receiver<Stays>, BroadcastReceiver<Stays>, WatchReceiver<Stays>);
has!(Unpin: Acquire, Get<Stays>, Put<Stays>, PromiseFuture<Stays>, Gather<Vec<Task<Result<Stays, Stays>>>>);
has!(Unpin: Interval, TryGather<Vec<Task<Result<Stays, Stays>>>>, AsCompleted<Stays>, RaceTasks<Stays>);
has!(Unpin: GatherAll<Vec<Task<Stays>>>, ToThread<fn() -> u8, u8>, Timeout<Sleep>);

#[test]
fn joined_futures_travel_if_each_of_them_may() {
    fn check<T: Send + Sync>(_: T) {}
    let answer = || std::future::ready(Ok::<u8, u8>(0));
    check(join([sleep(Duration::ZERO)]));
    check(join((sleep(Duration::ZERO), yield_now())));
    check(try_join([answer()]));
    check(try_join((answer(), answer())));
}

/// Futures that a `Send` program would want to keep in its own.
#[test]
fn the_futures_of_sockets_may_travel_too() {
    fn check<T: Send>(_: T) {}
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    check(TcpStream::connect(nowhere));
    check(TcpStream::connect_to("127.0.0.1", 0));
    check(async {
        let listener = TcpListener::bind(nowhere)?;
        listener.accept().await
    });
    check(TcpStream::connect("localhost:80"));
    check(TcpStream::connect_timeout(vec![nowhere], Duration::ZERO));
    check(lookup_host("localhost:80"));
    check(UnixStream::connect("/nowhere"));
    check(async move {
        let socket = UdpSocket::bind(nowhere)?;
        socket.send_to(b"x", nowhere).await?;
        socket.recv_from(&mut [0]).await
    });
    check(async {
        let socket = UnixDatagram::unbound()?;
        socket.send_to(b"x", "/nowhere").await?;
        UnixListener::bind("/nowhere")?.accept().await
    });
    check(async move {
        use futures_lite::{AsyncReadExt, AsyncWriteExt};
        let (mut read, mut write) = TcpStream::connect(nowhere).await?.into_split();
        write.write_all(b"x").await?;
        read.read(&mut [0]).await
    });
}
