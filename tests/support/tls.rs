//! TLS in front of a server that speaks none, under a certificate authority of the test's own.
//!
//! A test binary uses it by `#[path = "../support/tls.rs"] mod tls;`.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

/// The name that certificates are for, besides this machine's address. No name server knows it.
pub(crate) const NAME: &str = "pinterest.test";

/// A certificate authority that nobody trusts who has not its certificate.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server's side that offers these protocols under HTTP, and these versions of TLS.
    fn acceptor(&self, protocols: &[&str], versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
        let names = [NAME, "127.0.0.1"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What came to a front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// The protocol of each connection, as far as the two sides agreed on one.
    pub(crate) protocols: Vec<Option<String>>,
    /// Connections that came no further than the handshake.
    pub(crate) refused: usize,
}

/// A port that takes TLS away and hands on what is within.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    met: Arc<Mutex<Met>>,
}

impl Front {
    pub(crate) async fn open(
        authority: &Authority,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        server: SocketAddr,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let met = Arc::<Mutex<Met>>::default();
        let (acceptor, meets) = (authority.acceptor(protocols, versions), Arc::clone(&met));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(acceptor.clone(), stream, server, Arc::clone(&meets)));
            }
        });
        Self { address, met }
    }

    /// Returns when a handshake has failed: the other side may know that earlier.
    pub(crate) async fn refuses_one(&self) {
        let refused = async {
            while self.met().refused == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), refused).await.expect("a handshake fails");
    }

    pub(crate) fn met(&self) -> Met {
        self.met.lock().unwrap().clone()
    }
}

async fn take(acceptor: TlsAcceptor, stream: TcpStream, server: SocketAddr, met: Arc<Mutex<Met>>) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        met.lock().unwrap().refused += 1;
        return;
    };
    let protocol = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    met.lock().unwrap().protocols.push(protocol);
    let mut server = TcpStream::connect(server).await.unwrap();
    // Either side may go first, and then nothing is left to do.
    copy_bidirectional(&mut stream, &mut server).await.ok();
}
