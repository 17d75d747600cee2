//! A thread and its resource use, read from `/proc`.

use std::fs;
use std::time::Duration;

use crate::sys::Usage;

/// Kernel id of a thread of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread(pub(super) i32);

impl Thread {
    pub(crate) fn current() -> Thread {
        Thread(rustix::thread::gettid().as_raw_nonzero().get())
    }

    /// Returns the totals since the thread began; `None` if it has ended, or without `/proc`.
    pub(crate) fn usage(self) -> Option<Usage> {
        let read = |file| fs::read_to_string(format!("/proc/self/task/{}/{file}", self.0));
        let mut usage = parse_stat(&read("stat").ok()?)?;
        // More exact than `stat`, which counts hundredths of a second.
        if let Some((cpu, starved)) = read("schedstat").ok().and_then(|text| parse_sched(&text)) {
            usage.cpu = Some(cpu);
            usage.starved = Some(starved);
        }
        usage.waits = read("status").ok().and_then(|text| parse_waits(&text));
        Some(usage)
    }
}

/// Returns the time on a CPU, and the time of waiting for one.
fn parse_sched(text: &str) -> Option<(Duration, Duration)> {
    let mut times = text.split_whitespace().map(|word| word.parse().ok());
    let mut next = || times.next().flatten().map(Duration::from_nanos);
    Some((next()?, next()?))
}

/// Returns the number of voluntary context switches.
fn parse_waits(text: &str) -> Option<u64> {
    let line = |line: &'_ str| {
        line.strip_prefix("voluntary_ctxt_switches:")?
            .trim()
            .parse()
            .ok()
    };
    text.lines().find_map(line)
}

fn parse_stat(text: &str) -> Option<Usage> {
    // The second field is the thread's name in parentheses, which may contain any character.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // proc(5) counts from 1, and the first two fields are cut off.
    let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
    let ticks = field(14)? + field(15)?;
    Some(Usage {
        // Linux reports ticks of a hundredth of a second to every program.
        cpu: Some(Duration::from_millis(ticks * 10)),
        starved: None,
        minor_faults: field(10)?,
        major_faults: field(12)?,
        runnable: fields.first() == Some(&"R"),
        waits: None,
    })
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_proc_5() {
        let text = "29912 (a) S (b) S 29907 29912 29912 0 -1 4194560 4644 89437 7 106 2 3 128 46 20 0 1 0 12";
        let usage = parse_stat(text).unwrap();
        assert_eq!((usage.minor_faults, usage.major_faults), (4644, 7));
        assert_eq!(usage.cpu, Some(Duration::from_millis(50)));
        assert!(
            !usage.runnable
                && parse_stat(&text.replace(") S 2", ") R 2"))
                    .unwrap()
                    .runnable
        );
        assert!(parse_stat("garbled").is_none());
        let (cpu, starved) = parse_sched("54093760 39884481 139\n").unwrap();
        assert_eq!(
            (cpu.as_nanos(), starved.as_nanos()),
            (54_093_760, 39_884_481)
        );
        assert!(parse_sched("").is_none());
        let text = "Seccomp:\t0\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(parse_waits(text), Some(12));
        assert!(parse_waits("").is_none());
    }

    #[test]
    fn this_thread_has_used_something() {
        let before = Thread::current().usage().unwrap();
        let touched = std::hint::black_box(vec![1_u8; 4 << 20]);
        let used = Thread::current().usage().unwrap().since(before);
        assert!(used.minor_faults + used.major_faults > 0, "{used:?}");
        drop(touched);
    }
}
