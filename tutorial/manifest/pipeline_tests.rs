//! What the pipeline promises, with items that are numbers and a sink that keeps a list.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use roundelay::{ThreadPool, run as run_loop, spawn, yield_now};

use super::*;
use crate::manifest::conductor::WINDOW;
use crate::manifest::digest::Digest;
use crate::manifest::ends::lock;
use crate::manifest::hash::{Hashed, Watch, hash_reader};
use crate::manifest::hash_error::HashError;
use crate::manifest::interrupt::{Interrupts, Signal};
use crate::manifest::output::OutputError;
use crate::manifest::progress::{Progress, Style, Verbosity};
use crate::manifest::window::{Finished, Item};
use crate::manifest::workers::{HashOne, Manner, Target, Workers};

/// Items from `next` to `end`. Every tenth needs no work.
struct Numbers {
    next: u64,
    end: u64,
    largest_batch: usize,
}

fn numbers(end: u64) -> Numbers {
    Numbers { next: 0, end, largest_batch: usize::MAX }
}

impl Source for Numbers {
    type Item = u64;

    fn read(&mut self, most: usize) -> Vec<u64> {
        let first = self.next;
        self.next = (first + most.min(self.largest_batch) as u64).min(self.end);
        (first..self.next).collect()
    }
}

impl Item for u64 {
    fn work(&self) -> Option<(Target, Option<u64>)> {
        let target = Target { name: self.to_string().into(), manner: Manner::Walked };
        (self % 10 != 9).then_some((target, Some(1000 * (self % 7))))
    }
}

#[derive(Default)]
struct Kept {
    items: Vec<u64>,
    /// Takes no more than this.
    most: Option<usize>,
}

impl Sink for Kept {
    type Item = u64;

