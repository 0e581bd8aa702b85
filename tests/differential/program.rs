//! Small programs of tasks: what they consist of, how they are written, how they are made up.
//!
//! A program is a tree. Its text is one line of lists in round brackets, which the Python player
//! reads as easily:
//!
//! ```text
//! ((0 (lock 1 (sleep 3)) (spawn (1 (fail)))) (2 (cancel 0) (join 0)))
//! ```
//!
//! Two tasks, number 0 and number 2; the first one starts a third. There are no loops, so every
//! program ends, or waits for ever and is then cancelled with the rest.

use std::fmt;
use std::str::FromStr;

use proptest::collection::vec;
use proptest::prelude::*;

/// The tasks that main starts, in this order.
#[derive(Clone)]
pub(crate) struct Program(pub(crate) Vec<Task>);

#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// Counted through the whole text, from the left.
    pub(crate) id: usize,
    pub(crate) body: Vec<Op>,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Gives way once.
    Yield,
    /// So many ticks.
    Sleep(u64),
    /// A task of its own, with a handle.
    Spawn(Task),
    /// Awaits a task that was spawned.
    Join(usize),
    /// Cancels a task on the spot, unless it stands in a line: see `README.md`.
    Cancel(usize),
    /// Cancels a task, unless it gathers or waits for a group, at a moment of its own: one bit before and one after it
    /// nothing else happens by chance.
    Stop(usize, usize),
    /// Holds a lock meanwhile.
    Lock(usize, Vec<Op>),
    /// Holds the only permit of a semaphore meanwhile.
    Permit(Vec<Op>),
    /// Puts a value into a queue: number 0 has no limit, number 1 has room for one.
    Put(usize, usize),
    Get(usize),
    /// Sets a promise, once.
    Resolve(usize),
    /// Awaits a promise, the first time that somebody wants to.
    Await(usize),
    /// Sets the event, clears it, waits for it.
    Set,
    Clear,
    Wait,
    /// Meets another at a barrier for two, which is used once.
    Meet,
    /// Gathers tasks, each of which pauses for a *bit* before it gives its outcome: 2 to the power
    /// of this number for the first one, of the next number for the next one, and so on. No other
    /// moment has the same bits, so nothing else happens then by chance.
    Gather(usize, Vec<Task>),
    /// A gather that keeps the errors.
    All(usize, Vec<Task>),
    /// A task group whose body only starts the children. The first bit is a pause after the
    /// group's end, the next ones are the children's.
    Group(usize, Vec<Task>),
    /// A limit of so many ticks and a bit.
    Timeout(u64, usize, Vec<Op>),
    /// Ends the task with an error.
    Fail,
}

pub(crate) const LOCKS: usize = 2;
pub(crate) const QUEUES: usize = 2;
pub(crate) const PROMISES: usize = 3;
/// How many bits there are: all together are less than a tick.
const BITS: usize = 32;

// ---- text -----------------------------------------------------------------------------------

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
    let (words, tasks, body): (Vec<String>, &[Task], &[Op]) = match op {
        Op::Yield => (vec!["yield".into()], &[], &[]),
        Op::Sleep(ticks) => (vec!["sleep".into(), ticks.to_string()], &[], &[]),
        Op::Spawn(task) => (vec!["spawn".into()], std::slice::from_ref(task), &[]),
        Op::Join(id) => (vec!["join".into(), id.to_string()], &[], &[]),
        Op::Cancel(id) => (vec!["cancel".into(), id.to_string()], &[], &[]),
        Op::Stop(bit, id) => (vec!["stop".into(), bit.to_string(), id.to_string()], &[], &[]),
        Op::Lock(number, body) => (vec!["lock".into(), number.to_string()], &[], body),
        Op::Permit(body) => (vec!["permit".into()], &[], body),
        Op::Put(queue, value) => {
            (vec!["put".into(), queue.to_string(), value.to_string()], &[], &[])
        }
        Op::Get(queue) => (vec!["get".into(), queue.to_string()], &[], &[]),
        Op::Resolve(promise) => (vec!["resolve".into(), promise.to_string()], &[], &[]),
        Op::Await(promise) => (vec!["await".into(), promise.to_string()], &[], &[]),
        Op::Set => (vec!["set".into()], &[], &[]),
        Op::Clear => (vec!["clear".into()], &[], &[]),
        Op::Wait => (vec!["wait".into()], &[], &[]),
        Op::Meet => (vec!["meet".into()], &[], &[]),
        Op::Gather(bit, tasks) => (vec!["gather".into(), bit.to_string()], tasks, &[]),
        Op::Group(bit, tasks) => (vec!["group".into(), bit.to_string()], tasks, &[]),
        Op::All(bit, tasks) => (vec!["all".into(), bit.to_string()], tasks, &[]),
        Op::Timeout(ticks, bit, body) => {
            (vec!["timeout".into(), ticks.to_string(), bit.to_string()], &[], body)
        }
        Op::Fail => (vec!["fail".into()], &[], &[]),
    };
    list(words.into_iter().chain(tasks.iter().map(task_text)).chain(body.iter().map(op_text)))
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
    match text {
        Some(Text::Word(word)) => word.parse().unwrap(),
        _ => panic!("a number is missing"),
    }
}

