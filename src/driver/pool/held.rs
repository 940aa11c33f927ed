//! [`Held`]: a worker whose process runs.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::StderrTail;
use crate::calls::pool::End;
use crate::driver::calls::Core;
use crate::error::ProtocolError;

/// What a process has written is read for so long behind its end: a process that it has started may keep the
/// streams open.
pub(crate) const AFTER_EXIT: Duration = Duration::from_millis(100);

/// A worker whose process runs.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) core: Arc<Core>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) pid: u32,
}

/// What can be done to a worker at any time, without waiting.
pub(crate) trait Control: Send + Sync {
    fn kill(&self);
    /// Ends the channel behind what is being written.
    fn disconnect(&self);
}

impl Held {
    /// Asks it to end.
    pub(super) fn ask_to_end(&self) {
        if self.core.is_peer_ours() {
            let _ = self.core.notify("$/crossfork/bye", &(), None);
        } else {
            self.control.disconnect();
        }
    }
}

/// How a process has ended. `broken`: what it has sent against the rules, for which its channel was closed.
pub(crate) fn end_of(
    status: io::Result<ExitStatus>,
    stderr_tail: &StderrTail,
    broken: Option<ProtocolError>,
) -> End {
    let stderr = stderr_tail.to_string();
    let cause = broken.map(|error| error.to_string());
    match status {
        Ok(status) => End { exit_code: status.code(), signal: status.signal(), stderr, cause },
        Err(error) => End { stderr, cause: cause.or(Some(error.to_string())), ..End::default() },
    }
}
