//! A lane in shadow mode.

use super::*;

fn desk(entries: &[ChangelogEntry]) -> Desk {
    let mut settings = settings();
    settings.lanes[0].mode = LaneMode::Shadow;
    Desk::open(settings, None, entries)
}

#[test]
fn nothing_is_posted_or_remembered_and_every_row_says_what_would_have_been_sent() {
    let mut desk = desk(&[]);
    for offset in 0..3 {
        let mut event = event(7, Hold);
        event.facts.parameters = Some("custom_data(value)".into());
        desk.read_event(offset, event);
    }
    let entries = desk.commit();
    assert!(entries.iter().all(|entry| matches!(entry, ChangelogEntry::Outcome { kind: SettledKind::NotSent, .. })));
    assert_eq!(desk.offset, Some(NextOffset(3)));
    let rows: Vec<_> =
        desk.rows.iter().map(|row| (row.outcome.reason, row.outcome.detail.as_ref().unwrap().as_str())).collect();
    assert_eq!(rows, [(Reason::Shadow, "custom_data(value)"); 3], "no key enters the window, so none is a duplicate");
    assert_eq!(desk.rows[0].key, Some(EventKey([7; 16])));
    desk.pass(Duration::from_mins(1));
    assert!(desk.posted().is_none());
}

#[test]
fn what_a_former_owner_may_have_posted_stays_in_doubt() {
    let mut desk = desk(&[intent(0, 1, Resend)]);
    desk.read(0, 1, Resend);
    desk.read(1, 1, Resend);
    desk.commit();
    let reasons: Vec<_> = desk.rows.iter().map(|row| row.outcome.reason).collect();
    assert_eq!(reasons, [Reason::OwnerLost, Reason::Shadow]);
    assert!(desk.posted().is_none());
}
