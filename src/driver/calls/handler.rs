//! [`Handler`]: the functions that can be handlers, told apart by inference.

use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::context::Context;
use super::reply::{Outcome, Reply, Replying};
use crate::calls::params;

/// A function that can carry out calls. `M` tells the kinds apart, and is inferred.
///
/// The parameters are any type that serde can read; `()` if there are none, a tuple if they are several.
#[diagnostic::on_unimplemented(
    message = "this is no handler",
    label = "not a handler",
    note = "a handler takes its parameters and `&Context`, and returns a `Result`: `fn resize(job: Resize, cx: &Context) -> Result<Thumb, Error>`",
    note = "the parameters implement `serde::de::DeserializeOwned`, the result `serde::Serialize`, and the function is `Send + Sync + 'static`"
)]
pub trait Handler<P, M>: Send + std::marker::Sync + 'static {
    #[doc(hidden)]
    type Params;
    /// What it returns, or its future gives, and of which kind that is.
    #[doc(hidden)]
    type Output;
    #[doc(hidden)]
    type Kind;
    #[doc(hidden)]
    fn prepare(self) -> Prepared<P>;
}

/// A synchronous function.
pub struct Sync<M>(PhantomData<M>);
/// An asynchronous function that takes the context by value.
pub struct Async<M>(PhantomData<M>);
/// An asynchronous function that borrows the context.
pub struct AsyncRef<M>(PhantomData<M>);

/// A handler whose types are not known any more.
#[doc(hidden)]
pub struct Prepared<P> {
    pub(super) call: Box<dyn Fn(Context<P>) -> Outcome + Send + std::marker::Sync>,
    #[cfg(feature = "types")]
    pub(super) signature: Option<super::types::Signature>,
}

impl<P> Prepared<P> {
    fn new(call: impl Fn(Context<P>) -> Outcome + Send + std::marker::Sync + 'static) -> Self {
        Prepared {
            call: Box::new(call),
            #[cfg(feature = "types")]
            signature: None,
        }
    }

    pub(crate) fn call(&self, context: Context<P>) -> Outcome {
        (self.call)(context)
    }
}

/// The handlers of a service, by their methods' names.
pub(crate) type Handlers<P> = HashMap<String, Prepared<P>>;

/// The types of a service's methods, for TypeScript.
#[cfg(feature = "types")]
pub(crate) fn declarations<P>(handlers: &Handlers<P>) -> std::io::Result<String> {
    super::types::Declarations::of(handlers.iter().map(|(name, handler)| (&**name, handler.signature)))
}

impl<P, F, A, R, K> Handler<P, Sync<(A, R, K)>> for F
where
    P: 'static,
    F: Fn(A, &Context<P>) -> R + Send + std::marker::Sync + 'static,
    A: DeserializeOwned,
    R: Reply<K>,
{
    type Params = A;
    type Output = R;
    type Kind = K;

    fn prepare(self) -> Prepared<P> {
        Prepared::new(move |context| {
            let to = context.replying();
            match params::decode(context.params()) {
                Ok(params) => self(params, &context).reply(to),
                Err(error) => Outcome::Done(to.error(&error)),
            }
        })
    }
}

impl<P, F, A, Fut, R, K> Handler<P, Async<(A, Fut, R, K)>> for F
where
    P: Send + 'static,
    F: Fn(A, Context<P>) -> Fut + Send + std::marker::Sync + 'static,
    A: DeserializeOwned,
    Fut: Future<Output = R> + Send + 'static,
    R: Reply<K>,
{
    type Params = A;
    type Output = R;
    type Kind = K;

    fn prepare(self) -> Prepared<P> {
        Prepared::new(move |context| {
            let to = context.replying();
            match params::decode(context.params()) {
                Ok(params) => later(self(params, context), to),
                Err(error) => Outcome::Done(to.error(&error)),
            }
        })
    }
}

/// An asynchronous function that borrows the context.
pub trait ByRef<'a, P: 'a, A>: Fn(A, &'a Context<P>) -> Self::Fut {
    /// Its future.
    type Fut: Future<Output = Self::R> + Send + 'a;
    /// What that gives.
    type R;
}

impl<'a, P, A, F, Fut, R> ByRef<'a, P, A> for F
where
    P: 'a,
    F: Fn(A, &'a Context<P>) -> Fut,
    Fut: Future<Output = R> + Send + 'a,
{
    type Fut = Fut;
    type R = R;
}

impl<P, F, A, R, K> Handler<P, AsyncRef<(A, R, K)>> for F
where
    P: Send + std::marker::Sync + 'static,
    F: for<'a> ByRef<'a, P, A, R = R> + Send + std::marker::Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    R: Reply<K> + Send,
{
    type Params = A;
    type Output = R;
    type Kind = K;

    fn prepare(self) -> Prepared<P> {
        let this = Arc::new(self);
        Prepared::new(move |context| {
            let to = context.replying();
            let handler = this.clone();
            match params::decode::<A>(context.params()) {
                Ok(params) => later(async move { handler(params, &context).await }, to),
                Err(error) => Outcome::Done(to.error(&error)),
            }
        })
    }
}

/// The answer that a future's value becomes.
fn later<R: Reply<K>, K>(future: impl Future<Output = R> + Send + 'static, to: Replying) -> Outcome {
    let later: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
        let outcome = future.await.reply(to);
        match outcome {
            Outcome::Done(answer) => answer,
            Outcome::Later(later) => later.await,
        }
    });
    Outcome::Later(later)
}
