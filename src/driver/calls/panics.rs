//! A handler that panics: what it said and where, as an error for its caller.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
#[cfg(feature = "tokio")]
use std::task::Poll;

use crate::calls::{ErrorData, RpcError};

thread_local! {
    /// Whether a handler runs on this thread; and where it panicked.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls `action`. A panic is told as an error, and to the user's hook as ever.
pub(crate) fn catch<T>(action: impl FnOnce() -> T) -> Result<T, RpcError> {
    note_places();
    PLACE.take();
    // What the handler left half changed is its own.
    panic::catch_unwind(AssertUnwindSafe(action)).map_err(|payload| error(&*payload, PLACE.take()))
}

/// A future whose panics are told as errors.
#[cfg(feature = "tokio")]
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, RpcError> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn error(payload: &(dyn Any + Send), place: Option<String>) -> RpcError {
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)");
    let data = ErrorData {
        name: Some("Panic".to_owned()),
        message: Some(said.to_owned()),
        stack: place.as_ref().map(|place| format!("Panic: {said}\n    at {place}")),
        ..ErrorData::default()
    };
    let at = place.map(|place| format!(" at {place}")).unwrap_or_default();
    RpcError { data: Some(Box::new(data)), ..RpcError::internal(format!("the handler panicked{at}: {said}")) }
}

/// Has the place of each panic noted, before the hook that was there is called.
fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A thread that ends has none any more.
            let _ = PLACE.try_with(|place| {
                if let Ok(mut place) = place.try_borrow_mut() {
                    *place = info.location().map(|at| at.to_string());
                }
            });
            hook(info);
        }));
    });
}
