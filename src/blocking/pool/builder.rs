//! [`Builder`]: what a pool runs, and how, for threads.

use super::listeners::listen;
use super::{Peer, life};

crate::driver::face::pool_builder_face! { Blocking threads #[doc = ""] }

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type SetUp = Arc<dyn Fn(&Peer) -> Result<(), BoxError> + Send + Sync>;

impl Builder {
    /// Sets what prepares each worker before its first call, such as a call that configures it. It runs on a
    /// thread of its own. If it fails, the worker counts as one that does not start.
    pub fn set_up<E: Into<BoxError>>(
        self,
        set_up: impl Fn(&Peer) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let set_up: SetUp = Arc::new(move |peer| set_up(peer).map_err(Into::into));
        Builder { set_up: Some(set_up), ..self }
    }
}

fn run(
    common: Common,
    service: &Service,
    run: impl FnOnce(Arc<Shared>) -> Run,
) -> Result<Arc<Shared>, Error> {
    let (common, listeners) = listen(common, service.hears_messages());
    let shared = Shared::new(common);
    life::keep(run(shared.clone()), listeners)?;
    Ok(shared)
}
