//! How does a program learn that input has come? By an interrupt, or by looking at a queue.
//!
//! A signal is an interrupt: the kernel stops the program between any two instructions, and runs a
//! handler. `io_uring` is a queue: the program gives the kernel a read with its buffer, and goes
//! on. When the read is done, the kernel puts its result into a queue, in memory that both share.
//! The program looks there when it wants to, without a system call, or sleeps until there is a
//! result.
//!
//! Look at the transfer below, which moves 10 from one account to another. The input comes in the
//! middle. The handler runs there and sees that 10 are missing; the queue waits until the transfer
//! is done. Therefore a loop makes an event of a signal: the handler only writes a byte, which the
//! loop reads at its place. And it is why an event loop needs no locks.
//!
//! This lesson needs Linux.
//!
//! `cargo run --example lab_28_completions`

#[cfg(not(target_os = "linux"))]
compile_error!("lesson 28 needs Linux, as its docs say");

use std::io::{self, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};

use io_uring::{IoUring, opcode, types};

/// Two accounts. Together they always have 100, except in the middle of a transfer.
static ACCOUNTS: [AtomicI32; 2] = [AtomicI32::new(60), AtomicI32::new(40)];

fn sum() -> i32 {
    ACCOUNTS.iter().map(|account| account.load(Relaxed)).sum()
}

/// Moves 10 from one account to the other. In the middle, `meanwhile` lets input come.
fn transfer(meanwhile: impl FnOnce()) {
    ACCOUNTS[0].fetch_sub(10, Relaxed);
    meanwhile();
    ACCOUNTS[1].fetch_add(10, Relaxed);
}

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static SUM_IN_HANDLER: AtomicI32 = AtomicI32::new(0);
static BYTE_FOR_LOOP: AtomicI32 = AtomicI32::new(-1);

/// Runs in the middle of whatever the program was doing. It may not lock, allocate or print, as it
/// may have interrupted just that.
extern "C" fn on_input(_signal: libc::c_int) {
    INTERRUPTS.fetch_add(1, Relaxed);
    SUM_IN_HANDLER.store(sum(), Relaxed);
    // SAFETY: `write` may be called in a handler. The buffer has one byte, and a wrong descriptor
    // is an error, which is ignored.
    unsafe { libc::write(BYTE_FOR_LOOP.load(Relaxed), [1_u8].as_ptr().cast(), 1) };
}

/// Input by interrupt: SIGIO says that the pipe has become readable.
fn by_interrupt() -> io::Result<()> {
    let (input, mut sender) = pipe()?;
    let (mut for_loop, handler_end) = pipe()?;
    BYTE_FOR_LOOP.store(handler_end.as_raw_fd(), Relaxed);
    // SAFETY: the handler only does what a handler may do. The calls change flags of a descriptor
    // that is open.
    unsafe {
        let handler = on_input as extern "C" fn(libc::c_int);
        libc::signal(libc::SIGIO, handler as libc::sighandler_t);
        libc::fcntl(input.as_raw_fd(), libc::F_SETOWN, libc::getpid());
        libc::fcntl(input.as_raw_fd(), libc::F_SETFL, libc::O_ASYNC);
    }
    transfer(|| send(&mut sender));
    println!(
        "by interrupt:  the handler ran {} time(s),",
        INTERRUPTS.load(Relaxed)
    );
    println!(
        "               and found {} in the accounts",
        SUM_IN_HANDLER.load(Relaxed)
    );
    // The loop: it waits for the handler's byte as for any other input.
    for_loop.read_exact(&mut [0])?;
    println!("as an event:   the loop found {} in the accounts", sum());

    assert_eq!(
        (INTERRUPTS.load(Relaxed), SUM_IN_HANDLER.load(Relaxed)),
        (1, 90)
    );
    assert_eq!(sum(), 100);
    // The end of the pipe is an event, too. It is of no interest.
    // SAFETY: as above.
    unsafe { libc::fcntl(input.as_raw_fd(), libc::F_SETFL, 0) };
    Ok(())
}

fn send(sender: &mut PipeWriter) {
    sender.write_all(b"hello").expect("the pipe is open");
}

/// Input by completion: the kernel reads, and the program looks at the queue of results.
fn by_completion(mut ring: IoUring) -> io::Result<()> {
    let (input, mut sender) = pipe()?;
    let mut buffer = [0_u8; 16];
    let length = buffer.len() as u32;
    let read = opcode::Read::new(types::Fd(input.as_raw_fd()), buffer.as_mut_ptr(), length);
    // SAFETY: `buffer` and `input` stay in place until the completion of the read, which is awaited
    // below.
    unsafe { ring.submission().push(&read.build()) }.expect("the queue has space");
    ring.submit()?;
    let before = ring.completion().count();

    transfer(|| send(&mut sender));
    println!("by completion: nothing ran in the middle of the transfer;");
    if ring.completion().is_empty() {
        ring.submit_and_wait(1)?; // sleeps until there is a result
    }
    let result = ring
        .completion()
        .next()
        .expect("there is a result")
        .result();
    let text = &buffer[..usize::try_from(result).expect("the read succeeds")];
    let text = String::from_utf8_lossy(text);
    println!("               then the queue had the result of the read: {result}, {text:?},");
    println!("               and there were {} in the accounts", sum());

    assert_eq!((before, result, text.as_ref()), (0, 5, "hello"));
    assert_eq!(INTERRUPTS.load(Relaxed), 1); // still that of the signal
    assert_eq!(sum(), 100);
    Ok(())
}

fn main() -> io::Result<()> {
    by_interrupt()?;
    println!();
    match IoUring::new(8) {
        Ok(ring) => by_completion(ring)?,
        // Containers often forbid it, and old kernels do not have it.
        Err(error) => println!("by completion: not shown, as io_uring is refused here: {error}"),
    }
    println!("\nWith epoll the kernel reports that a read would not wait; then the program reads.");
    println!("With io_uring it reports that the read is done, so it owns the buffer until then.");
    Ok(())
}
