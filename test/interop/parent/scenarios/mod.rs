//! The scenarios, by group.

mod advanced;
mod dialects;
mod establishment;
mod given;
mod life;
mod messages;
mod never;
mod npm;
mod order;
mod pressure;
mod sockets;
mod taken;

use crossfork::Serialization;

use crate::child::{Kind, Runtime, Scope};
use crate::driver::Driver;

pub struct Scenario<D: Driver> {
    pub name: String,
    who: fn(&Runtime) -> bool,
    /// The one serialization that it is about, if it is not about both.
    serialization: Option<Serialization>,
    /// It takes seconds of processor time.
    pub heavy: bool,
    pub run: Box<Run<D>>,
}

type Run<D> = dyn Fn(&Scope<D>) + Send;

impl<D: Driver> Scenario<D> {
    pub fn is_for(&self, runtime: &Runtime, serialization: Serialization) -> bool {
        (self.who)(runtime) && self.serialization.is_none_or(|only| only == serialization)
    }

    fn in_advanced(self) -> Self {
        Scenario { serialization: Some(Serialization::Advanced), ..self }
    }

    fn heavy(self) -> Self {
        Scenario { heavy: true, ..self }
    }

    fn in_json(self) -> Self {
        Scenario { serialization: Some(Serialization::Json), ..self }
    }
}

/// # Panics
/// If there is no such group.
pub fn of_group<D: Driver>(group: &str) -> Vec<Scenario<D>> {
    match group {
        "advanced" => advanced::scenarios(),
        "dialects" => dialects::scenarios(),
        "establishment" => establishment::scenarios(),
        "messages" => messages::scenarios(),
        "given" => given::scenarios(),
        "taken" => taken::scenarios(),
        "order" => order::scenarios(),
        "never" => never::scenarios(),
        "sockets" => sockets::scenarios(),
        "life" => life::scenarios(),
        "pressure" => pressure::scenarios(),
        "npm" => npm::scenarios(),
        _ => panic!("there is no group {group}"),
    }
}

fn scenario<D: Driver>(
    who: fn(&Runtime) -> bool,
    name: impl Into<String>,
    run: impl Fn(&Scope<D>) + Send + 'static,
) -> Scenario<D> {
    Scenario { name: name.into(), who, serialization: None, heavy: false, run: Box::new(run) }
}

/// Every child.
fn all(_: &Runtime) -> bool {
    true
}

/// Every child that does what the test's children do: all but the `crossfork` command.
fn told(runtime: &Runtime) -> bool {
    runtime.kind != Kind::Command
}

/// What runs the scripts.
fn scripts(runtime: &Runtime) -> bool {
    runtime.kind.runs_scripts()
}

fn node(runtime: &Runtime) -> bool {
    runtime.kind == Kind::Node
}

/// What knows `net.BoundSocket`.
fn bound_sockets(runtime: &Runtime) -> bool {
    runtime.kind == Kind::Node && runtime.major >= 26 || matches!(runtime.kind, Kind::Blocking | Kind::Tokio)
}
