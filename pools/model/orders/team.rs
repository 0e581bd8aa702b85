//! The team of a process pool, with workers that are no processes.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use shuttle::thread;

use crate::error::JobError;
use crate::job::Job;
use crate::leash::Leash;
use crate::orders::explore;
use crate::remote_job::{Encoded, RemoteCall};
use crate::team::{OnWorkerDeath, Settings, Team};

fn team(life: fn(&Arc<Team>)) -> Arc<Team> {
    let settings = Settings {
        workers: 2,
        eager: false,
        max_tasks: None,
        start_timeout: Duration::ZERO,
        pause: Duration::ZERO,
        max_frame: 0,
        inherit_stderr: true,
        on_worker_death: OnWorkerDeath::FailJob,
        on_lost: None,
        init_frame: None,
        worker_arguments: Vec::new(),
        under_test: true,
    };
    Team::new(settings, life)
}

fn submit(team: &Arc<Team>, id: u64) -> Option<Job<u64>> {
    let decode = |frame: &mut Vec<u8>, start: usize| Ok(u64::from(frame[start]));
    let job = RemoteCall::new(id, "echo", vec![id as u8], None, Location::caller(), decode, None);
    team.submit(Arc::clone(&job) as _).ok()?;
    Some(Job::new(job))
}

/// A supervisor's story without a process: the answer is what was sent.
fn echoes(team: &Arc<Team>) {
    live(team, usize::MAX);
}

/// The same; but after one job the worker is dead, and found so at the next.
fn echoes_once(team: &Arc<Team>) {
    live(team, 1);
}

fn live(team: &Arc<Team>, jobs: usize) {
    if !team.may_start() {
        team.start_given_up();
        return team.leave(None);
    }
    let leash = Arc::new(Leash);
    if !team.register(&leash) {
        team.start_failed("stopped".to_owned());
        return team.leave(Some(&leash));
    }
    team.worker_is_ready();
    let mut done = 0;
    while let Some(job) = team.next_job() {
        let Some(frame) = job.start(&leash) else {
            team.is_free();
            continue;
        };
        if done == jobs {
            job.put_back(frame);
            team.put_back(job);
            break;
        }
        done += 1;
        job.end(Ok(Encoded { frame, start: 0 }), &|| team.job_done(true));
    }
    team.leave(Some(&leash));
}

#[test]
fn submit_against_close_runs_what_was_accepted_and_refuses_the_rest() {
    for life in [echoes, echoes_once] {
        explore(move || {
            let team = team(life);
            let submitters = [1, 2, 3].map(|id| {
                let team = Arc::clone(&team);
                thread::spawn(move || submit(&team, id).is_none_or(|job| job.wait().unwrap() == id))
            });
            team.close();
            team.wait_for_end(None).unwrap();
            assert!(submitters.into_iter().all(|one| one.join().unwrap()));
        });
    }
}

#[test]
fn submit_against_cancel_ends_each_job_once_and_the_team_in_the_end() {
    for life in [echoes, echoes_once] {
        explore(move || {
            let team = team(life);
            let jobs = [1, 2, 3].map(|id| submit(&team, id).unwrap());
            let other = Arc::clone(&team);
            let canceller = thread::spawn(move || other.cancel_queued());
            let said = jobs[1].cancel();
            for (id, job) in (1..).zip(&jobs) {
                match job.wait() {
                    Ok(value) => assert!(value == id && !(said && id == 2)),
                    Err(error) => assert!(matches!(error, JobError::Cancelled)),
                }
            }
            canceller.join().unwrap();
            team.close();
            team.wait_for_end(None).unwrap();
        });
    }
}

#[test]
fn stopping_the_workers_against_submit_leaves_nobody_waiting() {
    explore(|| {
        let team = team(echoes);
        let first = submit(&team, 1).unwrap();
        let other = Arc::clone(&team);
        let submitter = thread::spawn(move || submit(&other, 2).map(|job| job.wait()));
        team.stop_workers(|_| ());
        assert!(matches!(first.wait(), Ok(1) | Err(JobError::Cancelled)));
        let second = submitter.join().unwrap();
        assert!(matches!(second, None | Some(Ok(2) | Err(JobError::Cancelled))));
        team.wait_for_end(None).unwrap();
    });
}
