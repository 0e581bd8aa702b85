//! What nobody polls any more holds nobody up.

use roundelay::{sleep, to_thread};

use crate::support::{self, ms, must_end, run_virtual};

#[test]
fn a_finished_job_that_nobody_polls_does_not_hold_the_clock() {
    must_end(|| {
        run_virtual(async {
            let mut job = to_thread(|| 7);
            assert!(support::poll_now(&mut job).await.is_pending());
            sleep(ms(10)).await;
            assert_eq!(job.await.unwrap(), 7);
        });
    });
}
