//! Hosts, their life, their clocks, and what makes a simulation fail.

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use support::{ANY, echo, message_of};
use wakeful::net::{TcpListener, TcpStream, UdpSocket};
use wakeful::time::{Instant, sleep, timeout};
use wakeful_sim::{Reason, Sim};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_hosts_echo() {
    let mut sim = Sim::builder().seed(7).build();
    sim.host("server", echo);
    sim.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"hello").await?;
        let mut reply = [0; 5];
        stream.read_exact(&mut reply).await?;
        assert_eq!(&reply, b"hello");
        io::Result::Ok(())
    });
    sim.run().unwrap();
    // A handshake and a reply: four packets of 0.5 to 1.5 ms.
    let elapsed = sim.elapsed().as_micros();
    assert!((2_000..=6_000).contains(&elapsed), "{elapsed} µs");
}

/// Several clients of a server, with timers, for comparisons of whole runs.
fn workload(sim: &mut Sim) {
    sim.host("server", echo);
    for n in 0_u64..3 {
        sim.client(&format!("client-{n}"), async move {
            for round in 0..4_u8 {
                let stream = TcpStream::connect("server:7").await?;
                let tasks = (0..3).map(|task| {
                    wakeful::spawn(async move { sleep(Duration::from_micros(100 * task)).await })
                });
                for task in tasks.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
                // The order in which they run is that of their packets.
                let senders = (0..5).map(|n| {
                    wakeful::spawn(async move {
                        let socket = UdpSocket::bind(ANY).await.unwrap();
                        socket.send_to(&[0; 8][..n], "server:9").await.unwrap();
                    })
                });
                for task in senders.collect::<Vec<_>>() {
                    task.await.unwrap();
                }
                stream.write_all(&[round; 3000]).await?;
                let mut reply = [0; 3000];
                stream.read_exact(&mut reply).await?;
                assert_eq!(reply, [round; 3000]);
                wakeful::select! {
                    () = sleep(Duration::from_millis(n)) => {}
                    () = sleep(Duration::from_millis(n)) => {}
                }
            }
            io::Result::Ok(())
        });
    }
}

fn records(seed: u64) -> Vec<String> {
    let mut sim = Sim::builder().seed(seed).record(true).build();
    workload(&mut sim);
    sim.run().unwrap();
    sim.take_records().iter().map(ToString::to_string).collect()
}

#[test]
fn one_hundred_seeds_run_twice_are_identical_event_by_event() {
    let mut distinct = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let first = records(seed);
        let second = records(seed);
        let differs = first.iter().zip(&second).find(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
        assert!(first.len() > 100, "{} events", first.len());
        distinct.insert(first);
    }
    assert_eq!(distinct.len(), 100, "each seed has its own run");
}

#[test]
fn an_hour_passes_in_no_time() {
    let mut sim = Sim::builder().build();
    sim.client("a", async { sleep(3600 * SECOND).await });
    sim.run().unwrap();
    assert_eq!(sim.elapsed(), 3600 * SECOND);
}

#[test]
fn a_panic_and_an_error_name_the_host_the_time_and_the_seed() {
    let mut sim = Sim::builder().seed(11).build();
    sim.host("a", || async {
        sleep(3 * SECOND).await;
        panic!("no quorum");
    });
    sim.client("b", pending::<()>());
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.reason(), &Reason::Panicked("no quorum".to_owned()));
    assert_eq!(
        (failure.host(), failure.at(), failure.seed()),
        (Some("a"), 3 * SECOND, 11)
    );
    let text = failure.to_string();
    assert_eq!(text, "seed 11, at 3.000000 s: host `a` panicked: no quorum");
    // The simulation does not go on.
    assert_eq!(sim.step().unwrap_err(), failure);

    let mut sim = Sim::builder().build();
    sim.client("c", async { Err::<(), _>("no leader") });
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.reason(), &Reason::Returned("no leader".to_owned()));
}

#[test]
fn a_client_that_can_never_end_is_named() {
    let mut sim = Sim::builder().build();
    sim.client("ends", async {});
    sim.client("waits", pending::<()>());
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.reason(), &Reason::Stuck(vec!["waits".to_owned()]));
}

