//! Repair: a change that is lost half way.
//!
//! `transfer` takes 30 from one account, asks the bank, and puts 30 into the other. Asking is a
//! stop, and a future may be dropped there. Then 30 are missing. Make sure that all of the change
//! happens, or nothing.

use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch05::{self, Accounts};
use roundelay_exercises::props::Stop;

async fn transfer(accounts: Accounts, bank: Stop) {
    // TODO: what happens if this is dropped at the `await`?
    accounts.one.set(accounts.one.get() - 30);
    bank.await;
    accounts.other.set(accounts.other.get() + 30);
}

pub(crate) fn main() -> Verdict {
    ch05::half_way(transfer)
}
