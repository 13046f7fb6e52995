//! Helm's release records in the cluster, and the journal inside the pending one.

use std::cell::RefCell;

use anyhow::Context as _;
use backstay_core::object::Timestamp;
use backstay_core::release::{
    History, Packed, Record, Release, Status, description, history_selector, secret_name,
};
use backstay_core::rollout::{JournalEntry, RecordChange};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cluster::Cluster;
use crate::execute::{EvidenceBundle, attach_to};
use crate::hook_runs::{self, HookRunNote};
use crate::lease::{LeaseFailure, ReleaseLease};
use crate::storage::{self, StorageApi, from_object, to_object};

/// The records of one release, as seen and written by one rollout.
pub(crate) struct Records {
    cluster: Cluster,
    release: String,
    namespace: String,
    options: RecordOptions,
    inner: RefCell<Inner>,
    lease: ReleaseLease,
}

/// How records are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RecordOptions {
    /// Create the namespace before the first record.
    pub(crate) create_namespace: bool,
    /// Most revisions to keep; 0 keeps all.
    pub(crate) history_max: u32,
    /// Mark an uninstalled release instead of deleting its records.
    pub(crate) keep_history: bool,
    /// What the finished revision's description says instead of Helm's words.
    pub(crate) description: Option<String>,
}

#[derive(Default)]
struct Inner {
    history: History,
    /// The record that this rollout holds; it carries the journal.
    held: Option<Record>,
    undo: Option<Record>,
    journal: String,
}

