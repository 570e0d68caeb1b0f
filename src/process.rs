//! What this process itself uses, as the kernel counts it.
//!
//! Source: proc(5), `/proc/self/stat`, `/proc/self/status` and `/proc/self/fd`.
//! A figure that cannot be read is absent, never zero.

use std::fs;
use std::time::Duration;

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time of all threads since the start, user and system.
    pub cpu: Option<Duration>,
    /// Resident memory in bytes.
    pub resident: Option<u64>,
    /// Highest resident memory so far, in bytes.
    pub resident_peak: Option<u64>,
    pub threads: Option<u64>,
    pub open_files: Option<u64>,
}

/// Lets this process have as many open files as it may: the usual soft limit is
/// for programs that use `select`.
pub fn raise_open_files() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    match rustix::process::setrlimit(rustix::process::Resource::Nofile, limit) {
        Ok(()) => log::debug!("the limit of open files is raised"),
        Err(error) => log::warn!("the limit of open files stays low: {error}"),
    }
}

/// How many files this process may open; none: without limit.
pub fn most_open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Reads the figures of this process now.
pub fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Usage {
        cpu: cpu_time(&stat, rustix::param::clock_ticks_per_second()),
        resident: field(&status, "VmRSS:").map(kibibytes),
        resident_peak: field(&status, "VmHWM:").map(kibibytes),
        threads: field(&status, "Threads:"),
        open_files: open_files(),
    }
}

fn kibibytes(count: u64) -> u64 {
    count.saturating_mul(1024)
}

/// The first number after `name` in the text of `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// `utime` and `stime`, fields 14 and 15 of `/proc/self/stat`, counted behind the
/// command name, which may itself contain spaces and brackets.
fn cpu_time(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let millis = user
        .checked_add(system)?
        .checked_mul(1000)?
        .checked_div(ticks_per_second)?;
    Some(Duration::from_millis(millis))
}

/// Open descriptors, less the one that reads the folder.
fn open_files() -> Option<u64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count.saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_fields() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\nThreads:\t16\n";
        assert_eq!(field(status, "VmRSS:").map(kibibytes), Some(1024 * 1024));
        assert_eq!(field(status, "Threads:"), Some(16));
        assert_eq!(field(status, "VmSwap:"), None);
        assert_eq!(field("VmRSS:\tmuch kB\n", "VmRSS:"), None);
    }

    #[test]
    fn cpu_time_survives_odd_names() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 9 1 1";
        assert_eq!(cpu_time(stat, 100), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time("", 100), None);
        assert_eq!(cpu_time(stat, 0), None);
    }

    #[test]
    fn open_files_are_limited_by_the_hard_limit_only() {
        let limit = || rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let before = limit();
        raise_open_files();
        assert_eq!(limit().current, before.maximum);
        assert_eq!(limit().maximum, before.maximum);
    }

    #[test]
    fn a_running_process_has_figures() {
        let usage = usage();
        assert!(usage.resident.is_some_and(|bytes| bytes > 100_000));
        assert!(usage.resident_peak >= usage.resident);
        assert!(usage.threads.is_some_and(|count| count >= 1));
        assert!(usage.open_files.is_some_and(|count| count >= 1));
        assert!(usage.cpu.is_some());
    }
}
