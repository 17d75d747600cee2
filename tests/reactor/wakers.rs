use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wakeful::reactor::Interest;
use wakeful::spawn;
use wakeful::task::yield_now;

use super::{Count, Socket, each, pair, read, run};

/// A waker that calls a closure.
struct Act(Box<dyn Fn()>);

// SAFETY: in these tests no waker leaves the thread.
unsafe impl Send for Act {}
// SAFETY: as above.
unsafe impl Sync for Act {}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn act(f: impl Fn() + 'static) -> Waker {
    Waker::from(Arc::new(Act(Box::new(f))))
}

fn poll_readable(socket: &Socket, waker: &Waker) -> bool {
    socket
        .poll_readable(&mut Context::from_waker(waker))
        .is_ready()
}

/// Runs turns, in which pending events are received.
async fn turn() {
    wakeful::time::sleep(std::time::Duration::from_micros(1)).await;
}

/// Receives the event that a new socket is writable.
async fn settle(sockets: &[&Socket]) {
    for socket in sockets {
        socket.writable().await.unwrap();
    }
}

#[test]
fn all_waiters_for_one_direction_are_woken_except_dropped_ones() {
    run(async |_| {
        let (here, there) = pair();
        settle(&[&here, &there]).await;
        let (count, waker) = Count::new();
        let mut cx = Context::from_waker(&waker);
        let mut waits: Vec<_> = (0..5).map(|_| Box::pin(here.readable())).collect();
        for wait in &mut waits {
            assert!(wait.as_mut().poll(&mut cx).is_pending());
            // A second poll with the same waker replaces the first.
            assert!(wait.as_mut().poll(&mut cx).is_pending());
        }
        drop(waits.remove(0));
        drop(waits.remove(2));
        there.get_ref().write_all(b"x").unwrap();
        here.readable().await.unwrap();
        assert_eq!(count.get(), 3);
        for wait in &mut waits {
            assert!(wait.as_mut().poll(&mut cx).is_ready());
        }
    });
}

#[test]
fn many_tasks_share_one_socket() {
    run(async |_| {
        let (here, there) = pair();
        let here = Rc::new(here);
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let here = here.clone();
                spawn(async move { read(&here, &mut [0]).await.unwrap() })
            })
            .collect();
        yield_now().await;
        for (n, task) in tasks.iter().enumerate() {
            if n % 3 == 0 {
                task.abort();
            }
        }
        for _ in 0..tasks.len() {
            there.get_ref().write_all(b"x").unwrap();
            yield_now().await;
        }
        let mut read = 0;
        for task in tasks {
            read += task.await.map_or(0, |n| n);
        }
        assert_eq!(read, 13);
    });
}

#[test]
fn of_several_pollers_the_newest_is_woken() {
    run(async |_| {
        let (here, there) = pair();
        settle(&[&here, &there]).await;
        let ((old, old_waker), (new, new_waker)) = (Count::new(), Count::new());
        assert!(!poll_readable(&here, &old_waker));
        assert!(!poll_readable(&here, &new_waker));
        // Only in its own direction.
        there.get_ref().write_all(b"x").unwrap();
        here.readable().await.unwrap();
        assert_eq!((old.get(), new.get()), (0, 1));
        drop(old_waker);
        assert_eq!(Arc::strong_count(&old), 1);
        assert!(poll_readable(&here, &new_waker));
    });
}