    fn take(&mut self, (item, found): Finished<u64>) -> Result<(), OutputError> {
        assert_eq!(found.is_some(), item.work().is_some());
        if self.most == Some(self.items.len()) {
            return Err(OutputError::ReaderGone);
        }
        self.items.push(item);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

fn at_once(_: &Target, _: &Watch) -> Result<Hashed, HashError> {
    Ok(Hashed { digest: Digest([0; 32]), bytes: 0 })
}

/// Number 5 never ends by itself.
fn five_is_endless(file: &Target, watch: &Watch) -> Result<Hashed, HashError> {
    match file.name.to_str() {
        Some("5") => hash_reader(io::repeat(0), watch),
        _ => at_once(file, watch),
    }
}

fn setting(jobs: usize, hash: HashOne) -> Setting {
    Setting {
        workers: Rc::new(Workers::with_hash(jobs, None, hash)),
        writer: ThreadPool::new(1),
        helpers: ThreadPool::new(2),
        interrupts: Interrupts::default(),
        progress: Progress::new(Style::Nothing),
        verbosity: Verbosity::Normal,
        retries: 0,
        deadline: None,
    }
}

async fn run_into(
    source: Numbers,
    sink: &Shared<Kept>,
    setting: &Rc<Setting>,
) -> Result<Amount, Remains<u64>> {
    run(source, sink, None::<fn() -> Amount>, setting).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn everything_arrives_once_and_in_order(
        end in 0..6000u64, jobs in 1..6usize, largest_batch in 1..600usize
    ) {
        let setting = Rc::new(setting(jobs, at_once));
        let sink = Shared::<Kept>::default();
        let source = Numbers { next: 0, end, largest_batch };
        let done = run_loop(run_into(source, &sink, &setting)).unwrap();
        prop_assert_eq!(&lock(&sink).items, &(0..end).collect::<Vec<_>>());
        prop_assert_eq!(done.files, (0..end).filter(|item| item % 10 != 9).count() as u64);
    }
}

#[test]
fn the_walk_waits_for_the_slowest_file_when_the_window_is_full() {
    static READ: AtomicU64 = AtomicU64::new(0);
    struct Counting(Numbers);
    impl Source for Counting {
        type Item = u64;
        fn read(&mut self, most: usize) -> Vec<u64> {
            let items = self.0.read(most);
            READ.store(self.0.next, Ordering::SeqCst);
            items
        }
    }
    /// The first file takes as long as the window takes to fill.
    fn first_is_slow(file: &Target, watch: &Watch) -> Result<Hashed, HashError> {
        if file.name == "0" {
            while READ.load(Ordering::SeqCst) < WINDOW as u64 {
                std::thread::yield_now();
            }
            assert_eq!(READ.load(Ordering::SeqCst), WINDOW as u64, "nothing of it can be written");
        }
        at_once(file, watch)
    }
    let setting = Rc::new(setting(2, first_is_slow));
    let sink = Shared::<Kept>::default();
    let source = Counting(numbers(3 * WINDOW as u64));
    run_loop(run(source, &sink, None::<fn() -> Amount>, &setting)).unwrap();
    assert_eq!(lock(&sink).items.len(), 3 * WINDOW);
}

#[test]
fn after_ctrl_c_what_is_done_and_what_is_not_can_be_told() {
    let setting = Rc::new(setting(2, five_is_endless));
    let sink = Shared::<Kept>::default();
    let remains = run_loop(async {
        let sink = Arc::clone(&sink);
        let inner = Rc::clone(&setting);
        let task = spawn(async move { run_into(numbers(100), &sink, &inner).await });
        // Only the endless file has bytes: when there are some, somebody is at it.
        while setting.workers.bytes() == 0 {
            yield_now().await;
        }
        setting.interrupts.note(Signal::CTRL_C);
        task.await.unwrap().unwrap_err()
    });
    assert!(matches!(remains.why, Stopped::By(signal) if signal.status() == 130));
    // What the writer was given before comes first.
    setting.writer.submit(|| ()).unwrap().wait().unwrap();
    let mut items = lock(&sink).items.clone();
    items.extend(remains.rest.finished.iter().map(|(item, _)| *item));
    assert!(items.is_sorted(), "{items:?}");
    assert!(!items.contains(&5));
    assert!(remains.rest.busy.contains(&5));
    let found = (items.len() + remains.rest.busy.len() + remains.rest.waiting) as u64;
    assert!(items.iter().chain(&remains.rest.busy).all(|item| *item < found), "nothing is missing");
}

#[test]
fn a_deadline_ends_a_run_that_would_not_end() {
    let mut setting = setting(1, five_is_endless);
    setting.deadline = Some(Duration::from_millis(20));
    let setting = Rc::new(setting);
    let sink = Shared::<Kept>::default();
    let remains = run_loop(run_into(numbers(50), &sink, &setting)).unwrap_err();
    assert!(matches!(remains.why, Stopped::Deadline(_)));
}

#[test]
fn an_output_that_takes_no_more_ends_the_run() {
    let setting = Rc::new(setting(2, at_once));
    let sink = Arc::new(Mutex::new(Kept { most: Some(700), ..Kept::default() }));
    let remains = run_loop(run_into(numbers(100_000), &sink, &setting)).unwrap_err();
    assert!(matches!(remains.why, Stopped::Output(OutputError::ReaderGone)));
    assert_eq!(lock(&sink).items, (0..700).collect::<Vec<_>>());
}

#[test]
fn a_source_that_panics_ends_the_run_with_its_words() {
    struct Bad;
    impl Source for Bad {
        type Item = u64;
        fn read(&mut self, _: usize) -> Vec<u64> {
            panic!("a bug in the walk")
        }
    }
    let setting = Rc::new(setting(1, at_once));
    let sink = Shared::<Kept>::default();
    let remains = run_loop(run(Bad, &sink, None::<fn() -> Amount>, &setting)).unwrap_err();
    assert!(matches!(remains.why, Stopped::Broken(why) if why.contains("a bug in the walk")));
}
