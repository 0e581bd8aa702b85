//! How programs are written: one line of lists in round brackets, which the Python player reads
//! as easily.
//!
//! ```text
//! ((0 (lock 1 (sleep 3)) (spawn (1 (fail)))) (2 (cancel 0) (join 0)))
//! ```
//!
//! Two tasks, number 0 and number 2; the first one starts a third.

use std::fmt;
use std::iter::Peekable;
use std::str::FromStr;

use crate::program::{Op, Program, Task, Until};

/// A word, or a list in brackets.
enum Text {
    Word(String),
    List(Vec<Text>),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(self.0.iter().map(task_text)))
    }
}

/// As its text: proptest shows what it has found.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn list(parts: impl IntoIterator<Item = String>) -> String {
    format!("({})", parts.into_iter().collect::<Vec<_>>().join(" "))
}

fn task_text(task: &Task) -> String {
    list(std::iter::once(task.id.to_string()).chain(task.body.iter().map(op_text)))
}

fn op_text(op: &Op) -> String {
    let (words, tasks, body): (Vec<&dyn fmt::Display>, &[Task], &[Op]) = match op {
        Op::Yield => (vec![&"yield"], &[], &[]),
        Op::Sleep(ticks) => (vec![&"sleep", ticks], &[], &[]),
        Op::Spawn(task) => (vec![&"spawn"], std::slice::from_ref(task), &[]),
        Op::SpawnEager(task) => (vec![&"spawn_eager"], std::slice::from_ref(task), &[]),
        Op::Join(id) => (vec![&"join", id], &[], &[]),
        Op::Cancel(id) => (vec![&"cancel", id], &[], &[]),
        Op::Stop(bit, id) => (vec![&"stop", bit, id], &[], &[]),
        Op::Lock(number, body) => (vec![&"lock", number], &[], body),
        Op::Permit(body) => (vec![&"permit"], &[], body),
        Op::Put(queue, value) => (vec![&"put", queue, value], &[], &[]),
        Op::Get(queue) => (vec![&"get", queue], &[], &[]),
        Op::Done(queue) => (vec![&"done", queue], &[], &[]),
        Op::JoinQueue(queue) => (vec![&"join_queue", queue], &[], &[]),
        Op::Close(queue, false) => (vec![&"close", queue], &[], &[]),
        Op::Close(queue, true) => (vec![&"close_now", queue], &[], &[]),
        Op::Resolve(promise) => (vec![&"resolve", promise], &[], &[]),
        Op::Await(promise) => (vec![&"await", promise], &[], &[]),
        Op::Set => (vec![&"set"], &[], &[]),
        Op::Clear => (vec![&"clear"], &[], &[]),
        Op::Wait => (vec![&"wait"], &[], &[]),
        Op::Meet => (vec![&"meet"], &[], &[]),
        Op::Expect => (vec![&"expect"], &[], &[]),
        Op::Notify(count) => (vec![&"notify", count], &[], &[]),
        Op::SetVar(value) => (vec![&"set_var", value], &[], &[]),
        Op::SeeVar => (vec![&"see_var"], &[], &[]),
        Op::Quit => (vec![&"quit"], &[], &[]),
        Op::Gather(false, tasks) => (vec![&"gather"], tasks, &[]),
        Op::Gather(true, tasks) => (vec![&"all"], tasks, &[]),
        Op::Some(until, ticks, bit, tasks) => (vec![&"some", until, ticks, bit], tasks, &[]),
        Op::Completed(bit, tasks) => (vec![&"completed", bit], tasks, &[]),
        Op::Shield(task) => (vec![&"shield"], std::slice::from_ref(task), &[]),
        Op::Group(bit, tasks, body) => (vec![&"group", bit], tasks, body),
        Op::Timeout(ticks, bit, body) => (vec![&"timeout", ticks, bit], &[], body),
        Op::Deadline(ticks, bit, body) => (vec![&"deadline", ticks, bit], &[], body),
        Op::Move(ticks, bit) => (vec![&"move", ticks, bit], &[], &[]),
        Op::Fail => (vec![&"fail"], &[], &[]),
    };
    let words = words.into_iter().map(ToString::to_string);
    list(words.chain(tasks.iter().map(task_text)).chain(body.iter().map(op_text)))
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Until::First => "first",
            Until::Failure => "failure",
            Until::All => "all",
        })
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Program, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace();
        if words.next() != Some("(") {
            return Err(format!("a program is a list: {text}"));
        }
        let Text::List(tasks) = read_list(&mut words) else { unreachable!("a list was read") };
        Ok(Program(tasks.into_iter().map(read_task).collect()))
    }
}

