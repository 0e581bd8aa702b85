//! Promises about signals: they reach every listener as ordinary callbacks and awaits, Ctrl-C
//! unwinds what asked for it, and when nobody listens any more all is as before.
//!
//! Facts O28.1 to O28.3 of the order. A process has one set of handlers, so each test here is
//! a process of its own. Nothing waits for a clock: whoever waits, waits for a signal.

mod support;

use std::cell::Cell;
use std::fs::File;
use std::future::pending;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::rc::Rc;

use futures_lite::StreamExt;
use roundelay::{
    EventLoop, LoopRef, RunError, Runner, Signal, Signals, ctrl_c, current_loop, gather_all, run,
    runtime::SignalPipe, spawn, with_cleanup, yield_now,
};
use rustix::process::{
    Resource, Rlimit, Signal as Number, getpid, getrlimit, kill_process, setrlimit,
};
use support::{Log, Reports, in_a_process, ms};

/// Throws a signal at this process.
fn raise(signal: Signal) {
    let number = match signal {
        Signal::INTERRUPT => Number::INT,
        Signal::HANGUP => Number::HUP,
        Signal::TERMINATE => Number::TERM,
        Signal::USER_1 => Number::USR1,
        Signal::USER_2 => Number::USR2,
        other => panic!("{other} is not raised here"),
    };
    kill_process(getpid(), number).unwrap();
}

/// As [`raise`], and waits until every listener that there is has been told: the thread that
/// the system chooses for the handler may be another one.
fn raise_and_wait(signal: Signal) {
    let pipe = SignalPipe::new([signal]).unwrap();
    raise(signal);
    while pipe.take().is_empty() {
        std::thread::yield_now();
    }
}

fn here() -> LoopRef {
    current_loop().unwrap()
}

fn interruptible() -> Runner {
    Runner::builder().ctrl_c(true).build().unwrap()
}

/// Whoever started the tests may have had Ctrl-C ignored (`nohup`, a job in the background), and
/// who ignores it hands that down. Then there is nothing to try.
fn nobody_can_interrupt() -> bool {
    let ignored = Signal::INTERRUPT.is_ignored();
    if ignored {
        println!("skipped: the process that started this test ignores Ctrl-C");
    }
    ignored
}

#[test]
fn a_signal_handler_is_an_ordinary_callback_of_a_later_turn() {
    let name = "a_signal_handler_is_an_ordinary_callback_of_a_later_turn";
    in_a_process(name, || {
        let log = Log::new();
        run(async {
            let (handled, said) = (Rc::new(Cell::new(false)), log.clone());
            let heard = Rc::clone(&handled);
            let handler = here().on_signal(Signal::USER_1, move || {
                said.add("handler");
                heard.set(true);
            });
            let handler = handler.unwrap();
            here().call_soon(log.adds("ready")).unwrap();
            raise(Signal::USER_1);
            log.add("kill returned");
            while !handled.get() {
                yield_now().await;
            }
            log.add(format!("removed: {} again: {}", handler.remove(), handler.remove()));
        });
        let expected = ["kill returned", "ready", "handler", "removed: true again: false"];
        assert_eq!(log.take(), expected);
    })
    .well();
}

#[test]
fn a_handler_that_panics_is_reported_and_called_again_the_next_time() {
    let name = "a_handler_that_panics_is_reported_and_called_again_the_next_time";
    in_a_process(name, || {
        let reports = Reports::new();
        let runner = Runner::builder().failure_policy(reports.policy()).build().unwrap();
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        let outcome = runner.run(async {
            let handler = here().on_signal(Signal::USER_1, move || {
                count.set(count.get() + 1);
                panic!("call {}", count.get());
            });
            for n in 1..=2 {
                raise(Signal::USER_1);
                while calls.get() < n {
                    yield_now().await;
                }
            }
            drop(handler);
        });
        outcome.unwrap();
        assert_eq!(reports.take(), ["CallbackPanicked: call 1", "CallbackPanicked: call 2"]);
    })
    .well();
}

