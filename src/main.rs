//! The command line's entry point.

use std::process::ExitCode;

use clap::Parser;
use privatelink_operator::{
    cli::{Cli, Command, RunSettings},
    generated, run,
};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => start(RunSettings::from(*args)),
        Command::Crds(args) => generated::write(&args).map_err(|error| error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("privatelink-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(settings: RunSettings) -> Result<(), String> {
    run::telemetry::start(settings.log_format, &settings.log_level);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already".to_owned())?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?
        .block_on(run::run(settings))
        .map_err(|error| error.to_string())
}
