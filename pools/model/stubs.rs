//! What stands in for the parts of the pools that are not modelled: panics, time, processes.

/// What the real one does, without the hook, which shuttle needs for itself.
pub(crate) mod panics {
    use crate::panic_report::PanicReport;

    pub(crate) fn contain<T>(user_code: impl FnOnce() -> T) -> Result<T, PanicReport> {
        Ok(user_code())
    }

    pub(crate) fn contain_quietly(user_code: impl FnOnce()) {
        user_code();
    }

    pub(crate) fn install_hook() {}

    pub(crate) fn watch_this_thread() {}
}

/// A moment without a clock: some looks, as shuttle chooses, and nothing is learned.
pub(crate) mod linger {
    use std::time::Instant;

    use crate::shim::coin;

    pub(crate) struct Linger;

    impl Linger {
        pub(crate) const fn new() -> Linger {
            Linger
        }

        pub(crate) fn linger<T>(
            &mut self,
            deadline: Option<Instant>,
            look: impl FnMut() -> Option<T>,
        ) -> Option<T> {
            Linger::here(deadline, look)
        }

        pub(crate) fn has_lost_nothing(&mut self) {}

        pub(crate) fn here<T>(
            _deadline: Option<Instant>,
            mut look: impl FnMut() -> Option<T>,
        ) -> Option<T> {
            while coin() {
                shuttle::thread::yield_now();
                if let Some(found) = look() {
                    return Some(found);
                }
            }
            None
        }
    }
}

/// No executor has put anything on these threads.
pub(crate) mod out_of_turn {
    pub(crate) fn apart(job: impl FnOnce()) {
        job();
    }
}

/// Nothing travels here, so no buffer is worth keeping.
pub(crate) mod shelf {
    pub(crate) fn give_back(buffer: Vec<u8>) {
        drop(buffer);
    }
}

/// A worker that is no process.
pub(crate) mod leash {
    use std::panic::Location;

    use crate::error::JobError;

    pub(crate) struct Leash;

    #[derive(Clone, Debug)]
    pub(crate) enum Reason {
        Killed,
        PoolBroke(String),
    }

    impl Leash {
        pub(crate) fn pid(&self) -> u32 {
            0
        }

        pub(crate) fn current_job(&self) -> Option<&'static Location<'static>> {
            None
        }

        pub(crate) fn has_started(&self) -> bool {
            true
        }

        pub(crate) fn condemn(&self, _reason: Reason) {}

        pub(crate) fn kill_job(&self, _id: u64) -> bool {
            false
        }
    }

    const _: fn(Reason) -> JobError = |reason| match reason {
        Reason::Killed => JobError::Killed,
        Reason::PoolBroke(why) => JobError::BrokenPool(why),
    };
}
