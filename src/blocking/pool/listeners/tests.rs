//! What is queued, without a pool.

use std::sync::mpsc;

use super::*;
use crate::driver::pool::OutputStream;

fn ready(worker: u64) -> Event {
    Event::WorkerReady { worker, pid: 1 }
}

/// Listeners, and what they are told.
fn recorded() -> (Common, Arc<Listeners>, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let events = tell.clone();
    let on_event: OnEvent = Arc::new(move |event: &Event| {
        let _ = events.send(format!("{event:?}"));
    });
    let on_output: OnOutput = Arc::new(move |output: Output<'_>| {
        let _ = tell.send(String::from_utf8_lossy(output.bytes).into_owned());
    });
    let common = Common { on_event: Some(on_event), on_output: Some(on_output), ..Common::default() };
    let (common, listeners) = listen(common, false);
    (common, listeners.expect("somebody listens"), told)
}

#[test]
fn without_functions_there_is_no_queue() {
    assert!(listen(Common::default(), false).1.is_none());
    assert!(listen(Common::default(), true).1.is_some());
}

#[test]
fn all_is_told_in_its_order() {
    let (common, listeners, told) = recorded();
    let (on_event, on_output) = (common.on_event.unwrap(), common.on_output.unwrap());
    on_event(&ready(1));
    on_output(Output { worker: 1, stream: OutputStream::Stdout, bytes: b"text" });
    on_event(&Event::Drained);
    listeners.close();
    listeners.run();
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told, [format!("{:?}", ready(1)), "text".to_owned(), "Drained".to_owned()]);
}

#[test]
fn what_is_dropped_is_told_where_it_was() {
    let (common, listeners, told) = recorded();
    let (on_event, on_output) = (common.on_event.unwrap(), common.on_output.unwrap());
    let kept = (MOST / OVERHEAD) as u64;
    (0..kept + 5).for_each(|n| on_event(&ready(n)));
    on_output(Output { worker: 1, stream: OutputStream::Stdout, bytes: b"text" });
    on_event(&Event::Drained);
    listeners.close();
    listeners.run();
    let told: Vec<_> = told.try_iter().collect();
    assert_eq!(told.len() as u64, kept + 3);
    assert_eq!(told[kept as usize - 1], format!("{:?}", ready(kept - 1)));
    assert_eq!(told[kept as usize..], ["Missed { count: 5 }", "text", "Missed { count: 1 }"]);
}

#[test]
fn there_is_room_again_when_what_waited_was_told() {
    let (common, listeners, told) = recorded();
    let on_output = common.on_output.unwrap();
    let bytes = vec![b'x'; ROOM];
    assert!(listeners.has_room(About::Output));
    on_output(Output { worker: 1, stream: OutputStream::Stdout, bytes: &bytes });
    assert!(!listeners.has_room(About::Output));
    assert!(listeners.has_room(About::Event), "each kind has its own");
    listeners.close();
    listeners.run();
    assert!(listeners.has_room(About::Output));
    assert_eq!(told.try_iter().count(), 1);
}
