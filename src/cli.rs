//! The command line, validated into typed settings. Nothing else reads the environment.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    cloud::{
        guardrails::Guardrails,
        limits::budget::{Rates, SetRate},
    },
    engine::{controller::ControllerSettings, reconcile::EngineSettings},
    run::{lease::Timing, telemetry::LogFormat},
};

/// Reconciles VpcEndpoint, LambdaFunction and InstanceRole against AWS.
#[derive(Debug, Parser)]
#[command(name = "privatelink-operator", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    Run(Box<RunArgs>),
    /// Write the CustomResourceDefinitions, one file a kind, and what else follows from the code.
    Crds(CrdsArgs),
}

/// Arguments of `crds`.
#[derive(Debug, Args)]
pub struct CrdsArgs {
    /// The folder to write to.
    #[arg(long, default_value = "crds")]
    pub dir: PathBuf,
    /// The folder with a page for each kind, whose field reference is written too.
    #[arg(long)]
    pub docs: Option<PathBuf>,
    /// The folder of the chart, whose CustomResourceDefinitions and RBAC rules are written too.
    #[arg(long)]
    pub chart: Option<PathBuf>,
    /// Write nothing; fail if a file differs from what would be written.
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `run`. A flag given twice means what the last one says, so that whoever runs the operator from a
/// manifest can append to it.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct RunArgs {
    /// Name of this cluster in the ownership tags of its AWS objects; never to be changed.
    #[arg(long, value_parser = cluster_id)]
    cluster_id: String,
    /// AWS region of objects that name none. Absent: as the AWS SDK finds it (AWS_REGION, profile).
    #[arg(long)]
    region: Option<String>,
    /// Endpoint for all AWS services, for tests against LocalStack.
    #[arg(long, value_name = "URL", value_parser = url)]
    aws_endpoint_url: Option<String>,
    /// PEM file with the certificate authorities that AWS's endpoints are verified by, instead of the system's.
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    aws_ca_bundle: Option<PathBuf>,
    /// Calls a second that budgets allow, such as lambda=5,iam-write=2; absent: what AWS grants an account.
    #[arg(long, value_delimiter = ',', value_name = "BUDGET=RATE")]
    aws_rate: Vec<SetRate>,
    /// Time between two sweeps for drift.
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "DURATION")]
    resync_interval: Duration,
    /// For how long after a write AWS may still show what was before.
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "DURATION")]
    consistency_window: Duration,
    /// Objects of each kind that are worked on at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
    /// How long other replicas wait for a sign of life of the leader before one takes over.
    #[arg(long, default_value = "15s", value_parser = duration, value_name = "DURATION")]
    lease_duration: Duration,
    /// When a leader that can't renew its lease gives up.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "DURATION")]
    lease_renew_deadline: Duration,
    /// Time between two renewals of the lease.
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "DURATION")]
    lease_retry_period: Duration,
    /// How long a step that is under way may take to end after SIGTERM; less than the pod's grace period.
    #[arg(long, default_value = "25s", value_parser = duration, value_name = "DURATION")]
    shutdown_grace_period: Duration,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, default_value = "0.0.0.0:8080")]
    http_address: SocketAddr,
    /// How logs look: auto is text on a terminal, JSON otherwise.
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// Log level, or a filter such as info,privatelink_operator=debug.
    #[arg(long, default_value = "info")]
    log_level: String,
    /// Name of this replica in Events and in the lease.
    #[arg(long, env = "HOSTNAME", default_value = "privatelink-operator", hide = true)]
    instance: String,
    /// uid of the namespace kube-system of a cluster whose AWS objects are taken over, after a restore.
    #[arg(long, value_name = "UID")]
    take_over_from: Option<String>,
    /// Allow adoptionPolicy Adopt.
    #[arg(long)]
    allow_adoption: bool,
    /// ARN of a permissions boundary that every role gets.
    #[arg(long, value_name = "ARN")]
    permissions_boundary: Option<String>,
    /// What the path of every role and instance profile begins with.
    #[arg(long, value_name = "PATH", value_parser = role_path)]
    role_path_prefix: Option<String>,
    /// Patterns of managed policy ARNs that roles may have; absent allows all.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    allowed_managed_policies: Vec<String>,
    /// Patterns of role ARNs that executionRole.arn may name; absent allows all, or none where another flag bounds roles.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    allowed_execution_roles: Vec<String>,
    /// Patterns of service principals that roles may trust; absent allows all.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    allowed_trust_services: Vec<String>,
    /// Allow onConflict Replace, which displaces an instance's profile.
    #[arg(long)]
    allow_profile_replace: bool,
    /// Adopt, and touch instances, only where AWS carries the tag privatelink.dev/allow=<cluster>/<namespace>.
    #[arg(long)]
    require_allow_tag: bool,
    /// Namespaces whose objects are worked on; absent: all.
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE")]
    watch_namespaces: Vec<String>,
    /// Namespaces whose Secrets functions may use for code and environment; absent: none.
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE")]
    secret_namespaces: Vec<String>,
}

