//! `pinrelay sandbox`: a Pinterest that runs on your desk.

use std::io::{self, Write};
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::exit::{Exit, Failure};
use super::output::{self, not_written};
use super::run;
use crate::domain::Secret;
use crate::pinterest::sandbox::Tokens;
use crate::pinterest::{Sandbox, SandboxSettings};
use crate::run::clock;

/// Serve Pinterest's conversions endpoint on this machine, to try things without an ad account
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay sandbox --listen 127.0.0.1:8088
  curl http://127.0.0.1:8088/sandbox/stats

What is to go wrong is told while it runs; each script replaces the one before:
  # Answers take 40 to 60 ms, one in ten is lost after the events were taken
  curl http://127.0.0.1:8088/sandbox/faults --data '{\"rules\": [
    {\"fault\": {\"delay\": {\"ms\": 40, \"spread_ms\": 20}}},
    {\"when\": {\"share\": 0.1}, \"fault\": {\"lose\": {\"at\": \"after_taking\"}}}]}'
  # 503 for a minute, half a minute from now
  curl http://127.0.0.1:8088/sandbox/faults --data '{\"rules\": [
    {\"when\": {\"during\": {\"from_ms\": 30000, \"for_ms\": 60000}}, \"fault\": {\"answer\": {\"status\": 503}}}]}'
  # 5,000 calls a minute for each ad account, and 60 for one; counted \"fixed\" (from each full minute),
  # \"sliding\", or {\"bucket\": SIZE}; X-RateLimit headers stand in each answer, 429 beyond the limit
  curl http://127.0.0.1:8088/sandbox/faults --data '{\"limits\": [
    {\"calls\": 5000, \"counted\": \"sliding\"},
    {\"calls\": 60, \"account\": \"549755885175\"}]}'")]
pub struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8088")]
    pub listen: SocketAddr,
    /// Bearer token that requests must carry; any token is accepted if this is absent
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, Failure> {
    serve(arguments)
}

/// Serves until it is told to stop.
fn serve(arguments: &Arguments) -> Result<Exit, Failure> {
    let failure = |error: io::Error| Failure {
        exit: Exit::StartFailed,
        problem: format!("{} cannot be served: {error}", arguments.listen),
        next: "choose another address with --listen".to_owned(),
    };
    let mut settings = SandboxSettings::new(clock::wall);
    if let Some(token) = &arguments.token {
        settings.tokens = Tokens::Only(vec![Secret::new(token.clone())]);
    }
    run::runtime()?.block_on(async {
        let mut stop = run::stop_signals()?;
        let listener = TcpListener::bind(arguments.listen).await.map_err(failure)?;
        let address = listener.local_addr().map_err(failure)?;
        let greeting =
            format!("Pinterest's API:  http://{address}/v5\nwhat arrived:     http://{address}/sandbox/stats\n");
        output::stdout().write_all(greeting.as_bytes()).map_err(|error| not_written(&error))?;
        let stopped = async move {
            stop.recv().await;
        };
        Sandbox::new(settings).serve(listener, stopped).await.map_err(failure)?;
        Ok(Exit::Drained)
    })
}
