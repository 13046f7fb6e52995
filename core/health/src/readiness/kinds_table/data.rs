//! Databases, queues, storage and backups.

use super::{ALWAYS, KindRule, NEVER, NOT_READY, READY, rule, run};

const STRIMZI_FAILED: &str = "isTrue('NotReady') && condition('NotReady').reason != 'Creating'";
const ELASTIC_FAILED: &str = "status.health == 'red'";
const ELASTIC_READY: &str = "status.health == 'green' && (!has(status.expectedNodes) || status.availableNodes >= status.expectedNodes)";
const PERCONA_FAILED: &str = "status.state == 'error'";
const PERCONA_READY: &str = "status.state in ['ready', 'paused']";
const PHASE_READY: &str =
    "status.phase in ['Ready', 'Connected', 'Bound', 'Created', 'Deployed', 'Running', 'Available']";
const PHASE_FAILED: &str = "status.phase in ['Failed', 'Failure', 'Error']";
const CONFLUENT_FAILED: &str = "status.phase in ['FAILED', 'ERROR'] || status.state in ['FAILED', 'ERROR'] \
    || status.failedTasksCount > 0";
const COMPLETED: &str = "isTrue('Complete') && (!has(condition('Complete').reason) || condition('Complete').reason != 'JobFailed')";

