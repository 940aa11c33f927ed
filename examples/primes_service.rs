//! A worker whose functions are called by name. Its parent is `primes_pool.js`.

use std::convert::Infallible;

use crossfork::Error;
use crossfork::blocking::{Context, Service};

fn main() -> Result<(), Error> {
    Service::new().method("primes", primes).run()
}

fn primes(below: u64, _: &Context) -> Result<usize, Infallible> {
    Ok((2..below).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count())
}
