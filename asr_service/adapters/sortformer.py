"""NVIDIA's streaming Sortformer (https://arxiv.org/abs/2507.18446) by NeMo's own classes: who speaks in every frame.

The model hears a chunk of audio with what it remembers of the speakers before (a speaker cache and the latest frames) and
gives each voice a column, in order of arrival, so there is nothing to cluster. `diar_streaming_sortformer_4spk-v2` and
`-v2.1` are restored by nemo_toolkit 3.0; Nemotron-3-Diarization (8 speakers) is of the same class in a later form, whose
encoder 3.0 does not have yet.
"""

import importlib
import importlib.metadata
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.errors import DeviceMissing, EngineMissing

__all__ = ["ACCURATE", "LIVE", "Profile", "Sortformer", "SortformerStream"]

_NEMOTRON_SINCE = (3, 1)
"""First version of nemo_toolkit whose Sortformer does without a transformer behind its encoder, as Nemotron-3 does."""


@dataclass(frozen=True)
class Profile:
    """How much the model hears and remembers at once, in frames of its encoder (80 ms)."""

    chunk: int
    """Frames that a step decides."""
    right: int
    """Frames after them that a step waits for."""
    fifo: int
    """Latest frames that are kept as they are."""
    update: int
    """Frames that leave the latest ones for the speaker cache at once."""
    cache: int = 188
    """Frames of the speaker cache."""


ACCURATE = Profile(chunk=340, right=40, fifo=40, update=300)
"""For files: 30.4 s of audio a step, the fewest errors on the model's card."""
LIVE = Profile(chunk=6, right=7, fifo=188, update=144)
"""For live streams: an answer after 1.04 s."""


