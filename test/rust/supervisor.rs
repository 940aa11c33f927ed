//! The supervisor's parts: what it decides, how it passes on output, and what it reads.

#[path = "supervisor/any_order.rs"]
mod any_order;
#[path = "supervisor/lines.rs"]
mod lines;
#[path = "supervisor/reading.rs"]
mod reading;
#[path = "supervisor/reload.rs"]
mod reload;
#[path = "supervisor/restarts.rs"]
mod restarts;
#[path = "supervisor/sink.rs"]
mod sink;
#[path = "supervisor/stop.rs"]
mod stop;
#[path = "supervisor/world.rs"]
mod world;