fn read_list<'a>(words: &mut impl Iterator<Item = &'a str>) -> Text {
    let mut parts = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "(" => parts.push(read_list(words)),
            ")" => break,
            word => parts.push(Text::Word(word.to_owned())),
        }
    }
    Text::List(parts)
}

fn read_task(text: Text) -> Task {
    let Text::List(parts) = text else { panic!("a task is a list") };
    let mut parts = parts.into_iter();
    let id = number(parts.next());
    Task { id, body: parts.map(read_op).collect() }
}

fn number(text: Option<Text>) -> usize {
    word(text).parse().unwrap()
}

fn word(text: Option<Text>) -> String {
    match text {
        Some(Text::Word(word)) => word,
        _ => panic!("a word is missing"),
    }
}

fn read_op(text: Text) -> Op {
    let Text::List(parts) = text else { panic!("an operation is a list") };
    let mut parts = parts.into_iter().peekable();
    let name = word(parts.next());
    let parts = &mut parts;
    match name.as_str() {
        "yield" => Op::Yield,
        "sleep" => Op::Sleep(ticks(parts)),
        "spawn" => Op::Spawn(read_task(parts.next().unwrap())),
        "spawn_eager" => Op::SpawnEager(read_task(parts.next().unwrap())),
        "join" => Op::Join(number(parts.next())),
        "cancel" => Op::Cancel(number(parts.next())),
        "stop" => Op::Stop(number(parts.next()), number(parts.next())),
        "lock" => Op::Lock(number(parts.next()), read_body(parts)),
        "permit" => Op::Permit(read_body(parts)),
        "put" => Op::Put(number(parts.next()), number(parts.next())),
        "get" => Op::Get(number(parts.next())),
        "done" => Op::Done(number(parts.next())),
        "join_queue" => Op::JoinQueue(number(parts.next())),
        "close" => Op::Close(number(parts.next()), false),
        "close_now" => Op::Close(number(parts.next()), true),
        "resolve" => Op::Resolve(number(parts.next())),
        "await" => Op::Await(number(parts.next())),
        "set" => Op::Set,
        "clear" => Op::Clear,
        "wait" => Op::Wait,
        "meet" => Op::Meet,
        "expect" => Op::Expect,
        "notify" => Op::Notify(number(parts.next())),
        "set_var" => Op::SetVar(number(parts.next())),
        "see_var" => Op::SeeVar,
        "quit" => Op::Quit,
        "gather" => Op::Gather(false, read_tasks(parts)),
        "all" => Op::Gather(true, read_tasks(parts)),
        "some" => {
            let until = match word(parts.next()).as_str() {
                "first" => Until::First,
                "failure" => Until::Failure,
                _ => Until::All,
            };
            Op::Some(until, ticks(parts), number(parts.next()), read_tasks(parts))
        }
        "completed" => Op::Completed(number(parts.next()), read_tasks(parts)),
        "shield" => Op::Shield(read_task(parts.next().unwrap())),
        "group" => Op::Group(number(parts.next()), read_tasks(parts), read_body(parts)),
        "timeout" => Op::Timeout(ticks(parts), number(parts.next()), read_body(parts)),
        "deadline" => Op::Deadline(ticks(parts), number(parts.next()), read_body(parts)),
        "move" => Op::Move(ticks(parts), number(parts.next())),
        "fail" => Op::Fail,
        name => panic!("no operation is called {name}"),
    }
}

fn ticks(parts: &mut impl Iterator<Item = Text>) -> u64 {
    number(parts.next()) as u64
}

fn read_body(parts: &mut impl Iterator<Item = Text>) -> Vec<Op> {
    parts.map(read_op).collect()
}

/// The tasks that stand next: lists that begin with a number.
fn read_tasks(parts: &mut Peekable<impl Iterator<Item = Text>>) -> Vec<Task> {
    let mut tasks = Vec::new();
    while let Some(text) = parts.next_if(|text| matches!(text, Text::List(list) if is_task(list))) {
        tasks.push(read_task(text));
    }
    tasks
}

fn is_task(list: &[Text]) -> bool {
    matches!(list.first(), Some(Text::Word(word)) if word.parse::<usize>().is_ok())
}
