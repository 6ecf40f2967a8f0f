//! The broker's side of a producer's requests.

use pinrelay::domain::{ChangelogOffset, Written};

use crate::kafka::{MemberId, Refusal, Stored};
use crate::process::Reply;
use crate::scenario::partition_id;
use crate::ticks::{OffsetsError, Produced};
use crate::world::{Call, EndAnswer, Event, Own, Request, World};

impl World {
    /// A request reaches the broker.
    pub(crate) fn serve(&mut self, request: Request) {
        let Request { slot, life, epoch, job, what } = request;
        let now = self.now;
        let appended = self.broker_clock();
        let identity = self.scenario.identity(slot);
        let topic = self.processes[slot].topic;
        let produced = match &what {
            Call::Rows(rows) => match self.kafka.transactions.add_rows(identity, epoch, now, rows) {
                Err(Refusal::Busy) => return self.again(Request { slot, life, epoch, job, what }),
                result => Produced::Written(result.map(|()| None)),
            },
            Call::Entries { partition, packs } => {
                let log = &mut self.kafka.changelogs[*partition];
                let transactions = &mut self.kafka.transactions;
                match transactions.add_entries(identity, epoch, now, appended, log, *partition, packs, topic) {
                    Err(Refusal::Busy) => return self.again(Request { slot, life, epoch, job, what }),
                    result => Produced::Written(result.map(|(first, end)| {
                        Some(Written {
                            partition: partition_id(*partition),
                            first: ChangelogOffset(first),
                            end: ChangelogOffset(end),
                        })
                    })),
                }
            }
            Call::Offsets { member, generation, offsets } => {
                match self.take_offsets(slot, epoch, *member, *generation, offsets) {
                    Err(Refusal::Busy) => return self.again(Request { slot, life, epoch, job, what }),
                    Err(Refusal::Fenced) => Produced::Offsets(Err(OffsetsError::Fenced)),
                    Ok(false) => Produced::Offsets(Err(OffsetsError::Refused)),
                    Ok(true) => Produced::Offsets(Ok(())),
                }
            }
            Call::End { committed, answer } => {
                let result = self.kafka.transactions.end(identity, epoch, *committed);
                let produced = Produced::Ended(result.as_ref().map(|_| ()).map_err(|refusal| *refusal));
                if let Ok(Some(decision)) = &result {
                    self.decided(decision);
                }
                if *answer == EndAnswer::Lost {
                    return;
                }
                produced
            }
            Call::Init => {
                let (result, decision) = self.kafka.transactions.init(identity);
                if let Some(decision) = decision {
                    self.decided(&decision);
                }
                match result {
                    Err(_) => return self.again(Request { slot, life, epoch, job, what }),
                    Ok(epoch) => Produced::Initialised(epoch),
                }
            }
        };
        let delay = self.random.between(1, 4);
        self.after(delay, Event::Process { slot, life, what: Own::Reply(Reply::Tick { job, produced }) });
    }

    fn again(&mut self, request: Request) {
        let delay = self.random.between(2, 8);
        self.after(delay, Event::Broker(request));
    }

    /// Whether the group accepts them.
    fn take_offsets(
        &mut self,
        slot: usize,
        epoch: i32,
        member: Option<MemberId>,
        generation: i32,
        offsets: &[(usize, Stored)],
    ) -> Result<bool, Refusal> {
        let accepted = self.kafka.group.accepts(member, generation);
        let owns = |partition| member.is_some_and(|member| self.kafka.group.owns(member, partition));
        let owned: Vec<(usize, Stored, bool)> = if accepted {
            offsets.iter().map(|(partition, stored)| (*partition, *stored, owns(*partition))).collect()
        } else {
            // `AddOffsetsToTxn` begins the transaction before the group is asked, so that there is one to abort.
            Vec::new()
        };
        self.kafka.transactions.add_offsets(self.scenario.identity(slot), epoch, self.now, &owned).map(|()| accepted)
    }
}