/// Why a record could not be made durable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFailure {
    /// Somebody else holds the release.
    #[error("{0}")]
    Held(String),
    /// The record changed under us: another process went on with this rollout.
    #[error("record {0} was changed by another process; this one stops before its next write")]
    Fenced(String),
    /// Anything else; may pass.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Records {
    pub(crate) fn new(
        cluster: &Cluster,
        release: &str,
        namespace: &str,
        options: RecordOptions,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            lease: ReleaseLease::new(cluster, release, namespace)?,
            cluster: cluster.clone(),
            release: release.to_owned(),
            namespace: namespace.to_owned(),
            options,
            inner: RefCell::default(),
        })
    }

    /// The Lease of the release.
    pub(crate) const fn lease(&self) -> &ReleaseLease {
        &self.lease
    }

    /// Reads the history from the cluster.
    pub(crate) async fn read(&self) -> anyhow::Result<History> {
        let records = list(&self.api(), Some(&self.release)).await?;
        let history = History::new(records);
        self.inner.borrow_mut().history = history.clone();
        Ok(history)
    }

    /// Says which record this rollout will write first.
    pub(crate) fn hold(&self, record: Record) {
        self.inner.borrow_mut().held = Some(record);
    }

    /// The record that this rollout holds, as it was last written.
    pub(crate) fn held(&self) -> Option<Record> {
        self.inner.borrow().held.clone()
    }

    /// Makes the first entries durable: writes the pending record, which is the lock of the release. May be tried again,
    /// then without the entries: they are noted.
    pub(crate) async fn begin(&self, entries: &[JournalEntry]) -> Result<(), RecordFailure> {
        self.append(entries);
        if self.options.create_namespace {
            self.create_namespace().await?;
        }
        self.acquire().await?;
        self.take_over().await?;
        self.prune().await?;
        let now = self.cluster.clock.now();
        let Some(mut record) = self.inner.borrow().held.clone() else {
            return Err(anyhow::anyhow!("no record was prepared for {}", self.release).into());
        };
        record.journal = Some(self.inner.borrow().journal.clone());
        let stored = if record.resource_version.is_some() {
            self.put(&record, now).await?
        } else {
            self.create(&record, now).await?
        };
        self.inner.borrow_mut().held = Some(stored);
        Ok(())
    }

    /// Takes the Lease before anything is planned. Not taken while somebody else has it, nor when the history is no longer what
    /// it was; where it cannot be taken at all, the first write will tell.
    pub(crate) async fn claim(&self, history: &History) -> anyhow::Result<bool> {
        match self.lease.acquire().await {
            Ok(()) => {}
            Err(LeaseFailure::Held(_)) => return Ok(false),
            Err(_) => return Ok(true),
        }
        let newest = |history: &History| {
            history.latest().map(|record| (record.release.version, record.resource_version.clone()))
        };
        let is_same = newest(&self.read().await?) == newest(history);
        if !is_same {
            self.lease.release().await;
        }
        Ok(is_same)
    }

    async fn acquire(&self) -> Result<(), RecordFailure> {
        match self.lease.acquire().await {
            Ok(()) => Ok(()),
            Err(LeaseFailure::Held(holder)) => {
                Err(RecordFailure::Held(format!("{}: {holder}", self.release)))
            }
            Err(error) => Err(anyhow::Error::from(error).context("cannot take the release's lease").into()),
        }
    }

    /// Goes on with the record of another process that is gone.
    pub(crate) async fn go_on(&self, held: Record) -> Result<(), RecordFailure> {
        self.acquire().await?;
        let mut inner = self.inner.borrow_mut();
        inner.journal = held.journal.clone().unwrap_or_default();
        let undo = inner.history.latest().filter(|latest| latest.release.version > held.release.version);
        inner.undo = undo.cloned();
        inner.held = Some(held);
        Ok(())
    }

    /// The rollout is over, or stops where another process can go on (`resumable`).
    pub(crate) async fn end(&self, resumable: bool) {
        // What was only prepared is not there, or is another's by now.
        let is_stored = |held: &Record| held.resource_version.is_some() && held.resume.is_some();
        let leftover = self.inner.borrow().held.as_ref().is_some_and(is_stored);
        if leftover && !resumable {
            // The verdict stands; a record that cannot be tidied only says so again on the next look.
            let _untidied = self.write_held(|record| record.resume = None).await;
        }
        self.lease.release().await;
    }

    /// Notes entries that become durable with the next write.
    pub(crate) fn append(&self, entries: &[JournalEntry]) {
        let mut inner = self.inner.borrow_mut();
        for entry in entries {
            if let Ok(line) = serde_json::to_string(entry) {
                inner.journal.push_str(&line);
                inner.journal.push('\n');
            }
        }
    }

    /// Notes how a hook does; it becomes durable with the next write.
    pub(crate) fn note_hook(&self, note: &HookRunNote) {
        let mut inner = self.inner.borrow_mut();
        let record = if note.of_undo { inner.undo.as_mut() } else { inner.held.as_mut() };
        if let Some(record) = record {
            hook_runs::apply(&mut record.release.hooks, note);
        }
    }

    /// Makes entries durable in the record that is held.
    pub(crate) async fn flush(&self, entries: &[JournalEntry]) -> Result<(), RecordFailure> {
        self.append(entries);
        self.write_held(|_| {}).await
    }

    /// Changes the records as the machine wants it.
    pub(crate) async fn change(
        &self,
        change: &RecordChange,
        evidence: &[EvidenceBundle],
    ) -> anyhow::Result<()> {
        match change {
            RecordChange::Promote { healthy } => {
                self.write_held(|record| {
                    let words =
                        self.options.description.clone().unwrap_or_else(|| completed(&record.release));
                    record.release.set_status(Status::Deployed, &words);
                    record.healthy = *healthy;
                    record.resume = None;
                })
                .await?;
                let revision = self.inner.borrow().held.as_ref().map_or(0, |record| record.release.version);
                self.supersede(revision).await
            }
            RecordChange::Fail { description } => self.fail(description, evidence).await,
            RecordChange::BeginUndo { revision, to } => self.begin_undo(*revision, *to).await,
            RecordChange::FinishUndo { revision, to } => {
                self.write_undo(|record| {
                    record.release.set_status(Status::Deployed, &description::rollback_to(*to));
                    record.healthy = true;
                })
                .await?;
                self.supersede(*revision).await
            }
            RecordChange::FailUndo { description, .. } => {
                // Evidence is worth a try.
                let _unattached = self
                    .write_held(|record| record.evidence = attach_to(record.evidence.as_ref(), evidence))
                    .await;
                self.write_undo(|record| record.release.set_status(Status::Failed, description)).await
            }
            RecordChange::Purge if self.options.keep_history => {
                self.write_held(|record| {
                    let words = self.options.description.as_deref();
                    let words = words.unwrap_or(description::UNINSTALLATION_COMPLETE);
                    record.release.set_status(Status::Uninstalled, words);
                    record.release.info.deleted = Some(self.cluster.clock.now().into());
                })
                .await?;
                // Where the last revision had failed, an older one is still called deployed (Helm issue 12556).
                let revision = self.inner.borrow().held.as_ref().map_or(0, |record| record.release.version);
                self.supersede(revision).await
            }
            RecordChange::Purge => self.purge().await,
        }
    }

    /// Records a failure with what explains it: another machine can show it, and the undo destroys none of it.
    async fn fail(&self, description: &str, evidence: &[EvidenceBundle]) -> anyhow::Result<()> {
        let before = self.inner.borrow().held.as_ref().and_then(|held| held.evidence.clone());
        let evidence = attach_to(before.as_ref(), evidence);
        let write = |evidence: Option<Packed>| {
            self.write_held(move |record| {
                record.release.set_status(Status::Failed, description);
                record.evidence.clone_from(&evidence);
            })
        };
        match write(evidence.clone()).await {
            // Evidence must not be what a record cannot be written for.
            Err(RecordFailure::Other(_)) if evidence.is_some() => Ok(write(None).await?),
            written => Ok(written?),
        }
    }

    async fn begin_undo(&self, revision: u32, to: u32) -> anyhow::Result<()> {
        let now = self.cluster.clock.now();
        let record = {
            let inner = self.inner.borrow();
            let target = inner
                .history
                .get(to)
                .with_context(|| format!("revision {to} of {} is gone", self.release))?;
            let last = inner.held.as_ref().map_or(&target.release, |held| &held.release);
            let mut release = Release::rollback(&target.release, last, now);
            release.version = revision;
            // Whoever finds it pending has to know whose it is; the journal itself goes on in the record that is held.
            Record { journal: Some(inner.journal.clone()), ..Record::new(release) }
        };
        let stored = self.create(&record, now).await?;
        self.inner.borrow_mut().undo = Some(stored);
        Ok(())
    }

    /// Every other revision that is called deployed is superseded.
    async fn supersede(&self, revision: u32) -> anyhow::Result<()> {
        let older: Vec<Record> = self.inner.borrow().history.superseded_by(revision).cloned().collect();
        for mut record in older {
            let healthy = record.healthy;
            record.release.info.status = Status::Superseded;
            record.healthy = healthy;
            let now = self.cluster.clock.now();
            match self.put(&record, now).await {
                Ok(_) => {}
                Err(RecordFailure::Fenced(name)) => {
                    let Some(mut fresh) = self.fetch(&name).await? else { continue };
                    fresh.release.info.status = Status::Superseded;
                    self.put(&fresh, now).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Deletes the records of this release, the newest last: while one is there, the release is listed.
    async fn purge(&self) -> anyhow::Result<()> {
        let mut names: Vec<String> =
            list(&self.api(), Some(&self.release)).await?.iter().map(Record::secret_name).collect();
        names.sort();
        for name in names {
            delete(&self.api(), &name).await?;
        }
        self.inner.borrow_mut().held = None;
        Ok(())
    }

    /// Ends what a dead run left pending. Its writer, should it live after all, is fenced by the changed record.
    async fn take_over(&self) -> Result<(), RecordFailure> {
        let left: Vec<Record> = {
            let inner = self.inner.borrow();
            let mine = inner
                .held
                .as_ref()
                .filter(|held| held.resource_version.is_some())
                .map(|held| held.release.version);
            let pending =
                inner.history.records().iter().filter(|record| record.release.info.status.is_pending());
            pending.filter(|record| Some(record.release.version) != mine).cloned().collect()
        };
        for mut record in left {
            let revision = record.release.version;
            let words = format!("{} did not finish; taken over", record.release.info.status);
            record.release.set_status(Status::Failed, &words);
            match self.put(&record, self.cluster.clock.now()).await {
                Ok(_) => {}
                // The reply to our own try was lost.
                Err(RecordFailure::Fenced(name))
                    if self.fetch(&name).await?.is_some_and(|theirs| {
                        theirs.release.info.status == Status::Failed
                            && theirs.release.info.description == words
                    }) => {}
                Err(RecordFailure::Fenced(_)) => {
                    return Err(RecordFailure::Held(format!(
                        "revision {revision} of {} is still being written by its own run",
                        self.release
                    )));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Which newer revision somebody else has made since this rollout began, in words. One look at one name.
    pub(crate) async fn overtaken(&self) -> anyhow::Result<Option<String>> {
        let Some(held) = self.inner.borrow().held.as_ref().map(|held| held.release.version) else {
            return Ok(None);
        };
        let newer = self.fetch(&secret_name(&self.release, held.saturating_add(1))).await?;
        Ok(newer.filter(|newer| !self.is_mine(newer)).map(|newer| {
            let info = &newer.release.info;
            format!(
                "revision {} of {} was made by another program meanwhile ({}: {})",
                newer.release.version, self.release, info.status, info.description
            )
        }))
    }

    /// Marks the record of this rollout as one that nobody will go on with.
    pub(crate) async fn give_up(&self, why: &str) {
        // Without the mark the record stays pending, and the next run over it says so.
        let _unmarked = self
            .write_held(|record| {
                record.release.set_status(Status::Failed, why);
                record.resume = None;
            })
            .await;
    }

    /// A sign of life: the pending record is written again, unchanged.
    pub(crate) async fn heartbeat(&self) -> Result<(), RecordFailure> {
        if self.lease.is_held() {
            return match self.lease.renew().await {
                Ok(()) => Ok(()),
                Err(error @ LeaseFailure::Lost(_)) => Err(RecordFailure::Fenced(error.to_string())),
                Err(error) => Err(anyhow::Error::from(error).into()),
            };
        }
        let undoing =
            self.inner.borrow().undo.clone().filter(|record| record.release.info.status.is_pending());
        let Some(record) = undoing else { return self.write_held(|_| {}).await };
        let stored = self.put(&record, self.cluster.clock.now()).await?;
        self.inner.borrow_mut().undo = Some(stored);
        Ok(())
    }

    /// Makes room for one more revision (`--history-max`).
    async fn prune(&self) -> anyhow::Result<()> {
        let old = self.inner.borrow().history.prunable(self.options.history_max);
        for revision in old {
            delete(&self.api(), &secret_name(&self.release, revision)).await?;
        }
        Ok(())
    }

    async fn write_held(&self, change: impl Fn(&mut Record)) -> Result<(), RecordFailure> {
        let Some(before) = self.inner.borrow().held.clone() else { return Ok(()) };
        let mut record = Record { journal: Some(self.inner.borrow().journal.clone()), ..before.clone() };
        change(&mut record);
        let stored = self.put_mine(&before, record).await?;
        self.inner.borrow_mut().held = Some(stored);
        Ok(())
    }

    /// Writes a record of this rollout, as it was `before`. A lost reply to an earlier write looks like somebody else's: it is
    /// ours if it carries our journal so far and says nothing that we did not.
    async fn put_mine(&self, before: &Record, mut record: Record) -> Result<Record, RecordFailure> {
        let now = self.cluster.clock.now();
        let name = match self.put(&record, now).await {
            Err(RecordFailure::Fenced(name)) => name,
            other => return other,
        };
        let says = |record: &Record| (record.release.info.status, record.release.info.description.clone());
        let is_mine = |theirs: &Record| {
            self.is_mine(theirs) && (says(theirs) == says(before) || says(theirs) == says(&record))
        };
        let theirs = self.fetch(&name).await?;
        let Some(theirs) = theirs.filter(is_mine) else { return Err(RecordFailure::Fenced(name)) };
        record.resource_version = theirs.resource_version;
        self.put(&record, now).await
    }

    async fn write_undo(&self, change: impl Fn(&mut Record)) -> anyhow::Result<()> {
        let Some(before) = self.inner.borrow().undo.clone() else { return Ok(()) };
        let mut record = before.clone();
        change(&mut record);
        let stored = self.put_mine(&before, record).await?;
        self.inner.borrow_mut().undo = Some(stored);
        Ok(())
    }

    /// Whether a record carries our journal, or a part of it.
    fn is_mine(&self, theirs: &Record) -> bool {
        let journal = theirs.journal.as_deref().unwrap_or_default();
        !journal.is_empty() && self.inner.borrow().journal.starts_with(journal)
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Record, RecordFailure> {
        let secret = to_object(record, now)?;
        match self.api().create(&PostParams::default(), &secret).await {
            Ok(stored) => Ok(from_object(&stored)?),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                // The reply to an earlier try may have been lost: then it is there, and carries our journal.
                let theirs = self.fetch(&record.secret_name()).await?;
                theirs.filter(|theirs| self.is_mine(theirs)).ok_or_else(|| {
                    RecordFailure::Held(format!(
                        "revision {} of {} was begun by another process at the same time",
                        record.release.version, self.release
                    ))
                })
            }
            Err(error) => Err(anyhow::Error::from(error)
                .context(format!("cannot write record {}", record.secret_name()))
                .into()),
        }
    }

    async fn put(&self, record: &Record, now: Timestamp) -> Result<Record, RecordFailure> {
        let name = record.secret_name();
        // Without it the write would go over whatever is there.
        if record.resource_version.is_none() {
            return Err(RecordFailure::Fenced(name));
        }
        let secret = to_object(record, now)?;
        match self.api().replace(&name, &PostParams::default(), &secret).await {
            Ok(stored) => Ok(from_object(&stored)?),
            Err(kube::Error::Api(status)) if status.code == 409 => Err(RecordFailure::Fenced(name)),
            Err(error) => {
                Err(anyhow::Error::from(error).context(format!("cannot write record {name}")).into())
            }
        }
    }

    async fn fetch(&self, name: &str) -> anyhow::Result<Option<Record>> {
        self.api().get_opt(name).await?.as_ref().map(from_object).transpose()
    }

    async fn create_namespace(&self) -> anyhow::Result<()> {
        let api: Api<Namespace> = Api::all(self.cluster.client.clone());
        if api.get_opt(&self.namespace).await?.is_some() {
            return Ok(());
        }
        // Helm labels the namespaces it creates with their name.
        let namespace = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": {"name": self.namespace}},
        }))?;
        match api.create(&PostParams::default(), &namespace).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => {
                Err(anyhow::Error::from(error).context(format!("cannot create namespace {}", self.namespace)))
            }
        }
    }

    fn api(&self) -> StorageApi {
        storage::api(&self.cluster.client, Some(&self.namespace))
    }
}

/// All records of a namespace, or of all of them, or of one release. Damaged ones are left out, as Helm does.
pub(crate) async fn list(api: &StorageApi, release: Option<&str>) -> anyhow::Result<Vec<Record>> {
    let secrets = api.list(&ListParams::default().labels(&history_selector(release))).await?;
    Ok(secrets.items.iter().filter_map(|secret| from_object(secret).ok()).collect())
}

/// Writes a record back that nothing else has changed since it was read.
pub(crate) async fn replace(client: &kube::Client, record: &Record, now: Timestamp) -> anyhow::Result<()> {
    let secret = to_object(record, now)?;
    let api = storage::api(client, Some(&record.release.namespace));
    let name = secret.metadata.name.clone().unwrap_or_default();
    api.replace(&name, &PostParams::default(), &secret).await?;
    Ok(())
}

/// Puts a release into a store that is new (`HELM_MEMORY_DRIVER_DATA`), with its namespace.
pub(crate) async fn put_given(client: &kube::Client, mut release: Release) -> anyhow::Result<()> {
    if release.namespace.is_empty() {
        "default".clone_into(&mut release.namespace);
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": release.namespace}});
    let spaces: Api<Namespace> = Api::all(client.clone());
    match spaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => return Err(error.into()),
    }
    let api = storage::api(client, Some(&release.namespace));
    let record = to_object(&Record::new(release), crate::cluster::wall_now())?;
    api.create(&PostParams::default(), &record).await?;
    Ok(())
}

async fn delete(api: &StorageApi, name: &str) -> anyhow::Result<()> {
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot delete record {name}"))),
    }
}

/// What Helm says of a revision that is done.
fn completed(release: &Release) -> String {
    match release.info.status {
        Status::PendingInstall => description::INSTALL_COMPLETE.to_owned(),
        Status::PendingRollback => release.info.description.clone(),
        _ => description::UPGRADE_COMPLETE.to_owned(),
    }
}
