//! What a number of objects costs: `make bench`. Not a test: it measures, prints one table, and judges nothing. The
//! operator is the release build as a process, with the chart's permissions, against a real kube-apiserver and LocalStack;
//! a proxy between it and LocalStack adds the latency that AWS has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that can't go on ends")]
#![allow(dead_code, reason = "the tests' support has more than a benchmark needs")]

#[path = "../support/mod.rs"]
mod support;

mod course;
mod endpoints;
mod fleet;
mod gauge;
mod report;
mod watch;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use self::{course::Course, fleet::Fleet, report::Row, support::live::aws};

/// Measures what N objects of a kind cost.
#[derive(Parser)]
struct Args {
    /// The kinds.
    #[arg(long, value_delimiter = ',', default_value = "VpcEndpoint,LambdaFunction,InstanceRole")]
    kinds: Vec<String>,
    /// Numbers of objects.
    #[arg(long, value_delimiter = ',', default_value = "10,100")]
    objects: Vec<usize>,
    /// Milliseconds that each AWS call takes besides what LocalStack takes.
    #[arg(long, value_delimiter = ',', default_value = "0,50")]
    latency: Vec<u64>,
    /// VPC endpoints are the benchmark's own and not LocalStack's, which is too slow for a thousand.
    #[arg(long)]
    many: bool,
    /// Where the rows go, one JSON object a line; those of earlier runs stay.
    #[arg(long)]
    rows: PathBuf,
    /// Where the page with the table and the plots goes, made of all rows.
    #[arg(long)]
    docs: Option<PathBuf>,
    /// Measure nothing; write the page.
    #[arg(long, requires = "docs")]
    render: bool,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    if args.many {
        aws::IN_FRONT.set(endpoints::serve(&aws::localstack_url())).unwrap();
    }
    if !args.render {
        for kind in &args.kinds {
            let fleet = Fleet::of(kind);
            for &objects in &args.objects {
                for &latency in &args.latency {
                    let row = Course { fleet, objects, latency: Duration::from_millis(latency) }.run().await;
                    println!("{}", report::line(&row));
                    report::keep(&args.rows, &row);
                }
            }
        }
    }
    let rows: Vec<Row> = report::kept(&args.rows);
    println!("\n{}", report::table(&rows));
    if let Some(docs) = args.docs {
        report::write(&docs, &rows);
    }
}
