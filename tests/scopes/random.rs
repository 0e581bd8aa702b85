//! Random programs of scopes and shields, beside a plain walk through them.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use roundelay::{CancelScope, now, sleep};

use crate::support::{Log, length, ms, run_virtual};

#[derive(Clone, Debug)]
enum Code {
    Sleep(u8),
    /// With a limit, if it has one.
    Scope(Option<u8>, Vec<Code>),
    Shield(Vec<Code>),
    /// Cancels one of the scopes around, counted from the innermost.
    Cancel(u8),
}

fn code() -> impl Strategy<Value = Vec<Code>> {
    let leaf = prop_oneof![
        4 => (0_u8..4).prop_map(Code::Sleep),
        1 => (0_u8..4).prop_map(Code::Cancel),
    ];
    let code = leaf.prop_recursive(5, 40, 5, |inner| {
        let body = prop::collection::vec(inner, 0..5);
        prop_oneof![
            3 => (prop::option::of(0_u8..8), body.clone())
                .prop_map(|(limit, body)| Code::Scope(limit, body)),
            2 => body.prop_map(Code::Shield),
        ]
    });
    prop::collection::vec(code, 0..length(6))
}

/// Every limit is a little longer than a whole number of milliseconds, each by another power of
/// two: no two things ever happen at the same time.
fn limit(limit: u8, number: u32) -> Duration {
    ms(limit.into()) + Duration::from_nanos(1 << number)
}

/// What really happens.
#[derive(Clone, Default)]
struct Real {
    log: Log,
    next: Rc<std::cell::Cell<u32>>,
}

fn really(
    real: Real,
    code: Vec<Code>,
    around: Vec<CancelScope>,
) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        for step in code {
            match step {
                Code::Sleep(n) => sleep(ms(n.into())).await,
                Code::Cancel(n) => {
                    if let Some(scope) = around.iter().rev().nth(n.into()) {
                        scope.cancel();
                    }
                }
                Code::Shield(body) => {
                    CancelScope::shield(really(real.clone(), body, around.clone())).await;
                }
                Code::Scope(end, body) => {
                    let number = real.next.replace(real.next.get() + 1);
                    let scope = match end {
                        Some(end) => CancelScope::after(limit(end, number)),
                        None => CancelScope::new(),
                    };
                    let mut around = around.clone();
                    around.push(scope.clone());
                    let outcome = scope.run(really(real.clone(), body, around)).await;
                    real.log.add(format!("{number}: {outcome:?}"));
                    assert_eq!(scope.cancelled_caught(), outcome.is_none());
                }
            }
            real.log.add("step");
        }
    })
}

/// What should happen: plain code that walks the program with a clock of its own.
#[derive(Default)]
struct Model {
    log: Vec<String>,
    next: u32,
    time: Duration,
    around: Vec<Around>,
}

enum Around {
    Shield,
    Scope { end: Option<Duration>, cancelled: bool, number: u32 },
}

impl Model {
    /// The scopes that are seen from here, innermost first, with when they end.
    fn visible(&self) -> impl Iterator<Item = (u32, Option<Duration>)> {
        self.around.iter().rev().map_while(|around| match around {
            Around::Shield => None,
            Around::Scope { cancelled: true, number, .. } => Some((*number, Some(Duration::ZERO))),
            Around::Scope { end, number, .. } => Some((*number, *end)),
        })
    }

    /// The outermost visible scope that is cancelled by now.
    fn cut(&self) -> Result<(), u32> {
        let cut = self.visible().filter(|(_, end)| end.is_some_and(|end| end <= self.time));
        cut.last().map_or(Ok(()), |(number, _)| Err(number))
    }

    fn walk(&mut self, code: &[Code]) -> Result<(), u32> {
        for step in code {
            match step {
                Code::Sleep(n) => {
                    self.cut()?;
                    let until = self.time + ms((*n).into());
                    let first = self.visible().filter_map(|(_, end)| end).min();
                    self.time = first.map_or(until, |first| first.min(until));
                    self.cut()?;
                }
                Code::Cancel(n) => {
                    let mut scopes =
                        self.around.iter_mut().rev().filter_map(|around| match around {
                            Around::Scope { cancelled, .. } => Some(cancelled),
                            Around::Shield => None,
                        });
                    if let Some(cancelled) = scopes.nth((*n).into()) {
                        *cancelled = true;
                    }
                }
                Code::Shield(body) => {
                    self.around.push(Around::Shield);
                    let outcome = self.walk(body);
                    self.around.pop();
                    outcome?;
                }
                Code::Scope(end, body) => {
                    let number = self.next;
                    self.next += 1;
                    // A scope does not begin inside of one that is cancelled.
                    self.cut()?;
                    let end = end.map(|end| self.time + limit(end, number));
                    self.around.push(Around::Scope { end, cancelled: false, number });
                    let outcome = self.walk(body);
                    self.around.pop();
                    let outcome = match outcome {
                        Err(caught) if caught == number => None,
                        outcome => Some(outcome?),
                    };
                    self.log.push(format!("{number}: {outcome:?}"));
                }
            }
            self.log.push("step".to_owned());
        }
        Ok(())
    }
}

/// How many scopes a program has: the limits have room for so many.
fn scopes(code: &[Code]) -> u32 {
    let count = code.iter().map(|step| match step {
        Code::Scope(_, body) => 1 + scopes(body),
        Code::Shield(body) => scopes(body),
        _ => 0,
    });
    count.sum()
}

proptest! {
    #[test]
    fn scopes_and_shields_cut_what_a_plain_walk_through_the_program_cuts(program in code()) {
        prop_assume!(scopes(&program) < 19);
        let mut model = Model::default();
        model.walk(&program).unwrap();
        let real = Real::default();
        let took = run_virtual(async {
            let start = now();
            really(real.clone(), program, Vec::new()).await;
            now() - start
        });
        prop_assert_eq!(real.log.take(), model.log);
        prop_assert_eq!(took, model.time);
    }
}
