//! Futures of the clock: [`sleep`](fn@sleep::sleep) and [`timeout`](fn@timeout::timeout).

pub(crate) mod sleep;
pub(crate) mod timeout;
