//! Signals: received by every listener of every runtime.

#[path = "support/alone.rs"]
mod alone;
#[path = "support/net.rs"]
mod net;
// Linux only: seccomp.
#[cfg(target_os = "linux")]
#[path = "support/seccomp.rs"]
mod seccomp;
#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use alone::{again, alone, descriptors, role};
use futures_util::future::{join_all, poll_fn};
use rustix::process::{Pid, Signal as Number, getpid, kill_process};
use support::{Counting, Panicking};
use wakeful::block_on;
use wakeful::signal::unix::{Signal, SignalKind, signal};

/// All signals except those that end or stop the process whatever it does, and those that report an
/// error of the process itself.
fn kinds() -> Vec<SignalKind> {
    let named = [
        SignalKind::alarm(),
        SignalKind::child(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::io(),
        SignalKind::pipe(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::window_change(),
    ];
    let others = [
        Number::URG,
        Number::VTALARM,
        Number::PROF,
        Number::XCPU,
        Number::XFSZ,
    ];
    let others = others.map(|number| SignalKind::from_raw(number.as_raw()));
    named.into_iter().chain(others).collect()
}

fn raise(kind: SignalKind) {
    let number = Number::from_named_raw(kind.as_raw_value()).unwrap();
    kill_process(getpid(), number).unwrap();
}

/// Sends it to this thread: the handler has run when this returns.
fn raise_here(kind: SignalKind) {
    // SAFETY: a plain number; a handler was installed for the signal.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

/// Runs `child` in a forked process. Returns its exit code when it has ended.
fn fork(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child uses only the state of this thread, and no lock that another thread may
    // hold except that of the allocator, which the C library acquires around a fork.
    match unsafe { libc::fork() } {
        0 => {
            let run = std::panic::AssertUnwindSafe(child);
            let code = std::panic::catch_unwind(run).unwrap_or(101);
            // SAFETY: ends the process without running code of the parent.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for the child above, with space for its status.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            assert!(libc::WIFEXITED(status), "status {status}");
            libc::WEXITSTATUS(status)
        }
    }
}

/// Whether the listener is pending, after the loop has had time to deliver.
async fn receives_nothing(signal: &mut Signal) -> bool {
    net::turn().await;
    net::is_pending(pin!(signal.recv())).await
}

fn listen() -> Vec<Signal> {
    kinds()
        .into_iter()
        .map(|kind| signal(kind).unwrap())
        .collect()
}

async fn receive_all(listeners: &mut [Signal]) {
    let heard = join_all(listeners.iter_mut().map(Signal::recv)).await;
    assert!(heard.iter().all(Option::is_some));
}

#[test]
fn signals_of_many_kinds_are_received_at_once() {
    alone("signals_of_many_kinds_are_received_at_once", || {
        net::run(async || {
            let mut listeners = listen();
            for _ in 0..100 {
                kinds().into_iter().for_each(raise);
                receive_all(&mut listeners).await;
            }
        });
    });
}

#[test]
fn every_listener_of_every_runtime_receives_a_signal() {
    alone("every_listener_of_every_runtime_receives_a_signal", || {
        const THREADS: usize = 3;
        let ready = Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    block_on(async {
                        let (mut here, mut there) = (listen(), listen());
                        ready.wait();
                        let there = wakeful::spawn(async move { receive_all(&mut there).await });
                        receive_all(&mut here).await;
                        there.await.unwrap();
                    });
                });
            }
            ready.wait();
            kinds().into_iter().for_each(raise);
        });
    });
}

#[test]
fn a_sleeping_loop_is_woken_again_and_again() {
    alone("a_sleeping_loop_is_woken_again_and_again", || {
        net::run(async || {
            let mut signal = signal(SignalKind::user_defined1()).unwrap();
            for _ in 0..100 {
                let raiser = thread::spawn(|| raise(SignalKind::user_defined1()));
                poll_fn(|cx| signal.poll_recv(cx)).await.unwrap();
                raiser.join().unwrap();
            }
        });
    });
}