/// Settings of a run.
#[derive(Debug)]
pub struct RunSettings {
    /// Name of the cluster in ownership tags.
    pub cluster_id: String,
    /// Default region, if given.
    pub region: Option<String>,
    /// Endpoint for all AWS services, if given.
    pub aws_endpoint_url: Option<String>,
    /// Certificate authorities to trust, if given.
    pub aws_ca_bundle: Option<PathBuf>,
    /// How often AWS may be called.
    pub aws_rates: Rates,
    /// How the lease is kept.
    pub lease: Timing,
    /// How long steps may take to end after SIGTERM.
    pub shutdown_grace_period: Duration,
    /// Where health and metrics are served.
    pub http_address: SocketAddr,
    /// How logs look.
    pub log_format: LogFormat,
    /// Log filter.
    pub log_level: String,
    /// Name of this replica.
    pub instance: String,
    /// Cluster uid to take over from.
    pub take_over_from: Option<String>,
    /// Whether adoption is allowed.
    pub allow_adoption: bool,
    /// The administrator's limits.
    pub guardrails: Guardrails,
    /// Settings of the engines.
    pub engine: EngineSettings,
    /// Settings of the controllers.
    pub controller: ControllerSettings,
}

impl TryFrom<RunArgs> for RunSettings {
    type Error = String;

    /// Fails when flags don't fit together.
    fn try_from(args: RunArgs) -> Result<Self, String> {
        let RunArgs {
            cluster_id,
            region,
            aws_endpoint_url,
            aws_ca_bundle,
            aws_rate,
            resync_interval,
            consistency_window,
            concurrency,
            lease_duration,
            lease_renew_deadline,
            lease_retry_period,
            shutdown_grace_period,
            http_address,
            log_format,
            log_level,
            instance,
            take_over_from,
            allow_adoption,
            permissions_boundary,
            role_path_prefix,
            allowed_managed_policies,
            allowed_execution_roles,
            allowed_trust_services,
            allow_profile_replace,
            require_allow_tag,
            watch_namespaces,
            secret_namespaces,
        } = args;
        let lease =
            Timing { duration: lease_duration, renew_deadline: lease_renew_deadline, retry_period: lease_retry_period };
        Ok(Self {
            lease: lease.validated()?,
            shutdown_grace_period,
            cluster_id,
            region,
            aws_endpoint_url,
            aws_ca_bundle,
            aws_rates: aws_rate.into_iter().collect(),
            http_address,
            log_format,
            log_level,
            instance,
            take_over_from,
            allow_adoption,
            guardrails: Guardrails {
                permissions_boundary,
                role_path_prefix,
                allowed_managed_policies,
                allowed_execution_roles,
                allowed_trust_services,
                allow_profile_replace,
                require_allow_tag,
                secret_namespaces,
            },
            engine: EngineSettings { consistency_window, ..EngineSettings::default() },
            controller: ControllerSettings { namespaces: watch_namespaces, concurrency, resync_interval },
        })
    }
}