class Sortformer:
    """A restored model; each recording gets a `SortformerStream`."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        """Restores a `.nemo` file; importing NeMo takes about ten seconds. `device` is `cpu`, `cuda`, or `auto`.

        Raises:
            DeviceMissing: `device` is `cuda` and PyTorch cannot use one.
            EngineMissing: NeMo's speech collection is not installed, or the file is no streaming Sortformer that it can read.
        """
        if not path.is_file():
            raise EngineMissing(
                f"There is no model {path}. Set `sortformer_model` in [asr] to a .nemo file that is there."
            )
        if device != "cpu":
            usable = torch.cuda.is_available()
            if device == "cuda" and not usable:
                raise DeviceMissing("PyTorch cannot use a GPU (Sortformer needs PyTorch's CUDA build)")
            device = "cuda" if usable else "cpu"
        models = _import_nemo()
        try:
            config = models.SortformerEncLabelModel.restore_from(str(path), return_config=True)
        except (tarfile.TarError, OSError) as error:
            raise EngineMissing(f"The file {path} is no NeMo model: {error}") from error
        _check_config(config, path)
        model = models.SortformerEncLabelModel.restore_from(str(path), map_location=torch.device(device))
        model.eval()
        self.model: Any = model
        self.device = device
        self.speakers: int = model.sortformer_modules.n_spk
        """Most speakers that it tells apart."""
        subsampling: int = getattr(model, "output_subsampling_factor", model.encoder.subsampling_factor)
        self.frame_seconds = float(subsampling * config.preprocessor.window_stride)
        """Seconds of one row of probabilities."""

    def stream(self, profile: Profile = LIVE) -> "SortformerStream":
        """A fresh state for one recording; `LIVE` answers after a second."""
        return SortformerStream(self.model, profile)

    def stream_file(self) -> "SortformerStream":
        """A fresh state for a recording that is complete, with the fewest errors."""
        return SortformerStream(self.model, ACCURATE)


class SortformerStream:
    """One recording that arrives piece by piece.

    Equal audio gives equal probabilities, however it is cut into pieces: steps are made at fixed places, and each computes
    its features from the same samples.
    """

    def __init__(self, model: Any, profile: Profile) -> None:
        self._model = model
        self._modules = model.sortformer_modules
        self._profile = profile
        self._hop = round(model.preprocessor.featurizer.hop_length)
        self._half_window: int = model.preprocessor.featurizer.n_fft // 2
        # Features at the edge of a stretch see silence beyond it: so many frames more are computed and left out.
        self._margin = -(-self._half_window // self._hop)
        self._factor: int = model.encoder.subsampling_factor
        self._set_profile()
        self._state = self._modules.init_streaming_state(
            batch_size=1, async_streaming=model.async_streaming, device=model.device
        )
        self._samples = np.zeros(0, dtype=np.float32)
        self._first = 0
        """Number of the first kept sample, a multiple of the hop."""
        self._start = 0
        """First feature frame (10 ms) of the next step."""

    def push(self, samples: Samples) -> NDArray[np.float32]:
        """Probabilities [frames, speakers] that are decided now; samples at 16 kHz, from -1 to 1."""
        self._samples = np.concatenate([self._samples, samples])
        decided: list[NDArray[np.float32]] = []
        while True:
            end = self._start + self._profile.chunk * self._factor
            after = end + self._profile.right * self._factor
            if (after - 1) * self._hop + self._half_window > self._first + len(self._samples):
                return self._joined(decided)
            decided.append(self._step(end, after, (after - 1) * self._hop + self._half_window))

    def finish(self) -> NDArray[np.float32]:
        """Probabilities [frames, speakers] of the rest, with what there is of the audio after each step."""
        samples = self._first + len(self._samples)
        frames = samples // self._hop
        decided = []
        while self._start < frames:
            end = min(self._start + self._profile.chunk * self._factor, frames)
            decided.append(self._step(end, min(end + self._profile.right * self._factor, frames), samples))
        return self._joined(decided)

    def _step(self, end: int, after: int, last_sample: int) -> NDArray[np.float32]:
        """One step of the model for the feature frames from the current one to `end`, heard up to `after`."""
        # All streams share the model, and each may have a profile of its own.
        self._set_profile()
        left = min(self._modules.chunk_left_context * self._factor, self._start)
        features = self._features(self._start - left, after, last_sample)
        with torch.inference_mode():
            self._state, probabilities = self._model.forward_streaming_step(
                processed_signal=features,
                processed_signal_length=torch.tensor([features.shape[1]], device=features.device),
                streaming_state=self._state,
                total_preds=torch.zeros((1, 0, self._modules.n_spk), device=features.device),
                left_offset=left,
                right_offset=after - end,
            )
        self._start = end
        keep = max(end - self._modules.chunk_left_context * self._factor - self._margin, 0) * self._hop
        self._samples, self._first = self._samples[keep - self._first :], keep
        return np.asarray(probabilities[0].float().cpu().numpy(), dtype=np.float32)

    def _features(self, first: int, after: int, last_sample: int) -> torch.Tensor:
        """Features [1, frames, bands] of the frames from `first` to before `after`, as those of the whole recording are."""
        begin = max(first - self._margin, 0)
        audio = torch.from_numpy(self._samples[begin * self._hop - self._first : last_sample - self._first])
        with torch.inference_mode():
            bands: torch.Tensor = self._model.preprocessor(
                input_signal=audio[None].to(self._model.device),
                length=torch.tensor([len(audio)], device=self._model.device),
            )[0]
        return bands[:, :, first - begin : after - begin].transpose(1, 2)

    def _set_profile(self) -> None:
        modules, profile = self._modules, self._profile
        modules.chunk_len, modules.chunk_right_context = profile.chunk, profile.right
        modules.fifo_len, modules.spkcache_update_period = profile.fifo, profile.update
        modules.spkcache_len = profile.cache

    def _joined(self, decided: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate([np.zeros((0, self._modules.n_spk), dtype=np.float32), *decided])


def _import_nemo() -> ModuleType:
    """`nemo.collections.asr.models`; the stand-ins that `load_nemo` makes for clustering alone give way to it."""
    if getattr(sys.modules.get("nemo"), "__file__", None) is None:
        _forget_nemo()
    try:
        models = importlib.import_module("nemo.collections.asr.models")
    except ImportError as error:
        # What a failed import leaves would stand in the way of the stand-ins.
        _forget_nemo()
        raise EngineMissing(
            "`diarization` in [asr] is `sortformer`, which needs NeMo's speech collection: pip install 'planerka[nemo]', or "
            f"set it to `onnx`. ({error})"
        ) from error
    importlib.import_module("nemo.utils").logging.setLevel("ERROR")
    return models


def _forget_nemo() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "nemo"]:
        del sys.modules[name]


def _check_config(config: Any, path: Path) -> None:
    """Tells what else the file holds before NeMo fails on it half-way."""
    if not str(config.get("target", "")).endswith("SortformerEncLabelModel"):
        raise EngineMissing(f"The model in {path} is no Sortformer but {config.get('target', 'something unnamed')}.")
    version = importlib.metadata.version("nemo_toolkit")
    installed = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if "transformer_encoder" not in config and installed < _NEMOTRON_SINCE:
        raise EngineMissing(
            f"The model in {path} has the newer form of Nemotron-3-Diarization, which nemo_toolkit {version} cannot read; it "
            "needs nemo_toolkit 3.1 or later. Use sortformer-4spk-v2.1, or install that version."
        )
    if not config.get("streaming_mode", False) or config.preprocessor.normalize not in {"NA", None}:
        raise EngineMissing(f"The Sortformer in {path} hears whole recordings only; a streaming one is needed.")
    if config.preprocessor.sample_rate != SAMPLE_RATE:
        raise EngineMissing(f"The model in {path} wants another sample rate than {SAMPLE_RATE} Hz.")
