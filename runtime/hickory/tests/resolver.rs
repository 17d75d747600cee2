//! Lookups at a DNS server of these tests, and at dnsmasq.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join_all, select};
use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::{RuntimeProvider, Time};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use wakeful::net::{TcpListener, TcpStream, UdpSocket};
use wakeful::time::Instant;
use wakeful::{Metrics, spawn};
use wakeful_hickory::{Timer, WakefulProvider};

type LocalResolver = Resolver<WakefulProvider>;

/// A DNS server on both protocols, which counts what it is asked.
struct Server {
    address: SocketAddr,
    over_udp: Rc<Cell<usize>>,
    over_tcp: Rc<Cell<usize>>,
    connections: Rc<Cell<usize>>,
}

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(address).await.unwrap();
        let counts = [(); 3].map(|()| Rc::new(Cell::new(0)));
        let [over_udp, over_tcp, connections] = counts;
        let count = over_udp.clone();
        spawn(async move {
            let mut buf = [0; 4096];
            loop {
                let (n, from) = socket.recv_from(&mut buf).await.unwrap();
                count.set(count.get() + 1);
                if let Some(answer) = answer(&buf[..n], false) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let (count, connected) = (over_tcp.clone(), connections.clone());
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connected.set(connected.get() + 1);
                spawn(serve(stream, count.clone()));
            }
        });
        Server {
            address,
            over_udp,
            over_tcp,
            connections,
        }
    }

    fn resolver(&self) -> LocalResolver {
        resolver(self.address)
    }
}

/// Answers the questions of a TCP connection, until it is closed.
async fn serve(stream: TcpStream, count: Rc<Cell<usize>>) -> std::io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut question = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut question).await?;
        count.set(count.get() + 1);
        let Some(answer) = answer(&question, true) else {
            continue;
        };
        let length = u16::try_from(answer.len()).unwrap();
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&answer).await?;
    }
}

/// Returns the answer to a question, or `None`, if the server is silent.
fn answer(question: &[u8], is_tcp: bool) -> Option<Vec<u8>> {
    let mut message = Message::from_vec(question).unwrap();
    let name = message.queries[0].name().clone();
    message = message.into_response();
    let text = name.to_ascii().to_lowercase();
    let data = match text.trim_end_matches('.') {
        "silent.test" => return None,
        "none.test" => {
            message.metadata.response_code = ResponseCode::NXDomain;
            return Some(message.to_vec().unwrap());
        }
        // Too long for a datagram.
        "long.test" if !is_tcp => {
            message.metadata.truncation = true;
            return Some(message.to_vec().unwrap());
        }
        "long.test" => RData::TXT(TXT::new(vec!["x".repeat(250); 40])),
        other => {
            let number = other.trim_start_matches('n').split('.').next().unwrap();
            RData::A(A(Ipv4Addr::new(10, 0, 0, number.parse().unwrap())))
        }
    };
    message.add_answer(Record::from_rdata(name, 60, data));
    Some(message.to_vec().unwrap())
}

fn resolver(server: SocketAddr) -> LocalResolver {
    let mut servers = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut servers.connections {
        connection.port = server.port();
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![servers]);
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_secs(20);
    options.attempts = 1;
    let builder = Resolver::builder_with_config(config, WakefulProvider::new());
    builder.with_options(options).build().unwrap()
}

async fn address_of(resolver: &LocalResolver, name: &str) -> String {
    let found = resolver.ipv4_lookup(name).await.unwrap();
    let records = found.answers().iter();
    records.map(|record| record.data.to_string()).collect()
}

#[wakeful::test]
async fn many_lookups_run_at_once() {
    let server = Server::start().await;
    let resolver = server.resolver();
    let names: Vec<_> = (1..=100).map(|n| format!("n{n}.test.")).collect();
    let lookups = names.iter().map(|name| address_of(&resolver, name));
    let found = join_all(lookups).await;
    let expected: Vec<_> = (1..=100).map(|n| format!("10.0.0.{n}")).collect();
    assert_eq!(found, expected);
    // The second time they are in the cache.
    let asked = server.over_udp.get();
    assert_eq!(address_of(&resolver, "n7.test.").await, "10.0.0.7");
    assert_eq!((asked, server.over_udp.get()), (100, 100));
}

#[wakeful::test]
async fn a_truncated_answer_is_asked_for_over_tcp() {
    let server = Server::start().await;
    let resolver = server.resolver();
    let found = resolver.txt_lookup("long.test.").await.unwrap();
    let RData::TXT(text) = &found.answers()[0].data else {
        panic!("not a text: {found:?}");
    };
    assert_eq!(text.txt_data.len(), 40);
    assert_eq!((server.over_udp.get(), server.over_tcp.get()), (1, 1));
}

#[wakeful::test]
async fn lookups_share_a_tcp_connection() {
    let server = Server::start().await;
    let mut servers = NameServerConfig::tcp(server.address.ip());
    servers.connections[0].port = server.address.port();
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![servers]);
    let resolver = Resolver::builder_with_config(config, WakefulProvider::new());
    let resolver = resolver.build().unwrap();
    assert_eq!(address_of(&resolver, "n1.test.").await, "10.0.0.1");
    let names: Vec<_> = (2..=50).map(|n| format!("n{n}.test.")).collect();
    join_all(names.iter().map(|name| address_of(&resolver, name))).await;
    assert_eq!((server.over_tcp.get(), server.connections.get()), (50, 1));
}

#[wakeful::test]
async fn a_name_that_does_not_exist_is_an_error() {
    let server = Server::start().await;
    let error = server.resolver().lookup_ip("none.test.").await.unwrap_err();
    assert!(error.is_nx_domain(), "{error}");
}

