//! What rendering costs inside the process: of the chart folders given, per line of template; and of generated charts as they
//! grow, per unit. `cargo xtask bench render` runs it.
#![allow(clippy::panic, reason = "an example may stop")]

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../tests/common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use backstay_chart::{Chart, RenderInput, SourceFile, TemplateCache, from_files, render, render_cached};
use backstay_gotemplate::Environment;

/// How often a chart is rendered; the median counts.
const ROUNDS: usize = 100;

/// One way a chart can grow.
struct Growth {
    what: &'static str,
    sizes: &'static [usize],
    make: fn(usize) -> Vec<SourceFile>,
}

const GROWTHS: &[Growth] = &[
    Growth { what: "depth of include", sizes: &[25, 50, 100, 200, 400], make: includes },
    Growth { what: "helpers in one file", sizes: &[100, 200, 400, 800, 1600], make: helpers },
    Growth { what: "subcharts", sizes: &[10, 20, 40, 80, 160], make: subcharts },
    Growth { what: "nested subcharts", sizes: &[5, 10, 20, 40, 80], make: nested },
    Growth { what: "documents in one file", sizes: &[200, 400, 800, 1600, 3200], make: documents },
    Growth { what: "files", sizes: &[100, 200, 400, 800, 1600], make: files },
    Growth { what: "keys of values", sizes: &[1000, 2000, 4000, 8000, 16000], make: values },
    Growth { what: "keys through toYaml", sizes: &[1000, 2000, 4000, 8000, 16000], make: dumped },
    Growth { what: "calls of tpl", sizes: &[200, 400, 800, 1600, 3200], make: tpl },
    Growth { what: "appends to a list", sizes: &[200, 400, 800, 1600, 3200], make: appends },
    Growth { what: "keys set in a dict", sizes: &[200, 400, 800, 1600, 3200], make: dict },
];

fn main() {
    let charts: Vec<String> = std::env::args().skip(1).collect();
    if !charts.is_empty() {
        println!(
            "{:<34} {:>8} {:>10} {:>10} {:>10} {:>10}",
            "in the process", "lines", "load", "render", "parsed", "ns a line"
        );
    }
    for path in &charts {
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let loading = Instant::now();
        match common::load(Path::new(path)) {
            Ok(chart) => measured(&name, &chart, loading.elapsed()),
            Err(error) => println!("{name:<34} {error}"),
        }
    }
    println!(
        "\n{:<26} microseconds per unit as the chart grows (the fastest of 15), and how much the last exceeds the first",
        "growth"
    );
    for growth in GROWTHS {
        let mut line = format!("{:<26}", growth.what);
        let mut costs = Vec::new();
        for size in growth.sizes {
            let chart =
                from_files((growth.make)(*size)).unwrap_or_else(|error| panic!("{}: {error}", growth.what));
            let time = fastest(15, || {
                if let Err(error) = once(&chart) {
                    panic!("{}: {error}", growth.what);
                }
            });
            let cost = time.as_secs_f64() * 1e6 / *size as f64;
            let _ = write!(line, " {size:>6}: {cost:>7.2}");
            costs.push(cost);
        }
        if let (Some(first), Some(last)) = (costs.first(), costs.last()) {
            let _ = write!(line, "  {:>5.1}x", last / first);
        }
        println!("{line}");
    }
}

fn measured(name: &str, chart: &Chart, load: Duration) {
    let lines = lines(chart);
    if let Err(error) = once(chart) {
        let error = error.lines().next().unwrap_or_default();
        println!("{name:<34} {lines:>8} not rendered: {}", error.chars().take(80).collect::<String>());
        return;
    }
    let whole = median(ROUNDS, || drop(once(chart)));
    let environment = Environment::offline(0, [1; 32]);
    let input = RenderInput::new("web", "default", &environment);
    let mut cache = TemplateCache::default();
    let parsed = median(ROUNDS, || drop(render_cached(chart, &input, &mut cache)));
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    println!(
        "{name:<34} {lines:>8} {:>10} {:>10} {:>10} {:>10.0}",
        ms(load),
        ms(whole),
        ms(parsed),
        whole.as_nanos() as f64 / lines.max(1) as f64
    );
}

fn once(chart: &Chart) -> Result<usize, String> {
    let environment = Environment::offline(0, [1; 32]);
    let input = RenderInput::new("web", "default", &environment);
    render(chart, &input).map(|rendered| rendered.manifest().len()).map_err(|error| error.to_string())
}

/// The lines of all templates, subcharts included.
fn lines(chart: &Chart) -> usize {
    let own: usize = chart.templates.iter().map(|file| file.data.text().lines().count()).sum();
    own + chart.dependencies.iter().map(lines).sum::<usize>()
}

/// How long each round took, sorted.
fn times(rounds: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort();
    times
}

fn median(rounds: usize, work: impl FnMut()) -> Duration {
    times(rounds, work).get(rounds / 2).copied().unwrap_or_default()
}

/// What the work takes by itself: on a busy machine the larger charts are interrupted in most rounds, and would seem to grow.
fn fastest(rounds: usize, work: impl FnMut()) -> Duration {
    times(rounds, work).first().copied().unwrap_or_default()
}

