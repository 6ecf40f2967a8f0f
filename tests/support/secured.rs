//! One broker that asks who is there: a listener for each way to show it, and one for the tests themselves.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::cluster::docker;
use super::image::{KafkaImage, SETTINGS};
use super::kafka::Kafka;
use super::ports::free_port;
use super::reaper::Reaper;

pub(crate) const USER: &str = "relay";

/// The listener's JAAS sections: who may come in by PLAIN stands there, who by SCRAM is in the cluster's metadata.
const JAAS: &str = r#"
plain.KafkaServer { org.apache.kafka.common.security.plain.PlainLoginModule required user_relay="of-plain"; };
oauth.KafkaServer { org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"; };
scram.KafkaServer { org.apache.kafka.common.security.scram.ScramLoginModule required; };
"#;

pub(crate) const PLAIN_PASSWORD: &str = "of-plain";

/// A way to show who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    Scram,
    Certificate,
    /// A token without a signature; a connection must show one again every four seconds.
    Oauth,
}

/// A broker on this machine's own network, with an authority of its own. Gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Secured {
    folder: TempDir,
    name: String,
    _reaper: Reaper,
    kafka: Kafka,
    ports: [u16; 4],
}

impl Secured {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().expect("the system has a folder for temporary files");
        let secrets = folder.path();
        // The broker is another user than the one who runs the tests.
        fs::set_permissions(secrets, fs::Permissions::from_mode(0o755)).expect("it is ours");
        openssl(secrets, "ca", &["-subj", "/CN=authority of the tests"]);
        certificate(secrets, "broker");
        fs::write(secrets.join("jaas.conf"), JAAS).expect("it is ours");
        let pem = ["broker.key", "broker.crt"].map(|file| fs::read_to_string(secrets.join(file)).expect("it is there"));
        fs::write(secrets.join("broker.pem"), pem.concat()).expect("it is ours");

        let port = free_port();
        let ports @ [plain, scram, certificate, oauth] = [free_port(), free_port(), free_port(), free_port()];
        let controller = free_port();
        let name = format!("{}-{port}", KafkaImage::NAME);
        let reaper = Reaper::watch(&name);
        let listeners = format!(
            "PLAINTEXT://127.0.0.1:{port},PLAIN://127.0.0.1:{plain},SCRAM://127.0.0.1:{scram},CERTIFICATE://127.0.0.1:{certificate},OAUTH://127.0.0.1:{oauth}"
        );
        let own = [
            ("LISTENERS", format!("{listeners},CONTROLLER://127.0.0.1:{controller}")),
            ("ADVERTISED_LISTENERS", listeners),
            ("CONTROLLER_QUORUM_VOTERS", format!("1@127.0.0.1:{controller}")),
            ("INTER_BROKER_LISTENER_NAME", "PLAINTEXT".to_owned()),
            (
                "LISTENER_SECURITY_PROTOCOL_MAP",
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAIN:SASL_SSL,SCRAM:SASL_SSL,CERTIFICATE:SSL,OAUTH:SASL_SSL"
                    .to_owned(),
            ),
            ("LISTENER_NAME_PLAIN_SASL_ENABLED_MECHANISMS", "PLAIN".to_owned()),
            ("LISTENER_NAME_SCRAM_SASL_ENABLED_MECHANISMS", "SCRAM-SHA-512".to_owned()),
            ("LISTENER_NAME_OAUTH_SASL_ENABLED_MECHANISMS", "OAUTHBEARER".to_owned()),
            ("LISTENER_NAME_OAUTH_OAUTHBEARER_CONNECTIONS_MAX_REAUTH_MS", "4000".to_owned()),
            ("LISTENER_NAME_CERTIFICATE_SSL_CLIENT_AUTH", "required".to_owned()),
            ("SSL_KEYSTORE_TYPE", "PEM".to_owned()),
            ("SSL_KEYSTORE_LOCATION", "/secrets/broker.pem".to_owned()),
            ("SSL_TRUSTSTORE_TYPE", "PEM".to_owned()),
            ("SSL_TRUSTSTORE_LOCATION", "/secrets/ca.crt".to_owned()),
            ("OPTS", "-Djava.security.auth.login.config=/secrets/jaas.conf".to_owned()),
        ];
        let mut run = Command::new("docker");
        run.args(["run", "--detach", "--network", "host", "--name", &name]);
        run.arg("--volume").arg(format!("{}:/secrets:ro", secrets.display()));
        // The last one of a name counts.
        for (key, value) in SETTINGS {
            run.arg("--env").arg(format!("{key}={value}"));
        }
        for (key, value) in own {
            run.arg("--env").arg(format!("KAFKA_{key}={value}"));
        }
        run.arg(format!("{}:{}", KafkaImage::NAME, KafkaImage::TAG));
        docker(run).await;
        let secured = Self { folder, name, _reaper: reaper, kafka: Kafka::new(&[port]), ports };
        secured.answers().await;
        secured
    }

    /// Gives the user of SCRAM another password: the old one is refused from then on.
    pub(crate) async fn set_password(&self, password: &str) {
        let mut exec = Command::new("docker");
        exec.args(["exec", &self.name, "/opt/java/bin/java", "-XX:TieredStopAtLevel=1", "-cp", "/opt/kafka/libs/*"]);
        exec.args(["kafka.admin.ConfigCommand", "--bootstrap-server", &self.kafka.bootstrap()]);
        exec.args(["--alter", "--entity-type", "users", "--entity-name", USER, "--add-config"]);
        exec.arg(format!("SCRAM-SHA-512=[iterations=4096,password={password}]"));
        docker(exec).await;
    }

    /// `host:port` of the listener.
    pub(crate) fn bootstrap_of(&self, way: Way) -> String {
        let [plain, scram, certificate, oauth] = self.ports;
        let port = match way {
            Way::Plain => plain,
            Way::Scram => scram,
            Way::Certificate => certificate,
            Way::Oauth => oauth,
        };
        format!("127.0.0.1:{port}")
    }

    /// Whom to trust.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// A key and a certificate that the broker accepts, `tls.key` and `tls.crt`, in a new folder of that name.
    pub(crate) fn certify(&self, folder: &str) -> PathBuf {
        let made = self.folder.path().join(folder);
        fs::create_dir(&made).expect("the name is new");
        certificate(self.folder.path(), folder);
        for kind in ["key", "crt"] {
            let from = self.folder.path().join(format!("{folder}.{kind}"));
            fs::rename(from, made.join(format!("tls.{kind}"))).expect("it was just made");
        }
        made
    }
}

impl Deref for Secured {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        &self.kafka
    }
}

/// `NAME.key` and `NAME.crt`, by the authority of the folder.
fn certificate(folder: &Path, name: &str) {
    let subject = format!("/CN={name}");
    let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1", "-subj", &subject];
    openssl(folder, name, &by);
}

fn openssl(folder: &Path, name: &str, more: &[&str]) {
    let (key, crt) = (format!("{name}.key"), format!("{name}.crt"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-keyout", &key, "-out", &crt])
        .args(more)
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::set_permissions(folder.join(key), fs::Permissions::from_mode(0o644)).expect("it is ours");
}
