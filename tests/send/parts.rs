//! What is as its parts are: it travels, is shared, or needs no pin, if they may, are or do not.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

// The glob below brings in the attribute `test` for async functions, too.
use core::prelude::v1::test;
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

has!(Send: UnixReadHalf, UnixWriteHalf);
has!(Sync: UnixReadHalf, UnixWriteHalf);

has!(Send: Either<Travels, Travels>);

has!(Send: Timeout<std::future::Ready<Travels>>, ToThread<fn() -> u8, u8>);

// An error that carries what stays, stays.
has_not!(Send: Closed<Stays>, TryPutError<Stays>, GatherError<Stays>, GroupError<Stays>);
has_not!(Sync: Closed<Travels>, TryPutError<Travels>, GatherError<Travels>, GroupError<Travels>);

has!(Send: RemoteTask<Travels>);
has!(Sync: RemoteTask<Travels>);
has!(Send: RunOn<Travels>, RetryError<Travels>);
has_not!(Send: RemoteTask<Stays>);

has_not!(Send: TryGather<Vec<Task<Result<(), ()>>>>);
// A pair in memory stays, so that a loop can tell that both ends wait for each other.
has_not!(Send: LineReader<DuplexStream>);
has_not!(Sync: LineReader<DuplexStream>);
has_not!(Send: Select<Sleep, Task<()>>);
has_not!(Send: GroupResults<(), ()>);
has_not!(Sync: GroupResults<(), ()>);
has_not!(Send: Gather<Vec<Task<Result<(), ()>>>>, GatherAll<Vec<Task<()>>>);
has_not!(Sync: Gather<Vec<Task<Result<(), ()>>>>, GatherAll<Vec<Task<()>>>);

// What guards or carries something that stays, stays.
has_not!(Send: Timeout<Task<()>>, Timeout<PromiseFuture<()>>, ToThread<Stays, ()>);
has_not!(Sync: Timeout<std::future::Ready<Travels>>);

// What needs no pin.

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