#[test]
fn a_handler_may_remove_itself_and_drops_what_it_holds() {
    let name = "a_handler_may_remove_itself_and_drops_what_it_holds";
    in_a_process(name, || {
        let log = Log::new();
        run(async {
            let itself: Rc<Cell<Option<roundelay::SignalHandler>>> = Rc::default();
            let (held, mine) = (log.on_drop("dropped"), Rc::clone(&itself));
            let said = log.clone();
            let handler = here().on_signal(Signal::USER_1, move || {
                let _held = &held;
                said.add(format!("removed: {}", mine.take().unwrap().remove()));
            });
            itself.set(Some(handler.unwrap()));
            raise(Signal::USER_1);
            while log.len() < 2 {
                yield_now().await;
            }
        });
        assert_eq!(log.take(), ["removed: true", "dropped"]);
    })
    .well();
}

#[test]
fn a_closed_loop_lets_go_of_its_handlers() {
    in_a_process("a_closed_loop_lets_go_of_its_handlers", || {
        let log = Log::new();
        let event_loop = EventLoop::new().unwrap();
        let held = log.on_drop("dropped");
        let keep = move || {
            let _held = &held;
        };
        let handler = event_loop.on_signal(Signal::USER_1, keep).unwrap();
        drop(event_loop);
        assert_eq!((log.take(), handler.remove()), (vec!["dropped".to_owned()], false));
    })
    .well();
}

#[test]
fn every_listener_hears_of_a_signal_on_every_loop() {
    in_a_process("every_listener_hears_of_a_signal_on_every_loop", || {
        let (ready, made) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            run(async move {
                let mut signals = Signals::new([Signal::USER_1]).unwrap();
                ready.send(()).unwrap();
                signals.recv().await.unwrap()
            })
        });
        made.recv().unwrap();
        run(async {
            let listeners: Vec<Signals> =
                (0..3).map(|_| Signals::new([Signal::USER_1]).unwrap()).collect();
            raise(Signal::USER_1);
            let heard = listeners.into_iter().map(async |mut one| one.recv().await.unwrap());
            for signal in gather_all(heard).await {
                assert_eq!(signal.unwrap(), Signal::USER_1);
            }
        });
        assert_eq!(other.join().unwrap(), Signal::USER_1);
    })
    .well();
}

#[test]
fn signals_that_came_while_nobody_awaited_are_kept_one_of_each_kind() {
    let name = "signals_that_came_while_nobody_awaited_are_kept_one_of_each_kind";
    in_a_process(name, || {
        run(async {
            let mut signals =
                Signals::new([Signal::HANGUP, Signal::USER_1, Signal::USER_2]).unwrap();
            for signal in [Signal::USER_2, Signal::USER_1, Signal::HANGUP, Signal::USER_1] {
                raise_and_wait(signal);
            }
            let mut heard = Vec::new();
            while heard.len() < 3 {
                heard.push(signals.next().await.unwrap().unwrap());
            }
            heard.sort();
            assert_eq!(heard, [Signal::HANGUP, Signal::USER_1, Signal::USER_2]);
            assert!(roundelay::timeout(ms(1), signals.recv()).await.is_err());
        });
    })
    .well();
}

#[test]
fn a_listener_that_is_given_up_while_it_waits_loses_nothing() {
    in_a_process("a_listener_that_is_given_up_while_it_waits_loses_nothing", || {
        run(async {
            let mut signals = Signals::new([Signal::USER_1]).unwrap();
            assert!(roundelay::timeout(ms(1), signals.recv()).await.is_err());
            raise(Signal::USER_1);
            assert_eq!(signals.recv().await.unwrap(), Signal::USER_1);
        });
    })
    .well();
}

