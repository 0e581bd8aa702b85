//! The mistake: a change in two halves, with a stop between them, in a future that may be dropped.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use roundelay::{RunError, Runner, say, sleep, timeout};

/// Two accounts.
#[derive(Clone, Default)]
struct Accounts {
    yours: Rc<Cell<i32>>,
    mine: Rc<Cell<i32>>,
}

impl Accounts {
    async fn pay_me(&self, amount: i32) {
        self.yours.set(self.yours.get() - amount);
        sleep(Duration::from_millis(50)).await; // asks the bank
        self.mine.set(self.mine.get() + amount);
    }

    async fn pay_me_in_one_go(&self, amount: i32) {
        sleep(Duration::from_millis(50)).await; // asks the bank
        self.yours.set(self.yours.get() - amount);
        self.mine.set(self.mine.get() + amount);
    }
}

fn main() -> Result<(), RunError> {
    Runner::builder().virtual_clock().build()?.run(async {
        let patience = Duration::from_millis(20);

        let accounts = Accounts::default();
        let paid = timeout(patience, accounts.pay_me(100)).await;
        say!("in halves: {paid:?}, yours {}, mine {}", accounts.yours.get(), accounts.mine.get());

        let accounts = Accounts::default();
        let paid = timeout(patience, accounts.pay_me_in_one_go(100)).await;
        say!("in one go: {paid:?}, yours {}, mine {}", accounts.yours.get(), accounts.mine.get());
    })
}
