//! Measures the catalogue: how fast it reads and writes, and how near that is to what poem, sqlx and the database allow.
#![allow(clippy::disallowed_methods, reason = "statements that the bare server and the table need; the catalogue's are in its store")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what a command line is for")]

mod attack;
mod bare;
mod catalogue;
mod database;
mod error;
mod generate;
mod growth;
mod process;
mod random;
mod reads;
mod relevance;
mod report;
mod run;
mod search;
mod writes;
mod wrk;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the catalogue.
///
/// `run` fills a fresh database with generated datasets, measures the real server beside a bare one, and prints a Markdown table.
#[derive(Debug, Parser)]
#[command(name = "aiod-bench", version, about, long_about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything and print a Markdown table.
    Run(run::Options),
    /// Measure every request at several sizes of the catalogue and print a Markdown table.
    Growth(growth::Options),
    /// Measure what many connections on dear requests leave for the others, and how much memory strangers can fill; print Markdown tables.
    Attack(attack::Options),
    /// Ask judged queries and print how well they are answered.
    Relevance(relevance::Options),
    /// Measure searches, suggestions and the making of the index; print Markdown tables.
    Search(search::Options),
    /// Serve stored bodies from one primary-key SELECT, without any logic: what the catalogue is compared with.
    Bare(bare::Options),
    /// Print generated datasets as requests of the bulk upsert, one a line.
    Generate(generate::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(options) => run::run(&options).await,
        Command::Growth(options) => growth::run(&options).await,
        Command::Attack(options) => attack::run(&options).await,
        Command::Relevance(options) => relevance::run(&options).await,
        Command::Search(options) => search::run(&options).await,
        Command::Bare(options) => bare::serve(&options).await,
        Command::Generate(options) => generate::print(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells on standard error what is going on; standard output holds results alone.
fn note(text: &str) {
    eprintln!("{text}");
}
