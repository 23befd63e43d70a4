//! The catalogue's one program.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    aiod_api::cli::run(aiod_api::cli::Cli::parse())
}
