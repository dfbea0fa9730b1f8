"""The model store: how a model gets from its source to a verified folder.

`Store(default_root()).path("whisper-base")` gives the folder of a model; `Store.pull` puts it there.
"""

from models.errors import (
    ConversionFailed,
    DiskFull,
    FileCorrupt,
    FileNotOffered,
    FileTruncated,
    ManifestInvalid,
    ModelDamaged,
    ModelMissing,
    ModelOutdated,
    PullFailed,
    SourceFailed,
    SourceRefused,
    SourceSkipped,
    SourceUnreachable,
    StoreError,
    UnknownModel,
)
from models.location import default_root, default_source
from models.manifest import Manifest, Model, load
from models.progress import Listener, Phase, Progress
from models.record import Problem
from models.store import ModelStatus, State, Store

__all__ = [
    "ConversionFailed",
    "DiskFull",
    "FileCorrupt",
    "FileNotOffered",
    "FileTruncated",
    "Listener",
    "Manifest",
    "ManifestInvalid",
    "Model",
    "ModelDamaged",
    "ModelMissing",
    "ModelOutdated",
    "ModelStatus",
    "Phase",
    "Problem",
    "Progress",
    "PullFailed",
    "SourceFailed",
    "SourceRefused",
    "SourceSkipped",
    "SourceUnreachable",
    "State",
    "Store",
    "StoreError",
    "UnknownModel",
    "default_root",
    "default_source",
    "load",
]
