//! Three system calls that wait for many descriptors: `select`, `poll` and `epoll`.
//!
//! The program has 10, then 1,000, then 10,000 descriptors (eventfds), and makes the last one
//! readable. Each call finds it. What differs is the work: `select` and `poll` get the whole list
//! at each call and check every descriptor in it. With `epoll` the kernel keeps the list: a
//! descriptor is added once, and a wait returns only the ready ones.
//!
//! Look at the columns that grow from table to table, and at those of `epoll` that don't. And look
//! at `select` with 10,000: an `fd_set` of C ends at descriptor 1023.
//!
//! This lesson needs Linux.
//!
//! `cargo run --example lab_24_select_poll_epoll`

#[cfg(not(target_os = "linux"))]
compile_error!("lesson 24 needs Linux, as its docs say");

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, FdSetElement, FdSetIter, PollFd, PollFlags, Timespec};
use rustix::event::{eventfd, fd_set_insert, poll, select};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wakeful_lab as lab;

/// The number of bits of an `fd_set` in C.
const FD_SETSIZE: usize = 1024;
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// What it takes to learn which descriptor is ready.
struct Cost {
    /// The position of the ready descriptor in the list.
    found: usize,
    /// System calls before the first wait.
    setup: usize,
    /// Bytes that each wait copies into the kernel and out of it.
    copied: usize,
    /// Entries that the program looks at after the wait, to find the ready descriptor.
    looked_at: usize,
    time: Duration,
}

/// A set of descriptors is a bit field, which the kernel overwrites: build it before each call.
fn with_select(descriptors: &[OwnedFd]) -> io::Result<Cost> {
    let numbers = || descriptors.iter().map(AsRawFd::as_raw_fd);
    let end = numbers().max().expect("there are descriptors") + 1;
    // A set of our own length. The kernel accepts it; C's type `fd_set` has FD_SETSIZE bits.
    let mut set = vec![FdSetElement::default(); (end as usize).div_ceil(usize::BITS as usize)];
    let time = median_of(|| {
        set.fill(FdSetElement::default());
        numbers().for_each(|descriptor| fd_set_insert(&mut set, descriptor));
        // SAFETY: all descriptors in the set are open.
        unsafe { select(end, Some(&mut set), None, None, Some(&NO_WAIT)) }.map(drop)
    })?;
    let ready = FdSetIter::new(&set).next().expect("one is ready");
    let found = numbers().position(|descriptor| descriptor == ready);
    Ok(Cost {
        found: found.expect("only these are in the set"),
        setup: 0,
        copied: 2 * size_of_val(&set[..]), // in and out
        looked_at: ready as usize + 1,     // all bits before its own
        time,
    })
}

/// A list of descriptors with one field for the result each.
fn with_poll(descriptors: &[OwnedFd]) -> io::Result<Cost> {
    let entry = |descriptor| PollFd::new(descriptor, PollFlags::IN);
    let mut list: Vec<PollFd<'_>> = descriptors.iter().map(entry).collect();
    let time = median_of(|| poll(&mut list, Some(&NO_WAIT)).map(drop))?;
    let found = list.iter().position(|entry| !entry.revents().is_empty());
    let found = found.expect("one descriptor is ready");
    Ok(Cost {
        found,
        setup: 0,
        copied: size_of_val(&list[..]) + list.len() * size_of::<u16>(), // the list in, results out
        looked_at: found + 1,
        time,
    })
}

/// The list is in the kernel. A wait returns the ready ones, each with the data that we gave it.
fn with_epoll(descriptors: &[OwnedFd]) -> io::Result<Cost> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    for (position, descriptor) in descriptors.iter().enumerate() {
        let data = EventData::new_u64(position as u64);
        epoll::add(&epoll, descriptor, data, EventFlags::IN)?;
    }
    let mut events = Vec::with_capacity(64);
    let time = median_of(|| {
        events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&epoll, buffer, Some(&NO_WAIT)).map(drop)
    })?;
    Ok(Cost {
        found: events[0].data.u64() as usize,
        setup: 1 + descriptors.len(),
        copied: size_of_val(&events[..]),
        looked_at: events.len(),
        time,
    })
}

/// Makes a call 101 times and returns the median of the times.
fn median_of(mut call: impl FnMut() -> rustix::io::Result<()>) -> io::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..101 {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Raises the limit of open descriptors as far as this process may. Returns it.
fn raise_limit() -> io::Result<usize> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    Ok(maximum.map_or(usize::MAX, |limit| limit as usize))
}

fn main() -> io::Result<()> {
    let limit = raise_limit()?;
    let mut tables = Vec::new();
    for wanted in [10, 1_000, 10_000] {
        let count = wanted.min(limit.saturating_sub(50).max(1)); // some are open already
        if count < wanted {
            println!("{wanted} descriptors are too many: the hard limit here is {limit}.");
        }
        let descriptors: Vec<OwnedFd> = (0..count)
            .map(|_| eventfd(0, EventfdFlags::CLOEXEC))
            .collect::<Result<_, _>>()?;
        rustix::io::write(&descriptors[count - 1], &1_u64.to_ne_bytes())?;

        let costs = [
            with_select(&descriptors)?,
            with_poll(&descriptors)?,
            with_epoll(&descriptors)?,
        ];
        println!("\n{count} descriptors, the last one is ready:");
        println!("         calls before   bytes copied   looked at     time of one wait");
        for (name, cost) in ["select", "poll", "epoll"].into_iter().zip(&costs) {
            println!(
                "{name:<8} {:>12} {:>14} {:>11} {:>17.1} us",
                cost.setup,
                cost.copied,
                cost.looked_at,
                cost.time.as_secs_f64() * 1e6
            );
        }
        let last = descriptors[count - 1].as_raw_fd();
        if last as usize >= FD_SETSIZE {
            println!("An fd_set of C has {FD_SETSIZE} bits: FD_SET({last}) writes outside of it.");
        }
        assert!(costs.iter().all(|cost| cost.found == count - 1));
        tables.push((count, costs));
    }
    println!(
        "\nAt each wait, select and poll pay for all descriptors, epoll only for the ready ones."
    );
    println!("epoll needs one system call more for each descriptor, when it is added. So for ten");
    println!("descriptors, or if nearly all are ready at each wait, poll is as good.");

    let mut bars = Vec::new();
    for (count, costs) in &tables {
        for (name, cost) in ["select", "poll", "epoll"].into_iter().zip(costs) {
            bars.push((
                format!("{name}, {count}"),
                (cost.time.as_secs_f64() * 1e6).max(0.001),
            ));
        }
    }
    lab::chart(
        "24_select_poll_epoll",
        "Microseconds for one wait, by the number of descriptors",
        &bars,
    );

    for (count, [select, poll, epoll]) in tables {
        // The work of `select` and `poll` grows with the number of descriptors, a bit and ten bytes
        // for each.
        assert!(select.looked_at >= count && poll.looked_at == count);
        assert!(select.copied >= 2 * count / 8 && poll.copied == 10 * count);
        // The work of `epoll` does not; but each descriptor was added with a call.
        assert!(epoll.looked_at == 1 && epoll.copied <= 16);
        assert_eq!(epoll.setup, count + 1);
    }
    Ok(())
}
