//! Logs: text on a terminal, JSON otherwise.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// Targets whose finer levels print requests and answers, which hold environments and presigned URLs.
const CAPPED: &[&str] = &[
    "aws_config",
    "aws_sdk_ec2",
    "aws_sdk_iam",
    "aws_sdk_lambda",
    "aws_sdk_sts",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "aws_runtime",
    "aws_sigv4",
    "aws_smithy_http_client",
    "hyper",
    "hyper_util",
    "h2",
    "rustls",
    "tower",
];

/// Starts logging to standard error. An invalid filter falls back to `info`.
pub fn start(format: LogFormat, level: &str) {
    let caps = CAPPED.iter().map(|target| format!("{target}=info"));
    let directives: Vec<_> = std::iter::once(level.to_owned()).chain(caps).collect();
    let filter = EnvFilter::try_new(directives.join(",")).unwrap_or_else(|_| EnvFilter::new("info"));
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    if json {
        registry.with(layer.json().flatten_event(true)).init();
    } else {
        registry.with(layer).init();
    }
}