#[test]
fn when_the_last_listener_is_gone_the_signal_ends_the_process_again() {
    let name = "when_the_last_listener_is_gone_the_signal_ends_the_process_again";
    let ended = in_a_process(name, || {
        run(async {
            let (first, mut second) =
                (Signals::new([Signal::TERMINATE]), Signals::new([Signal::TERMINATE]).unwrap());
            drop(first);
            raise(Signal::TERMINATE);
            assert_eq!(second.recv().await.unwrap(), Signal::TERMINATE);
            println!("still here");
        });
        raise(Signal::TERMINATE);
        loop {
            std::thread::park();
        }
    });
    assert!(ended.stdout.contains("still here"), "{ended:?}");
    assert_eq!(ended.status.unwrap().signal(), Some(Signal::TERMINATE.number()));
}

#[test]
fn a_signal_that_was_ignored_is_ignored_again_although_descriptors_were_short_meanwhile() {
    let name =
        "a_signal_that_was_ignored_is_ignored_again_although_descriptors_were_short_meanwhile";
    in_a_process(name, || {
        if !Signal::HANGUP.is_ignored() {
            // As `nohup` does.
            let mut ignoring = std::process::Command::new("env");
            let ignoring = ignoring.arg("--ignore-signal=HUP").args(std::env::args_os());
            println!("skipped: this `env` cannot have a signal ignored: {}", ignoring.exec());
            return;
        }
        let all = getrlimit(Resource::Nofile);
        for few in 0..16 {
            let next = File::open("/dev/null").unwrap().as_raw_fd() as u64;
            let few = Rlimit { current: Some(next + few), maximum: all.maximum };
            setrlimit(Resource::Nofile, few).unwrap();
            drop(SignalPipe::new([Signal::HANGUP]));
            setrlimit(Resource::Nofile, all).unwrap();
            assert!(Signal::HANGUP.is_ignored());
        }
        raise_and_wait(Signal::HANGUP);
        raise(Signal::HANGUP);
    })
    .well();
}

#[test]
fn a_signal_that_nobody_can_listen_for_is_refused_with_its_name() {
    run(async {
        let error = Signals::new([Signal::KILL]).unwrap_err();
        assert_eq!(error.to_string(), "nobody can listen for SIGKILL: leave it out of the list");
    });
}

#[test]
fn ctrl_c_can_be_awaited() {
    in_a_process("ctrl_c_can_be_awaited", || {
        run(async {
            let waiting = spawn(ctrl_c());
            yield_now().await;
            raise(Signal::INTERRUPT);
            waiting.await.unwrap().unwrap();
        });
    })
    .well();
}

#[test]
fn ctrl_c_cancels_the_main_task_and_the_cleanup_runs_before_the_run_tells() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "ctrl_c_cancels_the_main_task_and_the_cleanup_runs_before_the_run_tells";
    in_a_process(name, || {
        let log = Log::new();
        let runner = interruptible();
        let outcome = runner.run(async {
            let killer = spawn(async {
                yield_now().await;
                raise(Signal::INTERRUPT);
            });
            let said = log.clone();
            let _held = log.on_drop("main task cancelled");
            let cleanup = move || async move {
                roundelay::sleep(ms(1)).await;
                said.add("async cleanup done");
            };
            with_cleanup(pending::<()>(), cleanup(), ms(5000)).await;
            drop(killer);
        });
        assert!(matches!(outcome, Err(RunError::Interrupted)), "{outcome:?}");
        drop(runner);
        assert_eq!(log.take(), ["main task cancelled", "async cleanup done"]);
    })
    .well();
}

#[test]
fn a_runner_that_was_interrupted_can_run_again_and_be_interrupted_again() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "a_runner_that_was_interrupted_can_run_again_and_be_interrupted_again";
    in_a_process(name, || {
        let runner = interruptible();
        for _ in 0..2 {
            let outcome = runner.run(async {
                raise(Signal::INTERRUPT);
                pending::<()>().await;
            });
            assert!(matches!(outcome, Err(RunError::Interrupted)), "{outcome:?}");
            assert_eq!(runner.run(async { 7 }).unwrap(), 7);
        }
    })
    .well();
}

