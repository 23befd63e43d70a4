//! Keeps the datasets of the catalogue in step with OpenML.

use std::process::ExitCode;

use aiod_connectors::{cli, openml};

#[tokio::main]
async fn main() -> ExitCode {
    cli::main(|args: &openml::Args| &args.common, openml::run).await
}
