"""What the results were taken on, and with."""
import importlib.metadata
import os
import platform

PACKAGES = ("numpy", "torch", "onnx", "onnxruntime", "openvino", "faiss-cpu", "anomalib", "safetensors")


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
        values = {name.strip(): value.strip() for name, value in fields.items()}
        family = f"family {values['cpu family']} model {values['model']}" if "cpu family" in values else ""
        return values.get("model name", platform.processor()) + (f" ({family})" if family else "")
    except OSError:
        return platform.processor() or platform.machine()


def features():
    """Instruction sets that decide over speed here."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split(":", 1)[1].split() for line in file if line.startswith("flags")), [])
    except OSError:
        return []
    return [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8") if name in flags]


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def describe(context):
    return {
        "processor": processor(), "instructions": features(), "processors": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30), "system": platform.platform(terse=True),
        "python": platform.python_version(), "libsnarm": context.snarm.library_version(),
        "packages": {name: version(name) for name in PACKAGES if version(name)},
    }
