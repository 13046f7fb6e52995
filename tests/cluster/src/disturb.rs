//! Rollouts to be disturbed: what they do in peace, what the cluster looks like then, and a table of what was tried.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Cut, PATIENCE, Proxy, Run, Started, Weather, World, binary, chart, tool};

/// One undisturbed rollout, to be disturbed.
#[derive(Debug)]
pub struct Case {
    /// What it is called in the table.
    pub name: &'static str,
    /// Values of the revisions that run before, the oldest first; none for an install.
    pub before: &'static [&'static [&'static str]],
    /// What is disturbed.
    pub command: Disturbed,
    /// How it ends undisturbed.
    pub exit: i32,
}

/// The command that is disturbed.
#[derive(Clone, Copy, Debug)]
pub enum Disturbed {
    /// `deploy` with these values.
    Deploy(&'static [&'static str]),
    /// `rollback` to this revision.
    Rollback(&'static str),
}

/// An install with a hook, an upgrade, one that has to go back, and a rollback.
pub const CASES: [Case; 4] = [
    Case { name: "install", before: &[], command: Disturbed::Deploy(&["hook.enabled=true"]), exit: 0 },
    Case { name: "upgrade", before: &[&[]], command: Disturbed::Deploy(&["tag=1.5.0", "text=two"]), exit: 0 },
    Case {
        name: "upgrade that fails",
        before: &[&[]],
        command: Disturbed::Deploy(&["tag=does-not-exist", "text=two"]),
        exit: 1,
    },
    Case {
        name: "rollback",
        before: &[&[], &["tag=1.5.0", "text=two"]],
        command: Disturbed::Rollback("1"),
        exit: 0,
    },
];

impl Case {
    /// Makes what runs before.
    pub fn prepare(&self, world: &World) {
        for values in self.before {
            world.with_chart(&["deploy", "app", "--create-namespace"], values).exits(0);
        }
    }

