//! An error goes to whoever waits. And if nobody does?

use std::rc::Rc;
use std::time::Duration;

use roundelay::{Failure, FailurePolicy, RunError, Runner, TaskBuilder, say, sleep};

async fn print_page(number: u32) -> Result<(), String> {
    sleep(Duration::from_secs(1)).await;
    match number {
        1 => Err("no paper".to_owned()),
        _ => panic!("no ink"),
    }
}

fn main() -> Result<(), RunError> {
    std::panic::set_hook(Box::new(|_| ())); // std would print every panic by itself
    let handler = Rc::new(|failure: &Failure| say!("  the handler: {failure}"));
    let runner = Runner::builder().virtual_clock().failure_policy(FailurePolicy::Handler(handler));
    let print = |name, number| TaskBuilder::new().name(name).spawn(print_page(number));
    runner.build()?.run(async {
        say!("awaited");
        say!("  {:?}", print("first", 1).await);
        say!("  {}", print("second", 2).await.unwrap_err());

        say!("detached");
        print("third", 1).detach();
        print("fourth", 2).detach();
        sleep(Duration::from_secs(5)).await;

        say!("detached, and its errors reported");
        print("fifth", 1).report_errors();
        sleep(Duration::from_secs(5)).await;
    })
}
