//! The two ways to learn that a disk is done, with the same read: by polling, where the program
//! looks again and again, and by interrupt, where it does other work until it is told.
//!
//! The read is handed to the kernel through a completion ring (`io_uring`), set up by hand, so that
//! both ways can be seen; `wakeful::fs` does the second one for you.
//!
//! `cargo run --example completions [FILE]`

#[cfg(target_os = "linux")]
fn main() {
    if let Err(error) = wakeful::block_on(linux::run()) {
        eprintln!("cannot show it: {error}");
        std::process::exit(1);
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("only Linux has this kind of ring; elsewhere wakeful::fs uses threads");
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
        let (count, looks) = disk.read_by_polling(&file)?;
        println!(
            "by polling:   {count} bytes; looked {looks} times, and did nothing else meanwhile"
        );
        let (count, looks) = disk.read_by_interrupt(&file).await?;
        println!("by interrupt: {count} bytes; looked {looks} times, other tasks ran meanwhile");
        Ok(())
    }

    struct Disk {
        ring: IoUring,
        /// The kernel adds to it at each completion: the interrupt.
        interrupt: Async<OwnedFd>,
        /// The kernel writes here, so it stays with the ring, not with a future.
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
                // An ordinary descriptor: the loop waits for it as for any socket.
                interrupt: Async::new_nonblocking(interrupt)?,
                buf: vec![0; SIZE],
                at_work: false,
            })
        }

        /// Hands the read over to the kernel. From here on the disk is at work.
        fn start(&mut self, file: &File) -> io::Result<()> {
            assert!(!self.at_work, "there is one buffer, so one read at a time");
            // From the disk, not from memory, or it would be done already.
            fadvise(file, 0, None, Advice::DontNeed)?;
            let room = self.buf.as_mut_ptr();
            let read = opcode::Read::new(Fd(file.as_raw_fd()), room, SIZE as u32).build();
            // SAFETY: until the completion the kernel writes to the buffer, which is not touched
            // before `look` has seen that, and not freed before: see `drop`.
            unsafe { self.ring.submission().push(&read) }.map_err(io::Error::other)?;
            self.at_work = true;
            self.ring.submit()?;
            Ok(())
        }

        /// The end of the read, if it has ended. A look at shared memory, no system call.
        fn look(&mut self) -> Option<io::Result<i32>> {
            let result = self.ring.completion().next()?.result();
            self.at_work = false;
            Some(match result {
                0.. => Ok(result),
                _ => Err(io::Error::from_raw_os_error(-result)),
            })
        }

        /// Looks until it is done. The shortest delay, and a whole processor for it.
        fn read_by_polling(&mut self, file: &File) -> io::Result<(i32, u64)> {
            self.start(file)?;
            let mut looks = 1;
            loop {
                if let Some(result) = self.look() {
                    return Ok((result?, looks));
                }
                looks += 1;
                std::hint::spin_loop();
            }
        }

        /// Sleeps until the kernel says that it is done; the loop serves others meanwhile.
        async fn read_by_interrupt(&mut self, file: &File) -> io::Result<(i32, u64)> {
            // What the first way has left in the counter.
            let _ = self.take_interrupts();
            self.start(file)?;
            let others = wakeful::spawn(async {
                let begin = Instant::now();
                loop {
                    yield_now().await;
                    std::hint::black_box(begin.elapsed());
                }
            });
            let mut looks = 0;
            loop {
                self.interrupt.read_with(take).await?;
                looks += 1;
                if let Some(result) = self.look() {
                    others.abort();
                    return Ok((result?, looks));
                }
            }
        }

        fn take_interrupts(&self) -> io::Result<u64> {
            take(self.interrupt.get_ref())
        }
    }

    impl Drop for Disk {
        /// A read whose future was dropped still writes: the buffer waits for its end.
        fn drop(&mut self) {
            while self.at_work && self.look().is_none() {
                let _ = self.ring.submit_and_wait(1);
            }
        }
    }

    /// Reads the counter and sets it to zero. `WouldBlock`: it is zero.
    fn take(fd: &OwnedFd) -> io::Result<u64> {
        let mut count = [0; 8];
        rustix::io::read(fd, &mut count)?;
        Ok(u64::from_ne_bytes(count))
    }
}