#[test]
fn the_limit_of_virtual_time_and_a_task_that_spins_end_the_run() {
    let mut sim = Sim::builder().limit(10 * SECOND).build();
    sim.client("a", async {
        loop {
            sleep(SECOND).await;
        }
    });
    let failure = sim.run().unwrap_err();
    assert_eq!(failure.reason(), &Reason::Limit);
    assert_eq!(failure.at(), 10 * SECOND);

    let mut sim = Sim::builder().build();
    sim.client("a", async {
        loop {
            wakeful::task::yield_now().await;
        }
    });
    let failure = sim.run().unwrap_err();
    assert!(matches!(failure.reason(), Reason::Spins(_)), "{failure}");
}

#[test]
fn bad_names_and_a_simulation_inside_a_runtime_are_refused_with_a_reason() {
    let refuse = |f: &mut dyn FnMut()| message_of(catch_unwind(AssertUnwindSafe(f)).unwrap_err());
    let mut sim = Sim::builder().build();
    sim.host("a", pending::<()>);
    let text = refuse(&mut || sim.host("a", pending::<()>));
    assert!(text.contains("has a host named \"a\" already"), "{text}");
    let text = refuse(&mut || sim.host("10.0.0.9", pending::<()>));
    assert!(text.contains("neither empty nor an address"), "{text}");
    let text = refuse(&mut || sim.partition("a", "b"));
    assert!(
        text.contains("no host named \"b\"; it has [\"a\"]"),
        "{text}"
    );
    sim.client("c", pending::<()>());
    let text = refuse(&mut || {
        sim.restart("c");
        let _ = sim.step();
    });
    assert!(
        text.contains("`restart` of \"c\", which is a client"),
        "{text}"
    );
    let text = refuse(&mut || {
        wakeful::block_on(async { drop(Sim::builder().build()) });
    });
    assert!(text.contains("can't be made inside a runtime"), "{text}");
}

#[test]
fn a_crash_runs_nothing_of_the_host_and_a_restart_begins_anew() {
    struct Loud(Rc<Cell<u32>>);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Rc::new(Cell::new(0));
    let starts = Rc::new(Cell::new(0));
    let mut sim = Sim::builder().build();
    let (counted, begun) = (drops.clone(), starts.clone());
    sim.host("server", move || {
        let _loud = Loud(counted.clone());
        begun.set(begun.get() + 1);
        async move {
            let _owned = _loud;
            echo().await
        }
    });
    sim.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"x").await?;
        stream.read_exact(&mut [0]).await?;
        // The crash: the system of the server closes the connection.
        assert_eq!(stream.read(&mut [0]).await?, 0);
        let error = TcpStream::connect("server:7").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        sleep(2 * SECOND).await;
        let stream = TcpStream::connect("server:7").await?;
        stream.write_all(b"y").await?;
        stream.read_exact(&mut [0]).await
    });
    let seen = drops.clone();
    sim.at(SECOND, |control| control.crash("server"));
    sim.at(SECOND + SECOND / 2, move |_| assert_eq!(seen.get(), 0));
    sim.at(2 * SECOND, |control| control.restart("server"));
    sim.run().unwrap();
    assert_eq!((drops.get(), starts.get()), (0, 2));
    drop(sim);
    assert_eq!(drops.get(), 2);
}

#[test]
fn what_a_crashed_host_drops_has_no_effect() {
    /// Sends, spawns and panics as it is dropped.
    struct Last(TcpStream, Rc<RefCell<Vec<String>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let sent = self.0.try_write(b"last words").map_err(|e| e.to_string());
            self.1.borrow_mut().push(sent.unwrap_err());
            drop(wakeful::spawn(async {}));
            panic!("in a drop");
        }
    }
    let said = Rc::new(RefCell::new(Vec::new()));
    let mut sim = Sim::builder().build();
    let words = said.clone();
    sim.host("a", move || {
        let words = words.clone();
        async move {
            let stream = TcpStream::connect("b:7").await?;
            let _last = Last(stream, words);
            pending::<io::Result<()>>().await
        }
    });
    sim.host("b", echo);
    sim.at(SECOND, |control| control.crash("a"));
    sim.run_for(2 * SECOND).unwrap();
    assert_eq!(*said.borrow(), [] as [String; 0]);
    drop(sim);
    assert_eq!(said.borrow().len(), 1);
    assert!(
        said.borrow()[0].contains("has crashed or ended"),
        "{said:?}"
    );
}

