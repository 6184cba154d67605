//! The rows: kept in a file, as a table, and as a page with plots.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

/// What one measurement gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub kind: String,
    pub objects: usize,
    pub latency_ms: u64,
    pub all_ready_seconds: f64,
    pub ready_p50_seconds: f64,
    pub ready_p99_seconds: f64,
    /// AWS calls an object until all were ready, by operation.
    pub calls: BTreeMap<String, f64>,
    pub calls_per_object: f64,
    pub least_calls_per_object: f64,
    pub writes_per_object: f64,
    pub cpu_share: f64,
    pub cpu_milliseconds_per_object: f64,
    pub rest_aws_reads_an_hour: f64,
    pub rest_aws_reads_one_by_one: f64,
    pub rest_kubernetes_writes_an_hour: f64,
    pub rest_kubernetes_reads_an_hour: f64,
    pub drift_seconds: f64,
    pub idle_kib: u64,
    pub peak_kib: u64,
    pub rest_kib: u64,
    pub restart_aws_calls: u64,
    pub restart_kubernetes_writes: u64,
    pub restart_lost_ready: usize,
}

type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: &[Column] = &[
    ("kind", |row| row.kind.clone()),
    ("objects", |row| row.objects.to_string()),
    ("+ms a call", |row| row.latency_ms.to_string()),
    ("all ready s", |row| format!("{:.1}", row.all_ready_seconds)),
    ("own p50 s", |row| format!("{:.1}", row.ready_p50_seconds)),
    ("own p99 s", |row| format!("{:.1}", row.ready_p99_seconds)),
    ("calls/object", |row| format!("{:.2}", row.calls_per_object)),
    ("least", |row| format!("{:.0}", row.least_calls_per_object)),
    ("writes/object", |row| format!("{:.2}", row.writes_per_object)),
    ("core %", |row| format!("{:.0}", row.cpu_share * 100.0)),
    ("reads/h", |row| format!("{:.0}", row.rest_aws_reads_an_hour)),
    ("one by one/h", |row| format!("{:.0}", row.rest_aws_reads_one_by_one)),
    ("k8s writes/h", |row| format!("{:.0}", row.rest_kubernetes_writes_an_hour)),
    ("drift s", |row| format!("{:.1}", row.drift_seconds)),
    ("idle MiB", |row| mib(row.idle_kib)),
    ("peak MiB", |row| mib(row.peak_kib)),
    ("rest MiB", |row| mib(row.rest_kib)),
    ("restart calls", |row| row.restart_aws_calls.to_string()),
    ("restart writes", |row| row.restart_kubernetes_writes.to_string()),
    ("lost Ready", |row| row.restart_lost_ready.to_string()),
];

/// Cost, its unit, and where it stands; one plot each.
const PLOTS: &[(&str, &str, fn(&Row) -> f64)] = &[
    ("time-to-ready", "seconds until all are ready", |row| row.all_ready_seconds),
    ("calls", "AWS calls an object until ready", |row| row.calls_per_object),
    ("reads-at-rest", "AWS reads an hour at rest", |row| row.rest_aws_reads_an_hour),
    ("memory", "MiB at rest", |row| row.rest_kib as f64 / 1024.0),
];

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

/// One row in words, for who waits.
pub fn line(row: &Row) -> String {
    let cells: Vec<String> = COLUMNS.iter().map(|(name, cell)| format!("{name} {}", cell(row))).collect();
    format!("{}\n  {:?}", cells.join(", "), row.calls)
}

/// Appends a row to the file.
pub fn keep(path: &Path, row: &Row) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{}", serde_json::to_string(row).unwrap()).unwrap();
}

/// The file's rows in order; of equal measurements the last.
pub fn kept(path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let rows = text.lines().map(|line| serde_json::from_str::<Row>(line).unwrap());
    let rows: BTreeMap<_, _> = rows.map(|row| ((row.kind.clone(), row.objects, row.latency_ms), row)).collect();
    rows.into_values().collect()
}

/// The table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let join = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = join(COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect());
    text += &join(COLUMNS.iter().map(|_| "---".to_owned()).collect());
    for row in rows {
        text += &join(COLUMNS.iter().map(|(_, cell)| cell(row)).collect());
    }
    text
}

/// Puts the table and the calls by operation between the marks of `benchmarks.md`, and draws the plots beside it.
pub fn write(docs: &Path, rows: &[Row]) {
    const MARKS: [&str; 2] = ["<!-- measured -->", "<!-- /measured -->"];
    let page = docs.join("benchmarks.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).expect("the page has marks");
    let (_, after) = rest.split_once(MARKS[1]).expect("the page has marks");
    let mut measured = format!("{}\n\n{}\n", MARKS[0], table(rows));
    for (name, title, _) in PLOTS {
        writeln!(measured, "![{title}](benchmarks/{name}.svg)").unwrap();
    }
    fs::write(&page, format!("{before}{measured}\n{}{after}", MARKS[1])).unwrap();
    fs::create_dir_all(docs.join("benchmarks")).unwrap();
    for (name, title, value) in PLOTS {
        plot(&docs.join(format!("benchmarks/{name}.svg")), title, rows, *value);
    }
}

/// One line a kind over the number of objects, both axes logarithmic, without added latency.
fn plot(path: &Path, title: &str, rows: &[Row], value: fn(&Row) -> f64) {
    const COLORS: [RGBColor; 3] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32), RGBColor(64, 140, 64)];
    let rows: Vec<&Row> = rows.iter().filter(|row| row.latency_ms == 0).collect();
    let values = || rows.iter().map(|row| value(row).max(0.1));
    let most = values().fold(1.0, f64::max) * 1.5;
    let least = values().fold(most, f64::min) / 1.5;
    let numbers = || rows.iter().map(|row| row.objects as f64);
    let widest = numbers().fold(10.0, f64::max) * 1.2;
    let area = SVGBackend::new(path, (640, 400)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((8.0..widest).log_scale(), (least..most).log_scale())
        .unwrap();
    chart.configure_mesh().x_desc("objects").draw().unwrap();
    let kinds = ["VpcEndpoint", "LambdaFunction", "InstanceRole"];
    for (kind, color) in kinds.into_iter().zip(COLORS) {
        let points = || {
            let of_kind = rows.iter().filter(|row| row.kind == kind);
            of_kind.map(|row| (row.objects as f64, value(row).max(0.1)))
        };
        let line = LineSeries::new(points(), color.stroke_width(2));
        chart.draw_series(line).unwrap().label(kind).legend(move |(x, y)| Circle::new((x + 8, y), 4, color.filled()));
        chart.draw_series(points().map(|point| Circle::new(point, 4, color.filled()))).unwrap();
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw().unwrap();
    area.present().unwrap();
}
