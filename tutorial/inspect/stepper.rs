//! Stepping through a run on a terminal, for people without a browser.
//!
//! Each line typed is one key: it works in every terminal, over any wire, and in a pipe.
//!
//! ```text
//!   step 26 of 57, turn 3, t = 30 ms
//!   The loop takes the first entry of the ready queue: the callback of timer 1.
//!     ready    (empty)
//!     timers   (none)
//!     tasks    ○ main waits for task tea   ○ tea waits for timer 1
//!   >
//! ```
//!
//! Tutorial: chapter 19. Before this: `../inspect.rs`. After this: `../ps.rs`.

use std::io::{self, BufRead, Write};

use roundelay::trace::{Sentences, Trace, TraceEvent};

const HELP: &str = "\
  Enter, n   next step          p   previous step
  t, T       next, last turn    o, O   next, last line of output
  43         go to step 43      0, $   first, last step
  w          why? the causes    ?   this help            q   quit";

/// Shows steps as the lines of `input` ask, from the first step on.
pub(super) fn step_through(
    trace: &Trace,
    input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let sentences = Sentences::english();
    let last = trace.steps.len().saturating_sub(1);
    let mut now = 0;
    writeln!(output, "{}: {} steps. ? for help.\n", trace.meta.program, trace.steps.len())?;
    show(trace, &sentences, now, &mut output)?;
    for line in input.lines() {
        let asked = line?;
        let turn = trace.steps[now].turn;
        let is_out = |n: &usize| matches!(trace.steps[*n].event, TraceEvent::Out { .. });
        match asked.trim() {
            "" | "n" => now = (now + 1).min(last),
            "p" => now = now.saturating_sub(1),
            "t" => now = (now..=last).find(|n| trace.steps[*n].turn > turn).unwrap_or(last),
            "T" => {
                let earlier = (0..now).rev().find(|n| trace.steps[*n].turn < turn).unwrap_or(0);
                let turn = trace.steps[earlier].turn;
                now = (0..=earlier).find(|n| trace.steps[*n].turn == turn).unwrap_or(0);
            }
            "o" => now = (now + 1..=last).find(is_out).unwrap_or(now),
            "O" => now = (0..now).rev().find(is_out).unwrap_or(now),
            "$" => now = last,
            "w" => {
                why(trace, &sentences, now, &mut output)?;
                continue;
            }
            "?" => {
                writeln!(output, "{HELP}")?;
                continue;
            }
            "q" => break,
            number => match number.parse::<usize>() {
                Ok(n) => now = n.min(last),
                Err(_) => {
                    writeln!(output, "  `{number}` is no key; ? for help")?;
                    continue;
                }
            },
        }
        show(trace, &sentences, now, &mut output)?;
    }
    Ok(())
}

fn show(trace: &Trace, sentences: &Sentences, n: usize, output: &mut impl Write) -> io::Result<()> {
    let (state, step) = (trace.state_at(n), &trace.steps[n]);
    let time = Sentences::duration(step.t);
    let last = trace.steps.len() - 1;
    writeln!(output, "step {n} of {last}, turn {}, t = {time}", step.turn)?;
    writeln!(output, "{}", sentences.of(trace, step))?;
    let ready = state.ready.iter().map(|(_, work)| sentences.name_of_work(trace, *work));
    listed(output, "ready", "(empty)", ready.collect())?;
    let timers = state.timers.iter().map(|(id, due)| {
        format!("timer {id} in {}", Sentences::duration(due.saturating_sub(state.t)))
    });
    listed(output, "timers", "(none)", timers.collect())?;
    let tasks = state.tasks.iter().map(|(id, how, on, _)| {
        let on = on.map(|on| format!(" waits for {}", sentences.name_of(trace, on)));
        let (name, on) = (trace.task_name(*id), on.unwrap_or_default());
        format!("{} {name}{on}", how.shape())
    });
    listed(output, "tasks", "(none)", tasks.collect())?;
    output.flush()
}

fn listed(output: &mut impl Write, what: &str, none: &str, items: Vec<String>) -> io::Result<()> {
    let items = if items.is_empty() { none.to_owned() } else { items.join("   ") };
    writeln!(output, "  {what:<8} {items}")
}

/// The chain of causes, the newest first.
fn why(trace: &Trace, sentences: &Sentences, n: usize, output: &mut impl Write) -> io::Result<()> {
    let mut step = &trace.steps[n];
    while let Some(cause) = step.cause {
        step = &trace.steps[cause];
        writeln!(output, "  because {:>5}  {}", step.n, sentences.of(trace, step))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use roundelay::trace::{Recorder, say};
    use roundelay::{Runner, yield_now};

    use super::*;

    fn stepped(keys: &str) -> String {
        let recorder = Recorder::new("two lines");
        let runner = Runner::builder().virtual_clock().observer(recorder.clone()).build().unwrap();
        let run = runner.run(async {
            say("one");
            yield_now().await;
            say("two");
        });
        run.unwrap();
        runner.close();
        let mut told = Vec::new();
        step_through(&recorder.finish(), keys.as_bytes(), &mut told).unwrap();
        String::from_utf8(told).unwrap()
    }

    /// The steps that were shown.
    fn shown(keys: &str) -> Vec<usize> {
        let told = stepped(keys);
        let numbers = told.lines().filter_map(|line| line.strip_prefix("step "));
        numbers.map(|rest| rest.split(' ').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn every_key_goes_where_the_help_says() {
        assert_eq!(shown("\nn\np\n"), [0, 1, 2, 1]);
        assert_eq!(shown("p\n"), [0, 0]);
        let turns = shown("t\nt\nT\n");
        assert_eq!(turns[1], turns[3]);
        let outs = shown("o\no\nO\n");
        assert!(outs[1] < outs[2] && outs[3] == outs[1]);
        assert_eq!(shown("5\n0\n99999\n$\n")[..3], [0, 5, 0]);
        let ends = shown("99999\n$\n");
        assert_eq!(ends[1], ends[2]);
        assert_eq!(shown("q\nn\n"), [0]);
    }

    #[test]
    fn what_is_no_key_is_said_and_nothing_moves() {
        assert!(stepped("x\n").contains("`x` is no key"));
        assert_eq!(shown("x\n?\n"), [0]);
    }

    #[test]
    fn why_goes_back_to_the_beginning() {
        let told = stepped("o\nw\n");
        assert!(told.trim_end().ends_with("because     0  The run begins."), "{told}");
    }
}
