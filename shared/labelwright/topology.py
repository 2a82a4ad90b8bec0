"""The one table of streams and services: runtime, docs, AsyncAPI, scalers and conformance tests are driven by it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from labelwright.contracts import curation, erasure, feedback, items, labels, project, quality, themes, work
from labelwright.contracts.payload import Payload


@dataclass(frozen=True)
class Stream:
    """One stream of a partition: what it carries, who may write it, who reads it through a group of its own name."""

    name: str
    carries: tuple[type[Payload], ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    purpose: str


@dataclass(frozen=True)
class Service:
    """A service: `stage` decides over streams, `http` answers requests, `ledger` copies streams into files."""

    name: str
    kind: Literal["stage", "http", "ledger"]
    purpose: str
    ticks: dict[str, timedelta] = field(default_factory=dict)


SERVICES = {
    service.name: service
    for service in (
        Service("gateway", "http", "takes feedback and work requests over HTTP and says who may do what"),
        Service(
            "intake", "stage", "turns valid feedback, once per event, into accepted feedback without personal data"
        ),
        Service(
            "triage", "stage", "folds what was said before into one item and ranks it", {"expire": timedelta(seconds=5)}
        ),
        Service(
            "resolve",
            "stage",
            "believes, asks again while an answer is worth its price, and settles labels",
            {"refit": timedelta(seconds=5)},
        ),
        Service("dispatch", "stage", "leases each task to one annotator at a time", {"expire": timedelta(seconds=1)}),
        Service("annotate", "stage", "answers as the machines that a project names"),
        Service("desk", "http", "shows people their next task and submits their answers"),
        Service("quality", "stage", "measures how well the work goes", {"measure": timedelta(seconds=2)}),
        Service("themes", "stage", "suggests which items may have one cause", {"group": timedelta(seconds=1)}),
        Service("publish", "ledger", "writes every event to the ledger and trims behind it"),
    )
}

STAGES = tuple(service.name for service in SERVICES.values() if service.kind == "stage")

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(
            "feedback",
            (feedback.FeedbackReceived,),
            ("gateway",),
            ("intake",),
            "feedback as it was published",
        ),
        Stream(
            "accepted",
            (feedback.FeedbackAccepted,),
            ("intake",),
            ("triage",),
            "valid, redacted feedback, once per event",
        ),
        Stream("rejected", (feedback.EventRejected,), STAGES, (), "what was turned away, and why"),
        Stream(
            "items",
            (items.ItemOpened, items.ItemReinforced, items.ItemClosed, items.ItemReopened, items.MergeProposed),
            ("triage",),
            ("resolve", "quality", "themes"),
            "cases worth labeling, and their weight",
        ),
        Stream(
            "curation",
            (
                curation.MergeRequested,
                curation.SplitRequested,
                curation.KeptApartRequested,
                curation.PinRequested,
                curation.MuteRequested,
            ),
            ("gateway", "desk"),
            ("triage",),
            "what owners do with items by hand",
        ),
        Stream(
            "erasures",
            (erasure.ErasureRequested, erasure.WordsErased, erasure.ErasureCompleted),
            ("gateway",),
            ("triage", "resolve", "dispatch"),
            "who is to be forgotten, and what takes their words out of the tables",
        ),
        Stream(
            "guidelines",
            (project.ProjectApplied,),
            ("gateway",),
            ("resolve", "dispatch"),
            "project files, version by version",
        ),
        Stream(
            "tasks",
            (work.TaskOpened, work.TaskReprioritised, work.TaskWithdrawn),
            ("resolve",),
            ("dispatch",),
            "questions that are worth their price",
        ),
        Stream(
            "work",
            (
                work.LeaseRequested,
                work.HeartbeatSent,
                work.ReleaseRequested,
                work.AnnotationSubmitted,
                work.RetractionRequested,
            ),
            ("gateway", "desk", "annotate"),
            ("dispatch",),
            "what annotators ask for and answer",
        ),
        Stream(
            "assignments",
            (work.AssignmentLeased, work.AssignmentEnded),
            ("dispatch",),
            ("annotate",),
            "who holds which task",
        ),
        Stream(
            "annotations",
            (work.AnnotationRecorded, work.AnnotationAbstained, work.AnnotationRetracted),
            ("dispatch",),
            ("resolve", "quality"),
            "answers",
        ),
        Stream(
            "labels",
            (labels.LabelResolved, labels.LabelWithdrawn, labels.DisputeOpened),
            ("resolve",),
            ("quality",),
            "settled items, and those that don't settle",
        ),
        Stream("themes", (themes.ThemeSuggested,), ("themes",), (), "items that may have one cause"),
        Stream("metrics", (quality.QualityMeasured,), ("quality",), (), "how well it goes"),
        Stream("releases", (quality.SnapshotReleased,), ("publish",), (), "datasets that were cut"),
        Stream("dead", (), STAGES, (), "entries that no decision could be made about"),
        Stream("changes", (), (*STAGES, "gateway"), (), "every write to a table, so that Redis can be made anew"),
    )
}


def inputs(service: str) -> list[str]:
    """Return the streams that a service reads through its group, its own clock first."""
    clock = [f"ticks.{service}"] if SERVICES[service].ticks else []
    return clock + [stream.name for stream in STREAMS.values() if service in stream.readers]


def outputs(service: str) -> list[str]:
    """Return the streams that a service may write."""
    return [stream.name for stream in STREAMS.values() if service in stream.writers]


def contracts(stream: str) -> tuple[type[Payload], ...]:
    """Return what a stream carries; a clock carries ticks."""
    return (quality.TickStruck,) if stream.startswith("ticks.") else STREAMS[stream].carries


def mermaid() -> str:
    """Draw the topology as a Mermaid flowchart: what each service tells which other.

    Two things that would cross everything are left out: what every stage writes (rejected, dead, changes), and that
    publish reads all streams; a stream that nobody else reads leads to it.
    """
    edges = [
        f"  {writer} -- {stream.name} --> {reader}"
        for stream in STREAMS.values()
        if not set(STAGES) <= set(stream.writers)
        for writer in stream.writers
        for reader in stream.readers or ("publish",)
        if writer != reader
    ]
    return "\n".join(["flowchart LR", *edges])