pub(super) static RULES: &[KindRule] = &[
    // https://strimzi.io/docs/operators/latest/deploying#con-custom-resource-status-str
    rule("kafka.strimzi.io", &[], STRIMZI_FAILED, READY),
    rule("core.strimzi.io", &["StrimziPodSet"], NEVER, "status.readyPods >= status.pods"),
    // https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/ (Ready condition, phase)
    rule(
        "postgresql.cnpg.io",
        &["Cluster"],
        "status.phase.startsWith('Unable to') || status.phase.startsWith('Cluster cannot') \
         || status.phase.contains('unrecoverable') || status.phase.contains('failed') \
         || status.phase.contains('Failed') || status.phase in ['Not enough disk space', 'Failing over']",
        "isTrue('Ready') && status.phase == 'Cluster in healthy state' \
         || isTrue('cnpg.io/hibernation')",
    ),
    rule(
        "postgresql.cnpg.io",
        &["Backup"],
        "status.phase == 'failed' || status.phase == 'walArchivingFailing'",
        "status.phase == 'completed'",
    ),
    rule(
        "postgresql.cnpg.io",
        &["Pooler"],
        NEVER,
        "!has(spec.instances) || status.instances >= spec.instances",
    ),
    rule("postgresql.cnpg.io", &["ScheduledBackup", "ImageCatalog", "ClusterImageCatalog"], NEVER, ALWAYS),
    rule(
        "postgresql.cnpg.io",
        &["Database", "Publication", "Subscription"],
        "status.applied == false",
        "status.applied == true",
    ),
    // https://postgres-operator.readthedocs.io/en/latest/reference/command_line_and_environment/ (PostgresClusterStatus)
    rule(
        "acid.zalan.do",
        &["postgresql"],
        "status.PostgresClusterStatus in ['CreateFailed', 'UpdateFailed', 'SyncFailed', 'Invalid']",
        "status.PostgresClusterStatus == 'Running'",
    ),
    // https://access.crunchydata.com/documentation/postgres-operator/latest/references/crd (instances)
    rule(
        "postgres-operator.crunchydata.com",
        &["PostgresCluster"],
        NEVER,
        "size(status.instances) > 0 && status.instances.all(i, i.readyReplicas >= i.replicas)",
    ),
    // https://docs.percona.com/percona-operator-for-mysql/pxc/ and .../percona-operator-for-mongodb/ (status.state)
    rule("pxc.percona.com", &["PerconaXtraDBCluster"], PERCONA_FAILED, PERCONA_READY),
    rule("psmdb.percona.com", &["PerconaServerMongoDB"], PERCONA_FAILED, PERCONA_READY),
    rule("ps.percona.com", &["PerconaServerMySQL"], PERCONA_FAILED, PERCONA_READY),
    rule("pgv2.percona.com", &["PerconaPGCluster"], PERCONA_FAILED, PERCONA_READY),
    // https://github.com/mariadb-operator/mariadb-operator/blob/main/docs/api_reference.md (Ready, Complete)
    rule(
        "k8s.mariadb.com",
        &["Backup", "SqlJob", "Restore", "PhysicalBackup"],
        "condition('Complete').reason in ['JobFailed', 'CronJobFailed'] \
         || (isFalse('Complete') && condition('Complete').message.contains('ail'))",
        COMPLETED,
    ),
    rule("k8s.mariadb.com", &[], "condition('Ready').reason == 'Failed'", READY),
    rule("mariadb.mmontes.io", &[], "condition('Ready').reason == 'Failed'", READY),
    // https://dev.mysql.com/doc/mysql-operator/en/ (status.cluster.status)
    rule(
        "mysql.oracle.com",
        &["InnoDBCluster"],
        "status.cluster.status in ['FAILED', 'OFFLINE_UNCERTAIN']",
        "status.cluster.status == 'ONLINE'",
    ),
    // https://github.com/mongodb/mongodb-kubernetes (status.phase)
    rule(
        "mongodbcommunity.mongodb.com",
        &["MongoDBCommunity"],
        "status.phase == 'Failed'",
        "status.phase == 'Running'",
    ),
    rule("mongodb.com", &[], "status.phase == 'Failed'", "status.phase in ['Running', 'Updated']"),
    // https://www.elastic.co/docs/deploy-manage/deploy/cloud-on-k8s (health, phase)
    rule(
        "elasticsearch.k8s.elastic.co",
        &["Elasticsearch"],
        "status.health == 'red' || status.phase == 'Invalid'",
        "status.health == 'green' && status.phase == 'Ready' \
         && (!has(spec.nodeSets) || !(spec.nodeSets.exists(n, n.count > status.availableNodes)))",
    ),
    rule(".k8s.elastic.co", &[], ELASTIC_FAILED, ELASTIC_READY),
    // https://www.rabbitmq.com/kubernetes/operator/using-operator#status (conditions)
    rule(
        "rabbitmq.com",
        &["RabbitmqCluster"],
        "isFalse('ReconcileSuccess')",
        "isTrue('AllReplicasReady') && isTrue('ClusterAvailable')",
    ),
    // https://www.rabbitmq.com/kubernetes/operator/using-topology-operator (Ready)
    rule("rabbitmq.com", &[], NOT_READY, READY),
    // https://github.com/spotahome/redis-operator, https://redis.io/docs/latest/operate/kubernetes/ (state)
    rule(
        "app.redislabs.com",
        &[],
        "status.state in ['Error', 'Invalid'] || status.status in ['error', 'creation-failed']",
        "status.state == 'Running' || status.status == 'active'",
    ),
    // https://github.com/minio/operator/blob/master/docs/tenant_crd.adoc (currentState)
    rule(
        "minio.min.io",
        &["Tenant"],
        "status.currentState.contains('not controlled') || status.currentState.contains('already') \
         || status.currentState.contains('credentials are not') || status.currentState.contains('Not Allowed') \
         || status.currentState.contains('could not') \
         || status.currentState.contains('Different versions') || status.currentState.contains('configuration secret is not')",
        "status.currentState == 'Initialized'",
    ),
    // https://rook.io/docs/rook/latest/CRDs/Cluster/ceph-cluster-crd/#cluster-status (phase, state, ceph.health)
    rule(
        "ceph.rook.io",
        &["CephCluster"],
        "status.state == 'Error' || status.phase == 'Failure' || status.ceph.health == 'HEALTH_ERR'",
        "(status.state == 'Created' || status.state == 'Connected') \
         && (!has(status.ceph.health) || status.ceph.health in ['HEALTH_OK', 'HEALTH_WARN'])",
    ),
    rule("ceph.rook.io", &[], PHASE_FAILED, PHASE_READY),
    rule(
        "cassandra.rook.io",
        &["Cluster"],
        NEVER,
        "size(status.racks) > 0 && status.racks.all(r, status.racks[r].readyMembers >= status.racks[r].members)",
    ),
    // https://github.com/kube-object-storage/lib-bucket-provisioner (phase)
    rule("objectbucket.io", &["ObjectBucketClaim", "ObjectBucket"], PHASE_FAILED, "status.phase == 'Bound'"),
    // https://longhorn.io/docs/latest/references/ (state, robustness; what needs no waiting)
    rule(
        "longhorn.io",
        &["Volume"],
        "status.robustness == 'faulted'",
        "status.state in ['attached', 'detached'] && (!has(status.robustness) || status.robustness != 'faulted')",
    ),
    rule(
        "longhorn.io",
        &["Backup", "Snapshot"],
        "status.state == 'Error'",
        "status.state == 'Completed' || status.readyToUse == true",
    ),
    rule(
        "longhorn.io",
        &["BackupTarget"],
        "has(spec.backupTargetURL) && spec.backupTargetURL != '' && status.available == false",
        ALWAYS,
    ),
    // https://velero.io/docs/main/api-types/ (phases)
    run(
        "velero.io",
        &["Backup", "Restore", "PodVolumeBackup", "PodVolumeRestore", "DataUpload", "DataDownload"],
        "status.phase in ['Failed', 'PartiallyFailed', 'FailedValidation', 'FinalizingPartiallyFailed']",
        "status.phase == 'Completed'",
    ),
    rule(
        "velero.io",
        &["BackupStorageLocation"],
        "status.phase == 'Unavailable'",
        "status.phase == 'Available'",
    ),
    rule(
        "velero.io",
        &["Schedule"],
        "status.phase == 'FailedValidation'",
        "status.phase in ['Enabled', 'New']",
    ),
    rule("velero.io", &["BackupRepository"], "status.phase == 'NotReady'", "status.phase == 'Ready'"),
    // https://kubernetes.io/docs/concepts/storage/volume-snapshots/ (readyToUse, error)
    rule(
        "snapshot.storage.k8s.io",
        &["VolumeSnapshot", "VolumeSnapshotContent"],
        "has(status.error.message) && (!has(status.readyToUse) || status.readyToUse != true)",
        "status.readyToUse == true",
    ),
    // https://docs.netapp.com/us-en/trident/trident-use/backend_ops_kubectl.html (phase, lastOperationStatus)
    rule(
        "trident.netapp.io",
        &["TridentBackendConfig"],
        "status.lastOperationStatus == 'Failed' || status.phase in ['Failed', 'Lost']",
        "status.phase == 'Bound' && (!has(status.lastOperationStatus) || status.lastOperationStatus != 'Failed')",
    ),
    rule(
        "trident.netapp.io",
        &["TridentOrchestrator"],
        "status.status in ['Error', 'Failed']",
        "status.status == 'Installed'",
    ),
    // https://docs.netapp.com/us-en/astra-automation/ (state of a backup, vault and hook run)
    rule("astra.netapp.io", &["Schedule"], NEVER, ALWAYS),
    rule("astra.netapp.io", &["ExecHook"], NEVER, "!has(spec.enabled) ? false : true"),
    rule(
        "astra.netapp.io",
        &[],
        "status.state in ['failed', 'Failed', 'Error', 'error'] || has(status.error) && status.error != '' \
         || status.conditions.exists(c, c.reason in ['Failed', 'Error'])",
        "status.state in ['available', 'Completed', 'completed', 'Succeeded'] \
         || isTrue('Completed') || has(status.completionTimestamp)",
    ),
    // https://docs.altinity.com/altinitykubernetesoperator/ (status.status)
    rule(
        "clickhouse.altinity.com",
        &["ClickHouseInstallation"],
        "status.status in ['Failed', 'Aborted']",
        "status.status == 'Completed'",
    ),
    rule(
        "clickhouse-keeper.altinity.com",
        &[],
        "status.status in ['Failed', 'Aborted']",
        "status.status == 'Completed'",
    ),
    // https://solr.apache.org/operator/ and https://github.com/pravega/zookeeper-operator (replica counts)
    rule(
        "solr.apache.org",
        &["SolrCloud"],
        NEVER,
        "status.readyReplicas >= spec.replicas && status.upToDateNodes >= spec.replicas",
    ),
    rule(
        "zookeeper.pravega.io",
        &["ZookeeperCluster"],
        NEVER,
        "status.readyReplicas >= status.replicas && status.replicas > 0",
    ),
    // https://docs.confluent.io/operator/current/co-api.html (phase, state)
    rule(
        "platform.confluent.io",
        &["Connector", "KafkaTopic", "Schema"],
        CONFLUENT_FAILED,
        "status.state in ['CREATED', 'RUNNING', 'SUCCEEDED']",
    ),
    rule("platform.confluent.io", &[], CONFLUENT_FAILED, "status.phase == 'RUNNING'"),
    // https://github.com/banzaicloud/koperator (state, brokersState)
    rule(
        "kafka.banzaicloud.io",
        &["KafkaCluster"],
        "status.brokersState.exists(b, status.brokersState[b].configurationState == 'ConfigOutOfSync' \
            && status.brokersState[b].rackAwarenessState == '') \
         || status.brokersState.exists(b, status.brokersState[b].gracefulActionState.errorMessage.contains('rror')) \
         || status.brokersState.exists(b, status.brokersState[b].gracefulActionState.cruiseControlState == 'GracefulUpscaleCompletedWithError')",
        "status.state == 'ClusterRunning' && status.cruiseControlTopicStatus == 'CruiseControlTopicReady'",
    ),
    // https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-main/docs/custom-resource/reference/
    rule(
        "flink.apache.org",
        &["FlinkDeployment", "FlinkSessionJob"],
        "status.jobManagerDeploymentStatus == 'ERROR' || status.lifecycleState == 'FAILED' || status.jobStatus.state == 'FAILED'",
        "status.jobManagerDeploymentStatus == 'READY' && status.jobStatus.state in ['RUNNING', 'FINISHED'] \
         || status.jobStatus.state in ['SUSPENDED', 'RUNNING'] && status.reconciliationStatus.success == true \
         || status.lifecycleState in ['STABLE', 'SUSPENDED']",
    ),
    // https://github.com/kubeflow/spark-operator/blob/master/docs/api-docs.md (applicationState)
    rule(
        "sparkoperator.k8s.io",
        &["SparkApplication"],
        "status.applicationState.state in ['FAILED', 'SUBMISSION_FAILED', 'FAILING', 'INVALIDATING']",
        "status.applicationState.state in ['RUNNING', 'COMPLETED', 'SUCCEEDING']",
    ),
    // https://atlasgo.io/integrations/kubernetes/operator (Ready)
    rule("db.atlasgo.io", &[], "isFalse('Ready') && condition('Ready').reason != 'Reconciling'", READY),
];
