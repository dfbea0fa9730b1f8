"""Speaker segmentation: the powerset network of pyannote segmentation-3.0, from its checkpoint to ONNX.

The network (SincNet front end, four bidirectional LSTM layers, two linear layers, powerset classifier) follows
pyannote.audio's `PyanNet` (MIT, https://github.com/pyannote/pyannote-audio) and the parametric sinc filters of
asteroid-filterbanks (MIT, https://github.com/asteroid-team/asteroid-filterbanks). Names of parameters and buffers
are those of the checkpoint, which loads strictly.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.convert.export import check_same, export, load_checkpoint

SAMPLE_RATE = 16_000
CLASSES = 7
"""Powerset of at most two of three local speakers: none, 1, 2, 3, 1+2, 1+3, 2+3."""

_NOT_NEEDED = tuple(f"pyannote.audio.core.task.{name}" for name in ("Specifications", "Resolution", "Problem"))
"""Classes that the checkpoint names beside its weights."""

_LOWEST_HZ = 50.0
_NARROWEST_HZ = 50.0


class _SincFilters(nn.Module):
    """Band-pass filters given by a lower edge and a width, as 40 even and 40 odd kernels of 251 samples."""

    window_: Tensor
    n_: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.low_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.band_hz_ = nn.Parameter(torch.zeros(40, 1))
        self.register_buffer("window_", torch.zeros(125))
        self.register_buffer("n_", torch.zeros(1, 125))

    def kernels(self) -> Tensor:
        """Float32 kernels, [80, 1, 251]."""
        low = _LOWEST_HZ + self.low_hz_.abs()
        high = (low + _NARROWEST_HZ + self.band_hz_.abs()).clamp(_LOWEST_HZ, SAMPLE_RATE / 2)
        width = high - low
        shape = self.window_ / (self.n_ / 2)
        even = (torch.sin(high @ self.n_) - torch.sin(low @ self.n_)) * shape
        odd = (torch.cos(low @ self.n_) - torch.cos(high @ self.n_)) * shape
        cosines = torch.cat([even, 2 * width, even.flip(1)], dim=1)
        sines = torch.cat([odd, torch.zeros_like(width), -odd.flip(1)], dim=1)
        return (torch.cat([cosines, sines]) / (2 * width).repeat(2, 1)).unsqueeze(1)


class _SincConv(nn.Module):
    """Convolution of the waveform with the sinc filters, one output every 10 samples."""

    def __init__(self) -> None:
        super().__init__()
        self.filterbank = _SincFilters()

    def forward(self, waveforms: Tensor) -> Tensor:
        return functional.conv1d(waveforms, self.filterbank.kernels(), stride=10)


class _SincNet(nn.Module):
    """Waveform [batch, 1, samples] to features [batch, 60, frames]; a frame every 270 samples (16.875 ms)."""

    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList([_SincConv(), nn.Conv1d(80, 60, 5), nn.Conv1d(60, 60, 5)])
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(width, affine=True) for width in (80, 60, 60)])

    def forward(self, waveforms: Tensor) -> Tensor:
        features: Tensor = self.wav_norm1d(waveforms)
        for index, (conv, norm) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            features = conv(features)
            if index == 0:
                features = features.abs()
            features = functional.leaky_relu(norm(functional.max_pool1d(features, 3, stride=3)))
        return features


class Segmentation(nn.Module):
    """Waveform [batch, 1, samples] at 16 kHz to log probabilities [batch, frames, 7] of the powerset classes."""

    def __init__(self) -> None:
        super().__init__()
        self.sincnet = _SincNet()
        self.lstm = nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
        self.linear = nn.ModuleList([nn.Linear(256, 128), nn.Linear(128, 128)])
        self.classifier = nn.Linear(128, CLASSES)

    def forward(self, waveforms: Tensor) -> Tensor:  # noqa: D102  (the class says it)
        hidden, _ = self.lstm(self.sincnet(waveforms).transpose(1, 2))
        for layer in self.linear:
            hidden = functional.leaky_relu(layer(hidden))
        return functional.log_softmax(self.classifier(hidden), dim=-1)


def convert(raw: Path, final: Path) -> None:
    """Write `model.onnx` (input `waveforms` [batch, 1, samples], output `log_probs` [batch, frames, 7]).

    Raises:
        Unconvertible: the checkpoint does not fit the network, or ONNX and PyTorch disagree.
    """
    model = Segmentation().eval()
    load_checkpoint(model, raw / "pytorch_model.bin", key="state_dict", opaque=_NOT_NEEDED)
    target = final / "model.onnx"
    inputs = {"waveforms": {0: "batch", 2: "samples"}}
    export(model, _speech_like(1, 10.0), target, inputs=inputs, outputs={"log_probs": {0: "batch", 1: "frames"}})
    check_same(model, target, [_speech_like(1, 10.0), _speech_like(3, 10.0), _speech_like(2, 4.3)])


def _speech_like(batch: int, seconds: float) -> Tensor:
    """A deterministic voiced sound with syllables: silence would exercise only one class."""
    time = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voices = []
    for index in range(batch):
        pitch = 110.0 * (1 + 0.4 * index) * (1 + 0.05 * torch.sin(2 * math.pi * 0.7 * time))
        phase = 2 * math.pi * torch.cumsum(pitch, 0) / SAMPLE_RATE
        tone = sum((torch.sin(harmonic * phase) / harmonic for harmonic in range(1, 12)), torch.zeros_like(time))
        voices.append(0.1 * tone * (torch.sin(2 * math.pi * (1.5 + index) * time) > -0.3))
    return torch.stack(voices).unsqueeze(1)
