//! Error messages: each fact once, only a short quote of the peer's data, and no terminal control
//! sequences.

use std::io;

use crossfork::proto::{Channel, Event};
use crossfork::v8::{self, Value};
use crossfork::wire::frame;
use crossfork::{Error, ExecError, Limits, ProtocolError, SendError, Serialization, Unsent};

/// An error with its chain of causes, as many programs show it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

fn frame_of(serialization: Serialization, value: &Value) -> Vec<u8> {
    match serialization {
        Serialization::Json => format!("{}\n", serde_json::to_string(value).unwrap()).into_bytes(),
        _ => crossfork::wire::advanced::encode(value, &v8::Options::new()).unwrap(),
    }
}

/// The error of decoding this message as a number.
fn not_a_number(serialization: Serialization, value: &Value) -> Error {
    match message(serialization, value) {
        Event::Message { payload, .. } => payload.decode::<u32>().expect_err("is none").into(),
        other => panic!("{other:?}"),
    }
}

fn message(serialization: Serialization, value: &Value) -> Event<()> {
    let mut core = Channel::new(serialization, Limits::default());
    let frame = frame_of(serialization, value);
    core.read_buffer().extend_from_slice(&frame);
    core.handle_input(frame.len(), [], false);
    core.poll_event().expect("an event")
}

const BOTH: [Serialization; 2] = [Serialization::Json, Serialization::Advanced];

#[test]
fn an_error_chain_states_each_cause_once() {
    let system = || io::Error::from_raw_os_error(libc::ENOENT);
    let errors: Vec<Box<dyn std::error::Error>> = vec![
        Box::new(Error::from(system())),
        Box::new(Error::Spawn { program: "node".into(), reason: system() }),
        Box::new(Error::Listen { address: "8000".into(), reason: system() }),
        Box::new(not_a_number(Serialization::Json, &"text".into())),
        Box::new(not_a_number(Serialization::Advanced, &"text".into())),
        Box::new(Error::from(SendError::Encode(serde_json::from_str::<u8>("x").unwrap_err().into()))),
        Box::new(Unsent { error: SendError::Closed.into(), handle: None }),
        Box::new(ExecError::from(system())),
        Box::new(io::Error::from(Error::from(SendError::Closed))),
    ];
    for error in errors {
        let (text, all) = (error.to_string(), chain(&*error));
        assert_eq!(text, all, "all causes are shown");
    }
}

#[test]
fn errors_truncate_long_quoted_text() {
    for serialization in BOTH {
        let error = not_a_number(serialization, &"x".repeat(100_000).as_str().into());
        for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}"), chain(&error)] {
            assert!(shown.len() < 600, "{} bytes: {shown}", shown.len());
            assert!(shown.contains("expected u32"), "{shown}");
        }
        let reserved = frame_of(
            serialization,
            &Value::object([("cmd", format!("NODE_{}", "x".repeat(100_000)).as_str().into())]),
        );
        let mut core = Channel::<()>::new(serialization, Limits::default());
        let error = core.send(reserved).expect_err("is reserved");
        assert!(error.to_string().len() < 600 && format!("{error:?}").len() < 600);
    }
    let line = bytes::Bytes::from("#".repeat(100_000));
    let error = frame::check(Serialization::Json, &line).expect_err("no JSON");
    assert!(error.to_string().len() < 600 && format!("{error:?}").len() < 600);
}

#[test]
fn errors_escape_terminal_control_sequences() {
    for serialization in BOTH {
        let hostile = "\u{1b}[2J\u{7}\n\u{202e}\u{9b}";
        let error = not_a_number(serialization, &hostile.into());
        let unknown = match message(serialization, &hostile.into()) {
            Event::Message { payload, .. } => payload.decode::<Known>().expect_err("is none"),
            other => panic!("{other:?}"),
        };
        let handle =
            Value::object([("cmd", "NODE_HANDLE".into()), ("type", hostile.into()), ("msg", hostile.into())]);
        let Event::Invalid(handle) = message(serialization, &handle) else { panic!("no descriptor came") };
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            unknown.to_string(),
            handle.to_string(),
            format!("{handle:?}"),
        ] {
            assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
        }
    }
}

/// serde names what it does not know as it is.
#[derive(Debug, serde::Deserialize)]
enum Known {
    One,
}

#[test]
fn adv_10_a_record_is_shown_as_its_value() {
    let value = Value::object([("id", Value::from(7)), ("tags", ["a", "é"].into())]);
    let error = not_a_number(Serialization::Advanced, &value);
    assert!(error.to_string().contains("{ id: 7, tags: [ 'a', 'é' ] }"), "{error}");
    let handle = Value::object([("cmd", "NODE_HANDLE".into()), ("msg", value)]);
    match message(Serialization::Advanced, &handle) {
        Event::Invalid(error @ ProtocolError::MissingDescriptor { .. }) => {
            assert!(error.to_string().contains("{ id: 7, tags: [ 'a', 'é' ] }"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn life_8_the_error_of_a_closed_channel_says_which_side_closed_it() {
    for by_us in [true, false] {
        let mut core = Channel::<()>::new(Serialization::Json, Limits::default());
        match by_us {
            true => core.disconnect().expect("is open"),
            false => core.handle_end(),
        }
        let error = core.send(b"1\n".to_vec()).expect_err("is closed");
        let whom = if by_us { "this process" } else { "the other process" };
        assert!(error.to_string().contains(whom), "{error}");
        assert_eq!(error.code(), "ERR_IPC_CHANNEL_CLOSED");
    }
}

#[test]
fn an_error_that_main_returns_is_a_sentence_with_its_code() {
    let error = Error::from(crossfork::EnvError::NotAChild);
    assert_eq!(
        format!("{error:?}"),
        "there is no channel: this program is meant to be started by child_process.fork, or by spawn with 'ipc' in its \
         stdio (ERR_IPC_ENVIRONMENT)"
    );
}
