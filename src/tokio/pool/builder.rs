//! [`Builder`]: what a pool runs, and how, for tasks.

use std::future::Future;
use std::pin::Pin;

use super::{Peer, life};

crate::driver::face::pool_builder_face! { Tokio tasks #[doc = ""] async await }

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Prepared = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
pub(super) type SetUp = Box<dyn Fn(Peer) -> Prepared + Send + Sync>;

impl Builder {
    /// Sets what prepares each worker before its first call, such as a call that configures it. If it fails, the
    /// worker counts as one that does not start.
    pub fn set_up<E: Into<BoxError>, F: Future<Output = Result<(), E>> + Send + 'static>(
        self,
        set_up: impl Fn(Peer) -> F + Send + Sync + 'static,
    ) -> Self {
        let set_up: SetUp = Box::new(move |peer| {
            let prepared = set_up(peer);
            Box::pin(async { prepared.await.map_err(Into::into) })
        });
        Builder { set_up: Some(set_up), ..self }
    }
}

fn run(common: Common, _: &Service, run: impl FnOnce(Arc<Shared>) -> Run) -> Result<Arc<Shared>, Error> {
    let shared = Shared::new(common);
    ::tokio::spawn(life::keep(Arc::new(run(shared.clone()))));
    Ok(shared)
}
