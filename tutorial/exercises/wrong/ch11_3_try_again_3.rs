//! Write: try again, as long as there is time.
//!
//! Calls the service until it gives `Ok`, and gives that. Between two calls lies a pause: 10 ms, then
//! 20, 40 and so on. All of it may take 100 ms, calls and pauses together. A pause after which no
//! time would be left is not begun. If the time is up: `None`. Do it by hand, without `retry`.

use std::time::Duration;

use roundelay::{sleep, timeout};
use roundelay_exercises::Verdict;
use roundelay_exercises::checks::ch11;
use roundelay_exercises::props::Service;

const LIMIT: Duration = Duration::from_millis(100);

async fn try_again(service: Service) -> Option<u32> {
    let work = async {
        let mut pause = Duration::from_millis(10);
        loop {
            if let Ok(answer) = service.call().await {
                return answer;
            }
            sleep(pause).await;
            pause *= 2;
        }
    };
    timeout(LIMIT, work).await.ok()
}

pub(crate) fn main() -> Verdict {
    ch11::try_again(try_again)
}
