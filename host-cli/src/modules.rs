//! Policy modules: an organisation's own rules as WebAssembly, behind the contract of docs/embedding.md.
//!
//! A module gets no imports, so it sees what it is asked about and nothing else. Fuel, memory and time are limited; one
//! that loops, allocates without end or traps is stopped and named. It is interpreted: the rules of one chart take
//! milliseconds, and a compiler would be most of this program.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use backstay_core::call::ABI_VERSION;
use backstay_core::health::ReadinessRule;
use backstay_core::plan::{Finding, Severity};
use serde::Deserialize;
use serde_json::{Value, json};
use wasmi::{
    Config, Engine, Extern, Instance, Linker, Memory, Module, Store, StoreLimits, StoreLimitsBuilder,
    TypedFunc, TypedResumableCall, WasmParams, WasmResults,
};

use crate::exit::Stop;

/// Larger files are no rules.
const FILE_MOST: u64 = 32 << 20;

/// What a module may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Instructions of one call, more or less.
    fuel: u64,
    /// Bytes of its memory.
    memory: usize,
    /// Of one call, on this machine's clock; what is slow is stopped after the slice of fuel that ends later.
    time: Duration,
    /// Bytes of an answer.
    answer: u32,
}

impl Limits {
    /// Enough for thousands of rules over thousands of objects.
    pub(crate) const USUAL: Self =
        Self { fuel: 2_000_000_000, memory: 256 << 20, time: Duration::from_secs(10), answer: 16 << 20 };
    /// After so much fuel the clock is looked at: a few milliseconds.
    const SLICE: u64 = 1_000_000;
}

/// Why a module was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModuleError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("has {0} bytes, more than the {FILE_MOST} that are read")]
    TooLarge(u64),
    #[error("is no module that can be loaded: {0}")]
    NoModule(wasmi::Error),
    #[error("imports {0}; a policy module gets nothing from outside")]
    Imports(String),
    #[error("exports no {0}, see docs/embedding.md")]
    Export(&'static str),
    #[error("speaks version {0} of the contract, this backstay speaks {ABI_VERSION}")]
    Version(u32),
    #[error("was stopped: it used up its {0} units of fuel; does it loop?")]
    Fuel(u64),
    #[error("was stopped after {0:?}")]
    Time(Duration),
    #[error("stopped by itself: {0} (its memory may grow to {1} MiB)")]
    Trap(wasmi::Error, usize),
    #[error("has no memory for {0}")]
    NoMemory(&'static str),
    #[error("gave a buffer of {1} bytes at {0}, which is outside of its memory or too long")]
    Buffer(u32, u32),
    #[error("gave an answer that is not what docs/policy.md asks for: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("answered with an error: {0}")]
    Refused(String),
}

/// A loaded module.
#[derive(Debug)]
struct PolicyModule {
    store: Store<StoreLimits>,
    memory: Memory,
    instance: Instance,
    limits: Limits,
}

impl PolicyModule {
    fn read(path: &Path, limits: Limits) -> Result<Self, ModuleError> {
        let size = std::fs::metadata(path)?.len();
        if size > FILE_MOST {
            return Err(ModuleError::TooLarge(size));
        }
        Self::load(&std::fs::read(path)?, limits)
    }

    /// Checks a module and makes it ready; nothing of it has run when this fails for its imports or exports.
    fn load(code: &[u8], limits: Limits) -> Result<Self, ModuleError> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, code).map_err(ModuleError::NoModule)?;
        if let Some(import) = module.imports().next() {
            return Err(ModuleError::Imports(format!("{}.{}", import.module(), import.name())));
        }
        let bounds = StoreLimitsBuilder::new().memory_size(limits.memory).instances(1).memories(1).build();
        let mut store = Store::new(&engine, bounds);
        store.limiter(|bounds| bounds);
        // A start function runs with the fuel of a slice.
        store.set_fuel(Limits::SLICE).map_err(ModuleError::NoModule)?;
        let instance =
            Linker::new(&engine).instantiate_and_start(&mut store, &module).map_err(ModuleError::NoModule)?;
        let memory = instance.get_export(&store, "memory").and_then(Extern::into_memory);
        let memory = memory.ok_or(ModuleError::Export("memory"))?;
        let mut loaded = Self { store, memory, instance, limits };
        let version: i32 = loaded.run("abi_version", ())?;
        match version.cast_unsigned() {
            ABI_VERSION => Ok(loaded),
            other => Err(ModuleError::Version(other)),
        }
    }

    /// Runs a function within the limits of one call.
    fn run<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &'static str,
        parameters: P,
    ) -> Result<R, ModuleError> {
        let function: TypedFunc<P, R> =
            self.instance.get_typed_func(&self.store, name).map_err(|_| ModuleError::Export(name))?;
        let (limits, began) = (self.limits, Instant::now());
        let trap = |error| ModuleError::Trap(error, limits.memory >> 20);
        let mut given = Limits::SLICE.min(limits.fuel);
        self.store.set_fuel(given).map_err(trap)?;
        let mut state = function.call_resumable(&mut self.store, parameters).map_err(trap)?;
        loop {
            let stopped = match state {
                TypedResumableCall::Finished(results) => return Ok(results),
                // There is no function of ours that it could call.
                TypedResumableCall::HostTrap(stopped) => {
                    return Err(trap(wasmi::Error::new(stopped.host_error().to_string())));
                }
                TypedResumableCall::OutOfFuel(stopped) => stopped,
            };
            if began.elapsed() > limits.time {
                return Err(ModuleError::Time(limits.time));
            }
            // What one instruction needs at once, e.g. to fill memory, can be more than a slice.
            let slice = Limits::SLICE.max(stopped.required_fuel());
            given = given.saturating_add(slice);
            if given > limits.fuel {
                return Err(ModuleError::Fuel(limits.fuel));
            }
            let left = self.store.get_fuel().map_err(trap)?;
            self.store.set_fuel(left.saturating_add(slice)).map_err(trap)?;
            state = stopped.resume(&mut self.store).map_err(trap)?;
        }
    }

    /// Asks; an answer that is an error is one here, too.
    fn ask(&mut self, call: &str, input: Value) -> Result<Value, ModuleError> {
        let request = json!({"call": call, "input": input}).to_string();
        let no_memory = ModuleError::NoMemory("the request");
        let Ok(length) = i32::try_from(request.len()) else { return Err(no_memory) };
        let pointer: i32 = self.run("alloc", length)?;
        if pointer == 0 {
            return Err(no_memory);
        }
        let wrong = ModuleError::Buffer(pointer.cast_unsigned(), length.cast_unsigned());
        let at = usize::try_from(pointer.cast_unsigned()).unwrap_or(usize::MAX);
        self.memory.write(&mut self.store, at, request.as_bytes()).map_err(|_| wrong)?;
        let answer: i64 = self.run("call", (pointer, length))?;
        let answer = answer.cast_unsigned();
        let (pointer, length) = ((answer >> 32) as u32, (answer & 0xffff_ffff) as u32);
        if pointer == 0 {
            return Err(ModuleError::NoMemory("the answer"));
        }
        let wrong = ModuleError::Buffer(pointer, length);
        let (Ok(at), Ok(size)) = (usize::try_from(pointer), usize::try_from(length)) else {
            return Err(wrong);
        };
        let data = self.memory.data(&self.store);
        let Some(text) = at.checked_add(size).and_then(|end| data.get(at..end)) else { return Err(wrong) };
        if length > self.limits.answer {
            return Err(wrong);
        }
        let answer: Answer = serde_json::from_slice(text)?;
        self.run::<_, ()>("free", (pointer.cast_signed(), length.cast_signed()))?;
        match answer {
            Answer { error: Some(error), .. } => {
                Err(ModuleError::Refused(format!("{}: {}", error.code, error.message)))
            }
            Answer { ok, .. } => Ok(ok),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    ok: Value,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

/// What a module found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    /// The rule, e.g. `acme-team-label`.
    code: String,
    severity: Severity,
    /// Which of the objects, from 0; the whole chart when absent.
    #[serde(default)]
    object: Option<usize>,
    /// A path such as `metadata.labels.team`.
    #[serde(default)]
    field: String,
    message: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    fix: String,
}

/// All modules of a run. Each call gets an instance of its own: what one call did to a module's memory is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyModules {
    paths: Vec<PathBuf>,
}

