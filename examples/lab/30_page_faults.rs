//! Why is this poll slow, though it calls nothing that blocks? It waits for memory.
//!
//! The first access to a page of new memory is a page fault: the processor stops the program, and
//! the kernel finds a page and fills it. If the page is in a file, the kernel first reads it from
//! the disk. No call in the source shows it, and no `.await` can: the loop stands still meanwhile.
//!
//! Four tasks have a long poll each: one sleeps, one computes, one touches new memory, one touches
//! memory that it has touched before. The stall detector reports a long poll while it runs. It
//! tells the kinds apart by what the kernel counts for each thread: processor time and page faults.
//!
//! Look at the faults of the last two tasks, which run the same code.
//!
//! This lesson needs Linux.
//!
//! `cargo run --example lab_30_page_faults`

#[cfg(not(target_os = "linux"))]
compile_error!("lesson 30 needs Linux, as its docs say");

use std::hint::black_box;
use std::io;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use wakeful::trace::Level;
use wakeful::{StallKind, StallReport};
use wakeful_lab as lab;

const PAGE: usize = 4096;
const PAGES: usize = 4096;

/// Memory from the kernel. None of its pages exists before it is touched.
struct Memory(*mut u8);

impl Memory {
    fn new() -> io::Result<Memory> {
        let (flags, access) = (MapFlags::PRIVATE, ProtFlags::READ | ProtFlags::WRITE);
        // SAFETY: new memory, which nothing else uses.
        let start = unsafe { mmap_anonymous(null_mut(), PAGE * PAGES, access, flags)? };
        let memory = Memory(start.cast());
        memory.advise(Advice::LinuxNoHugepage)?; // a huge page is 512 pages in one fault
        Ok(memory)
    }

    fn touch_all(&self) {
        for page in 0..PAGES {
            // SAFETY: within the memory, which is mapped until the drop.
            unsafe { self.0.add(page * PAGE).write_volatile(1) };
        }
    }

    /// Gives all pages back to the kernel. The next access to each is a fault again.
    fn give_back(&self) {
        let given = self.advise(Advice::LinuxDontNeed);
        given.expect("the memory is mapped");
    }

    fn advise(&self, advice: Advice) -> io::Result<()> {
        // SAFETY: the memory is mapped, and nothing refers to what is in it.
        unsafe { madvise(self.0.cast(), PAGE * PAGES, advice)? };
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and not used after the drop.
        unsafe { munmap(self.0.cast(), PAGE * PAGES).expect("it is mapped") };
    }
}

/// Returns the page faults of this thread so far that needed no disk.
fn faults() -> u64 {
    // SAFETY: the struct consists of numbers, so zeros are a value of it; the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage
    };
    usage.ru_minflt as u64
}

/// Spawns a task that does the work again and again, in one poll, until the detector has reported
/// the poll. Returns the report, and the page faults of the poll.
async fn report_of(
    name: &'static str,
    reports: &Rc<Receiver<StallReport>>,
    mut work: impl FnMut() + 'static,
) -> (StallReport, u64) {
    let reports = reports.clone();
    let task = lab::spawn(name, async move {
        let before = faults();
        loop {
            work();
            let mut new = reports
                .try_iter()
                .filter(|report| report.name.as_deref() == Some(name));
            // If the thread had no processor, the second report may show the work.
            let clear =
                |report: &StallReport| report.kind != StallKind::Starved || report.repeats > 0;
            if let Some(report) = new.find(clear) {
                return (report, faults() - before);
            }
        }
    });
    let (report, faults) = task.await.expect("it does not panic");
    println!("{report}\n");
    (report, faults)
}

fn main() -> io::Result<()> {
    let (send, reports) = channel();
    let runtime = wakeful::Builder::new()
        .trace_level(Level::Wakes)
        .detect_stalls(Duration::from_millis(20))
        .on_stall(move |report| drop(send.send(report.clone())))
        .build()?;
    let (new, old, reports) = (Memory::new()?, Memory::new()?, Rc::new(reports));
    old.touch_all();

    let results = runtime.block_on(async {
        [
            report_of("sleeps", &reports, || {
                thread::sleep(Duration::from_millis(1))
            })
            .await,
            report_of("computes", &reports, || {
                _ = black_box((0..100_000).sum::<u64>())
            })
            .await,
            report_of("new memory", &reports, move || {
                new.touch_all();
                new.give_back();
            })
            .await,
            report_of("old memory", &reports, move || old.touch_all()).await,
        ]
    });
    let snapshot = runtime.enter(wakeful::trace::snapshot);
    lab::show("30_page_faults", &snapshot);

    println!("task          the detector says    page faults in the poll");
    for (report, faults) in &results {
        let name = report.name.as_deref().unwrap_or_default();
        println!("{name:<13} {:<20} {faults:>23}", report.kind.to_string());
    }
    let [sleeps, computes, new, old] = results;
    if new.0.kind != StallKind::PageFaults {
        println!("(The machine is too busy to tell that the third task waits for memory.)");
    }
    println!("Touch memory before it is needed, or map it with MAP_POPULATE. Read files with");
    println!("`wakeful::fs`, not through a mapping: there, each fault may wait for the disk.");

    // The first access to each page is a fault, and no later one is.
    assert!(new.1 >= PAGES as u64);
    assert!(old.1 < PAGES as u64 / 8);
    // The detector takes nothing else for page faults.
    for (report, _) in [sleeps, computes, old] {
        assert_ne!(report.kind, StallKind::PageFaults, "{report}");
    }
    Ok(())
}