#[test]
fn a_dropped_recv_loses_nothing_and_equal_signals_are_merged() {
    alone(
        "a_dropped_recv_loses_nothing_and_equal_signals_are_merged",
        || {
            net::run(async || {
                let mut first = signal(SignalKind::user_defined1()).unwrap();
                let mut second = signal(SignalKind::user_defined1()).unwrap();
                assert!(net::is_pending(pin!(first.recv())).await);
                raise(SignalKind::user_defined1());
                second.recv().await.unwrap();
                // The handler notifies in the order of registration: the first one has been
                // notified, too.
                first.recv().await.unwrap();
                assert!(net::is_pending(pin!(first.recv())).await);
            });
        },
    );
}

#[test]
fn a_dropped_listener_is_removed() {
    alone("a_dropped_listener_is_removed", || {
        block_on(async {
            drop(listen());
            let before = descriptors();
            for _ in 0..100 {
                drop(listen());
            }
            assert_eq!(descriptors(), before);
            // The handler stays installed, so the default action, which would end this process, is
            // not taken.
            kinds().into_iter().for_each(raise);
            let mut late = signal(SignalKind::user_defined1()).unwrap();
            raise(SignalKind::user_defined1());
            late.recv().await.unwrap();
        });
    });
}

#[test]
fn signals_that_cannot_be_received_are_refused_with_a_reason() {
    alone(
        "signals_that_cannot_be_received_are_refused_with_a_reason",
        || {
            block_on(async {
                let before = descriptors();
                for number in [
                    Number::KILL,
                    Number::STOP,
                    Number::SEGV,
                    Number::ILL,
                    Number::FPE,
                ] {
                    let error = signal(SignalKind::from_raw(number.as_raw())).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    let text = error.to_string();
                    assert!(
                        text.contains(&format!("signal {} can't", number.as_raw())),
                        "{text}"
                    );
                }
                for number in [0, -1, 65, 100_000] {
                    let error = signal(SignalKind::from_raw(number)).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    assert!(
                        error.to_string().contains(&format!("signal {number}:")),
                        "{error}"
                    );
                }
                assert_eq!(descriptors(), before);
            });
        },
    );
}

#[test]
fn a_real_time_signal_is_received_by_its_number() {
    alone("a_real_time_signal_is_received_by_its_number", || {
        block_on(async {
            let mut signal = signal(SignalKind::from_raw(40)).unwrap();
            let pid = std::process::id().to_string();
            let mut kill = std::process::Command::new("kill");
            assert!(kill.args(["-40", &pid]).status().unwrap().success());
            signal.recv().await.unwrap();
        });
    });
}

#[test]
fn a_listener_sees_the_end_of_its_runtime() {
    let runtime = wakeful::Runtime::new().unwrap();
    let mut listener = runtime.block_on(async { signal(SignalKind::window_change()).unwrap() });
    drop(runtime);
    assert_eq!(block_on(listener.recv()), None);
}

#[test]
fn ctrl_c_and_terminate_are_received_from_another_process() {
    if role().is_some() {
        block_on(async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            let mut ctrl_c = pin!(wakeful::signal::ctrl_c());
            assert!(net::is_pending(ctrl_c.as_mut()).await);
            eprintln!("ready");
            ctrl_c.await.unwrap();
            eprintln!("ctrl-c");
            terminate.recv().await.unwrap();
        });
        eprintln!("terminated");
        return;
    }
    let mut child = again(
        "ctrl_c_and_terminate_are_received_from_another_process",
        "child",
    )
    .stderr(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    let mut printed = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    printed.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill_process(Pid::from_child(&child), Number::INT).unwrap();
    printed.read_line(&mut line).unwrap();
    kill_process(Pid::from_child(&child), Number::TERM).unwrap();
    printed.read_to_string(&mut line).unwrap();
    assert_eq!(line, "ready\nctrl-c\nterminated\n");
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}, signal {:?}", status.signal());
}