fn file(path: impl Into<String>, text: impl Into<String>) -> SourceFile {
    SourceFile { path: path.into(), content: text.into().into_bytes().into() }
}

fn chart(template: String, values: String) -> Vec<SourceFile> {
    vec![
        file("Chart.yaml", "apiVersion: v2\nname: grown\nversion: 1.0.0\n"),
        file("values.yaml", values),
        file("templates/grown.yaml", template),
    ]
}

/// `n` keys in groups of a hundred.
fn keys(n: usize) -> String {
    let mut text = String::new();
    for index in 0..n {
        if index % 100 == 0 {
            let _ = writeln!(text, "group{index}:");
        }
        let _ = writeln!(text, "  key{index}: a value of some length, number {index}");
    }
    text
}

fn includes(n: usize) -> Vec<SourceFile> {
    let mut text = String::new();
    for index in 0..n {
        let next = index + 1;
        let _ = writeln!(text, "{{{{ define \"t{index}\" }}}}{{{{ include \"t{next}\" . }}}}{{{{ end }}}}");
    }
    let _ = writeln!(
        text,
        "{{{{ define \"t{n}\" }}}}a: {{{{ .Release.Name }}}}{{{{ end }}}}{{{{ include \"t0\" . }}}}"
    );
    chart(text, String::new())
}

fn helpers(n: usize) -> Vec<SourceFile> {
    let mut text = String::new();
    for index in 0..n {
        let _ =
            writeln!(text, "{{{{- define \"h{index}\" }}}}{{{{ .Release.Name | trunc 63 }}}}{{{{ end }}}}");
    }
    for index in 0..n {
        let _ = writeln!(text, "k{index}: {{{{ include \"h{index}\" . }}}}");
    }
    chart(text, String::new())
}

fn subcharts(n: usize) -> Vec<SourceFile> {
    let mut files = chart("kind: A\n".into(), format!("global: {{a: 1}}\n{}", keys(100)));
    for index in 0..n {
        let folder = format!("charts/sub{index}");
        files.push(file(
            format!("{folder}/Chart.yaml"),
            format!("apiVersion: v2\nname: sub{index}\nversion: 1.0.0\n"),
        ));
        files.push(file(format!("{folder}/values.yaml"), keys(100)));
        files.push(file(format!("{folder}/templates/a.yaml"), "kind: A\nname: {{ .Values.group0.key1 }}\n"));
    }
    files
}

fn nested(n: usize) -> Vec<SourceFile> {
    let mut files = chart("kind: A\n".into(), "global: {a: 1}\n".into());
    let mut folder = String::new();
    for index in 0..n {
        let _ = write!(folder, "charts/s{index}/");
        files.push(file(
            format!("{folder}Chart.yaml"),
            format!("apiVersion: v2\nname: s{index}\nversion: 1.0.0\n"),
        ));
        files.push(file(format!("{folder}values.yaml"), keys(100)));
        files.push(file(format!("{folder}templates/a.yaml"), "kind: A\nname: {{ .Values.group0.key1 }}\n"));
    }
    files
}

fn documents(n: usize) -> Vec<SourceFile> {
    let template = format!(
        "{{{{ range until {n} }}}}---\nkind: ConfigMap\nmetadata: {{name: c{{{{ . }}}}}}\ndata:\n  a: b\n{{{{ end }}}}"
    );
    chart(template, String::new())
}

fn files(n: usize) -> Vec<SourceFile> {
    let mut files = chart("kind: A\n".into(), String::new());
    let text =
        "kind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  labels: {a: {{ .Chart.Name | quote }}}\n";
    files.extend((0..n).map(|index| file(format!("templates/f{index}.yaml"), text)));
    files
}

fn values(n: usize) -> Vec<SourceFile> {
    chart("kind: A\nname: {{ .Values.group0.key1 }}\n".into(), keys(n))
}

fn dumped(n: usize) -> Vec<SourceFile> {
    chart("kind: A\nall: {{ toYaml .Values | nindent 2 }}\n".into(), keys(n))
}

fn tpl(n: usize) -> Vec<SourceFile> {
    let template = format!(
        "kind: A\n{{{{ range until {n} }}}}k{{{{ . }}}}: {{{{ tpl (printf \"{{{{ .Release.Name }}}}-%d\" .) $ }}}}\n{{{{ end }}}}"
    );
    chart(template, String::new())
}

fn appends(n: usize) -> Vec<SourceFile> {
    let template = format!(
        "{{{{ $l := list }}}}{{{{ range until {n} }}}}{{{{ $l = append $l . }}}}{{{{ end }}}}kind: A\nn: {{{{ len $l }}}}\n"
    );
    chart(template, String::new())
}

fn dict(n: usize) -> Vec<SourceFile> {
    let template = format!(
        "{{{{ $d := dict }}}}{{{{ range until {n} }}}}{{{{ $_ := set $d (toString .) . }}}}{{{{ end }}}}kind: A\nn: {{{{ len $d }}}}\n"
    );
    chart(template, String::new())
}
