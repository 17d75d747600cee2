//! The network between hosts: latency, loss, partitions, rules, and how TCP and UDP bear them.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use support::{ANY, echo, port};
use wakeful::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, lookup_host};
use wakeful::time::{sleep, timeout};
use wakeful_sim::{Link, Protocol, Reason, Sim, Verdict};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A link without chance.
fn exact(latency: Duration) -> Link {
    Link::new().latency(latency..=latency)
}

/// Returns bytes with a long period, so that lost and swapped ones are found.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

#[test]
fn latency_is_that_of_each_direction() {
    let mut sim = Sim::builder().link(exact(10 * MS)).build();
    sim.host("b", echo);
    let control = sim.control();
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        assert_eq!(control.elapsed(), 20 * MS);
        stream.write_all(b"x").await?;
        stream.read_exact(&mut [0]).await?;
        assert_eq!(control.elapsed(), 40 * MS);
        control.link_one_way("b", "a", exact(100 * MS));
        stream.write_all(b"x").await?;
        stream.read_exact(&mut [0]).await?;
        assert_eq!(control.elapsed(), 150 * MS);
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn names_and_addresses_lead_to_hosts() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    sim.client("a", async {
        let addrs: Vec<_> = lookup_host("b:7").await?.collect();
        assert_eq!(addrs, ["10.0.0.1:7".parse().unwrap()]);
        let stream = TcpStream::connect(addrs[0]).await?;
        assert_eq!(stream.peer_addr()?, addrs[0]);
        assert_eq!(stream.local_addr()?.ip().to_string(), "10.0.0.2");
        let own = UdpSocket::bind(("localhost", 0)).await?;
        assert!(own.local_addr()?.ip().is_loopback());
        let error = TcpStream::connect("10.0.0.77:7").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NetworkUnreachable);
        // IPv6, by address.
        let error = TcpStream::connect("[fd00::1]:7").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        io::Result::Ok(())
    });
    assert_eq!(
        sim.ips("a").map(|ip| ip.to_string()),
        ["10.0.0.2", "fd00::2"]
    );
    sim.run().unwrap();
}

#[test]
fn every_byte_arrives_once_and_in_order_over_a_lossy_link() {
    for seed in 0..20 {
        let mut sim = Sim::builder()
            .seed(seed)
            .link(Link::new().loss(0.1))
            .record(true)
            .build();
        sim.host("b", echo);
        sim.client("a", async {
            let sent = pattern(300_000);
            let stream = TcpStream::connect("b:7").await?;
            let (read, write) = stream.into_split();
            let data = sent.clone();
            let writer = wakeful::spawn(async move { write.write_all(&data).await });
            let mut received = vec![0; sent.len()];
            read.read_exact(&mut received).await?;
            writer.await.unwrap()?;
            assert!(received == sent, "other bytes arrive");
            assert_eq!(read.read(&mut [0]).await?, 0);
            io::Result::Ok(())
        });
        sim.run().unwrap();
        let records = sim.take_records();
        let lost = records
            .iter()
            .filter(|record| record.to_string().contains(": lost "));
        assert!(lost.count() > 3, "seed {seed}: nothing was lost");
    }
}

#[test]
fn a_reader_that_does_not_read_stops_the_writer() {
    let mut sim = Sim::builder().build();
    sim.host("b", || async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(10_000)?;
        socket.bind(port(7))?;
        let (stream, _) = socket.listen(1)?.accept().await?;
        sleep(10 * SECOND).await;
        let mut received = Vec::new();
        let mut buf = [0; 3000];
        while let n @ 1.. = stream.read(&mut buf).await? {
            received.extend_from_slice(&buf[..n]);
            sleep(MS).await;
        }
        assert!(received == pattern(200_000), "other bytes arrive");
        io::Result::Ok(())
    });
    let carried = Rc::new(Cell::new(0));
    let bytes = carried.clone();
    sim.rule(move |packet| {
        bytes.set(bytes.get() + packet.len);
        Verdict::Deliver
    });
    let control = sim.control();
    sim.client("a", async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_send_buffer_size(10_000)?;
        let stream = socket.connect("10.0.0.1:7".parse().unwrap()).await?;
        let sent = pattern(200_000);
        let mut done = 0;
        // What both buffers hold, and no more, for ten seconds.
        while let Ok(n) = timeout(5 * SECOND, stream.write(&sent[done..])).await {
            done += n?;
        }
        assert_eq!(done, 40_000);
        stream.write_all(&sent[done..]).await?;
        assert!(control.elapsed() > 10 * SECOND);
        io::Result::Ok(())
    });
    sim.run().unwrap();
    sim.run_for(10 * SECOND).unwrap();
    assert!(!sim.is_running("b"));
    // Nothing was sent for which there was no space, but probes of one byte.
    let extra = carried.get() - 200_000;
    assert!((1..100).contains(&extra), "{extra} bytes were sent twice");
}

