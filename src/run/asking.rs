//! A look at each lane's token and ad account when the relay starts.
//!
//! It only tells: nothing is known about what Pinterest answers in a minute, and a lane that is refused keeps its
//! records and goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::domain::{Answer, NotTaken};
use crate::pinterest::Client;
use crate::pipeline::Trouble;

use super::picture;

/// Asks for each lane, one each `turn`, and says which are refused.
pub(super) async fn ask(lanes: Vec<(String, Arc<Client>)>, turn: Duration) {
    for (lane, client) in lanes {
        let answered = client.ask().await;
        // What is throttled is not looked at, so that nothing is known about token and account.
        if let Answer::NotTaken { cause, .. } = answered.answer
            && cause != NotTaken::Throttled
        {
            let cause = picture::words(Trouble::NotTaken(cause));
            let answer = answered.attempt.message.map(|message| message.to_string());
            tracing::warn!(
                lane,
                cause,
                status = answered.attempt.status,
                answer,
                "the lane is refused; its records wait"
            );
        }
        sleep(turn).await;
    }
}
