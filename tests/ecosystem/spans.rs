//! tracing: each task's steps in a span, and whatever is told inside is told there.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use roundelay::{Runner, TaskBuilder, TaskSpans, all_tasks, spawn, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Instrument, Metadata, Subscriber, info, info_span};

/// Writes down everything that it is told, and the names of spans by heart.
#[derive(Default)]
struct Notes {
    lines: Arc<Mutex<Vec<String>>>,
    names: Mutex<HashMap<u64, (String, usize)>>,
    next: AtomicU64,
}

thread_local! {
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Notes {
    fn add(&self, line: String) {
        // A subscriber is user code: it may ask the executor whatever it likes.
        let _ = all_tasks().len();
        self.lines.lock().unwrap().push(line);
    }

    fn name(&self, id: &Id) -> String {
        self.names.lock().unwrap()[&id.into_u64()].0.clone()
    }
}

/// The values of some fields, in a row.
struct Values(String);

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "id" | "at" => {}
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Quinn, hyper and others have their own.
        metadata.target() == "roundelay::task" || metadata.target().starts_with(module_path!())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut values = Values(String::new());
        span.record(&mut values);
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{}{}", span.metadata().name(), values.0);
        self.add(format!("open {name}"));
        self.names.lock().unwrap().insert(number, (name, 1));
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, record: &Record<'_>) {
        let mut values = Values(String::new());
        record.record(&mut values);
        self.add(format!("{}:{}", self.name(span), values.0));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.add(format!("{} follows {}", self.name(span), self.name(follows)));
    }

    fn event(&self, event: &Event<'_>) {
        let mut values = Values(String::new());
        event.record(&mut values);
        let inside = INSIDE.with_borrow(|inside| inside.clone());
        let inside: Vec<_> = inside.iter().map(|&id| self.name(&Id::from_u64(id))).collect();
        self.add(format!("[{}]{}", inside.join(", "), values.0));
    }

    fn enter(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let innermost = INSIDE.with_borrow_mut(Vec::pop);
        assert_eq!(innermost, Some(span.into_u64()), "spans are left in the order of a stack");
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.names.lock().unwrap().get_mut(&id.into_u64()).unwrap().1 += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut names = self.names.lock().unwrap();
        let (name, count) = names.get_mut(&id.into_u64()).unwrap();
        *count -= 1;
        let closed = (*count == 0).then(|| name.clone());
        drop(names);
        if let Some(name) = &closed {
            self.add(format!("close {name}"));
        }
        closed.is_some()
    }
}

/// Everything that a subscriber hears of a run whose tasks have spans.
fn heard(main: impl AsyncFnOnce() + Send + 'static) -> Vec<String> {
    let run = thread::spawn(move || {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let notes = Notes { lines: Arc::clone(&lines), ..Notes::default() };
        tracing::subscriber::with_default(notes, || {
            let runner = Runner::builder().virtual_clock().observer(TaskSpans::new());
            runner.build().unwrap().run(main()).unwrap();
        });
        let inside = INSIDE.with_borrow(|inside| inside.len());
        assert_eq!(inside, 0, "who entered a span has left it");
        lines.lock().unwrap().split_off(0)
    });
    run.join().unwrap_or_else(|payload| resume_unwind(payload))
}

#[test]
fn what_a_task_tells_is_told_in_its_span() {
    let lines = heard(async || {
        info!("begins");
        let task = |name: &'static str| {
            TaskBuilder::new().name(name).spawn(async {
                info!("one");
                yield_now().await;
                info!("two");
            })
        };
        let (a, b) = (task("a"), task("b"));
        a.await.unwrap();
        b.await.unwrap();
    });
    let expected = [
        r#"open task name="main""#,
        r#"[task name="main"] begins"#,
        r#"open task name="a""#,
        r#"task name="a" follows task name="main""#,
        r#"open task name="b""#,
        r#"task name="b" follows task name="main""#,
        r#"[task name="a"] one"#,
        r#"[task name="b"] one"#,
        r#"[task name="a"] two"#,
        r#"task name="a": end="finished""#,
        r#"close task name="a""#,
        r#"[task name="b"] two"#,
        r#"task name="b": end="finished""#,
        r#"close task name="b""#,
        r#"task name="main": end="finished""#,
        r#"close task name="main""#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_span_of_the_programs_own_lies_inside_of_the_tasks() {
    let lines = heard(async || {
        let work = async {
            info!("one");
            yield_now().await;
            info!("two");
        };
        work.instrument(info_span!("part")).await;
        info!("three");
    });
    let expected = [
        r#"open task name="main""#,
        r#"open part"#,
        r#"[task name="main", part] one"#,
        r#"[task name="main", part] two"#,
        r#"close part"#,
        r#"[task name="main"] three"#,
        r#"task name="main": end="finished""#,
        r#"close task name="main""#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn spans_of_tasks_that_panic_or_are_cancelled_are_left_and_closed() {
    let lines = heard(async || {
        let panics = TaskBuilder::new().name("a").spawn(async { panic!("on purpose") });
        assert!(panics.await.is_err());
        let waits = TaskBuilder::new().name("b").spawn(std::future::pending::<()>());
        yield_now().await;
        waits.cancel();
        assert!(waits.await.is_err());
        info!("still here");
    });
    let expected = [
        r#"open task name="main""#,
        r#"open task name="a""#,
        r#"task name="a" follows task name="main""#,
        r#"task name="a": end="panicked""#,
        r#"close task name="a""#,
        r#"open task name="b""#,
        r#"task name="b" follows task name="main""#,
        r#"task name="b": end="cancelled""#,
        r#"close task name="b""#,
        r#"[task name="main"] still here"#,
        r#"task name="main": end="finished""#,
        r#"close task name="main""#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_eager_task_is_inside_of_its_spawners_step_and_comes_out_again() {
    let lines = heard(async || {
        let eager = TaskBuilder::new().name("eager").eager().spawn(async { info!("eagerly") });
        info!("afterwards");
        eager.await.unwrap();
    });
    let expected = [
        r#"open task name="main""#,
        r#"open task name="eager""#,
        r#"task name="eager" follows task name="main""#,
        r#"[task name="main", task name="eager"] eagerly"#,
        r#"task name="eager": end="finished""#,
        r#"close task name="eager""#,
        r#"[task name="main"] afterwards"#,
        r#"task name="main": end="finished""#,
        r#"close task name="main""#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_task_that_outlives_main_closes_its_span_when_the_loop_unwinds_it() {
    let lines = heard(async || {
        spawn(std::future::pending::<()>()).detach();
        yield_now().await;
    });
    assert_eq!(
        lines[3..],
        [
            r#"task name="main": end="finished""#,
            r#"close task name="main""#,
            r#"task name="Task-2": end="cancelled""#,
            r#"close task name="Task-2""#,
        ]
    );
}
