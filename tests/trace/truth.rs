//! The trace tells the truth: at every step the folded state is what the loop itself says.
//!
//! An observer may ask the loop. So one stands beside the recorder, and at each event writes
//! down what the loop answers: how many entries are ready, which turn it is, what time. The
//! fold of the trace must give the same, step by step.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::runtime::Event;
use roundelay::trace::{Recorder, TaskState, TraceState, TraceWork};
use roundelay::{
    Moment, Observer, Runner, TaskBuilder, TaskState as LiveState, all_tasks, current_loop, sleep,
    spawn, yield_now,
};

/// What the loop says of itself after an event.
#[derive(Debug, PartialEq)]
struct Answer {
    turn: u64,
    time: u64,
    ready: usize,
    /// Tasks that have not ended, by name, and how each stands; `None` where the event is told
    /// between two changes that belong together.
    tasks: Option<Vec<(String, TaskState)>>,
}

impl Answer {
    fn says(&self, name: &str, state: TaskState) -> bool {
        self.tasks.iter().flatten().any(|task| task.0 == name && task.1 == state)
    }
}

struct Witness {
    recorder: Recorder,
    /// With the number of steps that were recorded by then.
    answers: Rc<RefCell<Vec<(usize, Answer)>>>,
}

impl Observer for Witness {
    fn observe(&self, now: Moment, event: &Event) {
        self.recorder.observe(now, event);
        let Some(home) = current_loop() else { return };
        // A task that is woken is scheduled before it is pushed; one that waits is told of
        // before it is back in its place.
        let between = matches!(
            event,
            Event::TaskSpawned { .. }
                | Event::TaskWoken { .. }
                | Event::TaskPending { .. }
                | Event::TaskCancelRequested { .. }
                | Event::GroupJoined { .. }
        );
        let tasks = all_tasks().into_iter().map(|task| match task.state {
            LiveState::Scheduled => (task.name, TaskState::Scheduled),
            LiveState::Running => (task.name, TaskState::Running),
            LiveState::Waiting => (task.name, TaskState::Idle),
        });
        let answer = Answer {
            turn: home.turn(),
            time: home.now().since(Moment::START).as_nanos() as u64,
            ready: home.ready_len(),
            tasks: (!between).then(|| tasks.collect()),
        };
        self.answers.borrow_mut().push((self.recorder.len(), answer));
    }
}

fn told_and_folded(main: impl Future<Output = ()>) {
    let recorder = Recorder::new("truth");
    let answers = Rc::new(RefCell::new(Vec::new()));
    let witness = Witness { recorder: recorder.clone(), answers: Rc::clone(&answers) };
    let runner = Runner::builder().virtual_clock().observer(witness).build().unwrap();
    runner.run(main).unwrap();
    runner.close();
    let trace = recorder.finish();
    let answers = answers.take();
    assert!(answers.len() > 100);
    let mut state = TraceState::new();
    let mut answers = answers.into_iter().peekable();
    for step in &trace.steps {
        state.apply(step.t, step.turn, &step.event, &trace.things);
        while let Some((_, answer)) = answers.next_if(|(steps, _)| *steps == step.n + 1) {
            let tasks = state.tasks.iter().filter(|task| task.1.is_alive());
            let tasks = tasks.map(|task| {
                // A cancelled task's future is dropped in its own step, in which it is not
                // polled: the loop calls that running, and the trace says what is called.
                let called = state.called == Some(TraceWork::Task(task.0));
                let name = trace.task_name(task.0);
                let unwinds = called
                    && task.1 == TaskState::Scheduled
                    && answer.says(&name, TaskState::Running);
                (name, if unwinds { TaskState::Running } else { task.1 })
            });
            let tasks = tasks.collect();
            let folded = Answer {
                turn: state.turn,
                time: state.t,
                ready: state.ready.len(),
                tasks: answer.tasks.is_some().then_some(tasks),
            };
            assert_eq!(answer, folded, "after step {}: {:?}", step.n, step.event);
        }
    }
    assert_eq!(answers.next(), None);
}

#[test]
fn the_folded_state_is_what_the_loop_says_at_every_step() {
    told_and_folded(crate::programs::a_bit_of_everything());
}

#[test]
fn the_folded_state_is_right_for_eager_cancelled_and_crowded_tasks() {
    told_and_folded(async {
        let eager = TaskBuilder::new().eager().spawn(async {
            let inner = TaskBuilder::new().eager().spawn(async {
                yield_now().await;
                sleep(Duration::from_millis(1)).await;
            });
            inner.await.unwrap();
        });
        let crowd: Vec<_> = (0..if cfg!(miri) { 6 } else { 20 })
            .map(|number| {
                spawn(async move {
                    for _ in 0..number % 4 {
                        yield_now().await;
                    }
                    sleep(Duration::from_millis(number % 3)).await;
                })
            })
            .collect();
        yield_now().await;
        for task in crowd.iter().step_by(3) {
            task.cancel();
        }
        for task in crowd {
            let _ = task.await;
        }
        eager.await.unwrap();
    });
}
