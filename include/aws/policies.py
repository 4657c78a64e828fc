"""The IAM policies of all identities.

The templates are built from these documents, and the least-privilege test runs the pipeline with them.
Pure functions of the layout and the place; standard library only.
"""

from dataclasses import dataclass
from typing import Any

from include import keys
from include.contract import DATASETS, DELIVERED
from include.keys import Layout

Statement = dict[str, Any]
Policy = dict[str, Any]

#: In IAM, `?` matches one character.
DAY = "????-??-??"
READ_AND_WRITE = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """The account, region and names in the policies. The defaults are CloudFormation parameters.

    Parameters
    ----------
    name: the name of the deployment, prefix of all names.
    """

    name: str = "${Name}"
    partition: str = "${AWS::Partition}"
    region: str = "${AWS::Region}"
    account: str = "${AWS::AccountId}"
    artifact_bucket: str = "${ArtifactBucket}"
    metrics_namespace: str = "${MetricsNamespace}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def object_arn(self, url: str) -> str:
        """The ARN of an object or of a pattern of objects, from its URL."""
        return f"arn:{self.partition}:s3:::{url.removeprefix('s3://')}"

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    @property
    def alert_topic(self) -> str:
        return self.arn("sns", f"{self.name}-alerts")

    @property
    def task_logs(self) -> str:
        return self.arn("logs", f"log-group:/{self.name}/tasks")