#[test]
fn bandwidth_limits_what_a_link_carries() {
    let mut sim = Sim::builder().link(exact(MS).bandwidth(1_000_000)).build();
    sim.host("b", echo);
    let control = sim.control();
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        let (read, write) = stream.into_split();
        let writer = wakeful::spawn(async move { write.write_all(&[7; 2_000_000]).await });
        let mut received = vec![0; 2_000_000];
        read.read_exact(&mut received).await?;
        writer.await.unwrap()?;
        let elapsed = control.elapsed();
        assert!((2 * SECOND..3 * SECOND).contains(&elapsed), "{elapsed:?}");
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_partition_delays_what_is_sent_and_ends_it_after_many_tries() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    let control = sim.control();
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        control.partition("a", "b");
        stream.write_all(b"x").await?;
        let mut byte = [0];
        assert!(timeout(10 * SECOND, stream.read(&mut byte)).await.is_err());
        control.heal("a", "b");
        // Sent again within the time that had passed.
        timeout(15 * SECOND, stream.read_exact(&mut byte))
            .await
            .unwrap()?;
        control.partition("a", "b");
        stream.write_all(b"y").await?;
        let began = control.elapsed();
        let error = stream.read(&mut byte).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let took = (control.elapsed() - began).as_secs();
        // Fifteen tries, as Linux: 924 seconds at least.
        assert!((900..1100).contains(&took), "{took}");
        let began = control.elapsed();
        let error = TcpStream::connect("b:7").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let took = (control.elapsed() - began).as_secs();
        assert_eq!(took, 127, "six tries, as Linux");
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_partition_of_one_direction_leaves_the_other() {
    let mut sim = Sim::builder().build();
    let heard = Rc::new(Cell::new(0));
    let count = heard.clone();
    sim.host("b", move || {
        let count = count.clone();
        async move {
            let socket = UdpSocket::bind(port(9)).await?;
            loop {
                let mut buf = [0; 16];
                let (n, from) = socket.recv_from(&mut buf).await?;
                count.set(count.get() + 1);
                socket.send_to(&buf[..n], from).await?;
            }
            #[allow(unreachable_code)]
            io::Result::Ok(())
        }
    });
    let control = sim.control();
    sim.client("a", async move {
        let socket = UdpSocket::bind(ANY).await?;
        control.partition_one_way("b", "a");
        socket.send_to(b"one", "b:9").await?;
        let mut buf = [0; 16];
        assert!(timeout(SECOND, socket.recv(&mut buf)).await.is_err());
        control.heal_all();
        socket.send_to(b"three", "b:9").await?;
        assert_eq!(socket.recv(&mut buf).await?, 5);
        io::Result::Ok(())
    });
    sim.run().unwrap();
    assert_eq!(heard.get(), 2);
}

#[test]
fn packets_on_their_way_are_lost_with_the_link() {
    let mut sim = Sim::builder().link(exact(100 * MS)).build();
    let control = sim.control();
    sim.host("b", || async {
        UdpSocket::bind(port(9))
            .await?
            .recv(&mut [0; 4])
            .await
            .map(drop)
    });
    sim.client("a", async move {
        let socket = UdpSocket::bind(ANY).await?;
        socket.send_to(b"lost", "b:9").await?;
        sleep(50 * MS).await;
        control.partition("a", "b");
        sleep(100 * MS).await;
        io::Result::Ok(())
    });
    sim.run().unwrap();
    assert!(sim.is_running("b"), "nothing has arrived");
}

/// Sends 2,000 numbered datagrams over a link, and returns what arrives, in its order.
fn arrivals(link: Link, seed: u64) -> Vec<(u32, [u8; 8])> {
    let mut sim = Sim::builder().seed(seed).link(link).build();
    let got = Rc::new(RefCell::new(Vec::new()));
    let all = got.clone();
    sim.host("b", move || {
        let all = all.clone();
        async move {
            let socket = UdpSocket::bind(port(9)).await.unwrap();
            loop {
                let mut buf = [0; 12];
                assert_eq!(socket.recv(&mut buf).await.unwrap(), 12);
                let number = u32::from_be_bytes(buf[..4].try_into().unwrap());
                all.borrow_mut()
                    .push((number, buf[4..].try_into().unwrap()));
            }
        }
    });
    sim.client("a", async {
        let socket = UdpSocket::bind(ANY).await?;
        for number in 0..2000_u32 {
            let mut data = number.to_be_bytes().to_vec();
            data.extend([0xaa; 8]);
            socket.send_to(&data, "b:9").await?;
            sleep(MS / 10).await;
        }
        sleep(SECOND).await;
        io::Result::Ok(())
    });
    sim.run().unwrap();
    got.take()
}

#[test]
fn datagrams_are_lost_doubled_reordered_and_corrupted_at_the_given_rates() {
    let still = arrivals(exact(MS), 1);
    assert_eq!(still.len(), 2000);
    assert!(still.is_sorted());

    let lost = arrivals(exact(MS).loss(0.2), 1);
    assert!((1500..1700).contains(&lost.len()), "{}", lost.len());
    assert!(lost.is_sorted());

    let doubled = arrivals(exact(MS).duplication(0.2), 1);
    assert!((2300..2500).contains(&doubled.len()), "{}", doubled.len());
    let mut counts = BTreeMap::new();
    for (number, _) in doubled {
        *counts.entry(number).or_insert(0) += 1;
    }
    assert_eq!((counts.len(), counts.values().max()), (2000, Some(&2)));

    let reordered = arrivals(Link::new().latency(MS..=10 * MS), 1);
    assert_eq!(reordered.len(), 2000);
    assert!(!reordered.is_sorted());

    // The bit may be one of the number.
    let corrupted = arrivals(exact(MS).corruption(0.5), 1);
    let data = corrupted.iter().filter(|(_, data)| *data != [0xaa; 8]);
    let bits = data.map(|(_, data)| data.iter().map(|it| (it ^ 0xaa).count_ones()).sum::<u32>());
    let bits: Vec<u32> = bits.collect();
    assert!((550..780).contains(&bits.len()), "{}", bits.len());
    assert!(bits.iter().all(|&count| count == 1), "one bit each");

    let other = arrivals(exact(MS).loss(0.2), 2);
    assert_ne!(other, lost, "another seed loses others");
}

#[test]
fn rules_drop_and_delay_packets() {
    let mut sim = Sim::builder().link(exact(MS)).build();
    sim.host("b", echo);
    let seen = Rc::new(Cell::new(0));
    let count = seen.clone();
    sim.rule(move |packet| {
        count.set(count.get() + 1);
        match (&*packet.from, packet.protocol, packet.len) {
            ("a", Protocol::Tcp, 3) => Verdict::Delay(50 * MS),
            ("a", Protocol::Udp, _) => Verdict::Drop,
            _ => Verdict::Deliver,
        }
    });
    let control = sim.control();
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        let began = control.elapsed();
        stream.write_all(b"abc").await?;
        stream.read_exact(&mut [0; 3]).await?;
        assert_eq!(control.elapsed() - began, 52 * MS);
        let udp = UdpSocket::bind(ANY).await?;
        udp.connect("b:9").await?;
        udp.send(b"dropped").await?;
        // Without the rule, the port would be refused.
        assert!(timeout(SECOND, udp.recv(&mut [0])).await.is_err());
        io::Result::Ok(())
    });
    sim.run().unwrap();
    assert!(seen.get() > 5);
}

