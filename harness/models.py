"""What every plugin that opens a model needs: its folder on this machine, and weights that compute alike on all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import ModelFailed, UsageError


def make_once(target: Path, fill: Callable[[Path], None]) -> Path:
    """``target``, filled by ``fill(folder)`` unless it is there already.

    Whoever reads ``target`` finds it whole or not at all: it is filled beside its place and renamed, and two processes
    that want it at the same time do the work once. A ``fill`` that raises leaves nothing behind.
    """
    import shutil
    import tempfile

    import filelock

    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(target.parent / f"{target.name}.lock"):
        if target.is_dir():
            return target
        workplace = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            whole = workplace / "whole"
            whole.mkdir()
            fill(whole)
            whole.rename(target)
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    return target


def hub_snapshot(name: str, files: Sequence[str], *, revision: str | None = None, offline: bool) -> Path | None:
    """The folder of the hub's cache with the model's ``files`` (patterns), fetched unless ``offline``.

    ``None`` where the hub, or its cache, does not have it; a snapshot from the cache may lack files that were never
    asked for. Raises ``UsageError`` for a name or revision that the hub does not know, and ``ModelFailed`` for a model
    whose terms were not accepted.
    """
    if offline and not _is_cached(name):
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    # the HTTP library's own errors too, which are no OSErrors; which library it is differs with the hub's version
    network = [base for base in HfHubHTTPError.__bases__ if issubclass(base, Exception)]
    not_there: tuple[type[Exception], ...] = (OSError, ValueError, *network)
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(files), local_files_only=offline))
    except GatedRepoError as error:
        raise ModelFailed(f"{name} is gated: accept its terms on the hub and set HF_TOKEN") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UsageError(
            f"the hub has no model {name}{f' with revision {revision}' if revision else ''}",
            remedy="check the name; a private model needs HF_TOKEN",
        ) from error
    except not_there:
        return None  # or the network broke off: the caller knows further ways


def compute_alike(layers: Iterable[Any]) -> None:
    """Keep a model's layers in four bits from being packed anew at their first pass without gradients.

    On a processor with AVX512-BF16 bitsandbytes does so, for good and with scales rounded to bfloat16: the numbers
    would be others than on the next machine, than those that an adapter on them was trained with, and than before a
    training was interrupted. It has no setting for this (0.50), only an attribute of each layer.
    """
    for layer in layers:
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False


def _is_cached(name: str) -> bool:
    """Whether the hub's cache has the model at all; its library takes a while to import, its settings do not."""
    from huggingface_hub import constants

    return (Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir()