def worker_data(layout: Layout, place: Place) -> Policy:
    """The tasks in S3: read raw files, write everything else, delete only snapshots and staged objects."""
    published = [published_at(layout, dataset) for dataset in DATASETS]
    quarantine = [keys.quarantine(layout, DAY, dataset) for dataset in DATASETS]
    repairs = [keys.repair(layout, DAY, dataset) for dataset in DELIVERED]
    outputs = [*published, *quarantine, keys.manifest(layout, DAY)]
    return policy(
        # Without permission to list, S3 answers 403 instead of 404 for a missing object, and the sensor would
        # fail instead of waiting.
        allow("ListBuckets", ["s3:ListBucket"], *(place.bucket_arn(name) for name in buckets(layout))),
        # A copy includes the producer's tags and fails without permission to read them.
        allow("ReadRaw", ["s3:GetObject", "s3:GetObjectTagging"], *raw_arns(layout, place)),
        allow("PinRaw", [*READ_AND_WRITE, "s3:PutObjectTagging"], place.object_arn(snapshots(layout))),
        allow("Stage", READ_AND_WRITE, place.object_arn(staged(layout))),
        allow(
            "ListLeftovers",
            ["s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
            place.bucket_arn(layout.curated_bucket),
        ),
        allow(
            "RemoveLeftovers",
            ["s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            *map(place.object_arn, (snapshots(layout), staged(layout))),
        ),
        # Earlier versions are read to restore what another run replaced, and to count the changed rows.
        allow("Publish", [*READ_AND_WRITE, "s3:GetObjectVersion"], *map(place.object_arn, outputs)),
        allow("RecordAlerts", READ_AND_WRITE, place.object_arn(keys.alerts(layout, DAY))),
        allow("ReadRepairs", ["s3:GetObject"], *map(place.object_arn, repairs)),
        allow("KeepLateRows", [*READ_AND_WRITE, "s3:GetObjectVersion"], place.object_arn(late(layout))),
        allow("WriteDocs", READ_AND_WRITE, place.object_arn(keys.docs(layout, "*"))),
    )


def worker_services(place: Place) -> Policy:
    """The tasks outside S3: alerts, metrics, secrets, logs, the Glue job and the Glue table."""
    return policy(
        allow("Alert", ["sns:Publish"], place.alert_topic),
        send_metrics(place),
        allow(
            "ReadSecrets",
            ["secretsmanager:GetSecretValue"],
            place.arn("secretsmanager", f"secret:{place.name}/*"),
        ),
        # The log handler lists all log groups of the account.
        allow("FindLogGroup", ["logs:DescribeLogGroups"], "*"),
        allow(
            "WriteTaskLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents", "logs:GetLogEvents"],
            f"{place.task_logs}:*",
        ),
        allow(
            "RunGlueJob",
            ["glue:GetJob", "glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
            place.arn("glue", f"job/{place.name}-transform"),
        ),
        allow(
            "RegisterPartitions",
            [
                "glue:GetTable",
                "glue:CreateTable",
                "glue:UpdateTable",
                "glue:CreatePartition",
                "glue:UpdatePartition",
            ],
            *catalog_arns(place),
        ),
        allow("ListArtifacts", ["s3:ListBucket"], place.bucket_arn(place.artifact_bucket)),
        allow("ReadRelease", ["s3:GetObject"], *release_arns(place, "releases", "config")),
        allow(
            "WriteTaskLogsToS3",
            ["s3:GetObject", "s3:PutObject"],
            place.object_arn(f"s3://{place.artifact_bucket}/task-logs/*"),
        ),
    )


def glue_job(layout: Layout, place: Place) -> Policy:
    """The Spark job: read snapshots; read, write and delete staged objects."""
    return policy(
        allow("ListCurated", ["s3:ListBucket"], place.bucket_arn(layout.curated_bucket)),
        allow("ReadSnapshot", ["s3:GetObject"], *map(place.object_arn, (snapshots(layout), late(layout)))),
        allow("Stage", [*READ_AND_WRITE, "s3:DeleteObject"], place.object_arn(staged(layout))),
        allow("ReadRelease", ["s3:GetObject"], *release_arns(place, "releases", "glue")),
        allow(
            "WriteLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            place.arn("logs", "log-group:/aws-glue/*"),
        ),
        send_metrics(place, "Glue"),
    )


def producer(layout: Layout, place: Place) -> Policy:
    """A producer: write raw files, but neither read nor delete them."""
    return policy(
        allow("Deliver", ["s3:PutObject", "s3:AbortMultipartUpload"], *raw_arns(layout, place)),
    )


def docs_reader(layout: Layout, place: Place) -> Policy:
    """The server of the data-quality site: read its pages and the manifests."""
    return policy(
        allow(
            "ListDays",
            ["s3:ListBucket"],
            *map(place.bucket_arn, (layout.quality_bucket, layout.curated_bucket)),
        ),
        allow("ReadDocs", ["s3:GetObject"], place.object_arn(keys.docs(layout, "*"))),
        allow("ReadManifests", ["s3:GetObject"], place.object_arn(keys.manifest(layout, DAY))),
    )


def watchdog(layout: Layout, place: Place) -> Policy:
    """The watchdog function: read manifests and send metrics."""
    return policy(
        allow("ListCurated", ["s3:ListBucket"], place.bucket_arn(layout.curated_bucket)),
        allow("ReadManifests", ["s3:GetObject"], place.object_arn(keys.manifest(layout, DAY))),
        send_metrics(place),
        allow(
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            place.arn("logs", f"log-group:/aws/lambda/{place.name}-watchdog:*"),
        ),
    )


def policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(sid: str, actions: list[str], *resources: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


def send_metrics(place: Place, *more_namespaces: str) -> Statement:
    """Metrics are not resources in IAM, so the namespace is restricted instead."""
    namespaces = [place.metrics_namespace, *more_namespaces]
    statement = allow("SendMetrics", ["cloudwatch:PutMetricData"], "*")
    return {**statement, "Condition": {"StringEquals": {"cloudwatch:namespace": namespaces}}}


def buckets(layout: Layout) -> list[str]:
    """The distinct buckets of the pipeline."""
    return list(dict.fromkeys((layout.raw_bucket, layout.curated_bucket, layout.quality_bucket)))


def raw_arns(layout: Layout, place: Place) -> list[str]:
    return [place.object_arn(keys.raw_pattern(layout, dataset)) for dataset in DELIVERED]


def published_at(layout: Layout, dataset: str) -> str:
    """All objects in the partition of a published day, since an engine may write several files."""
    return keys.published(layout, DAY, dataset).rpartition("/")[0] + "/*"


def snapshots(layout: Layout) -> str:
    return everything_below(keys.snapshot(layout, "*", "run", "dataset"))


def staged(layout: Layout) -> str:
    return everything_below(keys.staged(layout, "*", "run", "name"))


def late(layout: Layout) -> str:
    return everything_below(keys.late(layout, "*", "run", "dataset"))


def everything_below(url: str) -> str:
    """The pattern of all keys with the prefix before the first `*`."""
    return url.partition("*")[0] + "*"


def release_arns(place: Place, *folders: str) -> list[str]:
    return [place.object_arn(f"s3://{place.artifact_bucket}/{folder}/*") for folder in folders]


def catalog_arns(place: Place) -> list[str]:
    """The table of published orders, its database and the catalog: Glue requires access to all three."""
    database = glue_database(place)
    return [
        place.arn("glue", resource)
        for resource in ("catalog", f"database/{database}", f"table/{database}/orders")
    ]


def glue_database(place: Place) -> str:
    return f"{place.name}_curated"
