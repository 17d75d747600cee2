//! The solution of exercise 30.
//!
//! The first write to each page is a fault, and there were 4096 of them in one poll. They are not
//! fewer now, but a thread of the blocking pool takes them, and the loop goes on meanwhile. The
//! memory belongs to the process, so a page that one thread has touched is there for all.

pub const ANSWER: char = 'b';

pub const PAGE: usize = 4096;
pub const PAGES: usize = 4096;

pub async fn table() -> Vec<u8> {
    let table = wakeful::spawn_blocking(|| {
        let mut table = vec![0; PAGES * PAGE];
        for page in 0..PAGES {
            table[page * PAGE] = 1;
        }
        table
    });
    table.await.expect("the job does not panic")
}

/// Returns the page faults of this thread so far.
pub fn faults() -> i64 {
    // SAFETY: the struct consists of numbers, so zeros are a value of it; the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage
    };
    usage.ru_minflt
}

pub fn main() {
    wakeful::block_on(async {
        let before = faults();
        let table = table().await;
        println!("faults of the loop's thread: {}", faults() - before);
        let touched: usize = table
            .iter()
            .step_by(PAGE)
            .map(|&byte| usize::from(byte))
            .sum();
        println!("pages touched: {touched}");
    });
}