/// Every system call may be interrupted: all bytes arrive nevertheless.
#[test]
fn sockets_work_during_a_storm_of_signals() {
    alone("sockets_work_during_a_storm_of_signals", || {
        let kind = SignalKind::user_defined1();
        // Before the first of them, which would end this process.
        block_on(async { drop(signal(kind).unwrap()) });
        let calm = Arc::new(AtomicBool::new(false));
        let storm = thread::spawn({
            let calm = calm.clone();
            move || {
                while !calm.load(Ordering::SeqCst) {
                    raise(kind);
                    thread::yield_now();
                }
            }
        });
        net::run(async || {
            let mut signal = signal(kind).unwrap();
            let listening = wakeful::spawn(async move {
                loop {
                    signal.recv().await.unwrap();
                }
            });
            let (here, there) = wakeful::net::UnixStream::pair().unwrap();
            net::both_ways([here, there], 1 << 20).await;
            listening.abort();
        });
        calm.store(true, Ordering::SeqCst);
        storm.join().unwrap();
    });
}

#[test]
fn a_signal_to_a_forked_child_is_not_received_by_its_parent() {
    alone(
        "a_signal_to_a_forked_child_is_not_received_by_its_parent",
        || {
            net::run(async || {
                let kind = SignalKind::terminate();
                let mut terminate = signal(kind).unwrap();
                let child = || {
                    raise_here(kind);
                    7
                };
                assert_eq!(fork(child), 7);
                assert!(receives_nothing(&mut terminate).await);
                raise(kind);
                terminate.recv().await.unwrap();
            });
        },
    );
}

#[test]
fn a_signal_between_fork_and_exec_is_not_received_by_the_parent() {
    alone(
        "a_signal_between_fork_and_exec_is_not_received_by_the_parent",
        || {
            net::run(async || {
                let kind = SignalKind::terminate();
                let mut terminate = signal(kind).unwrap();
                let mut command = Command::new("true");
                let before_exec = move || {
                    raise_here(kind);
                    Ok(())
                };
                // SAFETY: one async-signal-safe call.
                unsafe { command.pre_exec(before_exec) };
                assert!(command.status().unwrap().success());
                assert!(receives_nothing(&mut terminate).await);
            });
        },
    );
}

#[test]
fn a_forked_child_receives_its_own_signals_in_a_new_runtime() {
    alone(
        "a_forked_child_receives_its_own_signals_in_a_new_runtime",
        || {
            let kind = SignalKind::user_defined1();
            let runtime = wakeful::Runtime::new().unwrap();
            let mut of_parent = runtime.block_on(async { signal(kind).unwrap() });
            let child = || {
                net::run(async || {
                    let mut of_child = signal(kind).unwrap();
                    raise_here(kind);
                    of_child.recv().await.unwrap();
                });
                7
            };
            assert_eq!(fork(child), 7);
            assert!(runtime.block_on(receives_nothing(&mut of_parent)));
        },
    );
}

#[test]
fn a_daemon_receives_signals_in_the_runtime_of_its_parent() {
    alone(
        "a_daemon_receives_signals_in_the_runtime_of_its_parent",
        || {
            let kind = SignalKind::user_defined1();
            let runtime = wakeful::Runtime::new().unwrap();
            let mut before = runtime.block_on(async { signal(kind).unwrap() });
            let child = || {
                runtime.block_on(async {
                    assert!(net::is_pending(pin!(before.recv())).await);
                    let mut after = signal(kind).unwrap();
                    raise_here(kind);
                    let both = async {
                        before.recv().await.unwrap();
                        after.recv().await.unwrap();
                    };
                    let limit = Duration::from_secs(60);
                    wakeful::time::timeout(limit, both).await.unwrap();
                });
                7
            };
            assert_eq!(fork(child), 7);
        },
    );
}

