//! All public types, and whether each may leave its thread and be shared. A field more in one of them
//! could take that back without a word.

use std::marker::PhantomData;
use std::path::Path;

use roundelay as r;

type Future = std::future::Ready<u8>;
type Work = fn() -> u8;
type Socket = std::net::TcpStream;

/// Asks what a type is. The constants of `impl` blocks go before those of a trait, if their bounds
/// hold.
trait Unless {
    const SEND: bool = false;
    const SYNC: bool = false;
}

struct Sent<T>(PhantomData<T>);
impl<T> Unless for Sent<T> {}
impl<T: Send> Sent<T> {
    const SEND: bool = true;
}

struct Shared<T>(PhantomData<T>);
impl<T> Unless for Shared<T> {}
impl<T: Sync> Shared<T> {
    const SYNC: bool = true;
}

/// The name of each type, and whether it is `Send` and `Sync`.
macro_rules! asked {
    ($($t:ty),* $(,)?) => {
        [$((stringify!($t), (<Sent<$t>>::SEND, <Shared<$t>>::SYNC))),*]
    };
}

/// Those of whom it is not so.
fn others(asked: &[(&'static str, (bool, bool))], so: (bool, bool)) -> Vec<&'static str> {
    asked.iter().filter(|(_, is)| *is != so).map(|(name, _)| *name).collect()
}

const NOBODY: [&str; 0] = [];

#[test]
fn what_may_be_needed_anywhere_may_go_to_another_thread_and_be_used_from_several() {
    let asked = asked![
        r::Abandoned, r::AllFailed<u8>, r::BorrowError, r::Borrower, r::BroadcastError,
        r::BrokenBarrier, r::CancelOnDrop, r::CancelToken, r::Cancelled, r::ChildEnded,
        r::Closed<u8>, r::ConnectError, r::Dump, r::DumpForm, r::Either<u8,u8>, r::Elapsed,
        r::Endpoint, r::Finished, r::FromThreadError, r::GatherCause<u8>, r::GatherError<u8>,
        r::GaveUp, r::GroupBuilder, r::GroupCause<u8>, r::GroupError<u8>, r::GroupFailure<u8>,
        r::HeldBy, r::Inspected, r::Interval, r::JobPlan, r::LimiterStatistics,
        r::LineReader<r::TcpStream>, r::LineTooLong, r::LookupError, r::LoopThread, r::LoopThreadBuilder,
        r::LoopThreadError, r::MissedTick, r::NoReceivers<u8>, r::OverReleased,
        r::PeerCredentials, r::PipeReader, r::PipeWriter, r::Race<Future>, r::RaceOk<Future,u8>, r::Random,
        r::ReadHalf, r::RemoteError, r::RemoteTask<u8>, r::Resolver, r::RetryError<u8>,
        r::RetryPolicy, r::ReuniteError, r::RunOn<u8>, r::RunUntilCancelled<Future>, r::Select<Future,Future>,
        r::ServerBuilder, r::SetError<u8>, r::Signals, r::Sleep, r::Spawner, r::StartError<u8>,
        r::TaskDoneError, r::TaskDump, r::TaskEnded, r::TaskError, r::TaskInfo, r::TaskName,
        r::TaskPanic, r::TaskState, r::TcpListener, r::TcpStream, r::Timeout<Future>,
        r::ToThread<Work,u8>, r::TryGetError, r::TryPutError<u8>, r::UdpSocket, r::UnixDatagram,
        r::UnixListener, r::UnixStream, r::UntilCancelled, r::WaitsFor, r::When<u8>,
        r::WithVariable<u8,Future>, r::WriteHalf, r::YieldNow, r::Watched<Socket>,
        r::pools::AsCompleted<u8>, r::pools::Bytes, r::pools::CompletedStream<u8>,
        r::pools::Ended, r::pools::Job<u8>, r::pools::JobError, r::pools::Limited<'static>,
        r::pools::OnWorkerDeath, r::pools::PanicReport, r::pools::PoolError,
        r::pools::PoolMetrics, r::pools::ProcessPool, r::pools::RunningJob,
        r::pools::ScriptedPool, r::pools::StillRunning, r::pools::ThreadPool,
        r::pools::ThreadPoolBuilder, r::pools::WaitJobs<'static,u8>, r::pools::Waited,
        r::pools::When, r::pools::WorkerExit, r::process::Child, r::process::Command,
        r::runtime::Awaited, r::runtime::Call, r::runtime::ClockHold, r::runtime::ContextValues,
        r::runtime::ContextVar<u8>, r::runtime::Direction, r::runtime::Event,
        r::runtime::ExitAtSecond, r::runtime::Failure, r::runtime::FailureKind,
        r::runtime::HeldUp, r::runtime::HomeTimer, r::runtime::Interest, r::runtime::Key,
        r::runtime::LoopClosed, r::runtime::LoopProxy, r::runtime::MetricsSnapshot,
        r::runtime::Moment, r::runtime::OnDuty, r::runtime::ReadinessScript,
        r::runtime::ReadyEntry, r::runtime::Reset, r::runtime::RunError, r::runtime::Signal,
        r::runtime::SignalPipe, r::runtime::SlowSpan, r::runtime::Source, r::runtime::Stuck,
        r::runtime::SyncDeed, r::runtime::TaskEnd, r::runtime::TimerKey, r::runtime::WaitKey,
        r::runtime::Work, r::runtime::WrongLoop, r::testing::Explore, r::testing::Explored,
        r::testing::FailingSchedule, r::testing::Schedule, r::testing::SequencerBroken, r::testing::SimWeather,
        r::testing::TestRun, r::testing::WaitAllTasksBlocked, r::trace::Sentences,
        r::trace::Trace, r::trace::TraceError, r::trace::TraceState,
    ];
    assert_eq!(others(&asked, (true, true)), NOBODY);
}

#[test]
fn what_has_room_for_one_at_a_time_may_go_to_another_thread() {
    let asked = asked![r::Stdin, r::Stdout, r::pools::ProcessPoolBuilder,];
    assert_eq!(others(&asked, (true, false)), NOBODY);
}

#[test]
fn what_belongs_to_one_loop_stays_on_its_thread() {
    let asked = asked![
        r::Acquire, r::AcquireLock<u8>, r::AcquireRead<u8>, r::AcquireToken, r::AcquireWrite<u8>,
        r::AsCompleted<u8>, r::Barrier, r::BarrierWait, r::BoundedSemaphore,
        r::BroadcastReceiver<u8>, r::BroadcastReceiving<'static,u8>, r::BroadcastSender<u8>,
        r::CancelScope, r::CancellableGroup<u8>, r::CapacityLimiter, r::Changed<'static,u8>,
        r::Child<u8>, r::Condition<u8>, r::ConditionWait<u8>, r::Deadline, r::DuplexReader,
        r::DuplexStream, r::DuplexWriter, r::Event, r::EventWait, r::FailAfter<Future>, r::Feed<u8>,
        r::Get<u8>, r::GetItem<u8>, r::Guarded<Future>, r::LimiterToken, r::Lock<u8>, r::LockGuard<u8>,
        r::Notified, r::Notify, r::OnDone, r::OnSettled, r::OnceCell<u8>, r::Permit,
        r::Pooled<u8>, r::Promise<u8>, r::PromiseFuture<u8>, r::Put<u8>, r::Queue<u8>,
        r::QueueItem<u8>, r::QueueJoin, r::RaceTasks<u8>, r::RateLimiter, r::ReadGuard<u8>,
        r::Ready<u8,u8>, r::Receiver<u8>, r::Receiving<'static,u8>, r::ResourcePool<u8,u8>,
        r::Room<u8>, r::Runner, r::RunnerBuilder, r::RwLock<u8>, r::Scoped<Future>, r::Semaphore,
        r::Sender<u8>, r::Sending<'static,u8>, r::Server, r::Shared<u8>, r::Shielded<Future>,
        r::Start<u8,u8>, r::Task<u8>, r::TaskBuilder, r::TaskGroup<u8>, r::TimedPool,
        r::TimeoutJoin<u8>, r::Wait<'static,u8>, r::WatchReceiver<u8>, r::WatchSender<u8>,
        r::WriteGuard<u8>, r::runtime::CallHandle, r::runtime::Callback, r::runtime::EventLoop,
        r::runtime::EventLoopBuilder, r::runtime::FailurePolicy, r::runtime::LoopRef,
        r::runtime::Metrics, r::runtime::SignalHandler, r::testing::Sequencer,
        r::testing::SimListener, r::testing::SimNet, r::testing::SimStream, r::testing::Turn, r::trace::Recorder,
    ];
    assert_eq!(others(&asked, (false, false)), NOBODY);
}

/// Not asked: traits.
const TRAITS: &[&str] = &[
    "Target",
    "Observer",
    "Scheduler",
    "ContextScope",
    "GroupResults",
    "Accept",
    "SocketStream",
    "Pool",
    "RemotePool",
    "RemoteFn",
    "Invoke",
];

/// Nor what is made of somebody else's parts (`parts.rs` asks some of that); what the macros of the pools
/// use; what only a feature brings; and another name of a type of std's.
const OF_OTHERS: &[&str] = &[
    "Gather",
    "GatherAll",
    "Join",
    "TryJoin",
    "TryGather",
    "Window",
    "ProcessMap",
    "ThreadMap",
    "TestWorker",
    "PutAside",
    "CallError",
    "Entry",
    "HyperExecutor",
    "HyperIo",
    "HyperTimer",
    "TaskSpans",
    "Instant",
];

#[test]
#[cfg_attr(miri, ignore = "reads texts")]
fn every_type_that_is_public_was_asked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let here = read("tests/send/table.rs");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let lists = here.split("/// Not asked").next().unwrap();
    let asked: Vec<&str> = lists.split(|c| !is_word(c)).collect();
    let mut forgotten = Vec::new();
    for path in ["runtime/lib.rs", "executor/lib.rs", "pools/lib.rs"] {
        let source = read(path);
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = code.collect::<Vec<_>>().join("\n");
        for uses in code.split("pub use ").skip(1) {
            let uses = uses.split(';').next().unwrap();
            let names = uses.split(|c| !is_word(c));
            let is_type = |name: &&str| name.starts_with(|c: char| c.is_uppercase());
            let known = [&asked[..], TRAITS, OF_OTHERS];
            let is_new = |name: &&str| !known.iter().any(|names| names.contains(name));
            forgotten.extend(names.filter(is_type).filter(is_new).map(str::to_owned));
        }
    }
    assert_eq!(forgotten, NOBODY);
}
