//! The way to Pinterest leads through a proxy that the environment names, and Pinterest has an authority of its own.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::account::Account;
use super::shop::{PATIENCE, Shop, Terms};
use super::support::Broker;
use super::tls::{Authority, Front, NAME};

/// An HTTP proxy for tunnels.
struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What it says to whoever asks for a tunnel.
    answer: &'static str,
    /// Where all tunnels lead.
    to: Option<SocketAddr>,
    /// What was asked for, with the answer.
    asked: Vec<(String, &'static str)>,
}

const YES: &str = "200 Connection established";
const BAD_GATEWAY: &str = "502 Bad Gateway";
const WHO_ARE_YOU: &str = "407 Proxy Authentication Required";

impl Proxy {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { answer: BAD_GATEWAY, to: None, asked: Vec::new() }));
        let meets = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, Arc::clone(&meets)));
            }
        });
        Self { address, state }
    }

    fn answers(&self, answer: &'static str) {
        self.state.lock().unwrap().answer = answer;
    }

    fn times(&self, answer: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(_, answered)| *answered == answer).count()
    }

    async fn has_answered(&self, answer: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.times(answer) < times {
            assert!(Instant::now() < deadline, "{answer} {times} times");
            sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn tunnel(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(request.starts_with("CONNECT "), "{request}");
    let (answer, to) = {
        let mut state = state.lock().unwrap();
        let answer = state.answer;
        state.asked.push((target, answer));
        (answer, state.to)
    };
    stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.ok();
    if answer == YES {
        let mut to = TcpStream::connect(to.expect("it leads somewhere")).await.unwrap();
        copy_bidirectional(&mut stream, &mut to).await.ok();
    }
}

/// With the certificate beside the configuration that names it.
async fn open(name: &str, seed: u64, terms: Terms, authority: &Authority) -> Shop<'static> {
    let shop = Shop::without_topics(Broker::shared().await, name, seed, terms).await;
    fs::write(shop.folder().join("ca.pem"), &authority.pem).unwrap();
    shop.create_topics().await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_through_the_proxy_of_the_environment_and_what_it_refuses_costs_nothing() {
    let proxy = Proxy::open().await;
    let terms = Terms {
        lane: "ca_file: ca.pem, batch_events: 100, backoff_min: 50ms, backoff_max: 1s",
        base_url: Some(format!("https://{NAME}/v5")),
        environment: vec![("HTTPS_PROXY", format!("http://{}", proxy.address))],
        ..Terms::default()
    };
    let authority = Authority::new();
    let mut shop = open("proxied", 54, terms.clone(), &authority).await;
    let front = Front::open(&authority, &["h2", "http/1.1"], &[&TLS12, &TLS13], shop.desk.address()).await;
    proxy.state.lock().unwrap().to = Some(front.address);

    shop.sell(1_000).await;
    let relay = shop.spawn("a");
    proxy.has_answered(BAD_GATEWAY, 3).await;
    proxy.answers(WHO_ARE_YOU);
    proxy.has_answered(WHO_ARE_YOU, 2).await;
    assert_eq!(shop.desk.stats().requests, 0);
    proxy.answers(YES);
    shop.settled().await;
    relay.leave(PATIENCE).await;
    // Certain to the last: nothing in doubt, nothing marked, nothing sent twice.
    Account::of(&shop).await.assert_calm();
    let (tunnels, requests) = (proxy.times(YES), shop.desk.stats().requests);
    println!("{requests} requests through {tunnels} tunnels, {} refused", proxy.times(BAD_GATEWAY));
    assert!(0 < tunnels && front.met().protocols.iter().all(|spoken| spoken.as_deref() == Some("h2")));
    assert!(u64::try_from(tunnels).unwrap() < requests, "connections are used again");
    let asked = proxy.state.lock().unwrap().asked.clone();
    assert!(asked.iter().all(|(target, _)| *target == format!("{NAME}:443")), "{asked:?}");

    // Where the environment makes an exception, nobody is asked; and no name server knows that name.
    let mut environment = terms.environment.clone();
    environment.push(("NO_PROXY", NAME.to_owned()));
    let mut around = open("around", 55, Terms { environment, ..terms }, &authority).await;
    let relay = around.spawn("a");
    let deadline = Instant::now() + PATIENCE;
    while !around.logs().concat().contains("Pinterest cannot be reached") {
        assert!(Instant::now() < deadline, "{:?}", around.logs());
        sleep(Duration::from_millis(20)).await;
    }
    relay.leave(PATIENCE).await;
    assert_eq!(proxy.state.lock().unwrap().asked.len(), asked.len());
}
