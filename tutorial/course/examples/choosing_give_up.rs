//! Giving up on a job: the four choices for a thread, and the one that needs a process.

use std::error::Error;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use roundelay::{ProcessPool, Semaphore, is_host_gone, remote, run, say, timeout, to_thread};

const LIMIT: Duration = Duration::from_millis(20);

/// A door that a blocked thread waits at, and a bell that it rings when it is through.
struct Door {
    open: Sender<()>,
    through: Receiver<&'static str>,
}

/// A function that blocks its thread until its door is opened.
fn blocked() -> (impl FnOnce() -> u32 + Send + 'static, Door) {
    let (open, opened) = mpsc::channel();
    let (ring, through) = mpsc::channel();
    let work = move || {
        opened.recv().expect("the door is opened");
        ring.send("the thread ran to its end").expect("somebody listens");
        42
    };
    (work, Door { open, through })
}

async fn go_on_at_once() -> Result<(), Box<dyn Error>> {
    let (work, door) = blocked();
    say!("{}", timeout(LIMIT, to_thread(work)).await.expect_err("it is blocked"));
    say!("the task goes on, the thread does not");
    door.open.send(())?;
    say!("{}, and nobody has its value", door.through.recv()?);
    Ok(())
}

async fn keep_the_permit() -> Result<(), Box<dyn Error>> {
    let drives = Semaphore::new(1);
    let (work, door) = blocked();
    let permit = drives.acquire().await;
    let given_up = timeout(LIMIT, to_thread(work).holding(permit)).await;
    say!("given up: {}, permits: {}", given_up.is_err(), drives.available_permits());
    door.open.send(())?;
    drop(drives.acquire().await);
    say!("the thread is free, permits: {}", drives.available_permits());
    Ok(())
}

async fn wait_all_the_same() -> Result<(), Box<dyn Error>> {
    let (work, door) = blocked();
    let mut job = to_thread(work);
    say!("the limit has passed: {}", timeout(LIMIT, &mut job).await.is_err());
    door.open.send(())?;
    say!("and its value after all: {}", job.await?);
    Ok(())
}

async fn let_it_stop_by_itself() -> Result<(), Box<dyn Error>> {
    let (ring, heard) = mpsc::channel();
    let portions = move || {
        while !is_host_gone() {
            thread::sleep(Duration::from_millis(1));
        }
        ring.send("the function saw that nobody waits").expect("somebody listens");
    };
    say!("the limit has passed: {}", timeout(LIMIT, to_thread(portions)).await.is_err());
    say!("{}", heard.recv()?);
    Ok(())
}

#[remote]
fn for_ever() {
    loop {
        thread::park();
    }
}

async fn kill_it() -> Result<(), Box<dyn Error>> {
    let pool = ProcessPool::builder().workers(1).build()?;
    let mut job = pool.submit(for_ever, ())?;
    while !job.is_running() {
        roundelay::sleep(Duration::from_millis(1)).await;
    }
    let given_up = timeout(LIMIT, &mut job).await;
    say!("given up: {}, the job runs: {}", given_up.is_err(), job.is_running());
    job.kill();
    say!("{}", job.await.expect_err("it has no end"));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    roundelay::worker_entry();
    run(async {
        say!("== at_once");
        go_on_at_once().await?;
        say!("== permit");
        keep_the_permit().await?;
        say!("== wait");
        wait_all_the_same().await?;
        say!("== ask");
        let_it_stop_by_itself().await?;
        say!("== kill");
        kill_it().await
    })
}
