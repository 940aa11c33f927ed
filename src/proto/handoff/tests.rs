use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Ready,
    Writing,
    /// The first byte is written.
    Begun,
    AwaitingFirst,
    AwaitingLast,
}

const FRAME: &[u8] = b"{}\n";

fn handle(ticket: Ticket, fd: u32) -> PendingHandle<u32> {
    PendingHandle { ticket, frame: FRAME.to_vec(), fd, max_transmissions: TRANSMISSIONS }
}

fn in_state(state: State) -> Handoff<u32> {
    let mut handoff = Handoff::Ready;
    if state == State::Ready {
        return handoff;
    }
    handoff.start(handle(1, 7), Held::default());
    assert!(handoff.hold(Pending::Plain { ticket: Some(2), frame: b"2\n".to_vec() }).is_none());
    match state {
        State::Ready | State::Writing => {}
        State::Begun => assert!(handoff.advance(1).is_none()),
        State::AwaitingFirst => assert_eq!(handoff.advance(FRAME.len()), Some(1)),
        State::AwaitingLast => {
            handoff.advance(FRAME.len());
            for _ in 1..TRANSMISSIONS {
                assert!(matches!(handoff.nack().0, Replied::Resend));
                handoff.advance(FRAME.len());
            }
        }
    }
    handoff
}

fn name(handoff: &Handoff<u32>) -> &'static str {
    match handoff {
        Handoff::Ready => "ready",
        Handoff::Writing(_, 0) => "writing",
        Handoff::Writing(..) => "begun",
        Handoff::AwaitingAck(_) => "awaiting",
    }
}

/// Each row: the state, the input, the state after it, and what came out of it.
#[test]
fn hnd_7_hnd_9_hnd_12_every_state_answers_every_input() {
    use State::*;
    type Row = (State, &'static str, &'static str, &'static str);
    let rows: &[Row] = &[
        (Ready, "send", "ready", "passed on"),
        (Writing, "send", "writing", "held"),
        (Begun, "send", "begun", "held"),
        (AwaitingFirst, "send", "awaiting", "held"),
        (AwaitingLast, "send", "awaiting", "held"),
        (Ready, "send_handle", "ready", "passed on"),
        (Writing, "send_handle", "writing", "held"),
        (Begun, "send_handle", "begun", "held"),
        (AwaitingFirst, "send_handle", "awaiting", "held"),
        (AwaitingLast, "send_handle", "awaiting", "held"),
        (Ready, "write", "ready", "nothing"),
        (Writing, "write", "writing", "3 bytes and 7"),
        (Begun, "write", "begun", "2 bytes"),
        (AwaitingFirst, "write", "awaiting", "nothing"),
        (AwaitingLast, "write", "awaiting", "nothing"),
        (Ready, "written in part", "ready", ""),
        (Writing, "written in part", "begun", ""),
        (Begun, "written in part", "begun", ""),
        (AwaitingFirst, "written in part", "awaiting", ""),
        (AwaitingLast, "written in part", "awaiting", ""),
        (Ready, "written", "ready", ""),
        (Writing, "written", "awaiting", "1 is written"),
        (Begun, "written", "awaiting", "1 is written"),
        (AwaitingFirst, "written", "awaiting", ""),
        (AwaitingLast, "written", "awaiting", ""),
        (Ready, "ack", "ready", "unexpected"),
        (Writing, "ack", "writing", "unexpected"),
        (Begun, "ack", "begun", "unexpected"),
        (AwaitingFirst, "ack", "ready", "acked, 1 held"),
        (AwaitingLast, "ack", "ready", "acked, 1 held"),
        (Ready, "nack", "ready", "unexpected"),
        (Writing, "nack", "writing", "unexpected"),
        (Begun, "nack", "begun", "unexpected"),
        (AwaitingFirst, "nack", "writing", "resend"),
        (AwaitingLast, "nack", "ready", "refused, 1 held"),
        (Ready, "cancel", "ready", "nothing"),
        (Writing, "cancel", "ready", "handle 7, 1 held"),
        (Begun, "cancel", "begun", "nothing"),
        (AwaitingFirst, "cancel", "awaiting", "nothing"),
        (AwaitingLast, "cancel", "awaiting", "nothing"),
        (Ready, "broken", "ready", "0 held"),
        (Writing, "broken", "writing", "0 held"),
        (Begun, "broken", "begun", "0 held"),
        (AwaitingFirst, "broken", "awaiting", "1 held"),
        (AwaitingLast, "broken", "awaiting", "1 held"),
        (Ready, "end", "ready", "nothing"),
        (Writing, "end", "ready", "handle 7, 1 held"),
        (Begun, "end", "ready", "handle 7, 1 held"),
        (AwaitingFirst, "end", "ready", "handle 7, 1 held"),
        (AwaitingLast, "end", "ready", "handle 7, 1 held"),
    ];
    for &(state, input, after, out) in rows {
        let mut handoff = in_state(state);
        let seen = apply(&mut handoff, input);
        assert_eq!((name(&handoff), seen.as_str()), (after, out), "{state:?} x {input}");
    }
}

fn apply(handoff: &mut Handoff<u32>, input: &str) -> String {
    let held = |passed: Option<Pending<u32>>| match passed {
        Some(_) => "passed on".to_string(),
        None => "held".to_string(),
    };
    let ended = |end: Option<(PendingHandle<u32>, Held<u32>)>| match end {
        Some((handle, held)) => format!("handle {}, {} held", handle.fd, held.queue.len()),
        None => "nothing".to_string(),
    };
    let written =
        |ticket: Option<Ticket>| ticket.map_or(String::new(), |ticket| format!("{ticket} is written"));
    match input {
        "send" => held(handoff.hold(Pending::Plain { ticket: Some(3), frame: b"3\n".to_vec() })),
        "send_handle" => held(handoff.hold(Pending::Handle(handle(3, 8)))),
        "write" => match handoff.next_write() {
            None => "nothing".to_string(),
            Some(HandleWrite { bytes, fd: None }) => format!("{} bytes", bytes.len()),
            Some(HandleWrite { bytes, fd: Some(fd) }) => format!("{} bytes and {fd}", bytes.len()),
        },
        "written in part" => written(handoff.advance(1)),
        "written" => {
            let rest = handoff.next_write().map_or(0, |write| write.bytes.len());
            written(handoff.advance(rest))
        }
        "ack" | "nack" => {
            let (replied, held) = if input == "ack" { handoff.ack() } else { handoff.nack() };
            match replied {
                Replied::Unexpected => "unexpected".to_string(),
                Replied::Resend => "resend".to_string(),
                Replied::Acked(_) => format!("acked, {} held", held.queue.len()),
                Replied::Refused(_) => format!("refused, {} held", held.queue.len()),
            }
        }
        "cancel" => ended(handoff.cancel()),
        "broken" => format!("{} held", handoff.broken().queue.len()),
        "end" => ended(handoff.end()),
        _ => unreachable!(),
    }
}
