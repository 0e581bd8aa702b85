//! Making programs up.
//!
//! Numbers are made up freely and then put right: every task gets its own, and every other
//! number a meaning. Here are also the rules that keep programs within what is compared;
//! `README.md` gives the reason for each.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::program::{BITS, LOCKS, Op, PROMISES, Program, QUEUES, Task, Until};

/// Any program for a Python of this minor version.
pub(crate) fn any_program(minor: u32) -> impl Strategy<Value = Program> {
    vec(any_task(any_op()), 1..5).prop_map(move |mut tasks| {
        let mut numbering = Numbering { minor, ..Numbering::default() };
        numbering.count(&mut tasks, true);
        numbering.put_right(&mut tasks, Owns::Any);
        Program(tasks)
    })
}

fn any_task(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Task> {
    vec(op, 0..6).prop_map(|body| Task { id: 0, body })
}

/// What holds nothing while it waits.
fn plain_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Yield),
        3 => (1_u64..5).prop_map(Op::Sleep),
        2 => (0..QUEUES).prop_map(|queue| Op::Put(queue, 0)),
        2 => (0..PROMISES).prop_map(Op::Resolve),
        2 => (0..PROMISES).prop_map(Op::Await),
        1 => Just(Op::Set),
        1 => Just(Op::Clear),
        2 => Just(Op::Wait),
        1 => any::<usize>().prop_map(|value| Op::SetVar(value % 9)),
        1 => Just(Op::SeeVar),
        1 => Just(Op::Fail),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        18 => plain_op(),
        2 => any::<usize>().prop_map(Op::Join),
        3 => any::<usize>().prop_map(Op::Cancel),
        3 => any::<usize>().prop_map(|id| Op::Stop(0, id)),
        1 => Just(Op::Quit),
        2 => (0..QUEUES).prop_map(Op::Get),
        1 => (0..QUEUES).prop_map(Op::Done),
        1 => (0..QUEUES).prop_map(Op::JoinQueue),
        1 => (0..QUEUES, any::<bool>()).prop_map(|(queue, now)| Op::Close(queue, now)),
        2 => Just(Op::Meet),
        2 => Just(Op::Expect),
        2 => (0_usize..3).prop_map(Op::Notify),
        2 => (0_u64..4).prop_map(|ticks| Op::Move(ticks, 0)),
    ];
    let until = prop_oneof![Just(Until::First), Just(Until::Failure), Just(Until::All)];
    leaf.prop_recursive(3, 24, 4, move |op| {
        let body = || vec(op.clone(), 0..4);
        let task = || any_task(op.clone());
        let tasks = || vec(task(), 0..4);
        prop_oneof![
            3 => task().prop_map(Op::Spawn),
            1 => task().prop_map(Op::SpawnEager),
            3 => (0..LOCKS, body()).prop_map(|(number, body)| Op::Lock(number, body)),
            2 => body().prop_map(Op::Permit),
            2 => (any::<bool>(), tasks()).prop_map(|(keeps, tasks)| Op::Gather(keeps, tasks)),
            2 => (until.clone(), 0_u64..4, tasks())
                .prop_map(|(until, ticks, tasks)| Op::Some(until, ticks, 0, tasks)),
            1 => tasks().prop_map(|tasks| Op::Completed(0, tasks)),
            1 => task().prop_map(Op::Shield),
            2 => (tasks(), vec(plain_op(), 0..3))
                .prop_map(|(tasks, body)| Op::Group(0, tasks, body)),
            2 => (0_u64..4, body()).prop_map(|(ticks, body)| Op::Timeout(ticks, 0, body)),
            2 => (0_u64..4, body()).prop_map(|(ticks, body)| Op::Deadline(ticks, 0, body)),
        ]
    })
}

#[derive(Default)]
struct Numbering {
    /// The version of Python: three point what.
    minor: u32,
    tasks: usize,
    values: usize,
    bits: usize,
    meetings: usize,
    /// Those that have a handle.
    spawned: Vec<usize>,
    /// Who may put into a queue, and who may take from it.
    putters: [Option<usize>; QUEUES],
    getters: [Option<usize>; QUEUES],
}

/// Where an operation stands.
#[derive(Clone, Copy)]
struct Place {
    me: usize,
    owns: Owns,
    /// It may cancel itself here.
    may_quit: bool,
    /// It may cancel others on the spot.
    may_cancel: bool,
    /// There is a deadline that can be moved.
    has_deadline: bool,
}

impl Place {
    fn of(me: usize, owns: Owns) -> Place {
        Place { me, owns, may_quit: true, may_cancel: true, has_deadline: false }
    }
}

