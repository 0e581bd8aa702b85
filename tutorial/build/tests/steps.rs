//! Each step passes its own tests and those of all steps before it.

#[path = "../checks/support.rs"]
mod support;

/// The checks of these steps, run against the tiny loop of `$step`.
macro_rules! passes {
    ($step:ident: $($checks:ident $file:literal),*) => {
        mod $step {
            use roundelay_build::$step as tiny;
            $(mod $checks {
                use super::tiny;
                include!($file);
            })*
        }
    };
}

passes!(step_1: step_1 "../checks/step_1.rs");
passes!(step_2: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs");
passes!(step_3: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs");
passes!(step_4: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs", step_4 "../checks/step_4.rs");
passes!(step_5: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs", step_4 "../checks/step_4.rs", step_5 "../checks/step_5.rs");
passes!(step_6: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs", step_4 "../checks/step_4.rs", step_5 "../checks/step_5.rs",
    step_6 "../checks/step_6.rs");
passes!(step_7: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs", step_4 "../checks/step_4.rs", step_5 "../checks/step_5.rs",
    step_6 "../checks/step_6.rs", step_7 "../checks/step_7.rs");
passes!(step_8: step_1 "../checks/step_1.rs", step_2 "../checks/step_2.rs",
    step_3 "../checks/step_3.rs", step_4 "../checks/step_4.rs", step_5 "../checks/step_5.rs",
    step_6 "../checks/step_6.rs", step_7 "../checks/step_7.rs", step_8 "../checks/step_8.rs");

mod generated {
    use roundelay_build::check::home;
    use roundelay_build::{STEPS, tagged};

    #[test]
    #[cfg_attr(miri, ignore = "reads texts")]
    fn each_step_is_what_the_source_gives() {
        let source = std::fs::read_to_string(home().join("tiny.rs")).unwrap();
        for step in 1..=STEPS {
            let file = home().join(format!("steps/step_{step:02}.rs"));
            let committed = std::fs::read_to_string(&file).unwrap();
            assert!(
                committed == tagged::at_step(&source, step).unwrap(),
                "{} is not what tiny.rs gives; write it anew: \
                 cargo run -p roundelay-build --example build -- accept",
                file.display()
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads texts")]
    fn the_first_seven_steps_need_the_standard_library_only() {
        for step in 1..=7 {
            let file = home().join(format!("steps/step_{step:02}.rs"));
            let text = std::fs::read_to_string(file).unwrap();
            let uses = text.lines().filter(|line| line.starts_with("use "));
            let foreign: Vec<&str> = uses.filter(|line| !line.starts_with("use std::")).collect();
            assert!(foreign.is_empty(), "step {step} uses {foreign:?}");
        }
    }
}