/// An object of the chart that rules look at.
pub(crate) struct Subject<'a> {
    /// In kubectl's form, e.g. `deployment/web`.
    pub(crate) name: String,
    /// The template it comes from.
    pub(crate) source: &'a str,
    pub(crate) object: &'a Value,
}

impl PolicyModules {
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        Self { paths: paths.to_vec() }
    }

    /// The findings of all modules about these objects.
    ///
    /// # Errors
    /// With exit code 4 when a module cannot be used; its file and the reason are told.
    pub(crate) fn lint(&self, subjects: &[Subject<'_>]) -> anyhow::Result<Vec<Finding>> {
        let objects: Vec<Value> = subjects
            .iter()
            .map(|subject| json!({"source": subject.source, "object": subject.object}))
            .collect();
        let mut all = Vec::new();
        for path in &self.paths {
            let found: Vec<Found> = self.asked(path, "lint", json!({"objects": objects}), "findings")?;
            all.extend(found.into_iter().map(|found| {
                let subject = found.object.and_then(|index| subjects.get(index));
                Finding {
                    code: found.code,
                    severity: found.severity,
                    object: subject.map(|subject| subject.name.clone()).unwrap_or_default(),
                    source: subject.map(|subject| subject.source.to_owned()).unwrap_or_default(),
                    field: found.field,
                    line: None,
                    template_line: None,
                    message: found.message,
                    why: found.why,
                    fix: found.fix,
                }
            }));
        }
        Ok(all)
    }

    /// The rules of readiness of all modules. They are asked once, for rules and not for judgements: what decides a rollout
    /// has to be the same for whoever resumes it.
    ///
    /// # Errors
    /// As [`Self::lint`].
    pub(crate) fn readiness(&self) -> anyhow::Result<Vec<ReadinessRule>> {
        let mut all = Vec::new();
        for path in &self.paths {
            all.extend(self.asked::<ReadinessRule>(path, "readiness", json!({}), "rules")?);
        }
        Ok(all)
    }

    /// One list of an answer. A module without the call has nothing to say.
    fn asked<T: serde::de::DeserializeOwned>(
        &self,
        path: &Path,
        call: &str,
        input: Value,
        list: &str,
    ) -> anyhow::Result<Vec<T>> {
        let told =
            |error: ModuleError| Stop::refused(format!("the policy module {} {error}", path.display()));
        let mut module = PolicyModule::read(path, Limits::USUAL).map_err(told)?;
        match module.ask(call, input) {
            Ok(mut answer) => serde_json::from_value(answer[list].take()).map_err(|error| told(error.into())),
            Err(ModuleError::Refused(message)) if message.starts_with("unknown-call") => Ok(Vec::new()),
            Err(error) => Err(told(error)),
        }
    }
}

#[cfg(test)]
#[path = "modules/tests.rs"]
mod tests;
