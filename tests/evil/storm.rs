//! The storm's vocabulary: where user code runs, what it does there, and how it ends.

use proptest::prelude::*;

use crate::support::length;

/// Where user code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Poll,
    Drop,
    Call,
    Wake,
    WakerDrop,
    Handler,
    Observer,
    Body,
}

pub(crate) const PLACES: [Place; 8] = [
    Place::Poll,
    Place::Drop,
    Place::Call,
    Place::Wake,
    Place::WakerDrop,
    Place::Handler,
    Place::Observer,
    Place::Body,
];

/// What it does there. A number chooses among what there is, counted around.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Spawn(u8),
    SpawnDetached(u8),
    SpawnReporting(u8),
    SpawnInGroup(u8),
    SpawnEager(u8),
    OnDone(u8),
    RemoveOnDone(u8),
    CancelScope(u8),
    DropScope(u8),
    CancelToken(u8),
    DropToken(u8),
    Send(u8),
    DropSender(u8),
    Broadcast(u8),
    DropBroadcast(u8),
    Notify,
    SetVariable,
    CancelTask(u8),
    DropTask(u8),
    TakeOutcome(u8),
    CancelGroup(u8),
    DropGroup(u8),
    CallSoon,
    CallLater(u8),
    CancelCall(u8),
    /// Polls a new future by hand, with an evil waker, and keeps it.
    Begin(u8),
    /// Polls one that was kept, with another waker.
    PollAgain(u8),
    DropFuture(u8),
    Resolve(u8),
    Abandon(u8),
    TryAcquire,
    Release(u8),
    TryPut,
    TryGet,
    CloseQueue,
    KeepWaker,
    Wake(u8),
    WakeElsewhere(u8),
    DropWaker(u8),
    Stop,
    StopThroughTheDoor,
    RunInside,
    LoopInside,
    RunnerInside(u8),
    Report,
    Panic,
    PanicWithPayload,
}

pub(crate) fn all_acts(n: u8) -> Vec<Act> {
    use Act::*;
    vec![
        Spawn(n),
        SpawnDetached(n),
        SpawnReporting(n),
        SpawnInGroup(n),
        SpawnEager(n),
        OnDone(n),
        RemoveOnDone(n),
        CancelScope(n),
        DropScope(n),
        CancelToken(n),
        DropToken(n),
        Send(n),
        DropSender(n),
        Broadcast(n),
        DropBroadcast(n),
        Notify,
        SetVariable,
        CancelTask(n),
        DropTask(n),
        TakeOutcome(n),
        CancelGroup(n),
        DropGroup(n),
        CallSoon,
        CallLater(n),
        CancelCall(n),
        Begin(n),
        PollAgain(n),
        DropFuture(n),
        Resolve(n),
        Abandon(n),
        TryAcquire,
        Release(n),
        TryPut,
        TryGet,
        CloseQueue,
        KeepWaker,
        Wake(n),
        WakeElsewhere(n),
        DropWaker(n),
        Stop,
        StopThroughTheDoor,
        RunInside,
        LoopInside,
        RunnerInside(n),
        Report,
        Panic,
        PanicWithPayload,
    ]
}

/// When the runner goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// After everything that the storm keeps.
    Last,
    /// Before it: handles outlive their loop.
    First,
    WhileUnwinding,
    InsideAnotherRun,
    InsideACallback,
}

#[derive(Clone, Debug)]
pub(crate) struct Storm {
    /// Done one after the other, wherever the next occasion is.
    pub(crate) acts: Vec<Act>,
    /// Every how many occasions of its kind a place does something, or [`NEVER`].
    pub(crate) periods: [u8; 8],
    /// If so, only this place does anything, at its so manieth occasion.
    pub(crate) only: Option<(Place, u8)>,
    pub(crate) policy: u8,
    pub(crate) observed: bool,
    pub(crate) seed: u8,
    pub(crate) ending: Ending,
}

pub(crate) const NEVER: u8 = 11;

pub(crate) fn storms() -> impl Strategy<Value = Storm> {
    let act = any::<u8>().prop_flat_map(|n| prop::sample::select(all_acts(n)));
    let endings = [
        Ending::Last,
        Ending::First,
        Ending::WhileUnwinding,
        Ending::InsideAnotherRun,
        Ending::InsideACallback,
    ];
    let periods = prop::array::uniform8(1..=NEVER);
    let ending = prop::sample::select(endings.to_vec());
    let acts = prop::collection::vec(act, 0..length(120));
    (acts, periods, 0..3_u8, any::<bool>(), any::<u8>(), ending).prop_map(
        |(acts, periods, policy, observed, seed, ending)| Storm {
            acts,
            periods,
            only: None,
            policy,
            observed,
            seed,
            ending,
        },
    )
}