/// Goes into a tag value and into ConfigMaps.
fn cluster_id(text: &str) -> Result<String, String> {
    let valid = (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    valid.then(|| text.to_owned()).ok_or_else(|| "1 to 63 letters, digits, '-', '_' or '.'".to_owned())
}

fn url(text: &str) -> Result<String, String> {
    let parsed = text.parse::<http::Uri>().ok();
    let valid = parsed.is_some_and(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
    valid.then(|| text.to_owned()).ok_or_else(|| "a URL such as http://127.0.0.1:4566".to_owned())
}

fn role_path(text: &str) -> Result<String, String> {
    let valid = text.starts_with('/') && text.ends_with('/') && text.len() <= 512;
    valid.then(|| text.to_owned()).ok_or_else(|| "a path begins and ends with '/'".to_owned())
}

/// A duration such as `90s`, `5m` or `1h30m`, longer than nothing.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a duration is longer than 0s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(args: &[&str]) -> Result<RunSettings, String> {
        let args = ["privatelink-operator", "run"].iter().chain(args);
        match Cli::try_parse_from(args).map_err(|error| error.to_string())?.command {
            Command::Run(args) => RunSettings::try_from(*args),
            Command::Crds(_) => unreachable!("run was given"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cluster_id_is_required_and_checked() {
        assert!(run(&[]).unwrap_err().contains("--cluster-id"));
        assert!(run(&["--cluster-id", "a b"]).unwrap_err().contains("1 to 63 letters"));
        assert_eq!(run(&["--cluster-id", "demo"]).unwrap().cluster_id, "demo");
    }

    #[test]
    fn the_endpoint_is_a_url() {
        assert!(run(&["--cluster-id", "x", "--aws-endpoint-url", "http://127.0.0.1:4566"]).is_ok());
        for bad in ["127.0.0.1:4566", "ftp://x", "http://", "x y"] {
            let error = run(&["--cluster-id", "x", "--aws-endpoint-url", bad]).unwrap_err();
            assert!(error.contains("a URL such as"), "{bad}: {error}");
        }
    }

    #[test]
    fn the_last_of_several_counts() {
        let settings =
            run(&["--cluster-id", "a", "--log-level=info", "--cluster-id", "b", "--log-level=debug"]).unwrap();
        assert_eq!((settings.cluster_id.as_str(), settings.log_level.as_str()), ("b", "debug"));
    }

    #[test]
    fn namespaces_are_listed_with_commas() {
        let settings = run(&["--cluster-id", "x", "--watch-namespaces=a,b"]).unwrap();
        assert_eq!(settings.controller.namespaces, ["a", "b"]);
    }

    #[test]
    fn durations() {
        let settings = run(&["--cluster-id", "x", "--resync-interval", "1h30m"]).unwrap();
        assert_eq!(settings.controller.resync_interval, Duration::from_mins(90));
        assert!(run(&["--cluster-id", "x", "--resync-interval", "0s"]).is_err());
        assert!(run(&["--cluster-id", "x", "--resync-interval", "-5s"]).is_err());
    }

    #[test]
    fn the_lease_s_times_fit_together() {
        assert_eq!(run(&["--cluster-id", "x"]).unwrap().lease, Timing::default());
        for (duration, deadline, period, complaint) in [
            ("15s", "10s", "5s", ""),
            ("15s", "10s", "6s", "--lease-retry-period must be"),
            ("10s", "10s", "2s", "--lease-renew-deadline must be"),
            ("2500ms", "2s", "500ms", "--lease-duration: whole seconds"),
        ] {
            let times =
                ["--lease-duration", duration, "--lease-renew-deadline", deadline, "--lease-retry-period", period];
            let args: Vec<_> = ["--cluster-id", "x"].into_iter().chain(times).collect();
            let error = run(&args).err().unwrap_or_default();
            assert!(error.starts_with(complaint) && error.is_empty() == complaint.is_empty(), "{duration}: {error}");
        }
    }
}