    /// The words of its command, with more flags.
    #[must_use]
    pub fn words(&self, more: &[&str]) -> Vec<String> {
        let mut words: Vec<String> = match self.command {
            Disturbed::Deploy(values) => {
                let chart = chart("app").display().to_string();
                let sets = values.iter().flat_map(|value| ["--set", value]);
                ["deploy", "app", &chart, "--create-namespace"]
                    .into_iter()
                    .chain(sets)
                    .map(String::from)
                    .collect()
            }
            Disturbed::Rollback(to) => {
                ["rollback", "app", to, "--wait"].into_iter().map(String::from).collect()
            }
        };
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Runs its command directly, with more flags.
    #[must_use]
    pub fn run(&self, world: &World, more: &[&str]) -> Run {
        let words = self.words(more);
        world.backstay(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts its command through a proxy, as somebody with another home.
    #[must_use]
    pub fn start_through(&self, world: &World, proxy: &Proxy, more: &[&str]) -> Started {
        start_words(world, proxy, self.words(more))
    }

    /// Kills its command with SIGKILL at a write, and says when that was in vain.
    ///
    /// # Errors
    /// When the write never came.
    pub fn kill_at(&self, world: &World, api: SocketAddr, at: u32, cut: Cut) -> Result<(), String> {
        let proxy = Proxy::start(api, Weather::EndsAt(at, cut));
        let started = self.start_through(world, &proxy, &[]);
        let until = Instant::now() + Duration::from_secs(60);
        while !proxy.has_cut() && !started.has_ended() {
            if Instant::now() > until {
                return Err(format!("the write never came: {:#?}", proxy.seen()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        // Its reply is lost while it still waits for it.
        if !started.has_ended() {
            started.signal("KILL");
        }
        let _killed = started.finish(Duration::from_secs(20));
        Ok(())
    }

    /// What the cluster looks like after the command in peace, in a world of its own.
    #[must_use]
    pub fn in_peace(&self, api: SocketAddr) -> Peace {
        let world = World::real("peace", crate::Node::Real).expect("there is a cluster");
        self.prepare(&world);
        let proxy = Proxy::start(api, Weather::Calm);
        let run = self.start_through(&world, &proxy, &[]).finish(PATIENCE);
        assert_eq!(run.code, self.exit, "{}: {}", self.name, run.text());
        assert!(proxy.writes() > 3, "{}: only {} writes", self.name, proxy.writes());
        Peace { picture: picture(&world), writes: proxy.writes() }
    }
}

/// Starts `backstay` through a proxy, as somebody with another home.
#[must_use]
pub fn start_words(world: &World, proxy: &Proxy, mut words: Vec<String>) -> Started {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig_of(world, proxy));
    words.extend(["-n".to_owned(), world.namespace.clone(), kubeconfig]);
    let home = world.directory().join("home-of-the-disturbed");
    let environment = [("XDG_STATE_HOME", home.as_os_str()), ("HOME", home.as_os_str())];
    Started::new(&binary(), &words, &environment)
}

/// An undisturbed run.
#[derive(Debug)]
pub struct Peace {
    /// What the cluster looks like then.
    pub picture: Value,
    /// How often it wrote.
    pub writes: u32,
}

/// A kubeconfig file of a world that leads through a proxy.
#[must_use]
pub fn kubeconfig_of(world: &World, proxy: &Proxy) -> String {
    kubeconfig_with(world, proxy, "{}")
}

/// The same with a user, in YAML.
#[must_use]
pub fn kubeconfig_with(world: &World, proxy: &Proxy, user: &str) -> String {
    let kubeconfig = world.directory().join("kubeconfig-proxy");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: a, cluster: {{server: \"http://{}\"}}}}]\nusers: [{{name: a, user: {user}}}]\n\
         contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\ncurrent-context: a\n",
        proxy.address()
    );
    std::fs::write(&kubeconfig, text).expect("a kubeconfig can be written");
    kubeconfig.display().to_string()
}

const KINDS: &str = "configmaps,services,deployments.apps,horizontalpodautoscalers.autoscaling,jobs.batch,leases.coordination.k8s.io";

/// What a person would compare: every object of the release without what differs from run to run, whether its Deployments are
/// complete, and how its history ends.
#[must_use]
pub fn picture(world: &World) -> Value {
    let objects = world.api().kubectl_json(&["get", KINDS]);
    let mut objects: Vec<Value> = objects["items"].as_array().cloned().unwrap_or_default();
    objects.retain(|object| object["metadata"]["name"] != "kube-root-ca.crt");
    objects.iter_mut().for_each(simplify);
    let history = world.history("app");
    let of = |wanted: &str| history.iter().filter(|(_, status, _)| status == wanted).count();
    let pending = history.iter().filter(|(_, status, _)| status.starts_with("pending")).count();
    let last = history.last().map(|(_, status, _)| status.clone());
    let text =
        json!({"objects": objects, "deployed": of("deployed"), "pending": pending, "last": last}).to_string();
    let text = text.replace(&world.namespace, "NAMESPACE");
    serde_json::from_str(&text).expect("a name for another leaves it JSON")
}

/// Takes out what differs from run to run.
fn simplify(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let meta = &object["metadata"];
    let mut annotations = meta["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.retain(|name, _| {
            !name.starts_with("deployment.kubernetes.io/") && name != "backstay.dev/action"
        });
    }
    let kept = match kind.as_str() {
        "Lease" => json!({"held": object["spec"]["holderIdentity"] != ""}),
        "Job" => json!({"containers": object["spec"]["template"]["spec"]["containers"]}),
        "Deployment" => {
            let status = &object["status"];
            let ready = ["replicas", "readyReplicas", "updatedReplicas"].map(|field| status[field].clone());
            json!({"spec": object["spec"], "ready": ready})
        }
        "Service" => json!({"ports": object["spec"]["ports"], "selector": object["spec"]["selector"]}),
        _ => json!({"spec": object["spec"], "data": object["data"]}),
    };
    *object = json!({"kind": kind, "name": meta["name"], "labels": meta["labels"], "annotations": annotations, "is": kept});
}

/// Points tried and points clean, line by line.
#[derive(Debug, Default)]
pub struct Table {
    lines: String,
    dirty: Vec<String>,
}

impl Table {
    /// Adds a line: what was done, and for each point what was wrong with it, if anything.
    pub fn add(&mut self, what: &str, points: &[Result<(), String>]) {
        let wrong: Vec<String> = points.iter().filter_map(|point| point.clone().err()).collect();
        let (tried, clean) = (points.len(), points.len() - wrong.len());
        let _always = writeln!(self.lines, "{what:<56} {tried:>5} {clean:>5}");
        eprintln!("{what}: {tried} tried, {clean} clean");
        wrong.iter().for_each(|point| eprintln!("{point}"));
        self.dirty.extend(wrong);
    }

    /// Prints it, and fails the test when a point was not clean.
    pub fn finish(self, title: &str) {
        println!("{title:<56} tried clean\n{}", self.lines);
        assert!(
            self.dirty.is_empty(),
            "{} points are not clean:\n{}",
            self.dirty.len(),
            self.dirty.join("\n\n")
        );
    }
}

/// Compares the end of a disturbed run with peace: the verdict and the cluster.
///
/// # Errors
/// What differs, in words.
pub fn same_as(peace: &Peace, case: &Case, point: &str, ended: &Run, world: &World) -> Result<(), String> {
    if ended.code != case.exit {
        return Err(format!("{point}: exit {} instead of {}\n{}", ended.code, case.exit, ended.text()));
    }
    let mut found = picture(world);
    // Pods that are on their way out count for a moment.
    for _ in 0..10 {
        if found == peace.picture {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
        found = picture(world);
    }
    Err(format!("{point}: the cluster differs\nis     {found}\npeace  {}\n{}", peace.picture, ended.text()))
}

/// Whether a case is asked for: `BACKSTAY_TEST_CASE` names the only one.
#[must_use]
pub fn is_wanted(case: &Case) -> bool {
    std::env::var("BACKSTAY_TEST_CASE").map_or(true, |name| name == case.name)
}

/// How many of all points are tried: all with `BACKSTAY_TEST_POINTS=all`, else about this many.
#[must_use]
pub fn sample(all: u32, few: u32) -> Vec<u32> {
    if std::env::var("BACKSTAY_TEST_POINTS").is_ok_and(|points| points == "all") || few >= all {
        return (1..=all).collect();
    }
    (0..few).map(|number| 1 + (2 * number + 1) * all / (2 * few + 1)).collect()
}

/// Whether everything is to be tried.
#[must_use]
pub fn is_thorough() -> bool {
    std::env::var("BACKSTAY_TEST_POINTS").is_ok_and(|points| points == "all")
}

/// `kubectl proxy`: the API in plain HTTP on a loopback port.
#[derive(Debug)]
pub struct KubectlProxy {
    _process: Started,
    /// Where it listens.
    pub address: SocketAddr,
}

impl KubectlProxy {
    /// Starts it for the cluster of the tests.
    #[must_use]
    pub fn start() -> Self {
        let kubeconfig = std::env::var("BACKSTAY_TEST_KUBECONFIG").expect("there is a cluster");
        let words = ["proxy", "--port=0", "--reject-paths=^$", "--kubeconfig", &kubeconfig];
        let process = Started::new(&tool("kubectl").expect("kubectl is installed"), &words, &[]);
        let line = process.wait_for("Starting to serve on", Duration::from_secs(20));
        let address =
            line.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("it tells its address");
        Self { _process: process, address }
    }
}
