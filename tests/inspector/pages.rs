//! The pages that the tests open, written from traces into a folder of their own.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

#[path = "../../executor/trace/page.rs"]
#[allow(dead_code, missing_docs, reason = "the library's own file, which no one here documents")]
mod page;

/// A run with something of everything: tasks, a group, timers at one time, a source, jobs (one
/// of them abandoned), a lock, a queue, output on both streams, a question of the author.
#[must_use]
pub fn everything() -> Value {
    serde_json::from_str(include_str!("traces/everything.json")).unwrap()
}

/// The same program with two differences: a timer's time, and a task that panics.
#[must_use]
pub fn mistake() -> Value {
    serde_json::from_str(include_str!("traces/mistake.json")).unwrap()
}

/// A page in a file, which goes when this does.
pub struct Page(PathBuf);

impl Deref for Page {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        // The folder goes with the last page in it.
        let _ = self.0.parent().map(fs::remove_dir);
    }
}

/// Writes a page.
#[must_use]
pub fn write(trace: &Value, other: Option<&Value>) -> Page {
    write_text(&trace.to_string(), other.map(Value::to_string).as_deref())
}

/// The same from texts, which need not be JSON.
#[must_use]
pub fn write_text(trace: &str, other: Option<&str>) -> Page {
    let fallback = "<h1>Every step in a table</h1><table><tr><td>The run begins.</td></tr></table>";
    write_html(&page::page("a run", trace, other, fallback))
}

/// A page that is finished.
#[must_use]
pub fn write_html(html: &str) -> Page {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join(format!("roundelay-inspector-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("page{}.html", NEXT.fetch_add(1, Ordering::Relaxed)));
    // A page that goes may take the folder with it at any moment.
    while fs::write(&file, html).is_err() {
        fs::create_dir_all(&folder).unwrap();
    }
    Page(file)
}

/// A folder for what the page saves.
#[must_use]
pub fn downloads() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "roundelay-inspector-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A run of `steps` steps: tasks that print and yield, round and round.
///
/// It is so plain that its keys can be written down without a fold: at the end of each round
/// every task waits in the ready queue.
#[must_use]
pub fn many_steps(steps: u64) -> Value {
    const TASKS: u64 = 40;
    let mut run = Vec::new();
    let mut keys = vec![json!({ "n": 0, "state": state(0, 0, &[], 0, 0) })];
    let mut tell = |turn: u64, event: &str, more: Value| {
        let n = run.len() as u64;
        let mut step = json!({ "n": n, "t": turn * 1_000_000, "turn": turn, "ev": event });
        if n > 0 {
            step["cause"] = json!(n - 1);
        }
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run.push(step);
        n
    };
    tell(0, "run.begin", json!({}));
    let mut place = 0;
    let mut push = |id: u64| {
        place += 1;
        json!({ "place": place, "work": ["task", id] })
    };
    let mut queue = Vec::new();
    for id in 1..=TASKS {
        tell(0, "task.spawn", json!({ "task": id }));
        queue.push((push(id), id));
        tell(0, "ready.push", queue.last().unwrap().0.clone());
    }
    let (mut turn, mut out) = (0, 0);
    let mut last = 0;
    while last + TASKS * 6 + 3 < steps {
        turn += 1;
        tell(turn, "turn.begin", json!({ "ready": TASKS }));
        for (entry, id) in std::mem::take(&mut queue) {
            tell(turn, "ready.pop", entry.clone());
            tell(turn, "task.poll", json!({ "task": id }));
            if id % 4 == 0 {
                tell(
                    turn,
                    "out",
                    json!({ "text": format!("line {out} of task {id}"), "err": false }),
                );
                out += 1;
            }
            queue.push((push(id), id));
            tell(turn, "ready.push", queue.last().unwrap().0.clone());
            tell(turn, "task.pending", json!({ "task": id, "on": null, "at": [0, 2] }));
            tell(turn, "call.end", json!({ "place": entry["place"], "panicked": false }));
        }
        last = tell(turn, "turn.end", json!({}));
        let ready: Vec<_> =
            queue.iter().map(|(entry, _)| json!([entry["place"], entry["work"]])).collect();
        keys.push(json!({ "n": last, "state": state(turn, TASKS, &ready, turn, out) }));
    }
    tell(turn, "run.end", json!({}));
    let tasks: Vec<_> = (0..=TASKS)
        .map(|id| json!({ "id": id, "name": format!("worker_{id}"), "parent": null, "group": null, "at": [0, 1] }))
        .collect();
    json!({
        "format": "roundelay-trace", "version": 1,
        "meta": { "program": "many_steps", "clock": "virtual", "selector": "mio", "executor": "pools",
            "seed": 7, "unit": "ns", "truncated": true, "dropped": 12, "roundelay": "0.1.0", "hash": "0" },
        "files": [{ "id": 0, "path": "many.rs", "lines": ["loop {", "    yield_now().await;", "}"] }],
        "things": { "tasks": tasks, "timers": [], "sources": [], "jobs": [], "syncs": [],
            "promises": [], "groups": [] },
        "steps": run, "keys": keys, "notes": [],
    })
}

fn state(turn: u64, tasks: u64, ready: &[Value], polls: u64, out: u64) -> Value {
    let tasks: Vec<_> = (1..=tasks).map(|id| json!([id, "scheduled", null, polls])).collect();
    json!({ "t": turn * 1_000_000, "turn": turn, "phase": "outside", "called": null, "running": null,
        "batch_end": null, "ready": ready, "timers": [], "io": [], "tasks": tasks, "jobs": [],
        "syncs": [], "promises": [], "groups": [], "out": out })
}