/// Whose tasks may be gathered and grouped here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owns {
    Any,
    /// Those that hold nothing, and start nobody.
    Plain,
    None,
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
                Op::Spawn(task) | Op::SpawnEager(task) | Op::Shield(task) => {
                    self.count(std::slice::from_mut(task), true);
                }
                Op::Gather(_, tasks)
                | Op::Some(_, _, _, tasks)
                | Op::Completed(_, tasks)
                | Op::Group(_, tasks, _) => self.count(tasks, false),
                Op::Lock(_, body)
                | Op::Permit(body)
                | Op::Timeout(_, _, body)
                | Op::Deadline(_, _, body) => self.count_in(body),
                _ => {}
            }
        }
    }

    fn put_right(&mut self, tasks: &mut [Task], owns: Owns) {
        self.put_tasks_right(tasks, |me| Place::of(me, owns));
    }

    /// Tasks that end at moments of their own.
    fn put_paused_right(&mut self, tasks: &mut [Task], owns: Owns) {
        self.put_tasks_right(tasks, |me| Place { may_quit: false, ..Place::of(me, owns) });
    }

    /// A task whose first step is part of another's.
    fn put_eager_right(&mut self, task: &mut Task) {
        let place = |me| Place { may_cancel: false, ..Place::of(me, Owns::Any) };
        self.put_tasks_right(std::slice::from_mut(task), place);
    }

    fn put_tasks_right(&mut self, tasks: &mut [Task], place: impl Fn(usize) -> Place) {
        for task in tasks {
            self.put_right_in(place(task.id), &mut task.body);
        }
    }

    fn put_right_in(&mut self, place: Place, body: &mut [Op]) {
        for op in body {
            if !self.put_one_right(place, op) {
                *op = Op::Yield;
            }
        }
    }

    /// `false`: this cannot stand here.
    fn put_one_right(&mut self, place: Place, op: &mut Op) -> bool {
        match op {
            Op::Join(id) => self.is_another(place, id),
            Op::Cancel(id) => self.is_another(place, id) && place.may_cancel,
            Op::Stop(bit, id) => self.is_another(place, id) && self.has_bits(bit, 2),
            Op::Put(queue, value) => {
                *value = self.values;
                self.values += 1;
                *queue == 0 || *self.putters[*queue].get_or_insert(place.me) == place.me
            }
            Op::Get(queue) => *self.getters[*queue].get_or_insert(place.me) == place.me,
            Op::Meet => {
                self.meetings += 1;
                self.meetings <= 2
            }
            Op::Expect => place.owns == Owns::Any,
            Op::Quit => place.may_quit,
            Op::Move(_, bit) => place.has_deadline && self.has_bits(bit, 1),
            Op::Spawn(task) | Op::Shield(task) => {
                self.put_right(std::slice::from_mut(task), Owns::Any);
                true
            }
            Op::SpawnEager(task) => {
                self.put_eager_right(task);
                self.minor >= 12
            }
            Op::Close(..) => self.minor >= 13,
            Op::Some(_, _, bit, tasks) => {
                let fits = self.has_bits(bit, 1);
                self.put_right(tasks, Owns::Any);
                fits
            }
            Op::Completed(bit, tasks) => {
                let fits = self.has_bits(bit, tasks.len());
                self.put_paused_right(tasks, Owns::Any);
                fits
            }
            Op::Gather(_, tasks) => {
                place.owns.check(tasks);
                self.put_right(tasks, Owns::None);
                place.owns != Owns::None
            }
            Op::Group(bit, tasks, body) => {
                place.owns.check(tasks);
                let fits = place.owns != Owns::None && self.has_bits(bit, 2 + tasks.len());
                self.put_paused_right(tasks, Owns::None);
                let place = Place { owns: Owns::None, may_quit: false, ..place };
                self.put_right_in(place, body);
                fits
            }
            Op::Timeout(_, bit, body) => {
                let fits = self.has_bits(bit, 1);
                self.put_right_in(Place { owns: place.owns.under_a_limit(), ..place }, body);
                fits
            }
            Op::Deadline(_, bit, body) => {
                let fits = self.has_bits(bit, 1);
                let owns = place.owns.under_a_limit();
                self.put_right_in(Place { owns, has_deadline: true, ..place }, body);
                fits
            }
            Op::Lock(_, body) | Op::Permit(body) => {
                self.put_right_in(place, body);
                true
            }
            _ => true,
        }
    }

    /// Makes it the number of a task that has a handle.
    fn is_another(&self, place: Place, id: &mut usize) -> bool {
        *id = self.spawned[*id % self.spawned.len()];
        *id != place.me
    }

    fn has_bits(&mut self, first: &mut usize, count: usize) -> bool {
        if self.bits + count > BITS {
            return false;
        }
        *first = self.bits;
        self.bits += count;
        true
    }
}

impl Owns {
    fn under_a_limit(self) -> Owns {
        if self == Owns::Any { Owns::Plain } else { self }
    }

    fn check(self, tasks: &mut [Task]) {
        if self == Owns::Plain {
            tasks.iter_mut().flat_map(|task| &mut task.body).for_each(make_plain);
        }
    }
}

/// What holds something, or starts somebody, becomes a pause.
fn make_plain(op: &mut Op) {
    let plain = matches!(
        op,
        Op::Yield
            | Op::Sleep(_)
            | Op::Put(..)
            | Op::Resolve(_)
            | Op::Await(_)
            | Op::Set
            | Op::Clear
            | Op::Wait
            | Op::SetVar(_)
            | Op::SeeVar
            | Op::Fail
    );
    if !plain {
        *op = Op::Sleep(1);
    }
}
