//! `#[remote]` takes any function name: none of them means anything to the macro's own code.
//!
//! A function becomes a constant and a type of its name, and neither is hidden by hygiene: a macro
//! that binds `args` in a pattern, or says `str`, would mean the user's. So this file has functions
//! of such names, all in one scope, and it is enough that it compiles and that each answers.

#![allow(non_snake_case, reason = "names of constants and types are among them")]

use roundelay_pools::{ProcessPool, remote};

roundelay_pools::test_worker!();

macro_rules! functions {
    ($($name:ident)*) => {
        $(
            #[remote(crate = roundelay_pools)]
            fn $name(first: u64, second: u64) -> (String, u64) {
                (stringify!($name).to_owned(), first + second)
            }
        )*

        #[test]
        fn a_function_may_have_any_name() {
            let pool = ProcessPool::builder().workers(1).build().unwrap();
            $(
                let answer = pool.submit($name, (20, 22)).unwrap().wait().unwrap();
                assert_eq!(answer, (stringify!($name).to_owned(), 42));
                assert_eq!($name(1, 2).1, 3);
            )*
        }
    };
}

functions! {
    args function call deref invoke signature entry frame at result value name out ty vis
    a b c d e f g h x n this text worker job
    str fn_name core std inventory remote double FUNCTION NAME Args Output Target Entry Invoke
    Deref RemoteFn Copied Fn
}
