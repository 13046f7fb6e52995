//! The project's scripts: `cargo xtask setup | test | book | bench | wasm | web | types | corpus | cluster`. `cargo xtask test` is what CI runs.

mod bench;
mod book;
mod cluster;
mod corpus;
mod embed;
mod mutants;
mod paths;
mod run;
mod setup;
mod soak;
mod test;
mod tools;
mod types;
mod wasm;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Backstay's scripts", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch and build what the other tasks need; what is there already is kept
    Setup(setup::Options),
    /// Format check, lints, unit tests, wasm check and the acceptance tests on a real cluster
    Test(test::Options),
    /// Build the core as WebAssembly and check that it imports nothing
    Wasm(wasm::Options),
    /// Build the planner page, measure it and test it in Chromium
    Web(web::Options),
    /// Build the user guide with mdBook and check every link of it
    Book,
    /// The TypeScript types of the npm package and the page, from the core's JSON Schema
    Types,
    /// Backstay beside both Helms on a real control plane, as figures and ratios
    Bench(bench::Options),
    /// Deliberate bugs that the simulation tests have to catch
    Mutants(mutants::Options),
    /// Random rollouts with random faults, by the thousand
    Soak(soak::Options),
    /// Public charts rendered by Backstay and by both real Helms, compared byte for byte
    Corpus(corpus::Options),
    /// A real Kubernetes on this machine, for tests and for trying things out
    #[command(subcommand)]
    Cluster(cluster::Command),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Setup(options) => setup::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Wasm(options) => wasm::run(&options),
        Task::Web(options) => web::run(&options),
        Task::Book => book::run(),
        Task::Types => types::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Mutants(options) => mutants::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Corpus(options) => corpus::run(&options),
        Task::Cluster(command) => cluster::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
