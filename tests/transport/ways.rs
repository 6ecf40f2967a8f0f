//! Each way that a connection can be, good and bad.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pinrelay::pinterest::sandbox::{Fault, FaultScript, Stage, When};
use pinrelay::pinterest::{ClientSettings, Sandbox};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::desk::{client, event, sandbox, serve, settings, trusting, words};
use super::tls::{Authority, Front, Met};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// A sandbox behind TLS, and the file that makes one trust it.
struct Scene {
    sandbox: Sandbox,
    front: Front,
    folder: TempDir,
}

impl Scene {
    async fn open(protocols: &[&str], versions: &[&'static SupportedProtocolVersion]) -> Self {
        let (sandbox, authority, folder) = (sandbox(), Authority::new(), TempDir::new().unwrap());
        fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        let front = Front::open(&authority, protocols, versions, serve(&sandbox).await).await;
        Self { sandbox, front, folder }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn url(&self) -> String {
        format!("https://{}", self.front.address)
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_by_its_file_and_nothing_leaves_without_it() {
    let stage = Scene::open(&["h2", "http/1.1"], BOTH).await;
    let stranger = client(settings(&stage.url())).post(&[event(1)]).await;
    assert_eq!(words(&stranger), "not taken: Unreachable, no connection: invalid peer certificate: UnknownIssuer");
    stage.front.refuses_one().await;
    assert_eq!(stage.front.met(), Met { protocols: Vec::new(), refused: 1 });
    assert_eq!(stage.sandbox.stats().requests, 0, "no request came to be");

    let trusting = trusting(&stage.url(), stage.ca_file());
    assert_eq!(words(&trusting.post(&[event(1)]).await), "1 verdicts");
    assert_eq!(stage.sandbox.stats().requests, 1);

    // Another authority's certificate is no help.
    fs::write(stage.ca_file(), Authority::new().pem).unwrap();
    let mistaken = self::trusting(&stage.url(), stage.ca_file());
    let refused = words(&mistaken.post(&[event(2)]).await);
    assert!(refused.starts_with("not taken: Unreachable, no connection: invalid peer certificate"), "{refused}");
    // The file is read once: who trusted goes on.
    assert_eq!(words(&trusting.post(&[event(3)]).await), "1 verdicts");
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered_and_one_connection_carries_all_calls() {
    let stage = Scene::open(&["h2", "http/1.1"], BOTH).await;
    let slow = Fault::Delay { ms: 50, spread_ms: 0, at: Stage::BeforeTaking };
    stage.sandbox.faults(FaultScript::new([(When::Always, slow)])).unwrap();
    let client = Arc::new(trusting(&stage.url(), stage.ca_file()));
    // What the server speaks is known when it has been spoken to.
    assert_eq!(words(&client.post(&[event(0)]).await), "1 verdicts");
    let calls: Vec<_> = (1..=50)
        .map(|id| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.post(&[event(id)]).await })
        })
        .collect();
    for call in calls {
        assert_eq!(words(&call.await.unwrap()), "1 verdicts");
    }
    assert_eq!(stage.sandbox.stats().requests, 51);
    assert_eq!(stage.front.met(), Met { protocols: vec![Some("h2".to_owned())], refused: 0 });
}

#[tokio::test]
async fn http_1_1_is_spoken_where_nothing_else_is_offered_and_a_connection_is_used_again() {
    for (protocols, versions, spoken) in
        [(&["http/1.1"][..], BOTH, Some("http/1.1".to_owned())), (&[], BOTH, None), (&[], &[&TLS12], None)]
    {
        let stage = Scene::open(protocols, versions).await;
        let client = trusting(&stage.url(), stage.ca_file());
        for id in 0..5 {
            assert_eq!(words(&client.post(&[event(id)]).await), "1 verdicts");
            // The connection goes back to the pool in a task of its own.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(stage.sandbox.stats().requests, 5);
        assert_eq!(stage.front.met(), Met { protocols: vec![spoken], refused: 0 }, "one connection");
    }
}

/// Answers the first message of a handshake by these bytes. Gives back whether anything but an alert followed.
async fn handshake(answer: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(answer).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    });
    (address, server)
}

#[tokio::test]
async fn a_server_that_speaks_tls_1_1_at_most_is_refused() {
    // A record with a ServerHello of version 3.2: random bytes, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    const SERVER_HELLO: [u8; 47] = {
        let mut hello = [7; 47];
        let head = [22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        let mut at = 0;
        while at < head.len() {
            hello[at] = head[at];
            at += 1;
        }
        (hello[43], hello[44], hello[45], hello[46]) = (0, 0, 0x2f, 0);
        hello
    };
    let (address, server) = handshake(&SERVER_HELLO).await;
    let refused = words(&client(settings(&format!("https://{address}"))).post(&[event(1)]).await);
    assert!(refused.starts_with("not taken: Unreachable, no connection: peer is incompatible: "), "{refused}");
    let alert = server.await.unwrap();
    assert_eq!((alert.first(), alert.len()), (Some(&21), 7), "an alert and nothing else");
}

#[tokio::test]
async fn a_server_that_takes_nothing_of_a_large_body_ends_in_time_and_in_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 1024];
        let read = stream.read(&mut first).await.unwrap();
        // Open, and not read from any more.
        std::future::pending::<()>().await;
        (stream, read)
    });
    let hasty = ClientSettings {
        connect_timeout: Duration::from_millis(500),
        answer_timeout: Duration::from_secs(1),
        ..settings(&format!("http://{address}"))
    };
    // More than two sockets hold.
    let body = [vec![b' '; 32 << 20], event(1).to_vec()].concat();
    let since = Instant::now();
    let answered = client(hasty).post(&[body.into()]).await;
    let took = since.elapsed();
    assert_eq!(words(&answered), "ambiguous, no answer: operation timed out");
    assert!(took < Duration::from_secs(10), "{took:?}");
    server.abort();
}
