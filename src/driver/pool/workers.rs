//! What reaches workers beside the calls that they are given: the greeting, and what goes to all of them.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::calls::pool::WorkerId;
use crate::calls::{CallError, code};
use crate::driver::calls::{Core, InFlight, Options};

/// Calls a method of every worker that takes calls, whatever else it has to do.
pub(crate) async fn call_all<R: DeserializeOwned, P: Serialize + ?Sized>(
    shared: &Arc<Shared>,
    method: &str,
    params: &P,
) -> Vec<Result<R, CallError>> {
    let begin = |core: Arc<Core>| InFlight::begin(&core, method, params, Options::shared());
    let begun: Vec<_> = shared.live().into_iter().map(begin).collect();
    let mut results = Vec::with_capacity(begun.len());
    for call in begun {
        let result = match call {
            Ok(call) => call.await,
            Err(error) => Err(error),
        };
        results.push(result.and_then(|part| part.decode_naming("result").map_err(CallError::Result)));
    }
    results
}

impl Shared {
    fn live(&self) -> Vec<Arc<Core>> {
        self.look(|state| {
            let held = |id| state.held.get(&id).map(|held| held.core.clone());
            state.machine.live().filter_map(held).collect()
        })
    }

    /// Tells every worker that takes calls, or that of a key.
    pub(crate) fn notify<P: Serialize + ?Sized>(
        &self,
        method: &str,
        params: &P,
        key: Option<&str>,
    ) -> Result<(), CallError> {
        let of_key = |key| {
            self.look(|state| {
                let worker = state.machine.worker_of(key)?;
                state.held.get(&worker).map(|held| held.core.clone())
            })
        };
        let cores = key.map_or_else(|| self.live(), |key| of_key(key).into_iter().collect());
        for core in cores {
            match core.notify(method, params, None) {
                // It has just ended.
                Ok(()) | Err(CallError::Disconnected { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks a worker whether it is ready, and how many calls it takes at once. `None`: it ends, or is to end.
    pub(crate) async fn greet(&self, worker: WorkerId, core: &Arc<Core>) -> Option<usize> {
        #[derive(Deserialize)]
        struct Hello {
            concurrency: f64,
        }
        let hello = match InFlight::begin(core, "$/crossfork/hello", &(), Options::default()) {
            Ok(hello) => hello.await,
            Err(error) => Err(error),
        };
        match hello {
            // What says nothing of the kind gets one call at a time.
            Ok(hello) => Some(
                hello.decode::<Hello>().map_or(1, |hello| hello.concurrency.clamp(1.0, 65536.0) as usize),
            ),
            // It is no end of ours.
            Err(CallError::Rpc(error)) if error.code == code::METHOD_NOT_FOUND => Some(1),
            // How it ends says more.
            Err(CallError::Disconnected { .. }) => None,
            Err(error) => {
                self.not_ready(worker, format!("it did not start: {error}"));
                None
            }
        }
    }
}