#[wakeful::test(start_paused = true)]
async fn a_server_that_is_silent_is_given_up_by_the_clock_of_the_loop() {
    let server = Server::start().await;
    let begun = Instant::now();
    let resolver = server.resolver();
    let error = resolver.txt_lookup("silent.test.").await.unwrap_err();
    assert!(matches!(error, NetError::Timeout), "{error:?}");
    let passed = begun.elapsed();
    assert!(passed >= Duration::from_secs(20), "{passed:?}");
    assert!(passed < Duration::from_secs(100), "{passed:?}");
}

#[wakeful::test(start_paused = true)]
async fn timeouts_and_delays_use_the_clock_of_the_loop() {
    let begun = Instant::now();
    Timer::delay_for(Duration::from_secs(60)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    let late = Timer::timeout(Duration::from_secs(5), std::future::pending::<()>());
    let error = late.await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the DNS server did not answer within 5s");
    assert_eq!(begun.elapsed(), Duration::from_secs(65));
    let ready = Timer::timeout(Duration::from_secs(5), async { 3 });
    assert_eq!(ready.await.unwrap(), 3);
}

/// Returns a listener whose queue is full, so that the system answers no further connection.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = wakeful::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut streams = Vec::new();
    loop {
        let connecting = Box::pin(TcpStream::connect(listener.local_addr().unwrap()));
        let limit = Box::pin(wakeful::time::sleep(Duration::from_millis(300)));
        match select(connecting, limit).await {
            futures_util::future::Either::Left((stream, _)) => streams.push(stream.unwrap()),
            futures_util::future::Either::Right(_) => return (listener, streams),
        }
    }
}

#[wakeful::test]
async fn a_tcp_connection_has_a_limit_and_its_error_names_the_server() {
    let (listener, _streams) = full().await;
    let server = listener.local_addr().unwrap();
    let limit = Some(Duration::from_millis(50));
    let connecting = WakefulProvider::new().connect_tcp(server, None, limit);
    let error = connecting.await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(
        error.to_string(),
        format!("no TCP connection to {server} within 50ms")
    );
}

#[wakeful::test]
async fn a_connection_comes_from_the_chosen_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let from = "127.0.0.2:0".parse().unwrap();
    let connecting = WakefulProvider::new().connect_tcp(server, Some(from), None);
    connecting.await.unwrap();
    let (_, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.ip(), from.ip());
}

#[wakeful::test]
async fn the_tasks_of_a_resolver_end_with_it() {
    let server = Server::start().await;
    let before = Metrics::current().tasks_alive;
    let resolver = server.resolver();
    resolver.txt_lookup("long.test.").await.unwrap();
    assert!(Metrics::current().tasks_alive > before);
    drop(resolver);
    while Metrics::current().tasks_alive > before {
        wakeful::time::sleep(Duration::from_millis(1)).await;
    }
}

/// dnsmasq, which is ended when this is dropped.
struct Dnsmasq(Child);

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts dnsmasq at a free port, which it does not choose itself.
async fn start_dnsmasq(program: &str) -> (Dnsmasq, SocketAddr) {
    let port = {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        udp.local_addr().unwrap().port()
    };
    let mut command = Command::new(program);
    command
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
        ])
        .args([
            "--user=root",
            "--bind-interfaces",
            "--listen-address=127.0.0.1",
            "--no-poll",
        ])
        .args(["--local=/wakeful.test/", "--pid-file="])
        .arg(format!("--port={port}"))
        .args(["--host-record=www.wakeful.test,192.0.2.7,2001:db8::7"])
        .args(["--cname=alias.wakeful.test,www.wakeful.test"])
        .args(["--mx-host=wakeful.test,mail.wakeful.test,10"]);
    for number in 0..60 {
        // All of them together are longer than a datagram of DNS.
        command.arg(format!(
            "--txt-record=long.wakeful.test,{number}-{}",
            "x".repeat(200)
        ));
    }
    let child = command.stderr(Stdio::inherit()).spawn().unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let mut dnsmasq = Dnsmasq(child);
    // Its TCP socket is there when it has started.
    while TcpStream::connect(server).await.is_err() {
        let ended = dnsmasq.0.try_wait().unwrap();
        assert!(ended.is_none(), "dnsmasq has ended: {ended:?}");
        wakeful::time::sleep(Duration::from_millis(5)).await;
    }
    (dnsmasq, server)
}

#[wakeful::test]
async fn dnsmasq_answers() {
    let Ok(program) = std::env::var("WAKEFUL_DNSMASQ") else {
        return println!("skipped: WAKEFUL_DNSMASQ does not name the program, as in scripts/ci");
    };
    let (_dnsmasq, server) = start_dnsmasq(&program).await;
    let resolver = resolver(server);
    let found = resolver.ipv4_lookup("alias.wakeful.test.").await.unwrap();
    let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 7)));
    assert!(
        found.answers().iter().any(|record| record.data == address),
        "{found:?}"
    );
    let found = resolver.ipv6_lookup("www.wakeful.test.").await.unwrap();
    assert!(
        format!("{:?}", found.answers()).contains("2001:db8::7"),
        "{found:?}"
    );
    let found = resolver.mx_lookup("wakeful.test.").await.unwrap();
    assert!(
        format!("{:?}", found.answers()).contains("mail"),
        "{found:?}"
    );
    // Over TCP.
    let found = resolver.txt_lookup("long.wakeful.test.").await.unwrap();
    assert_eq!(found.answers().len(), 60);
    let error = resolver.lookup_ip("none.wakeful.test.").await.unwrap_err();
    assert!(error.is_nx_domain(), "{error}");
    let missing = resolver.lookup("www.wakeful.test.", RecordType::MX).await;
    assert!(missing.unwrap_err().is_no_records_found());
}
