//! `pinrelay health`: asks a running process how it is, for images and machines without other tools.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::exit::{Exit, Failure};
use super::run::{refuse, runtime};
use crate::config::{self, Config};

/// A page that answers from memory and takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask a running process on this machine how it is; ends with 0 if it is well
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pinrelay health --config pinrelay.yaml --of live")]
pub struct Arguments {
    /// Configuration of the process; its `admin.listen` is asked
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// What to ask
    #[arg(long, value_enum, default_value_t, value_name = "PAGE")]
    pub of: Page,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// Whether its loop turns
    #[default]
    Live,
    /// Whether everything that it was given is restored
    Ready,
}

impl Page {
    const fn path(self) -> &'static str {
        match self {
            Self::Live => "livez",
            Self::Ready => "readyz",
        }
    }
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    let config =
        Config::load_offline(&arguments.config, &config::process_environment).map_err(|faults| refuse(&faults))?;
    let admin = config.admin.ok_or_else(|| Failure {
        exit: Exit::Configuration,
        problem: "the configuration has no `admin.listen`".to_owned(),
        next: "add it, as in admin: {listen: \"127.0.0.1:9600\"}".to_owned(),
    })?;
    runtime()?.block_on(ask(reachable(admin.listen), arguments.of))
}

async fn ask(address: SocketAddr, page: Page) -> Result<Exit, Failure> {
    let unwell = |problem: String| Failure {
        exit: Exit::StartFailed,
        problem,
        next: "look at the log of the process; docs/operations.md says what its pages mean".to_owned(),
    };
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let client = client.map_err(|_| unwell("the HTTP client cannot start".to_owned()))?;
    let answer = client.get(format!("http://{address}/{}", page.path())).send().await;
    let answer = answer.map_err(|_| unwell(format!("no process answers at {address}")))?;
    if answer.status().is_success() {
        return Ok(Exit::Drained);
    }
    let reasons = answer.text().await.unwrap_or_default();
    Err(unwell(format!("the process at {address} is not well: {}", reasons.trim())))
}

/// An address for all interfaces is one to listen on; this machine reaches it by its loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_all_interfaces_is_asked_by_loopback() {
        for (listen, asked) in
            [("0.0.0.0:9600", "127.0.0.1:9600"), ("[::]:9600", "[::1]:9600"), ("10.0.0.1:9600", "10.0.0.1:9600")]
        {
            let listen = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), asked);
        }
    }

    #[tokio::test]
    async fn where_nobody_answers_the_process_is_not_well() {
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
        let failure = ask(nobody, Page::Live).await.expect_err("nobody listens there any more");
        assert_eq!((failure.exit, failure.problem), (Exit::StartFailed, format!("no process answers at {nobody}")));
    }
}
