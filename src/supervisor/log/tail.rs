//! The last lines that workers wrote to standard error, for as long as they may be needed to say why none
//! has come up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many lines are kept of all workers.
const LINES: usize = 200;

/// How many are told of one worker, with so many bytes each at the most.
const TOLD: usize = 20;
const TOLD_OF_A_LINE: usize = 500;

/// Shared by all who pass on output.
#[derive(Clone, Debug)]
pub(super) struct Tail(Arc<Mutex<Option<Lines>>>);

/// Each with the process that wrote it.
type Lines = VecDeque<(u32, String)>;

impl Tail {
    pub(super) fn new() -> Self {
        Tail(Arc::new(Mutex::new(Some(Lines::new()))))
    }

    /// A worker has written a line.
    pub(super) fn add(&self, pid: u32, line: &[u8]) {
        if let Some(lines) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let text = String::from_utf8_lossy(&line[..line.len().min(TOLD_OF_A_LINE)]);
            let text = text.trim_end();
            if !text.is_empty() {
                lines.push_back((pid, text.to_owned()));
                if lines.len() > LINES {
                    lines.pop_front();
                }
            }
        }
    }

    /// Keeps no more.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The last lines of the worker that has written the last of all.
    pub(super) fn of_last(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((lines, (pid, _))) = kept.as_ref().and_then(|lines| Some((lines, lines.back()?))) else {
            return Vec::new();
        };
        let its: Vec<_> =
            lines.iter().filter(|(other, _)| other == pid).map(|(_, text)| text.clone()).collect();
        its[its.len().saturating_sub(TOLD)..].to_vec()
    }
}
