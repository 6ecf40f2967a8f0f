//! The registry: one process for the binary, gone when the test process is.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::support::free_port;

/// A start takes ten seconds; the rest is for a machine that is busy with other things.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// Apicurio answers within milliseconds, but now and then an answer that its own log has does not arrive: of 4,200
/// requests for a path that it does not know, on an idle machine, 1 to 6 in three trials; once of a registered schema.
/// Several such silences are over before the relay, which stands behind the same question, asks again after ten seconds.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// How often a request is asked again for that.
const TRIES: u32 = 30;

static SHARED: OnceCell<Apicurio> = OnceCell::const_new();

pub(crate) struct Apicurio {
    url: String,
    /// Without idle connections: each test has a runtime of its own, and one that a test opened would end with it.
    client: Client,
    /// Its standard input, which ends with this process, holds the registry alive.
    _shell: Child,
}

/// Where a schema refers to.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    pub(crate) name: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) version: i32,
}

impl Apicurio {
    /// The registry that all tests share. Each brings subjects of its own.
    pub(crate) async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let home = target.parent().expect("it is a folder of target").join("tools/schema-registry");
        assert!(home.join("recipe").exists(), "no registry in {} (run scripts/schema-registry)", home.display());
        let (port, management) = (free_port(), free_port());
        let log: PathBuf = target.join(format!("schema-registry-{port}.log"));
        let out = File::create(&log).unwrap();
        let shell = Command::new("sh")
            .args(["-c", r#""$@" & read -r _; kill -s KILL "$!""#, "registry"])
            .arg(home.join("java/bin/java"))
            // Half a start goes into compiling code that runs once.
            .args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .args(["-Dquarkus.http.host=127.0.0.1", "-Dquarkus.management.host=127.0.0.1"])
            .arg(format!("-Dquarkus.http.port={port}"))
            .arg(format!("-Dquarkus.management.port={management}"))
            .args(["-Dapicurio.rest.deletion.artifact-version.enabled=true", "-jar"])
            .arg(home.join("app/quarkus-run.jar"))
            .stdin(Stdio::piped())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            // Away from the terminal's group: an interrupt from the keyboard ends the tests, not the clearing up.
            .process_group(0)
            .spawn()
            .expect("every Unix has a shell");
        let ready = format!("http://127.0.0.1:{management}/health/ready");
        let deadline = Instant::now() + START_DEADLINE;
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        while !client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < deadline, "the registry does not start; its log: {}", log.display());
            sleep(Duration::from_millis(100)).await;
        }
        let apicurio = Self { url: format!("http://127.0.0.1:{port}/apis/ccompat/v7"), client, _shell: shell };
        // What the first schema is slow for is over before a relay asks.
        apicurio.register("the-first-value", &json!("string")).await;
        apicurio
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema; its id, or why it is refused.
    pub(crate) async fn try_register(
        &self,
        subject: &str,
        schema: &Value,
        references: &[Reference],
    ) -> Result<i32, (StatusCode, Value)> {
        let references: Vec<Value> = references
            .iter()
            .map(|to| json!({"name": to.name, "subject": to.subject, "version": to.version}))
            .collect();
        let body = json!({"schema": schema.to_string(), "references": references});
        let (status, said) = self.ask(Method::POST, &format!("subjects/{subject}/versions"), Some(body)).await;
        let id = said["id"].as_i64().and_then(|id| i32::try_from(id).ok());
        if status.is_success() { Ok(id.expect("a success has an id")) } else { Err((status, said)) }
    }

    pub(crate) async fn register(&self, subject: &str, schema: &Value) -> i32 {
        self.try_register(subject, schema, &[]).await.unwrap()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let body = body.map_or_else(String::new, |body| body.to_string());
        let (status, said) = answered(&self.client, &method, &format!("{}/{path}", self.url), body.into()).await;
        let text = String::from_utf8_lossy(&said).into_owned();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// What Apicurio answers; asked again where it says nothing or hangs up, which changes nothing: whatever is registered or
/// set twice is there once.
pub(crate) async fn answered(client: &Client, method: &Method, url: &str, body: Bytes) -> (StatusCode, Bytes) {
    for _ in 0..TRIES {
        let request = client
            .request(method.clone(), url)
            .timeout(ANSWER_DEADLINE)
            .header("content-type", "application/vnd.schemaregistry.v1+json")
            .body(body.clone());
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        };
        match answer.await {
            Ok(answer) => return answer,
            Err(error) => println!("Apicurio says nothing to {method} {url}, which is asked again: {error}"),
        }
    }
    panic!("Apicurio says nothing to {method} {url}")
}
