//! What is measured, and how: CPU time, wall time, memory, percentiles.
//!
//! CPU time is that of the whole process, from the kernel's own account. A child runs one
//! workload and nothing else, so this is the workload's, all its threads included; and it
//! hardly changes when somebody else keeps the machine busy, as wall time does.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// What one child measured: names and figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample(pub BTreeMap<String, f64>);

impl Sample {
    /// The same and one figure more.
    #[must_use]
    pub fn with(mut self, metric: &str, value: f64) -> Sample {
        self.0.insert(metric.to_owned(), value);
        self
    }

    /// The same and two figures more: the median and the 99th percentile, in microseconds.
    #[must_use]
    pub fn with_percentiles(self, prefix: &str, mut times: Vec<Duration>) -> Sample {
        times.sort_unstable();
        let at = |percent: usize| {
            let time = times[(times.len() * percent / 100).min(times.len() - 1)];
            time.as_secs_f64() * 1e6
        };
        self.with(&format!("{prefix}p50_us"), at(50)).with(&format!("{prefix}p99_us"), at(99))
    }
}

/// Measures from [`Meter::start`] to [`Meter::stop`].
#[derive(Debug)]
pub struct Meter {
    cpu: ProcessTime,
    wall: Instant,
}

impl Meter {
    /// Begins.
    #[must_use]
    pub fn start() -> Meter {
        Meter { cpu: ProcessTime::now(), wall: Instant::now() }
    }

    /// Ends: nanoseconds of CPU and of wall time, for each of `items`.
    #[must_use]
    pub fn stop(self, items: usize) -> Sample {
        let (cpu, wall) = (self.cpu.elapsed(), self.wall.elapsed());
        let each = |time: Duration| time.as_nanos() as f64 / items as f64;
        Sample::default().with("cpu_ns", each(cpu)).with("ns", each(wall))
    }
}

/// How much memory a workload takes, by the kernel's account of this process.
///
/// The peak counts from the beginning of the process, so this tells the truth only of the
/// first large thing that a process does.
#[derive(Debug)]
pub struct Memory {
    before: u64,
}

impl Memory {
    /// Begins.
    #[must_use]
    pub fn start() -> Memory {
        Memory { before: status("VmRSS:") }
    }

    /// Bytes at the peak for each of `items`.
    #[must_use]
    pub fn peak_per(&self, items: usize) -> f64 {
        status("VmHWM:").saturating_sub(self.before) as f64 / items as f64
    }
}

/// A line of `/proc/self/status`, in bytes; 0 where there is no such file.
fn status(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rest = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = rest.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// How often something of this size is repeated, where its cost is plotted against its size: until
/// there is enough of it to be measured.
#[must_use]
pub fn passes(size: usize) -> usize {
    (300_000 / size).max(1)
}

/// Numbers that look random and are the same in every run (splitmix64).
#[derive(Clone, Debug, Default)]
pub struct Numbers(u64);

impl Numbers {
    /// The next one, smaller than `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_of_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_micros).collect();
        let sample = Sample::default().with_percentiles("", times);
        assert_eq!((sample.0["p50_us"], sample.0["p99_us"]), (51.0, 100.0));
    }

    #[test]
    fn memory_that_is_used_is_seen() {
        let memory = Memory::start();
        let bytes = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(memory.peak_per(bytes.len()) > 0.9);
    }
}
