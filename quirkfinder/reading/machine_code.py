"""LLVM IR to machine code, and a cache of it in the user's cache folder.

Compiling takes about as long as reading a million lines; the object file of the last compilation is kept under
`$XDG_CACHE_HOME/quirkfinder` (`~/.cache/quirkfinder`), named after a hash of the IR, the processor and llvmlite's
version, with a hash of its own content in front.  A cache that cannot be written or read is no error.
"""

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIGEST = 32


class NativeUnavailableError(RuntimeError):
    """llvmlite is missing, or too old to read the generated module: the portable engine does the work."""


@dataclass(frozen=True, slots=True)
class MachineCode:
    """The compiled function `parse`; the memory that it lies in lives as long as this."""

    function: Callable[[int, int, int], int]
    engine: Any

    def __call__(self, block: int, length: int, context: int) -> int:
        """`parse` with three addresses or lengths; see `llvm_ir`."""
        return self.function(block, length, context)


def cache_folder() -> Path:
    """Where object files are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quirkfinder"


def _cached(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    code = content[_DIGEST:]
    return code if code and hashlib.sha256(code).digest() == content[:_DIGEST] else None


def _keep(path: Path, code: bytes) -> None:
    """Writes a cache file under its name only when it is complete; older ones go."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(file.name).replace(path)
        for old in path.parent.glob("parse-*.o"):
            if old != path:
                old.unlink()


def machine_code(text: str) -> MachineCode:
    """The function `parse` of a module for this processor.  Raises NativeUnavailableError."""
    try:
        import llvmlite
        import llvmlite.binding as llvm
    except ImportError as error:
        raise NativeUnavailableError(str(error)) from error
    if llvm.llvm_version_info[0] < 20:
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2, cpu=cpu, features=features, jit=True)
    key = hashlib.sha256("\0".join((text, cpu, features, llvmlite.__version__)).encode()).hexdigest()
    path = cache_folder() / f"parse-{key[:32]}.o"
    code = _cached(path)
    if code is None:
        code = _compiled(llvm, text, machine)
        _keep(path, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    return MachineCode(prototype(engine.get_function_address("parse")), engine)


def _compiled(llvm: Any, text: str, machine: Any) -> bytes:  # noqa: ANN401  llvmlite has no types
    """The object file of a module."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise NativeUnavailableError(f"llvmlite cannot read the generated module: {error}") from error
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code
