//! What workers promise: no more of them than jobs, a stop that is obeyed, and a permit that comes
//! back when the worker is free and not before.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use roundelay::{gather_all, run};

use super::*;
use crate::manifest::digest::Digest;

fn target(name: &str) -> Arc<[Target]> {
    Arc::new([Target { name: name.into(), manner: Manner::Walked }])
}

fn nothing() -> Result<Hashed, HashError> {
    Ok(Hashed { digest: Digest([0; 32]), bytes: 0 })
}

/// `endless` reads for ever, until it is stopped; `panics` does; anything else is done at once.
fn by_name(file: &Target, watch: &Watch) -> Result<Hashed, HashError> {
    match file.name.to_str() {
        Some("endless") => hash_reader(io::repeat(0), watch),
        Some("panics") => panic!("a bug"),
        _ => nothing(),
    }
}

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn a_job_that_is_given_up_is_stopped_and_its_permit_comes_back() {
    let workers = Workers::with_hash(1, None, by_name);
    run(async {
        let given_up = timeout(SHORT, workers.hash(&target("endless"), || ())).await;
        assert!(given_up.is_err());
        assert!(workers.hash(&target("next"), || ()).await.is_ok());
        assert_eq!(workers.bytes(), 0, "what was read in vain does not count");
    });
}

#[test]
fn a_job_over_its_limit_is_reported_as_that() {
    let workers = Workers::with_hash(1, Some(SHORT), by_name);
    run(async {
        let failure = workers.hash(&target("endless"), || ()).await.unwrap_err();
        assert_eq!(failure, Failure::TimedOut { limit: SHORT });
        assert_eq!(failure.to_string(), "it took longer than 1ms");
    });
}

#[test]
fn a_panic_fails_its_own_job_only() {
    let workers = Workers::with_hash(1, None, by_name);
    run(async {
        let failure = workers.hash(&target("panics"), || ()).await.unwrap_err();
        assert!(failure.to_string().contains("a bug"), "{failure}");
        assert!(workers.hash(&target("next"), || ()).await.is_ok());
    });
}

#[test]
fn two_jobs_are_never_three_threads_at_work() {
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    fn counted(file: &Target, watch: &Watch) -> Result<Hashed, HashError> {
        MOST.fetch_max(1 + AT_WORK.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
        let hashed = by_name(file, watch);
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
        hashed
    }
    let workers = Rc::new(Workers::with_hash(2, Some(SHORT), counted));
    run(async {
        let jobs = (0..40).map(|number| {
            let workers = Rc::clone(&workers);
            let name = if number % 3 == 0 { "endless" } else { "quick" };
            async move { (name, workers.hash(&target(name), || ()).await) }
        });
        for ended in gather_all(jobs).await {
            let (name, answer) = ended.unwrap();
            assert!(name == "quick" || answer == Err(Failure::TimedOut { limit: SHORT }));
        }
    });
    assert!(MOST.load(Ordering::SeqCst) <= 2);
}

#[test]
fn when_every_thread_hangs_who_waits_is_told_and_when_one_comes_back_work_goes_on() {
    static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    static ENTERED: AtomicBool = AtomicBool::new(false);
    fn hangs(file: &Target, _: &Watch) -> Result<Hashed, HashError> {
        if file.name == "hangs" {
            ENTERED.store(true, Ordering::SeqCst);
            let open = OPEN.0.lock().unwrap();
            drop(OPEN.1.wait_while(open, |open| !*open).unwrap());
        }
        nothing()
    }
    let workers = Workers::with_hash(1, Some(SHORT), hangs);
    run(async {
        // On a busy machine the time may be up before the thread has begun: that thread does not
        // hang.
        while !ENTERED.load(Ordering::SeqCst) {
            let first = workers.hash(&target("hangs"), || ()).await;
            assert_eq!(first, Err(Failure::TimedOut { limit: SHORT }));
        }
        let second = workers.hash(&target("quick"), || panic!("nobody is free")).await;
        assert_eq!(second, Err(Failure::NobodyLeft { limit: SHORT }));
        *OPEN.0.lock().unwrap() = true;
        OPEN.1.notify_all();
        // How long the thread takes to come back is its own affair.
        while workers.hash(&target("quick"), || ()).await.is_err() {}
    });
}

#[test]
fn workers_that_are_dismissed_end_though_one_is_busy() {
    let workers = Workers::with_hash(2, None, by_name);
    run(async {
        let given_up = timeout(SHORT, workers.hash(&target("endless"), || ())).await;
        assert!(given_up.is_err());
        workers.dismiss(Duration::from_secs(60)).await;
        let Pool::Threads(threads) = &workers.pool else { unreachable!() };
        assert!(threads.has_ended());
    });
}

#[test]
fn a_name_that_is_not_text_survives_the_way_to_another_process() {
    use std::os::unix::ffi::OsStringExt;
    let name = OsString::from_vec(b"caf\xe9\n".to_vec());
    let target = Target { name, manner: Manner::Listed };
    let bytes = serde_json::to_vec(&target).unwrap();
    assert_eq!(serde_json::from_slice::<Target>(&bytes).unwrap(), target);
}
