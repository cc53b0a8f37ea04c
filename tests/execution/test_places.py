"""The folder of a model: whole under its name or not there, one process at a time, and known again by its content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.execution import places
from harness.execution.places import Place, claimed

MADE_OF = {"run": "tiny-1/tuned", "adapter_sha256": "a" * 64}


def made(place: Place, found: dict[str, object] | None = None, card: str = "a card") -> None:
    whole = place.workplace / "model"
    (whole / "templates").mkdir(parents=True)
    (whole / "model.safetensors").write_bytes(b"weights")
    (whole / "templates" / "tools.jinja").write_text("a template")
    place.keep(whole, MADE_OF, found or {"texts": 3}, card)


def test_what_was_made_is_found_again_with_what_was_found(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    with claimed(folder) as place:
        assert place.made_before(MADE_OF) is None
        made(place, {"texts": 3, "apart": 7.62939453125e-06})
    assert [each.name for each in folder.parent.iterdir()] == ["model"]
    with claimed(folder) as place:
        assert place.made_before(MADE_OF) == {"texts": 3, "apart": 7.62939453125e-06}


def test_an_empty_folder_is_no_hindrance_and_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with claimed(tmp_path / "empty") as place:
        made(place)
    (tmp_path / "file").write_text("something")
    with claimed(tmp_path / "file") as place, pytest.raises(UsageError, match="is there already and not empty"):
        place.refuse_other(MADE_OF)


@pytest.mark.parametrize("receipt", ["", "[]", "{}", '{"made_of": 1, "found": {}, "files": {}}'])
def test_a_folder_whose_word_cannot_be_understood_is_somebody_elses(receipt: str, tmp_path: Path) -> None:
    with claimed(tmp_path / "model") as place:
        made(place)
        (place.folder / places.RECEIPT).write_text(receipt)
        with pytest.raises(UsageError, match="is there already and not empty"):
            place.made_before(MADE_OF)


@pytest.mark.parametrize("name", ["model.safetensors", "templates/tools.jinja", "added.safetensors"])
def test_a_file_that_was_changed_added_or_taken_away_is_named(name: str, tmp_path: Path) -> None:
    with claimed(tmp_path / "model") as place:
        made(place)
        (place.folder / name).write_bytes(b"other")
        with pytest.raises(UsageError, match=f"{name} is not as it was when this model was made"):
            place.made_before(MADE_OF)
        (place.folder / name).unlink()
        if not name.startswith("added"):
            with pytest.raises(UsageError, match=f"{name} is not as it was"):
                place.made_before(MADE_OF)


def test_the_card_and_hidden_files_are_no_part_of_the_model(tmp_path: Path) -> None:
    with claimed(tmp_path / "model") as place:
        made(place)
        (place.folder / ".gitattributes").write_text("x")
        place.describe("another card")
        assert (place.folder / places.CARD).read_text() == "a card", "what a person may have written stays"
        (place.folder / places.CARD).unlink()
        place.describe("another card")
        assert (place.folder / places.CARD).read_text() == "another card"
        assert place.made_before(MADE_OF) == {"texts": 3}


def test_another_content_is_another_digest(tmp_path: Path) -> None:
    with claimed(tmp_path / "one") as one, claimed(tmp_path / "two") as two:
        made(one)
        made(two)
        assert one.content == two.content
        receipt = json.loads((two.folder / places.RECEIPT).read_text())
        receipt["files"]["model.safetensors"] = "b" * 64
        (two.folder / places.RECEIPT).write_text(json.dumps(receipt))
        assert one.content != two.content


def test_a_place_is_for_one_at_a_time_and_free_again_afterwards(tmp_path: Path) -> None:
    with claimed(tmp_path / "model") as place:
        (place.workplace / "half").mkdir()
        with pytest.raises(UsageError, match="another merge is at work on it"), claimed(tmp_path / "model"):
            pass
        assert (place.workplace / "half").is_dir(), "who is refused throws nothing away"
    with claimed(tmp_path / "model") as place:
        assert [each.name for each in place.workplace.iterdir()] == [".lock"]


def test_what_a_kill_has_left_goes_first(tmp_path: Path) -> None:
    left = tmp_path / "model.unfinished"
    (left / "model").mkdir(parents=True)
    (left / "model" / "model.safetensors").write_bytes(b"half")
    (left / "README.md").write_text("half")
    with claimed(tmp_path / "model") as place:
        assert [each.name for each in place.workplace.iterdir()] == [".lock"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["/", "/proc/no/such", "/dev/null/model"])
def test_a_place_that_cannot_be_written_is_refused_at_once(folder: str) -> None:
    with pytest.raises(UsageError) as refused, claimed(Path(folder)):
        pass
    assert "\n" not in str(refused.value)


def test_a_disk_that_is_full_at_the_last_moment_leaves_nothing_under_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(places, "_on_the_disk", full)
    with (
        pytest.raises(HarnessError, match="cannot be written: No space left on device"),
        claimed(tmp_path / "m") as place,
    ):
        made(place)
    assert list(tmp_path.iterdir()) == []
