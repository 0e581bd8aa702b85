//! Small machines that many programs need, each put together from what the crate has.
//!
//! | the need | the pattern |
//! |---|---|
//! | it fails now and then, and works when tried again | [`retry`](fn@retry::retry) |
//! | not more than so many *starts* in a second | [`RateLimiter`](rate_limit::RateLimiter) |
//! | not more than so many *at the same time* | [`Semaphore`](crate::Semaphore): take a permit inside of each task |
//! | the same, over a long list | a bounded combinator, so that not all tasks exist at once |
//! | connections that are dear to make | [`ResourcePool`](resource_pool::ResourcePool) |
//! | one makes, several consume, and an error ends all | [`pipeline`](fn@pipeline::pipeline) |
//! | an error per item, and the whole never fails | [`gather_all`](crate::gather_all()) into a map |
//! | the first of several answers | a combinator that drops the losers |
//! | fetch, then compute | `fetch(url).await`, then [`run_on`](crate::run_on()) a pool of threads |
//! | blocking downloads, as they come | jobs of a [`ThreadPool`](roundelay_pools::ThreadPool) and [`as_completed`](roundelay_pools::as_completed()) |
//!
//! A limit on starts and a limit on what runs at the same time are different things: five
//! requests a second that take a minute each are three hundred at once.

pub(crate) mod pipeline;
pub(crate) mod rate_limit;
pub(crate) mod resource_pool;
pub(crate) mod retry;
pub(crate) mod retry_policy;
