"""The fitted numbers: `weights.json` beside this file, made by `bench/fit_matching.py`, never written by hand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from match_service import features

_FILE: Final = Path(__file__).with_name("weights.json")


@dataclass(frozen=True, slots=True)
class TalkWeights:
    """Of the chain over sentences."""

    card: Mapping[str, float]
    """features.CARD -> weight."""
    nothing: Mapping[str, float]
    """features.NOTHING -> weight."""
    new: Mapping[str, float]
    """features.NEW -> weight."""
    step: Mapping[str, float]
    """features.STEP -> weight."""
    stay_nothing: Mapping[str, float]
    """features.STAY_NOTHING -> weight."""
    enter: Mapping[str, float]
    """features.ENTER -> weight."""
    leave: float
    """Of going from a card to no card."""
    enter_new: Mapping[str, float]
    """features.ENTER_NEW -> weight."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A logistic map from a log-odds to a calibrated probability."""

    slope: float
    """Factor."""
    shift: float
    """Added after the factor."""


@dataclass(frozen=True, slots=True)
class Weights:
    """All fitted numbers."""

    rank: Mapping[str, float]
    """features.RANK -> weight, for a text on its own."""
    right: tuple[float, ...]
    """Weights of features.FIT in the log-odds that the best card is the right one."""
    any_card: tuple[float, ...]
    """Weights of features.FIT in the log-odds that some card fits."""
    talk: TalkWeights
    """Of the talk."""
    talk_scale: Scale
    """From the chain's log-odds of a turn's card to a probability."""
    auto_text: float
    """Probability from which a text on its own is AUTO."""
    auto_whole: float
    """The same on a board that is too large to be read in pieces; above 1 (always ask) while too few texts were seen on such ones."""
    auto_talk: float
    """Probability from which a turn of a talk is AUTO."""
    confirm: float
    """Probability from which a person is asked."""
    wanted_precision: float
    """Precision that the AUTO thresholds were chosen for."""


@cache
def built_in() -> Weights:
    """Return the weights that come with the service."""
    return parse(json.loads(_FILE.read_text(encoding="utf-8")))


def parse(values: Mapping[str, Any]) -> Weights:
    """Return the weights of a parsed `weights.json`.

    Raises:
        KeyError: a feature has no weight.
    """
    talk = values["talk"]
    return Weights(
        rank=_named(values["rank"], features.RANK),
        right=tuple(_named(values["right"], features.FIT).values()),
        any_card=tuple(_named(values["any_card"], features.FIT).values()),
        talk=TalkWeights(
            card=_named(talk["card"], features.CARD),
            nothing=_named(talk["nothing"], features.NOTHING),
            new=_named(talk["new"], features.NEW),
            step=_named(talk["step"], features.STEP),
            stay_nothing=_named(talk["stay_nothing"], features.STAY_NOTHING),
            enter=_named(talk["enter"], features.ENTER),
            leave=float(talk["leave"]),
            enter_new=_named(talk["enter_new"], features.ENTER_NEW),
        ),
        talk_scale=Scale(float(values["talk_scale"]["slope"]), float(values["talk_scale"]["shift"])),
        auto_text=float(values["auto_text"]),
        auto_whole=float(values["auto_whole"]),
        auto_talk=float(values["auto_talk"]),
        confirm=float(values["confirm"]),
        wanted_precision=float(values["wanted_precision"]),
    )


def _named(values: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    return {name: float(values[name]) for name in names}