#[test]
fn a_ctrl_c_in_the_last_step_of_a_run_or_after_it_is_told_and_told_once() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "a_ctrl_c_in_the_last_step_of_a_run_or_after_it_is_told_and_told_once";
    in_a_process(name, || {
        let log = Log::new();
        let runner = interruptible();
        // O28.3: `asyncio.run` raises KeyboardInterrupt both times.
        let last_step = runner.run(async {
            raise_and_wait(Signal::INTERRUPT);
            log.on_drop("the value is dropped")
        });
        assert!(matches!(last_step, Err(RunError::Interrupted)), "{last_step:?}");
        assert_eq!(log.take(), ["the value is dropped"]);
        assert_eq!(runner.run(async { 7 }).unwrap(), 7);
        let last_turn = runner.run(async {
            here().call_soon(|| raise_and_wait(Signal::INTERRUPT)).unwrap();
            7
        });
        assert!(matches!(last_turn, Err(RunError::Interrupted)), "{last_turn:?}");
        assert_eq!(runner.run(async { 7 }).unwrap(), 7);
    })
    .well();
}

#[test]
fn a_ctrl_c_and_a_stop_in_one_turn_are_an_interruption() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "a_ctrl_c_and_a_stop_in_one_turn_are_an_interruption";
    in_a_process(name, || {
        let runner = interruptible();
        let outcome = runner.run(async {
            raise_and_wait(Signal::INTERRUPT);
            here().stop();
            pending::<()>().await;
        });
        assert!(matches!(outcome, Err(RunError::Interrupted)), "{outcome:?}");
    })
    .well();
}

#[test]
fn the_second_ctrl_c_ends_the_process_at_once_even_if_the_loop_is_stuck() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "the_second_ctrl_c_ends_the_process_at_once_even_if_the_loop_is_stuck";
    let ended = in_a_process(name, || {
        let _ = interruptible().run(async {
            raise_and_wait(Signal::INTERRUPT);
            raise(Signal::INTERRUPT);
            loop {
                std::thread::park();
            }
        });
    });
    assert_eq!(ended.status.unwrap().code(), Some(130), "{ended:?}");
}

#[test]
fn without_the_option_ctrl_c_does_what_it_does_to_any_program() {
    if nobody_can_interrupt() {
        return;
    }
    let name = "without_the_option_ctrl_c_does_what_it_does_to_any_program";
    let ended = in_a_process(name, || {
        run(async {
            raise(Signal::INTERRUPT);
            pending::<()>().await;
        });
    });
    assert_eq!(ended.status.unwrap().signal(), Some(2), "{ended:?}");
}

#[test]
fn after_the_run_ctrl_c_ends_the_process_again() {
    if nobody_can_interrupt() {
        return;
    }
    let ended = in_a_process("after_the_run_ctrl_c_ends_the_process_again", || {
        let runner = interruptible();
        runner.run(async {}).unwrap();
        raise(Signal::INTERRUPT);
        loop {
            std::thread::park();
        }
    });
    assert_eq!(ended.status.unwrap().signal(), Some(2), "{ended:?}");
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn an_interrupted_run_leaves_the_trace_that_was_asked_for() {
    if nobody_can_interrupt() {
        return;
    }
    let trace = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted.txt");
    let _ = std::fs::remove_file(&trace);
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "the_interrupted_program", "--ignored", "--nocapture"]);
    let output = inner.env("ROUNDELAY_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&trace).unwrap();
    assert!(text.contains("asked to cancel") && text.contains("The run is over"), "{text}");
}

#[test]
#[ignore = "a program for the test before it"]
fn the_interrupted_program() {
    let outcome = interruptible().run(async {
        raise(Signal::INTERRUPT);
        pending::<()>().await;
    });
    assert!(matches!(outcome, Err(RunError::Interrupted)), "{outcome:?}");
}