#[test]
fn reading_and_writing_have_separate_waiters() {
    run(async |_| {
        let (here, there) = pair();
        while here.try_write_with(|mut io| io.write(&[0; 65536])).is_ok() {}
        let (none, reader) = Count::new();
        while poll_fn(|cx| Poll::Ready(here.poll_writable(cx).is_ready())).await {
            let _ = here.try_write_with(|mut io| io.write(&[0; 65536]));
            turn().await;
        }
        let writing = here.writable();
        assert!(!poll_readable(&here, &reader));
        let emptied = spawn(async move {
            let mut buf = vec![0; 1 << 20];
            while there
                .try_read_with(|mut io| std::io::Read::read(&mut io, &mut buf))
                .is_ok()
            {}
            there
        });
        writing.await.unwrap();
        assert_eq!(none.get(), 0, "it can't be read yet");
        let there = emptied.await.unwrap();
        there.get_ref().write_all(b"x").unwrap();
        here.readable().await.unwrap();
        assert_eq!(none.get(), 1);
        // Both directions at once: whichever is ready first.
        here.source()
            .ready(Interest::READABLE | Interest::WRITABLE)
            .await
            .unwrap();
    });
}

#[test]
fn no_waker_of_a_dropped_future_is_kept() {
    run(async |_| {
        let (here, there) = pair();
        settle(&[&here, &there]).await;
        let (count, waker) = Count::new();
        let mut cx = Context::from_waker(&waker);
        let mut waits: Vec<Pin<Box<dyn Future<Output = _>>>> = Vec::new();
        for _ in 0..4 {
            waits.push(Box::pin(here.readable()));
            waits.push(Box::pin(async { read(&here, &mut [0]).await.map(drop) }));
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = there.source().ready(both);
            waits.push(Box::pin(async { ready.await.map(drop) }));
        }
        let pending = waits
            .iter_mut()
            .map(|wait| usize::from(wait.as_mut().poll(&mut cx).is_pending()));
        assert_eq!(pending.sum::<usize>(), 8, "`there` is writable");
        drop(waits.remove(1));
        drop(waits.remove(6));
        drop(waits);
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1);
        // Nor of a dropped source.
        let (count, waker) = Count::new();
        assert!(!poll_readable(&here, &waker));
        drop((here, waker));
        assert_eq!((Arc::strong_count(&count), count.get()), (1, 0));
    });
}

#[test]
fn a_waker_may_drop_sources_and_register_new_ones() {
    run(async |runtime| {
        let others: Rc<RefCell<Vec<(Socket, Socket)>>> = Rc::default();
        let (count, waker) = Count::new();
        let made = others.clone();
        let acting = act(move || {
            made.borrow_mut().clear();
            made.borrow_mut().push(pair());
        });
        let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
        for (here, there) in &pairs {
            settle(&[here, there]).await;
        }
        // Each of them has an event in the same turn as the source whose waker drops them.
        for (index, (here, there)) in pairs.into_iter().enumerate() {
            assert!(!poll_readable(
                &here,
                if index == 0 { &acting } else { &waker }
            ));
            there.get_ref().write_all(b"x").unwrap();
            others.borrow_mut().push((here, there));
        }
        turn().await;
        assert_eq!(runtime.metrics().sources, 2);
        assert!(count.get() <= 3);
        let (here, there) = others.borrow_mut().pop().unwrap();
        there.get_ref().write_all(b"x").unwrap();
        assert_eq!(read(&here, &mut [0; 4]).await.unwrap(), 1);
    });
}

#[test]
fn other_waiters_are_woken_when_a_waker_panics() {
    each(|runtime| {
        let (count, waker) = Count::new();
        let bad = act(|| panic!("a bad waker"));
        let pairs: Vec<_> = (0..5).map(|_| runtime.enter(pair)).collect();
        runtime.block_on(async {
            for (here, there) in &pairs {
                settle(&[here, there]).await;
            }
        });
        for (index, (here, there)) in pairs.iter().enumerate() {
            assert!(!poll_readable(here, if index == 2 { &bad } else { &waker }));
            there.get_ref().write_all(b"x").unwrap();
        }
        // The panic does not reach the loop.
        runtime.block_on(turn());
        assert_eq!(count.get(), 4);
        runtime.block_on(async {
            for (here, _) in &pairs {
                assert_eq!(read(here, &mut [0; 4]).await.unwrap(), 1);
            }
        });
    });
}
