//! All answers that the authors keep, as modules of one binary: as shipped, solved, and wrong.
//!
//! A line is a kind, a name and a path. `no_answer_is_forgotten` compares the list with the
//! folders.

use roundelay_exercises::Verdict;

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is given out.
    Shipped,
    /// The solution.
    Solution,
    /// A common wrong answer.
    Wrong,
}

/// An answer that the authors keep.
pub struct Answer {
    pub kind: Kind,
    /// The file, from the folder of the exercises.
    pub path: &'static str,
    pub main: fn() -> Verdict,
}

macro_rules! answers {
    ($($kind:ident $module:ident $path:literal;)*) => {
        $(#[path = $path] mod $module;)*

        /// All of them.
        pub const ANSWERS: &[Answer] =
            &[$(Answer { kind: Kind::$kind, path: $path, main: $module::main }),*];
    };
}

answers! {
    Shipped ch01_0_it_works_shipped "../../shipped/ch01_0_it_works.rs";
    Solution ch01_0_it_works_solution "../../solutions/ch01_0_it_works.rs";
    Wrong ch01_0_it_works_wrong_1 "../../wrong/ch01_0_it_works_1.rs";
    Wrong ch01_0_it_works_wrong_2 "../../wrong/ch01_0_it_works_2.rs";
    Shipped ch01_1_end_times_shipped "../../shipped/ch01_1_end_times.rs";
    Solution ch01_1_end_times_solution "../../solutions/ch01_1_end_times.rs";
    Wrong ch01_1_end_times_wrong_1 "../../wrong/ch01_1_end_times_1.rs";
    Wrong ch01_1_end_times_wrong_2 "../../wrong/ch01_1_end_times_2.rs";
    Wrong ch01_1_end_times_wrong_3 "../../wrong/ch01_1_end_times_3.rs";
    Shipped ch01_2_two_seconds_shipped "../../shipped/ch01_2_two_seconds.rs";
    Solution ch01_2_two_seconds_solution "../../solutions/ch01_2_two_seconds.rs";
    Wrong ch01_2_two_seconds_wrong_1 "../../wrong/ch01_2_two_seconds_1.rs";
    Wrong ch01_2_two_seconds_wrong_2 "../../wrong/ch01_2_two_seconds_2.rs";
    Shipped ch02_1_order_shipped "../../shipped/ch02_1_order.rs";
    Solution ch02_1_order_solution "../../solutions/ch02_1_order.rs";
    Wrong ch02_1_order_wrong_1 "../../wrong/ch02_1_order_1.rs";
    Wrong ch02_1_order_wrong_2 "../../wrong/ch02_1_order_2.rs";
    Wrong ch02_1_order_wrong_3 "../../wrong/ch02_1_order_3.rs";
    Shipped ch02_2_fair_shipped "../../shipped/ch02_2_fair.rs";
    Solution ch02_2_fair_solution "../../solutions/ch02_2_fair.rs";
    Wrong ch02_2_fair_wrong_1 "../../wrong/ch02_2_fair_1.rs";
    Wrong ch02_2_fair_wrong_2 "../../wrong/ch02_2_fair_2.rs";
    Wrong ch02_2_fair_wrong_3 "../../wrong/ch02_2_fair_3.rs";
    Shipped ch02_3_call_soon_shipped "../../shipped/ch02_3_call_soon.rs";
    Solution ch02_3_call_soon_solution "../../solutions/ch02_3_call_soon.rs";
    Wrong ch02_3_call_soon_wrong_1 "../../wrong/ch02_3_call_soon_1.rs";
    Wrong ch02_3_call_soon_wrong_2 "../../wrong/ch02_3_call_soon_2.rs";
    Shipped ch03_1_firings_shipped "../../shipped/ch03_1_firings.rs";
    Solution ch03_1_firings_solution "../../solutions/ch03_1_firings.rs";
    Wrong ch03_1_firings_wrong_1 "../../wrong/ch03_1_firings_1.rs";
    Wrong ch03_1_firings_wrong_2 "../../wrong/ch03_1_firings_2.rs";
    Wrong ch03_1_firings_wrong_3 "../../wrong/ch03_1_firings_3.rs";
    Shipped ch03_2_ties_shipped "../../shipped/ch03_2_ties.rs";
    Solution ch03_2_ties_solution "../../solutions/ch03_2_ties.rs";
    Wrong ch03_2_ties_wrong_1 "../../wrong/ch03_2_ties_1.rs";
    Wrong ch03_2_ties_wrong_2 "../../wrong/ch03_2_ties_2.rs";
    Shipped ch03_3_rhythm_shipped "../../shipped/ch03_3_rhythm.rs";
    Solution ch03_3_rhythm_solution "../../solutions/ch03_3_rhythm.rs";
    Wrong ch03_3_rhythm_wrong_1 "../../wrong/ch03_3_rhythm_1.rs";
    Wrong ch03_3_rhythm_wrong_2 "../../wrong/ch03_3_rhythm_2.rs";
    Shipped ch04_1_wrap_shipped "../../shipped/ch04_1_wrap.rs";
    Solution ch04_1_wrap_solution "../../solutions/ch04_1_wrap.rs";
    Wrong ch04_1_wrap_wrong_1 "../../wrong/ch04_1_wrap_1.rs";
    Wrong ch04_1_wrap_wrong_2 "../../wrong/ch04_1_wrap_2.rs";
    Shipped ch04_2_told_shipped "../../shipped/ch04_2_told.rs";
    Solution ch04_2_told_solution "../../solutions/ch04_2_told.rs";
    Wrong ch04_2_told_wrong_1 "../../wrong/ch04_2_told_1.rs";
    Wrong ch04_2_told_wrong_2 "../../wrong/ch04_2_told_2.rs";
    Shipped ch05_1_polls_shipped "../../shipped/ch05_1_polls.rs";
    Solution ch05_1_polls_solution "../../solutions/ch05_1_polls.rs";
    Wrong ch05_1_polls_wrong_1 "../../wrong/ch05_1_polls_1.rs";
    Wrong ch05_1_polls_wrong_2 "../../wrong/ch05_1_polls_2.rs";
    Shipped ch05_2_state_machine_shipped "../../shipped/ch05_2_state_machine.rs";
    Solution ch05_2_state_machine_solution "../../solutions/ch05_2_state_machine.rs";
    Wrong ch05_2_state_machine_wrong_1 "../../wrong/ch05_2_state_machine_1.rs";
    Wrong ch05_2_state_machine_wrong_2 "../../wrong/ch05_2_state_machine_2.rs";
    Shipped ch05_3_half_way_shipped "../../shipped/ch05_3_half_way.rs";
    Solution ch05_3_half_way_solution "../../solutions/ch05_3_half_way.rs";
    Wrong ch05_3_half_way_wrong_1 "../../wrong/ch05_3_half_way_1.rs";
    Wrong ch05_3_half_way_wrong_2 "../../wrong/ch05_3_half_way_2.rs";
    Shipped ch06_1_give_way_shipped "../../shipped/ch06_1_give_way.rs";
    Solution ch06_1_give_way_solution "../../solutions/ch06_1_give_way.rs";
    Wrong ch06_1_give_way_wrong_1 "../../wrong/ch06_1_give_way_1.rs";
    Wrong ch06_1_give_way_wrong_2 "../../wrong/ch06_1_give_way_2.rs";
    Shipped ch06_2_lost_waker_shipped "../../shipped/ch06_2_lost_waker.rs";
    Solution ch06_2_lost_waker_solution "../../solutions/ch06_2_lost_waker.rs";
    Wrong ch06_2_lost_waker_wrong_1 "../../wrong/ch06_2_lost_waker_1.rs";
    Wrong ch06_2_lost_waker_wrong_2 "../../wrong/ch06_2_lost_waker_2.rs";
    Shipped ch06_3_who_woke_shipped "../../shipped/ch06_3_who_woke.rs";
    Solution ch06_3_who_woke_solution "../../solutions/ch06_3_who_woke.rs";
    Wrong ch06_3_who_woke_wrong_1 "../../wrong/ch06_3_who_woke_1.rs";
    Wrong ch06_3_who_woke_wrong_2 "../../wrong/ch06_3_who_woke_2.rs";
    Shipped ch07_1_drain_shipped "../../shipped/ch07_1_drain.rs";
    Solution ch07_1_drain_solution "../../solutions/ch07_1_drain.rs";
    Wrong ch07_1_drain_wrong_1 "../../wrong/ch07_1_drain_1.rs";
    Wrong ch07_1_drain_wrong_2 "../../wrong/ch07_1_drain_2.rs";
    Shipped ch07_2_how_long_shipped "../../shipped/ch07_2_how_long.rs";
    Solution ch07_2_how_long_solution "../../solutions/ch07_2_how_long.rs";
    Wrong ch07_2_how_long_wrong_1 "../../wrong/ch07_2_how_long_1.rs";
    Wrong ch07_2_how_long_wrong_2 "../../wrong/ch07_2_how_long_2.rs";
    Shipped ch07_3_nap_shipped "../../shipped/ch07_3_nap.rs";
    Solution ch07_3_nap_solution "../../solutions/ch07_3_nap.rs";
    Wrong ch07_3_nap_wrong_1 "../../wrong/ch07_3_nap_1.rs";
    Wrong ch07_3_nap_wrong_2 "../../wrong/ch07_3_nap_2.rs";
    Shipped ch08_1_survivors_shipped "../../shipped/ch08_1_survivors.rs";
    Solution ch08_1_survivors_solution "../../solutions/ch08_1_survivors.rs";
    Wrong ch08_1_survivors_wrong_1 "../../wrong/ch08_1_survivors_1.rs";
    Wrong ch08_1_survivors_wrong_2 "../../wrong/ch08_1_survivors_2.rs";
    Wrong ch08_1_survivors_wrong_3 "../../wrong/ch08_1_survivors_3.rs";
    Shipped ch08_2_nested_shipped "../../shipped/ch08_2_nested.rs";
    Solution ch08_2_nested_solution "../../solutions/ch08_2_nested.rs";
    Wrong ch08_2_nested_wrong_1 "../../wrong/ch08_2_nested_1.rs";
    Wrong ch08_2_nested_wrong_2 "../../wrong/ch08_2_nested_2.rs";
    Shipped ch08_3_stop_shipped "../../shipped/ch08_3_stop.rs";
    Solution ch08_3_stop_solution "../../solutions/ch08_3_stop.rs";
    Wrong ch08_3_stop_wrong_1 "../../wrong/ch08_3_stop_1.rs";
    Wrong ch08_3_stop_wrong_2 "../../wrong/ch08_3_stop_2.rs";
    Shipped ch09_1_first_error_shipped "../../shipped/ch09_1_first_error.rs";
    Solution ch09_1_first_error_solution "../../solutions/ch09_1_first_error.rs";
    Wrong ch09_1_first_error_wrong_1 "../../wrong/ch09_1_first_error_1.rs";
    Wrong ch09_1_first_error_wrong_2 "../../wrong/ch09_1_first_error_2.rs";
    Wrong ch09_1_first_error_wrong_3 "../../wrong/ch09_1_first_error_3.rs";
    Shipped ch09_2_first_good_shipped "../../shipped/ch09_2_first_good.rs";
    Solution ch09_2_first_good_solution "../../solutions/ch09_2_first_good.rs";
    Wrong ch09_2_first_good_wrong_1 "../../wrong/ch09_2_first_good_1.rs";
    Wrong ch09_2_first_good_wrong_2 "../../wrong/ch09_2_first_good_2.rs";
    Wrong ch09_2_first_good_wrong_3 "../../wrong/ch09_2_first_good_3.rs";
    Wrong ch09_2_first_good_wrong_4 "../../wrong/ch09_2_first_good_4.rs";
    Shipped ch09_3_in_time_shipped "../../shipped/ch09_3_in_time.rs";
    Solution ch09_3_in_time_solution "../../solutions/ch09_3_in_time.rs";
    Wrong ch09_3_in_time_wrong_1 "../../wrong/ch09_3_in_time_1.rs";
    Wrong ch09_3_in_time_wrong_2 "../../wrong/ch09_3_in_time_2.rs";
    Wrong ch09_3_in_time_wrong_3 "../../wrong/ch09_3_in_time_3.rs";
    Shipped ch10_1_who_ends_shipped "../../shipped/ch10_1_who_ends.rs";
    Solution ch10_1_who_ends_solution "../../solutions/ch10_1_who_ends.rs";
    Wrong ch10_1_who_ends_wrong_1 "../../wrong/ch10_1_who_ends_1.rs";
    Wrong ch10_1_who_ends_wrong_2 "../../wrong/ch10_1_who_ends_2.rs";
    Wrong ch10_1_who_ends_wrong_3 "../../wrong/ch10_1_who_ends_3.rs";
    Shipped ch10_2_paid_shipped "../../shipped/ch10_2_paid.rs";
    Solution ch10_2_paid_solution "../../solutions/ch10_2_paid.rs";
    Wrong ch10_2_paid_wrong_1 "../../wrong/ch10_2_paid_1.rs";
    Wrong ch10_2_paid_wrong_2 "../../wrong/ch10_2_paid_2.rs";
    Shipped ch10_3_goodbye_shipped "../../shipped/ch10_3_goodbye.rs";
    Solution ch10_3_goodbye_solution "../../solutions/ch10_3_goodbye.rs";
    Wrong ch10_3_goodbye_wrong_1 "../../wrong/ch10_3_goodbye_1.rs";
    Wrong ch10_3_goodbye_wrong_2 "../../wrong/ch10_3_goodbye_2.rs";
    Shipped ch11_1_same_moment_shipped "../../shipped/ch11_1_same_moment.rs";
    Solution ch11_1_same_moment_solution "../../solutions/ch11_1_same_moment.rs";
    Wrong ch11_1_same_moment_wrong_1 "../../wrong/ch11_1_same_moment_1.rs";
    Wrong ch11_1_same_moment_wrong_2 "../../wrong/ch11_1_same_moment_2.rs";
    Wrong ch11_1_same_moment_wrong_3 "../../wrong/ch11_1_same_moment_3.rs";
    Shipped ch11_2_whole_shipped "../../shipped/ch11_2_whole.rs";
    Solution ch11_2_whole_solution "../../solutions/ch11_2_whole.rs";
    Wrong ch11_2_whole_wrong_1 "../../wrong/ch11_2_whole_1.rs";
    Wrong ch11_2_whole_wrong_2 "../../wrong/ch11_2_whole_2.rs";
    Shipped ch11_3_try_again_shipped "../../shipped/ch11_3_try_again.rs";
    Solution ch11_3_try_again_solution "../../solutions/ch11_3_try_again.rs";
    Wrong ch11_3_try_again_wrong_1 "../../wrong/ch11_3_try_again_1.rs";
    Wrong ch11_3_try_again_wrong_2 "../../wrong/ch11_3_try_again_2.rs";
    Wrong ch11_3_try_again_wrong_3 "../../wrong/ch11_3_try_again_3.rs";
    Shipped ch12_1_who_goes_shipped "../../shipped/ch12_1_who_goes.rs";
    Solution ch12_1_who_goes_solution "../../solutions/ch12_1_who_goes.rs";
    Wrong ch12_1_who_goes_wrong_1 "../../wrong/ch12_1_who_goes_1.rs";
    Wrong ch12_1_who_goes_wrong_2 "../../wrong/ch12_1_who_goes_2.rs";
    Wrong ch12_1_who_goes_wrong_3 "../../wrong/ch12_1_who_goes_3.rs";
    Shipped ch12_2_sum_shipped "../../shipped/ch12_2_sum.rs";
    Solution ch12_2_sum_solution "../../solutions/ch12_2_sum.rs";
    Wrong ch12_2_sum_wrong_1 "../../wrong/ch12_2_sum_1.rs";
    Wrong ch12_2_sum_wrong_2 "../../wrong/ch12_2_sum_2.rs";
    Shipped ch12_3_strays_shipped "../../shipped/ch12_3_strays.rs";
    Solution ch12_3_strays_solution "../../solutions/ch12_3_strays.rs";
    Wrong ch12_3_strays_wrong_1 "../../wrong/ch12_3_strays_1.rs";
    Wrong ch12_3_strays_wrong_2 "../../wrong/ch12_3_strays_2.rs";
}
