//! Two ways to learn that a disk read has completed: by polling, where the program checks again and
//! again, and by interrupt, where other tasks run until the kernel notifies the program.
//!
//! The read is sent to the kernel through a completion ring (`io_uring`), which is set up by hand
//! to show both ways. `wakeful::fs` uses the second one.
//!
//! `cargo run --example completions [FILE]`

#[cfg(target_os = "linux")]
fn main() {
    if let Err(error) = wakeful::block_on(linux::run()) {
        eprintln!("the completion ring cannot be used: {error}");
        std::process::exit(1);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux has this ring; on other systems wakeful::fs uses threads");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Instant;

    use io_uring::{IoUring, opcode, types::Fd};
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{Advice, fadvise};
    use wakeful::reactor::Async;
    use wakeful::task::yield_now;
    use wakeful_examples::Args;

    const SIZE: usize = 1 << 20;

    pub(super) async fn run() -> io::Result<()> {
        let mut args = Args::from_env("usage: completions [FILE]");
        let path: String = args.next("FILE", "/proc/self/exe".to_string());
        args.finish();
        let file = File::open(&path)?;

        let mut disk = Disk::new()?;
        println!("reading up to {SIZE} bytes of {path}");
        let (count, checks) = disk.read_by_polling(&file)?;
        println!("by polling:   {count} bytes; {checks} checks, and nothing else ran meanwhile");
        let (count, checks) = disk.read_by_interrupt(&file).await?;
        println!("by interrupt: {count} bytes; {checks} checks, other tasks ran meanwhile");
        Ok(())
    }

    struct Disk {
        ring: IoUring,
        /// The kernel adds to it at each completion. This is the interrupt.
        interrupt: Async<OwnedFd>,
        /// The kernel writes here, so it belongs to the ring, not to a future.
        buf: Vec<u8>,
        at_work: bool,
    }

    impl Disk {
        fn new() -> io::Result<Disk> {
            let ring = IoUring::new(8)?;
            let interrupt = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            ring.submitter().register_eventfd(interrupt.as_raw_fd())?;
            Ok(Disk {
                ring,
                // An ordinary descriptor: the loop waits for it as for a socket.
                interrupt: Async::new_nonblocking(interrupt)?,
                buf: vec![0; SIZE],
                at_work: false,
            })
        }

        /// Sends the read to the kernel, which starts it.
        fn start(&mut self, file: &File) -> io::Result<()> {
            assert!(!self.at_work, "there is one buffer, so one read at a time");
            // Bypasses the page cache, otherwise the read would complete at once.
            fadvise(file, 0, None, Advice::DontNeed)?;
            let room = self.buf.as_mut_ptr();
            let read = opcode::Read::new(Fd(file.as_raw_fd()), room, SIZE as u32).build();
            // SAFETY: until the completion the kernel writes to the buffer. It is not accessed
            // before `completion` has returned `Some`, and not freed before: see `drop`.
            unsafe { self.ring.submission().push(&read) }.map_err(io::Error::other)?;
            self.at_work = true;
            self.ring.submit()?;
            Ok(())
        }

        /// Returns the result of the read if it has completed. Reads shared memory, without a
        /// system call.
        fn take_result(&mut self) -> Option<io::Result<i32>> {
            let result = self.ring.completion().next()?.result();
            self.at_work = false;
            Some(match result {
                0.. => Ok(result),
                _ => Err(io::Error::from_raw_os_error(-result)),
            })
        }

        /// Checks until the read has completed. This has the shortest delay, and uses the whole
        /// processor.
        fn read_by_polling(&mut self, file: &File) -> io::Result<(i32, u64)> {
            self.start(file)?;
            let mut checks = 1;
            loop {
                if let Some(result) = self.take_result() {
                    return Ok((result?, checks));
                }
                checks += 1;
                std::hint::spin_loop();
            }
        }

        /// Sleeps until the kernel reports the completion. The loop runs other tasks meanwhile.
        async fn read_by_interrupt(&mut self, file: &File) -> io::Result<(i32, u64)> {
            // The first way has left completions in the counter.
            let _ = self.take_interrupts();
            self.start(file)?;
            let others = wakeful::spawn(async {
                let begin = Instant::now();
                loop {
                    yield_now().await;
                    std::hint::black_box(begin.elapsed());
                }
            });
            let mut checks = 0;
            loop {
                self.interrupt.read_with(take).await?;
                checks += 1;
                if let Some(result) = self.take_result() {
                    others.abort();
                    return Ok((result?, checks));
                }
            }
        }

        fn take_interrupts(&self) -> io::Result<u64> {
            take(self.interrupt.get_ref())
        }
    }

    impl Drop for Disk {
        /// The kernel still writes after a future was dropped, so this waits for the completion.
        fn drop(&mut self) {
            while self.at_work && self.take_result().is_none() {
                let _ = self.ring.submit_and_wait(1);
            }
        }
    }

    /// Reads the counter and resets it to zero. Returns `WouldBlock` if it is zero.
    fn take(fd: &OwnedFd) -> io::Result<u64> {
        let mut count = [0; 8];
        rustix::io::read(fd, &mut count)?;
        Ok(u64::from_ne_bytes(count))
    }
}