#[test]
fn ten_thousand_listeners_use_one_descriptor() {
    alone("ten_thousand_listeners_use_one_descriptor", || {
        net::run(async || {
            let before = descriptors();
            let kind = SignalKind::user_defined1();
            let mut listeners: Vec<Signal> = (0..10_000).map(|_| signal(kind).unwrap()).collect();
            let ends = if cfg!(target_os = "linux") { 1 } else { 2 };
            assert_eq!(descriptors(), before + ends);
            for _ in 0..2 {
                raise(kind);
                receive_all(&mut listeners).await;
                // Every other one is dropped; the slots of the others stay theirs.
                let mut keep = false;
                listeners.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            assert_eq!(listeners.len(), 2_500);
            drop(listeners);
            assert!(descriptors() <= before + ends);
        });
    });
}

#[test]
fn a_signal_between_two_registrations_is_received_once_by_the_second() {
    alone(
        "a_signal_between_two_registrations_is_received_once_by_the_second",
        || {
            net::run(async || {
                let kind = SignalKind::user_defined1();
                drop(signal(kind).unwrap());
                raise_here(kind);
                let mut second = signal(kind).unwrap();
                second.recv().await.unwrap();
                let mut third = signal(kind).unwrap();
                assert!(receives_nothing(&mut third).await);
                assert!(receives_nothing(&mut second).await);
            });
        },
    );
}

#[test]
fn a_listener_that_is_not_polled_does_not_delay_others() {
    alone(
        "a_listener_that_is_not_polled_does_not_delay_others",
        || {
            net::run(async || {
                let kinds = [SignalKind::user_defined1(), SignalKind::user_defined2()];
                let [mut first, mut second] = kinds.map(|kind| signal(kind).unwrap());
                let waiting = wakeful::spawn(async move { second.recv().await.unwrap() });
                wakeful::task::yield_now().await;
                for _ in 0..3 {
                    raise(kinds[0]);
                    net::turn().await;
                }
                raise(kinds[1]);
                waiting.await.unwrap();
                first.recv().await.unwrap();
            });
        },
    );
}

#[test]
fn a_waker_that_panics_does_not_keep_other_listeners_from_receiving() {
    alone(
        "a_waker_that_panics_does_not_keep_other_listeners_from_receiving",
        || {
            net::run(async || {
                let kind = SignalKind::user_defined1();
                let mut listeners = [(); 3].map(|()| signal(kind).unwrap());
                let (counting, counter) = Counting::new();
                let panicking = Waker::from(Arc::new(Panicking));
                for (listener, waker) in
                    listeners.iter_mut().zip([&panicking, &counter, &panicking])
                {
                    let mut cx = Context::from_waker(waker);
                    assert!(listener.poll_recv(&mut cx).is_pending());
                }
                raise(kind);
                signal(kind).unwrap().recv().await.unwrap();
                assert_eq!(counting.wakes(), 1);
                receive_all(&mut listeners).await;
            });
        },
    );
}

#[test]
fn a_signal_prints_the_tasks() {
    if role().is_none() {
        let output = again("a_signal_prints_the_tasks", "prints")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{printed}");
        assert!(printed.contains("\"worker\", spawned at "), "{printed}");
        assert!(
            printed.contains("waiting for the notify made at "),
            "{printed}"
        );
        return;
    }
    let runtime = wakeful::Builder::new()
        .detect_deadlocks(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let printer = wakeful::runtime::dump_on_signal(SignalKind::user_defined1()).unwrap();
        let notify = std::rc::Rc::new(wakeful::sync::Notify::new());
        let waits = notify.clone();
        let worker = wakeful::task::Builder::new().name("worker");
        let worker = worker.spawn(async move { waits.notified().await });
        // The printer begins to listen, and has its turn after the signal, before this listener.
        let mut signals = signal(SignalKind::user_defined1()).unwrap();
        wakeful::task::yield_now().await;
        raise(SignalKind::user_defined1());
        signals.recv().await.unwrap();
        wakeful::task::yield_now().await;
        notify.notify_one();
        worker.await.unwrap();
        printer.abort();
    });
}

/// Without eventfds the handlers write to a pipe.
// Linux only: seccomp.
#[cfg(target_os = "linux")]
#[test]
fn signals_arrive_where_eventfds_are_refused() {
    alone("signals_arrive_where_eventfds_are_refused", || {
        seccomp::refusing(&[libc::SYS_eventfd2], |_| {
            block_on(async {
                let mut signal = signal(SignalKind::user_defined1()).unwrap();
                for _ in 0..3 {
                    kill_process(getpid(), Number::USR1).unwrap();
                    signal.recv().await.unwrap();
                }
            });
        });
    });
}