fn read_op(text: Text) -> Op {
    let Text::List(parts) = text else { panic!("an operation is a list") };
    let mut parts = parts.into_iter();
    let Some(Text::Word(name)) = parts.next() else { panic!("an operation begins with its name") };
    match name.as_str() {
        "yield" => Op::Yield,
        "sleep" => Op::Sleep(number(parts.next()) as u64),
        "spawn" => Op::Spawn(read_task(parts.next().unwrap())),
        "join" => Op::Join(number(parts.next())),
        "cancel" => Op::Cancel(number(parts.next())),
        "stop" => Op::Stop(number(parts.next()), number(parts.next())),
        "lock" => Op::Lock(number(parts.next()), parts.map(read_op).collect()),
        "permit" => Op::Permit(parts.map(read_op).collect()),
        "put" => Op::Put(number(parts.next()), number(parts.next())),
        "get" => Op::Get(number(parts.next())),
        "resolve" => Op::Resolve(number(parts.next())),
        "await" => Op::Await(number(parts.next())),
        "set" => Op::Set,
        "clear" => Op::Clear,
        "wait" => Op::Wait,
        "meet" => Op::Meet,
        "gather" => Op::Gather(number(parts.next()), parts.map(read_task).collect()),
        "all" => Op::All(number(parts.next()), parts.map(read_task).collect()),
        "group" => Op::Group(number(parts.next()), parts.map(read_task).collect()),
        "timeout" => {
            let (ticks, bit) = (number(parts.next()) as u64, number(parts.next()));
            Op::Timeout(ticks, bit, parts.map(read_op).collect())
        }
        "fail" => Op::Fail,
        name => panic!("no operation is called {name}"),
    }
}

// ---- making programs up -----------------------------------------------------------------------

/// Any program. Numbers are made up freely and then put right by [`Numbering`].
pub(crate) fn any_program() -> impl Strategy<Value = Program> {
    vec(any_task(any_op()), 1..5).prop_map(|mut tasks| {
        let mut numbering = Numbering::default();
        numbering.count(&mut tasks, true);
        numbering.put_right(&mut tasks, true);
        Program(tasks)
    })
}

fn any_task(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Task> {
    vec(op, 0..6).prop_map(|body| Task { id: 0, body })
}

fn any_op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        3 => Just(Op::Yield),
        3 => (1_u64..5).prop_map(Op::Sleep),
        2 => any::<usize>().prop_map(Op::Join),
        3 => any::<usize>().prop_map(Op::Cancel),
        3 => any::<usize>().prop_map(|id| Op::Stop(0, id)),
        2 => (0..QUEUES).prop_map(|queue| Op::Put(queue, 0)),
        2 => (0..QUEUES).prop_map(Op::Get),
        2 => (0..PROMISES).prop_map(Op::Resolve),
        2 => (0..PROMISES).prop_map(Op::Await),
        1 => Just(Op::Set),
        1 => Just(Op::Clear),
        2 => Just(Op::Wait),
        2 => Just(Op::Meet),
        1 => Just(Op::Fail),
    ];
    leaf.prop_recursive(3, 24, 4, |op| {
        let body = || vec(op.clone(), 0..4);
        let task = || any_task(op.clone());
        prop_oneof![
            3 => task().prop_map(Op::Spawn),
            3 => (0..LOCKS, body()).prop_map(|(number, body)| Op::Lock(number, body)),
            2 => body().prop_map(Op::Permit),
            1 => vec(task(), 0..4).prop_map(|tasks| Op::Gather(0, tasks)),
            1 => vec(task(), 0..4).prop_map(|tasks| Op::All(0, tasks)),
            2 => vec(task(), 0..4).prop_map(|tasks| Op::Group(0, tasks)),
            2 => (0_u64..4, body()).prop_map(|(ticks, body)| Op::Timeout(ticks, 0, body)),
        ]
    })
}

