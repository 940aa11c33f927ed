//! wip
pub mod env_file;
pub mod instances;
pub mod log;
pub mod policy;
pub mod program;
