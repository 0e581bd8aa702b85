//! Errors: which to try again, which to write down, and which are plain answers.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use roundelay::{
    Elapsed, JobError, RetryPolicy, RunError, Runner, retry_if, say, timeout, to_thread,
};

/// Why there is no price. Each kind is one that somebody treats differently.
#[derive(Debug)]
enum PriceError {
    /// An answer, and not a failure: the shop works.
    NotForSale,
    /// The other side says that it will pass.
    Busy,
    /// It took too long. Whether anything was done there, nobody knows.
    Late(Elapsed),
    /// A job of ours has failed.
    Job(JobError),
}

/// What to do with an error, besides handing it on.
#[derive(Debug, PartialEq)]
enum Treatment {
    Answer,
    CountAndRetry,
    Report,
}

impl PriceError {
    fn treatment(&self) -> Treatment {
        match self {
            PriceError::NotForSale => Treatment::Answer,
            PriceError::Busy | PriceError::Late(_) => Treatment::CountAndRetry,
            // Asking for a price twice is harmless, so a worker that died may be asked again.
            PriceError::Job(JobError::WorkerDied { .. } | JobError::TimedOut { .. }) => {
                Treatment::CountAndRetry
            }
            // A panic is a bug: it comes again, and somebody has to read its place.
            PriceError::Job(_) => Treatment::Report,
        }
    }
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PriceError::NotForSale => f.write_str("not for sale"),
            PriceError::Busy => f.write_str("the shop is busy"),
            PriceError::Late(elapsed) => write!(f, "the shop: {elapsed}"),
            PriceError::Job(error) => error.fmt(f),
        }
    }
}

impl From<Elapsed> for PriceError {
    fn from(elapsed: Elapsed) -> Self {
        PriceError::Late(elapsed)
    }
}

impl From<JobError> for PriceError {
    fn from(error: JobError) -> Self {
        PriceError::Job(error)
    }
}

/// Asks the shop. What it says depends on the thing and on how often it was asked.
async fn ask(thing: &str, attempt: u32) -> Result<u32, PriceError> {
    match (thing, attempt) {
        ("moon", _) => Err(PriceError::NotForSale),
        ("tea", 1) => Err(PriceError::Busy),
        ("tea", 2) => Ok(timeout(Duration::from_secs(1), std::future::pending()).await?),
        ("bug", _) => Ok(to_thread(|| std::panic::resume_unwind(Box::new("no such shelf"))).await?),
        _ => Ok(5),
    }
}

/// The price, with all that is written down about it.
async fn price(thing: &str) -> Result<u32, PriceError> {
    let policy = RetryPolicy::new(NonZeroU32::new(3).expect("not zero")).jitter_percent(0);
    let retried = Cell::new(0);
    let may_pass = |error: &PriceError| {
        let again = error.treatment() == Treatment::CountAndRetry;
        retried.set(retried.get() + u32::from(again));
        again
    };
    let outcome = retry_if(&policy, may_pass, async |attempt| ask(thing, attempt).await).await;
    let outcome = outcome.map_err(|error| error.into_last().expect("an attempt was made"));
    match &outcome {
        Err(error) if error.treatment() == Treatment::Report => {
            say!("LOG {thing}: {}", error.to_string().lines().next().unwrap_or_default());
        }
        _ => say!("count {thing}: retried {}", retried.get()),
    }
    outcome
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        for thing in ["cup", "tea", "moon", "bug"] {
            match price(thing).await {
                Ok(price) => say!("{thing} costs {price}"),
                Err(error) => say!("no {thing}: {:?}", error.treatment()),
            }
        }
    })
}
