//! `pinrelay sandbox`: a Pinterest that runs on your desk.

use std::net::SocketAddr;

use super::exit::{Exit, Failure};

/// Serve Pinterest's conversions endpoint on this machine, to try things without an ad account
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  pinrelay sandbox --listen 127.0.0.1:8088
  curl http://127.0.0.1:8088/sandbox/stats")]
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
fn serve(_arguments: &Arguments) -> Result<Exit, Failure> {
    Err(super::not_joined("sandbox"))
}
