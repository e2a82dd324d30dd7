//! How much memory is there to be used.

use std::path::Path;

/// What is taken for free where the system does not say.
const UNKNOWN: u64 = 1 << 30;

/// Bytes that could be used without pushing anything out: of the machine, or of the control group where that has
/// less.
pub(crate) fn available_bytes() -> u64 {
    let of_machine = fs_err::read_to_string("/proc/meminfo").ok().and_then(|text| field_bytes(&text, "MemAvailable:"));
    let of_group = group_bytes(Path::new("/sys/fs/cgroup"));
    of_machine.into_iter().chain(of_group).min().unwrap_or(UNKNOWN)
}

/// Starts the measurement of [`peak_bytes`] anew; what the process has in memory now. None where that cannot be done.
pub(crate) fn reset_peak() -> Option<u64> {
    // Linux's own way, since 4.0.
    fs_err::write("/proc/self/clear_refs", "5").ok()?;
    status_bytes("VmRSS:")
}

/// The most that the process has had in memory.
pub(crate) fn peak_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

fn status_bytes(field: &str) -> Option<u64> {
    field_bytes(&fs_err::read_to_string("/proc/self/status").ok()?, field)
}

/// A line such as `MemAvailable:   20971520 kB`.
fn field_bytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What a control group may still take; none where it has no limit. Its own cache of files counts as taken.
fn group_bytes(group: &Path) -> Option<u64> {
    let number = |name: &str| fs_err::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_what_is_said_counts() {
        let text = "MemTotal:       24689672 kB\nMemAvailable:   20971520 kB\n";
        assert_eq!(field_bytes(text, "MemAvailable:"), Some(20 << 30));
        assert_eq!(field_bytes(text, "SwapFree:"), None);
        let group = tempfile::tempdir().unwrap();
        assert_eq!(group_bytes(group.path()), None);
        fs_err::write(group.path().join("memory.current"), "100\n").unwrap();
        fs_err::write(group.path().join("memory.max"), "max\n").unwrap();
        assert_eq!(group_bytes(group.path()), None, "no limit");
        fs_err::write(group.path().join("memory.max"), "300\n").unwrap();
        assert_eq!(group_bytes(group.path()), Some(200));
        assert!(available_bytes() > 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_rises_with_what_is_used() {
        let before = reset_peak().unwrap();
        let used = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(peak_bytes().unwrap() >= before + (32 << 20), "{}", used.len());
    }
}
