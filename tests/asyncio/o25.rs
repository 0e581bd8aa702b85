//! O25: the thread pool. Most of its facts are tested where the pools are: see `README.md`.

use roundelay::ThreadPool;

#[test]
fn o25_4_a_map_keeps_the_order_of_its_input_and_ends_with_the_shortest() {
    let pool = ThreadPool::new(3);
    let powers =
        pool.map(|(base, power): (u32, u32)| base.pow(power), [2, 3, 4].into_iter().zip([2, 2]));
    assert_eq!(powers.map(Result::unwrap).collect::<Vec<_>>(), [4, 9]);
    pool.shutdown();
}
