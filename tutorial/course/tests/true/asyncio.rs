//! Whoever comes from asyncio finds names that exist.

use roundelay_course::listing;

use crate::root;

/// Names of the public API: as items that exist, or this does not compile, and as words.
macro_rules! public {
    ($($name:ident)*) => {
        #[allow(unused_imports)]
        mod exist {
            pub(super) use roundelay::{$($name),*};
        }
        const PUBLIC: &[&str] = &[$(stringify!($name)),*];
    };
}

public! {
    all_tasks
    as_completed
    Barrier
    BoundedSemaphore
    CallHandle
    CancelScope
    Condition
    ContextVar
    current_loop
    current_task
    Event
    EventLoop
    fail_after
    fail_at
    FailurePolicy
    gather
    gather_all
    Job
    LineReader
    Lock
    LoopProxy
    LoopRef
    OnWorkerDeath
    Pool
    ProcessMap
    ProcessPool
    ProcessPoolBuilder
    Promise
    promise
    Queue
    run
    run_on
    run_remote
    Runner
    RunnerBuilder
    Semaphore
    serve
    Shared
    shield
    sleep
    spawn
    Spawner
    Task
    task_group
    TaskBuilder
    TcpStream
    ThreadMap
    ThreadPool
    ThreadPoolBuilder
    timeout
    to_thread
    wait
    Watched
    worker_entry
    yield_now
}

/// Names that are taken from their module, for the plain ones are others.
#[allow(unused_imports)]
mod in_modules {
    pub(super) use roundelay::pools::{AsCompleted, as_completed, wait};
    pub(super) use roundelay::process::{Child, Command};
}

const IN_MODULES: [&str; 5] = [
    "pools::AsCompleted",
    "pools::as_completed",
    "pools::wait",
    "process::Child",
    "process::Command",
];

/// A name of the table in two parts: whose method it is, and the method (or nothing).
fn parts(ours: &str) -> (&str, &str) {
    let of_module = IN_MODULES.iter().find(|name| {
        let rest = ours.strip_prefix(**name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    let plain = match of_module {
        Some(_) => ours.split_once("::").expect("a module").1,
        None => ours,
    };
    let (owner, method) = plain.split_once("::").unwrap_or((plain, ""));
    assert!(
        of_module.is_some() || PUBLIC.contains(&owner),
        "`{owner}` is to be added to the list above: is it public?"
    );
    (owner, method)
}

#[test]
fn whoever_comes_from_asyncio_finds_names_that_exist() {
    let page =
        std::fs::read_to_string(root().join("tutorial/book/coming_from_asyncio.md")).unwrap();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let ours = row.split(" | ").nth(1).unwrap().trim_matches('`');
        let (owner, method) = parts(ours);
        assert!(
            method.is_empty() || is_public_method(owner, method),
            "there is no `pub fn` `{ours}`"
        );
        rows += 1;
    }
    assert!(rows > 90);
}

/// Whether some file of the library has it.
fn is_public_method(owner: &str, method: &str) -> bool {
    let mut folders: Vec<_> = ["runtime", "executor", "pools"].map(|part| root().join(part)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            // Reading a file as Rust does takes its time: only where it may be.
            let is_public = |text: &str| {
                let signatures = [format!("pub fn {method}"), format!("pub async fn {method}")];
                signatures.iter().any(|signature| text.contains(signature))
            };
            if !is_public(&text) || !text.contains(owner) {
                continue;
            }
            let cut = listing::cut_from(&text, &format!("{owner}::{method}"));
            if cut.is_ok_and(|cut| is_public(&cut.text)) {
                return true;
            }
        }
    }
    false
}
