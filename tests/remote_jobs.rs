//! Promises about jobs of processes that a task awaits: the loop knows of them as it knows of those
//! of threads.
//!
//! Bug class B22.

roundelay::test_worker!();

mod support;

use std::fs;
use std::future::pending;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use roundelay::{
    JobError, ProcessPool, RemotePool, ScriptedPool, WaitsFor, all_tasks, dump, remote, run,
    run_remote, spawn, timeout, yield_now,
};
use support::{must_end, virtual_runner};

const HOUR: Duration = Duration::from_secs(3600);

/// Goes through a door: comes back when somebody opens it.
#[remote]
fn go_through(door: PathBuf) -> u8 {
    let mut word = [0];
    UnixStream::connect(door).unwrap().read_exact(&mut word).unwrap();
    word[0]
}

#[remote]
fn leave_a_file(path: PathBuf) {
    fs::write(path, "it ran").unwrap();
}

#[remote]
fn park_for_ever() {
    loop {
        thread::park();
    }
}

fn pool() -> ProcessPool {
    ProcessPool::builder().workers(1).build().unwrap()
}

/// A door, and somebody who opens it for one visitor when he is told to.
struct Door {
    path: PathBuf,
    folder: PathBuf,
    listener: UnixListener,
}

impl Door {
    fn new() -> Door {
        static DOORS: AtomicUsize = AtomicUsize::new(0);
        let number = DOORS.fetch_add(1, Ordering::Relaxed);
        let name = format!("roundelay-door-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("door");
        let listener = UnixListener::bind(&path).unwrap();
        Door { path, folder, listener }
    }

    /// Waits until the visitor stands there.
    fn visitor(&self) -> UnixStream {
        self.listener.accept().unwrap().0
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_virtual_clock_does_not_jump_over_a_process() {
    let (door, pool, runner) = (Door::new(), pool(), virtual_runner());
    let start = runner.loop_ref().time();
    let path = door.path.clone();
    let opener = thread::spawn(move || door.visitor().write_all(&[7]).unwrap());
    let outcome = runner.run(timeout(HOUR, async { run_remote(&pool, go_through, path).await }));
    assert_eq!(outcome.unwrap().unwrap().unwrap(), 7);
    assert_eq!(runner.loop_ref().time(), start);
    opener.join().unwrap();
}

#[test]
fn a_queued_call_that_nobody_awaits_any_more_never_runs() {
    let (door, pool) = (Door::new(), pool());
    let file = door.folder.join("file");
    run(async {
        let busy = spawn(run_remote(&pool, go_through, door.path.clone()));
        let mut visitor = door.visitor();
        let queued = spawn(run_remote(&pool, leave_a_file, file.clone()));
        yield_now().await;
        queued.cancel();
        assert!(queued.await.unwrap_err().is_cancelled());
        visitor.write_all(&[1]).unwrap();
        assert_eq!(busy.await.unwrap().unwrap(), 1);
    });
    pool.shutdown();
    assert!(!file.exists());
}

#[test]
fn a_call_that_is_given_up_runs_on_unless_it_is_to_be_killed() {
    must_end(|| {
        let (door, pool) = (Door::new(), pool());
        run(async {
            let given_up = spawn(run_remote(&pool, go_through, door.path.clone()));
            let mut visitor = door.visitor();
            given_up.cancel();
            let _ = given_up.await;
            assert_eq!(pool.running().len(), 1);
            visitor.write_all(&[1]).unwrap();

            let line = line!() + 1;
            let killed = spawn(run_remote(&pool, park_for_ever, ()).kill_on_drop(true));
            while !pool.running().iter().any(|job| job.submitted_at.line() == line) {
                yield_now().await;
            }
            killed.cancel();
            let _ = killed.await;
        });
        pool.shutdown();
    });
}

#[test]
fn a_dump_says_that_its_task_waits_for_a_job() {
    let (door, pool) = (Door::new(), pool());
    run(async {
        let waits = spawn(run_remote(&pool, go_through, door.path.clone()));
        yield_now().await;
        let seen = dump().tasks.into_iter().find_map(|task| task.waits_for);
        assert!(matches!(seen, Some(WaitsFor::Job(_))), "{seen:?}");
        door.visitor().write_all(&[1]).unwrap();
        waits.await.unwrap().unwrap();
    });
}

#[test]
fn a_script_stands_in_for_the_processes() {
    async fn ask(pool: &impl RemotePool) -> Result<u8, JobError> {
        run_remote(pool, go_through, PathBuf::from("no such door")).await
    }
    let script = ScriptedPool::new();
    let outcome = virtual_runner().run(async {
        let theirs = script.clone();
        spawn(async move { theirs.fail(0, JobError::Cancelled) }).detach();
        ask(&script).await
    });
    assert!(matches!(outcome.unwrap(), Err(JobError::Cancelled)));
}

#[test]
fn a_pool_that_is_closed_says_so_when_the_call_is_awaited() {
    let pool = pool();
    pool.close();
    let outcome = run(async { run_remote(&pool, park_for_ever, ()).await });
    assert!(matches!(outcome, Err(JobError::Refused(_))));
}

#[test]
fn a_run_that_ends_gives_its_calls_up() {
    must_end(|| {
        let (door, pool) = (Door::new(), pool());
        let file = door.folder.join("file");
        let mut visitor = run(async {
            spawn(run_remote(&pool, go_through, door.path.clone())).detach();
            spawn(run_remote(&pool, leave_a_file, file.clone())).detach();
            spawn(pending::<()>()).detach();
            assert_eq!(all_tasks().len(), 4);
            door.visitor()
        });
        visitor.write_all(&[1]).unwrap();
        pool.shutdown();
        assert!(!file.exists());
    });
}