/// Gives every task its number, and every other number a meaning.
#[derive(Default)]
struct Numbering {
    tasks: usize,
    values: usize,
    bits: usize,
    meetings: usize,
    /// Those that have a handle.
    spawned: Vec<usize>,
    /// Who may put into a queue, and who may take from it: see `README.md`.
    putters: [Option<usize>; QUEUES],
    getters: [Option<usize>; QUEUES],
}

impl Numbering {
    fn count(&mut self, tasks: &mut [Task], have_handles: bool) {
        for task in tasks {
            task.id = self.tasks;
            self.tasks += 1;
            if have_handles {
                self.spawned.push(task.id);
            }
            self.count_in(&mut task.body);
        }
    }

    fn count_in(&mut self, body: &mut [Op]) {
        for op in body {
            match op {
                Op::Spawn(task) => self.count(std::slice::from_mut(task), true),
                Op::Gather(_, tasks) | Op::All(_, tasks) | Op::Group(_, tasks) => {
                    self.count(tasks, false);
                }
                Op::Lock(_, body) | Op::Permit(body) | Op::Timeout(_, _, body) => {
                    self.count_in(body);
                }
                _ => {}
            }
        }
    }

    fn put_right(&mut self, tasks: &mut [Task], may_own: bool) {
        for task in tasks {
            self.put_right_in(task.id, &mut task.body, may_own);
        }
    }

    fn put_right_in(&mut self, me: usize, body: &mut [Op], may_own: bool) {
        for op in body {
            match op {
                Op::Join(id) => {
                    *id = self.spawned[*id % self.spawned.len()];
                    if *id == me {
                        *op = Op::Yield;
                    }
                }
                Op::Cancel(id) => {
                    *id = self.spawned[*id % self.spawned.len()];
                    // Where in the line one's own cancel stands differs: see `README.md`.
                    if *id == me {
                        *op = Op::Yield;
                    }
                }
                Op::Stop(bit, id) => {
                    *bit = self.bits;
                    self.bits += 2;
                    *id = self.spawned[*id % self.spawned.len()];
                    if *id == me || self.bits > BITS {
                        *op = Op::Yield;
                    }
                }
                Op::Put(queue, value) => {
                    *value = self.values;
                    self.values += 1;
                    if *queue == 1 && *self.putters[*queue].get_or_insert(me) != me {
                        *op = Op::Yield;
                    }
                }
                Op::Get(queue) => {
                    let getter = *self.getters[*queue].get_or_insert(me);
                    if getter != me {
                        *op = Op::Yield;
                    }
                }
                Op::Meet => {
                    self.meetings += 1;
                    if self.meetings > 2 {
                        *op = Op::Yield;
                    }
                }
                Op::Spawn(task) => self.put_right(std::slice::from_mut(task), true),
                Op::Gather(..) | Op::All(..) | Op::Group(..) if !may_own => *op = Op::Yield,
                Op::Gather(bit, tasks) | Op::All(bit, tasks) => {
                    *bit = self.bits;
                    self.bits += tasks.len();
                    if self.bits > BITS {
                        tasks.clear();
                        continue;
                    }
                    self.put_right(tasks, false);
                }
                Op::Group(bit, tasks) => {
                    *bit = self.bits;
                    self.bits += 1 + tasks.len();
                    if self.bits > BITS {
                        *op = Op::Yield;
                        continue;
                    }
                    self.put_right(tasks, false);
                }
                Op::Timeout(_, bit, body) => {
                    *bit = self.bits;
                    self.bits += 1;
                    if self.bits > BITS {
                        *op = Op::Yield;
                        continue;
                    }
                    self.put_right_in(me, body, false);
                }
                Op::Lock(_, body) | Op::Permit(body) => self.put_right_in(me, body, may_own),
                _ => {}
            }
        }
    }
}
