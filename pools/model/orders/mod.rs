//! What is tried in every order that shuttle chooses.

mod team;
mod threads;

fn explore(program: impl Fn() + Send + Sync + 'static) {
    let orders = std::env::var("ORDERS").map_or(2_000, |text| text.parse().unwrap());
    shuttle::check_random(program, orders);
}
