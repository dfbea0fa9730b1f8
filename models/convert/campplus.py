"""Speaker embedding: CAM++ (192 dimensions, Chinese and English training data), from its checkpoint to ONNX.

The network follows 3D-Speaker's `CAMPPlus` (Apache-2.0, https://github.com/modelscope/3D-Speaker; paper
arXiv:2303.00332): a small residual network over the filter banks, three blocks of densely connected time-delay
layers with context-aware masking, mean and deviation over time, one linear layer with a plain batch norm.
Names of parameters are those of the checkpoint, which loads strictly.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.convert.export import check_same, export, load_checkpoint

BANDS = 80
"""Kaldi filter banks per frame of 10 ms."""
DIMENSIONS = 192

_MASK_FRAMES = 100
"""Frames (of 20 ms) that share one mean in the context-aware mask."""


def _norm_relu(channels: int) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("batchnorm", nn.BatchNorm1d(channels))
    block.add_module("relu", nn.ReLU())
    return block


class _Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut; `stride` shortens the frequency axis only."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(features))


class _Head(nn.Module):
    """Filter banks [batch, 80, frames] to [batch, 320, frames]."""

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.layer2 = nn.Sequential(_Residual(channels, 2), _Residual(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, banks: Tensor) -> Tensor:
        hidden = functional.relu(self.bn1(self.conv1(banks.unsqueeze(1))))
        hidden = self.layer2(self.layer1(hidden))
        return functional.relu(self.bn2(self.conv2(hidden))).flatten(1, 2)


class _TimeDelay(nn.Module):
    """First time-delay layer; halves the frame rate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, outputs, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _norm_relu(outputs)

    def forward(self, frames: Tensor) -> Tensor:
        hidden: Tensor = self.nonlinear(self.linear(frames))
        return hidden


class _Mask(nn.Module):
    """Local convolution, weighted by a mask computed from the whole utterance and from 2-second segments."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(inputs, inputs // 2, 1)
        self.linear2 = nn.Conv1d(inputs // 2, outputs, 1)

    def forward(self, frames: Tensor) -> Tensor:
        context = frames.mean(-1, keepdim=True) + _segment_means(frames)
        mask = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        masked: Tensor = self.linear_local(frames) * mask
        return masked


class _DenseLayer(nn.Module):
    def __init__(self, inputs: int, bottleneck: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm_relu(inputs)
        self.linear1 = nn.Conv1d(inputs, bottleneck, 1, bias=False)
        self.nonlinear2 = _norm_relu(bottleneck)
        self.cam_layer = _Mask(bottleneck, outputs, dilation)

    def forward(self, frames: Tensor) -> Tensor:
        hidden: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(frames))))
        return hidden


class _DenseBlock(nn.Module):
    """Layers that each see the outputs of all before them."""

    def __init__(self, layers: int, inputs: int, growth: int, dilation: int) -> None:
        super().__init__()
        for index in range(layers):
            self.add_module(f"tdnnd{index + 1}", _DenseLayer(inputs + index * growth, 4 * growth, growth, dilation))

    def forward(self, frames: Tensor) -> Tensor:
        for layer in self.children():
            frames = torch.cat([frames, layer(frames)], dim=1)
        return frames


class _Transit(nn.Module):
    """Halves the number of channels between blocks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _norm_relu(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        halved: Tensor = self.linear(self.nonlinear(frames))
        return halved


class _Statistics(nn.Module):
    """Mean and (unbiased) deviation over time, [batch, 2 * channels]."""

    def forward(self, frames: Tensor) -> Tensor:
        mean = frames.mean(-1)
        # Written out, because the exporter loses the rank of `Tensor.std` over a variable axis.
        variance = (frames - mean.unsqueeze(-1)).square().sum(-1) / (frames.shape[-1] - 1)
        return torch.cat([mean, variance.sqrt()], dim=1)


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, outputs, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(outputs, affine=False))

    def forward(self, vectors: Tensor) -> Tensor:
        embedding: Tensor = self.nonlinear(self.linear(vectors.unsqueeze(-1)).squeeze(-1))
        return embedding


class CamPlusPlus(nn.Module):
    """Mean-subtracted filter banks [batch, frames, 80] to embeddings [batch, 192] (not normalised)."""

    def __init__(self, growth: int = 32) -> None:
        super().__init__()
        self.head = _Head()
        channels = 128
        self.xvector = nn.Sequential()
        self.xvector.add_module("tdnn", _TimeDelay(320, channels))
        for index, (layers, dilation) in enumerate(((12, 1), (24, 2), (16, 2)), start=1):
            self.xvector.add_module(f"block{index}", _DenseBlock(layers, channels, growth, dilation))
            channels += layers * growth
            self.xvector.add_module(f"transit{index}", _Transit(channels))
            channels //= 2
        self.xvector.add_module("out_nonlinear", _norm_relu(channels))
        self.xvector.add_module("stats", _Statistics())
        self.xvector.add_module("dense", _Dense(2 * channels, DIMENSIONS))

    def forward(self, fbank: Tensor) -> Tensor:  # noqa: D102  (the class says it)
        embedding: Tensor = self.xvector(self.head(fbank.transpose(1, 2)))
        return embedding


def convert(raw: Path, final: Path) -> None:
    """Write `model.onnx` (input `fbank` [batch, frames, 80], output `embedding` [batch, 192]).

    Raises:
        Unconvertible: the checkpoint does not fit the network, or ONNX and PyTorch disagree.
    """
    model = CamPlusPlus().eval()
    load_checkpoint(model, raw / "campplus_cn_en_common.pt")
    target = final / "model.onnx"
    inputs = {"fbank": {0: "batch", 1: "frames"}}
    export(model, _banks(2, 150), target, inputs=inputs, outputs={"embedding": {0: "batch"}})
    check_same(model, target, [_banks(1, 40), _banks(2, 145), _banks(1, 200), _banks(4, 401)])


def _segment_means(frames: Tensor) -> Tensor:
    """Each frame's mean over its segment of 100 frames; the last segment may be shorter."""
    pooled = functional.avg_pool1d(frames, _MASK_FRAMES, stride=_MASK_FRAMES, ceil_mode=True)
    return pooled.repeat_interleave(_MASK_FRAMES, dim=-1)[..., : frames.shape[-1]]


def _banks(batch: int, frames: int) -> Tensor:
    """Deterministic values with the spread of mean-subtracted log filter banks."""
    values = torch.randn(batch, frames, BANDS, generator=torch.Generator().manual_seed(frames)) * 3.0
    return values - values.mean(dim=1, keepdim=True)