#[test]
fn a_rule_that_panics_and_a_closure_that_does_fail_the_simulation() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    sim.client("a", async { TcpStream::connect("b:7").await.map(drop) });
    sim.rule(|packet| panic!("no rule for {}", packet.from));
    let failure = sim.run().unwrap_err();
    let reason = Reason::RulePanicked("no rule for a".to_owned());
    assert_eq!(failure.reason(), &reason);

    let mut sim = Sim::builder().build();
    sim.at(SECOND, |_| panic!("at once"));
    let failure = sim.run_for(2 * SECOND).unwrap_err();
    assert_eq!(failure.at(), SECOND);
    assert!(failure.to_string().contains("at once"), "{failure}");
}

#[test]
fn a_rule_may_use_the_control() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    let control = sim.control();
    sim.rule(move |packet| {
        if packet.len == 5 {
            control.partition_one_way("b", "a");
        }
        Verdict::Deliver
    });
    sim.client("a", async {
        let stream = TcpStream::connect("b:7").await?;
        stream.write_all(b"abcde").await?;
        assert!(timeout(SECOND, stream.read(&mut [0; 5])).await.is_err());
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_full_backlog_makes_a_client_try_again() {
    let mut sim = Sim::builder().link(exact(MS)).build();
    sim.host("b", || async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(port(7))?;
        let listener = socket.listen(1)?;
        sleep(SECOND / 2).await;
        loop {
            drop(listener.accept().await?);
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    let connected = Rc::new(RefCell::new(Vec::new()));
    for n in 0..4 {
        let (control, connected) = (sim.control(), connected.clone());
        sim.client(&format!("a{n}"), async move {
            TcpStream::connect("b:7").await?;
            connected.borrow_mut().push(control.elapsed());
            io::Result::Ok(())
        });
    }
    sim.run().unwrap();
    // Two fit, as on Linux; the others try again after a second.
    let times = connected.take();
    assert_eq!(times, [2 * MS, 2 * MS, SECOND + 2 * MS, SECOND + 2 * MS]);
}

#[test]
fn a_stopped_process_receives_into_its_buffers() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    let control = sim.control();
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        control.pause("b");
        sleep(MS).await;
        // The system of the host answers, also new connections.
        stream.write_all(&[7; 50_000]).await?;
        let other = TcpStream::connect("b:7").await?;
        let mut buf = vec![0; 50_000];
        assert!(timeout(5 * SECOND, stream.read(&mut buf)).await.is_err());
        control.resume("b");
        stream.read_exact(&mut buf).await?;
        other.write_all(b"x").await?;
        other.read_exact(&mut [0]).await
    });
    sim.run().unwrap();
}

#[test]
fn a_port_is_free_again_after_a_crash() {
    let mut sim = Sim::builder().build();
    sim.host("b", || async {
        let _held = TcpListener::bind(port(7)).await?;
        let error = TcpListener::bind(port(7)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        std::future::pending::<io::Result<()>>().await
    });
    sim.run_for(SECOND).unwrap();
    sim.restart("b");
    sim.run_for(SECOND).unwrap();
    assert!(sim.is_running("b"));
}

#[test]
fn seeds_run_on_threads_of_their_own_and_the_failing_one_is_named() {
    let threads = std::sync::Mutex::new(std::collections::HashSet::new());
    wakeful_sim::seeds(5, |sim| {
        threads.lock().unwrap().insert(std::thread::current().id());
        sim.client("a", async {});
        sim.run().unwrap();
    });
    assert_eq!(threads.lock().unwrap().len(), 5);
    let failed = std::panic::catch_unwind(|| {
        wakeful_sim::seeds(5, |sim| {
            let seed = sim.seed();
            sim.client("a", async move { assert!(seed < 3, "unlucky {seed}") });
            sim.run().unwrap();
        });
    });
    let text = support::message_of(failed.unwrap_err());
    assert!(
        text.contains("seed 3, at 0.0") && text.contains("unlucky 3"),
        "{text}"
    );
}

#[test]
fn bytes_that_arrive_twice_after_a_close_reset_nothing() {
    let mut sim = Sim::builder().link(exact(MS)).build();
    sim.host("b", || async {
        let listener = TcpListener::bind(port(7)).await?;
        let (stream, _) = listener.accept().await?;
        stream.read_exact(&mut [0]).await?;
        stream.write_all(&[7; 1000]).await
    });
    let control = sim.control();
    sim.rule(move |packet| {
        // The answer, with its acknowledgement, is late: the byte is sent again.
        let is_late = &*packet.from == "b" && control.elapsed() > 3 * MS;
        match is_late && control.elapsed() < 300 * MS {
            true => Verdict::Drop,
            false => Verdict::Deliver,
        }
    });
    sim.client("a", async move {
        let stream = TcpStream::connect("b:7").await?;
        sleep(MS).await;
        stream.write_all(b"x").await?;
        let mut answer = Vec::new();
        let mut buf = [0; 4096];
        while let n @ 1.. = stream.read(&mut buf).await? {
            answer.extend_from_slice(&buf[..n]);
        }
        assert_eq!(answer, [7; 1000]);
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn bytes_are_received_into_memory_that_was_not_initialized() {
    let mut sim = Sim::builder().build();
    sim.host("b", echo);
    sim.client("a", async {
        let stream = TcpStream::connect("b:7").await?;
        stream.write_all(b"hello").await?;
        stream.readable().await?;
        let mut buf = bytes::BytesMut::with_capacity(16);
        assert_eq!(stream.try_read_buf(&mut buf)?, 5);
        let here = UdpSocket::bind(ANY).await?;
        let port = here.local_addr()?.port();
        here.send_to(b", you", ("localhost", port)).await?;
        let (n, from) = here.recv_buf_from(&mut buf).await?;
        assert_eq!((n, from.port()), (5, port));
        assert_eq!(&buf[..], b"hello, you");
        here.send_to(b"!", from).await?;
        assert_eq!(here.recv_buf(&mut buf).await?, 1);
        io::Result::Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_test_that_is_not_deterministic_is_shown_the_first_event_that_differs() {
    let runs = std::sync::atomic::AtomicU32::new(0);
    let differs = |varies: bool| {
        std::panic::catch_unwind(|| {
            wakeful_sim::repeatable(3, |sim| {
                let run = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                sim.client("a", async move {
                    sleep(SECOND).await;
                    sleep(MS * if varies { run } else { 1 }).await;
                });
                sim.run().unwrap();
            });
        })
    };
    differs(false).unwrap();
    let text = support::message_of(differs(true).unwrap_err());
    assert!(
        text.starts_with("seed 0 is not repeatable: event "),
        "{text}"
    );
    assert!(text.contains("1.006") && text.contains("1.007"), "{text}");
}
