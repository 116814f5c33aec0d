"""Where compiled kernels are kept between runs.

One file a kernel, named by a hash of what it computes, of the generator's version and of the
processor it was compiled for. A folder that cannot be written is no error: the kernel is used
and not kept. Files are written whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

#: Environment variable that names the cache folder; empty switches the cache off.
VARIABLE = "KETASIM_CACHE"


def cache_directory() -> Path | None:
    """Return the folder for compiled kernels, or None where caching is switched off.

    Returns
    -------
    pathlib.Path or None
        ``$KETASIM_CACHE/kernels`` where that variable is set, else the user's cache folder.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) / "kernels" if named else None
    try:
        return _user_cache() / "ketasim" / "kernels"
    except RuntimeError:  # no home folder
        return None


def _user_cache() -> Path:
    """Return the folder in which this system keeps users' caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def content_key(*parts: str) -> str:
    """Return a hexadecimal hash of the given texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def read(key: str) -> bytes | None:
    """Return the stored bytes of `key`, or None."""
    folder = cache_directory()
    if folder is None:
        return None
    try:
        stored = (folder / f"{key}.o").read_bytes()
    except OSError:
        return None
    checksum, content = stored[:32], stored[32:]
    # A torn or altered file is compiled anew, never loaded.
    return content if hashlib.sha256(content).digest() == checksum else None


def write(key: str, content: bytes) -> bool:
    """Store bytes under `key`; return whether that worked."""
    folder = cache_directory()
    if folder is None:
        return False
    temporary: str | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.replace(temporary, folder / f"{key}.o")
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return False
    return True