#[test]
fn a_paused_host_does_not_run_and_its_clock_goes_on() {
    let woke = Rc::new(Cell::new(Duration::ZERO));
    let mut sim = Sim::builder().build();
    let at = woke.clone();
    let control = sim.control();
    sim.client("a", async move {
        let began = Instant::now();
        sleep(SECOND).await;
        at.set(control.elapsed());
        assert_eq!(began.elapsed(), 5 * SECOND);
    });
    // Time does not jump over the pause.
    sim.client("ticks", async {
        for _ in 0..60 {
            sleep(SECOND / 10).await;
        }
    });
    sim.at(SECOND / 2, |control| control.pause("a"));
    sim.at(5 * SECOND, |control| control.resume("a"));
    sim.run().unwrap();
    assert_eq!(woke.get(), 5 * SECOND);
}

#[test]
fn a_clock_that_drifts_or_jumps_moves_the_timers() {
    let mut sim = Sim::builder().build();
    let control = sim.control();
    sim.client("fast", async move {
        sleep(100 * SECOND).await;
        assert_eq!(control.elapsed(), 80 * SECOND);
        sleep(100 * SECOND).await;
        // 90 seconds of it by the jump.
        assert_eq!(control.elapsed(), 88 * SECOND);
    });
    sim.set_clock_drift("fast", 250_000);
    sim.at(81 * SECOND, |control| {
        control.jump_clock("fast", 90 * SECOND)
    });
    sim.run().unwrap();
}

#[test]
fn closures_of_the_pool_run_where_they_are_spawned() {
    let mut sim = Sim::builder().build();
    sim.client("a", async {
        let here = std::thread::current().id();
        let there = wakeful::spawn_blocking(move || std::thread::current().id());
        assert_eq!(there.await.unwrap(), here);
        let failed = wakeful::spawn_blocking(|| panic!("in a closure")).await;
        assert!(failed.unwrap_err().is_panic());
    });
    sim.run().unwrap();
}

#[test]
fn the_order_of_ready_tasks_depends_on_the_seed() {
    let order = |seed, in_order| {
        let order = Rc::new(RefCell::new(Vec::new()));
        let mut sim = Sim::builder()
            .seed(seed)
            .first_in_first_out(in_order)
            .build();
        let pushed = order.clone();
        sim.client("a", async move {
            let tasks: Vec<_> = (0..10)
                .map(|n| {
                    let pushed = pushed.clone();
                    wakeful::spawn(async move { pushed.borrow_mut().push(n) })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        sim.run().unwrap();
        order.take()
    };
    assert_eq!(order(1, false), order(1, false));
    assert_ne!(order(1, false), order(2, false));
    assert_eq!(order(1, true), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_step_runs_one_host_or_moves_the_time() {
    let mut sim = Sim::builder().build();
    sim.client("a", async { sleep(SECOND).await });
    assert!(sim.step().unwrap());
    assert_eq!(sim.elapsed(), Duration::ZERO);
    while sim.elapsed() < SECOND {
        assert!(sim.step().unwrap());
    }
    assert!(sim.is_running("a"));
    assert!(sim.step().unwrap());
    assert!(!sim.is_running("a"));
    assert!(!sim.step().unwrap());
}

#[test]
fn what_is_not_simulated_says_so() {
    let mut sim = Sim::builder().build();
    sim.client("a", async {
        let error = wakeful::net::UnixStream::pair().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("simulated host"), "{error}");
        let std = std::net::TcpListener::bind(ANY)?;
        let error = TcpListener::from_std(std).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let listener = TcpListener::bind(ANY).await?;
        let error = listener.into_std().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("`into_std`"), "{error}");
        let error = TcpStream::connect("nowhere:7").await.unwrap_err();
        assert!(error.to_string().contains("look up nowhere"), "{error}");
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_timeout_ends_a_wait_for_a_host_that_does_not_answer() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    let control = sim.control();
    sim.client("a", async move {
        control.partition("a", "b");
        assert!(timeout(SECOND, TcpStream::connect("b:7")).await.is_err());
        assert_eq!(control.elapsed(), SECOND);
    });
    sim.run().unwrap();
}
