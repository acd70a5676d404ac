"""python -m snarm.convert: PyTorch files to safetensors, for backbones and scorers."""

import contextlib
import io
import json
import struct
import subprocess
import sys

import numpy as np
import pytest

import sample_files
import snarm

torch = pytest.importorskip("torch")
from snarm import convert  # noqa: E402


def run(*arguments):
    """Exit code, stdout and stderr of the command, without the seconds that a new interpreter needs for PyTorch."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = convert.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    return code, output.getvalue(), errors.getvalue()


RESNET = sample_files.random_resnet(3)


def resnet():
    """Tensors of a random ResNet-18 up to its third stage."""
    tensors = {}
    for name, (kind, shape, data) in RESNET.items():
        values = np.frombuffer(data, np.float16 if kind == "F16" else np.float32).reshape(shape)
        tensors[name] = torch.from_numpy(values.copy())
    tensors["fc.weight"] = torch.zeros(10, 512)
    tensors["bn1.num_batches_tracked"] = torch.tensor(5)
    return tensors


def scorer(channels=16, embedding=8):
    """Tensors of a published scorer checkpoint, small and random."""
    torch.manual_seed(1)
    c, d, e, rank = channels, embedding, 2 * embedding, 1
    tensors = {"simple_predictor.weight": torch.randn(1, c, 1, 1), "simple_predictor.bias": torch.zeros(1)}
    for b in range(4):
        tensors[f"conv_list.{b}.weight"], tensors[f"conv_list.{b}.bias"] = torch.randn(d, 2 * c, 1, 1), torch.zeros(d)
        tensors[f"norm_list.{b}.weight"], tensors[f"norm_list.{b}.bias"] = torch.ones(d), torch.zeros(d)
        for depth in range(2):
            shapes = {"norm.weight": (d,), "conv.weight": (d, d, 3, 3), "conv.bias": (d,), "mixer.in_proj.weight": (2 * e, d),
                      "mixer.conv1d.weight": (e, 1, 4), "mixer.conv1d.bias": (e,), "mixer.x_proj.weight": (rank + 8, e),
                      "mixer.dt_proj.weight": (e, rank), "mixer.dt_proj.bias": (e,), "mixer.A_log": (e, 4), "mixer.D": (e,),
                      "mixer.out_proj.weight": (d, e)}
            tensors.update({f"mamba_list.{b}.{depth}.{name}": torch.randn(shape) * 0.1 for name, shape in shapes.items()})
        for scan in range(4):
            head = f"head_list.{4 * b + scan}"
            tensors[f"{head}.0.conv.weight"], tensors[f"{head}.1.weight"] = torch.randn(d, d, 3, 3), torch.randn(1, d, 1, 1)
            tensors[f"{head}.1.bias"], tensors[f"{head}.0.norm.num_batches_tracked"] = torch.zeros(1), torch.tensor(9)
            for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
                tensors[f"{head}.0.norm.{name}"] = torch.full((d,), value)
    return tensors


def read(path):
    """{name: (dtype, shape, bytes)} and the metadata."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    about = header.pop("__metadata__", {})
    start = 8 + length
    return {name: (t["dtype"], t["shape"], data[start + t["data_offsets"][0] : start + t["data_offsets"][1]]) for name, t in header.items()}, about


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: t,
        lambda t: {"state_dict": t, "epoch": 3, "optimizer": {"state": {}}},
        lambda t: {"model": {f"module.{name}": value for name, value in t.items()}},
        lambda t: {"teacher": {f"backbone.{name}": value for name, value in t.items()}, "student": {}},
    ],
)
def test_backbones(tmp_path, wrap):
    torch.save(wrap(resnet()), tmp_path / "resnet.pth")
    kind, about = convert.convert(str(tmp_path / "resnet.pth"), str(tmp_path / "resnet.safetensors"))
    assert kind == "backbone" and about.startswith("resnet18, 512 channels at 392 x 392")
    planes = np.random.default_rng(1).normal(size=(3, 64, 64)).astype(np.float32)
    ours = snarm.Backbone(tmp_path / "resnet.safetensors", width=64, height=64)
    theirs = snarm.Backbone(sample_files.safetensors(str(tmp_path / "plain.safetensors"), RESNET), width=64, height=64)
    assert (ours.features(planes) == theirs.features(planes)).all()


def test_the_command(tmp_path):
    torch.save(resnet(), tmp_path / "resnet.pth")
    names = [str(tmp_path / name) for name in ("resnet.pth", "resnet.safetensors")]
    done = subprocess.run([sys.executable, "-m", "snarm.convert", *names], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith(f"{names[1]}: backbone, resnet18, 512 channels")


def test_values_and_types(tmp_path):
    tensors = resnet()
    tensors["layer1.0.conv1.weight"] = tensors["layer1.0.conv1.weight"].to(torch.bfloat16)
    tensors["layer1.0.conv2.weight"] = tensors["layer1.0.conv2.weight"].to(torch.float64)
    tensors["conv1.weight"] = tensors["conv1.weight"].permute(0, 1, 3, 2)  # not contiguous
    torch.save(tensors, tmp_path / "a.pth")
    code, output, errors = run(tmp_path / "a.pth", tmp_path / "a.safetensors", "--metadata", "licence=MIT=X", "--metadata", "image_mean=0.5,0.5,0.5")
    assert (code, errors) == (0, "") and output.startswith(f"{tmp_path}/a.safetensors: backbone, resnet18")
    found, about = read(tmp_path / "a.safetensors")
    assert about == {"licence": "MIT=X", "image_mean": "0.5,0.5,0.5"} and set(found) == set(tensors)
    assert found["layer1.0.conv1.weight"][0] == "BF16" and found["layer1.0.conv2.weight"][0] == "F32" and found["conv1.weight"][0] == "F16"
    assert found["conv1.weight"][2] == tensors["conv1.weight"].contiguous().numpy().tobytes()
    assert found["layer1.0.conv1.weight"][2] == tensors["layer1.0.conv1.weight"].view(torch.int16).numpy().tobytes()
    assert found["bn1.num_batches_tracked"][:2] == ("I64", [])
    info = snarm.Backbone(tmp_path / "a.safetensors").info
    assert info.licence == "MIT=X" and info.mean == (0.5, 0.5, 0.5)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    safetensors = pytest.importorskip("safetensors.torch")
    assert (safetensors.load_file(tmp_path / "a.safetensors")["layer1.0.conv1.weight"] == tensors["layer1.0.conv1.weight"]).all()


def test_scorers(tmp_path):
    whole = {**{f"encoder.{name}": value for name, value in resnet().items()}, **scorer()}
    torch.save(scorer(), tmp_path / "scorer.pth")
    torch.save(whole, tmp_path / "whole.pth")
    torch.save({f"module.{name}": value for name, value in scorer().items()}, tmp_path / "module.pth")
    code, output, errors = run(tmp_path / "scorer.pth", tmp_path / "scorer.safetensors", "--metadata", "self_ratio=0.5")
    assert (code, errors) == (0, "") and "scorer, 4 branches, depth 2, 16 channels, embedding 8" in output
    info = snarm.Scorer(tmp_path / "scorer.safetensors", grid_width=9, grid_height=8).info
    assert (info.branches, info.depth, info.channels, info.reference_ratio, info.maps) == (4, 2, 16, 0.5, 16)
    code, _, errors = run(tmp_path / "whole.pth", tmp_path / "part.safetensors")
    assert code == 3 and "say which with --kind backbone or --kind scorer" in errors and errors.count("\n") == 1
    assert run(tmp_path / "whole.pth", tmp_path / "part.safetensors", "--kind", "scorer")[0] == 0
    assert read(tmp_path / "part.safetensors")[0] == read(tmp_path / "scorer.safetensors")[0]
    assert convert.convert(str(tmp_path / "module.pth"), str(tmp_path / "module.safetensors"))[0] == "scorer"
    assert run(tmp_path / "whole.pth", tmp_path / "back.safetensors", "--kind", "backbone")[0] == 0
    assert "layer1.0.conv1.weight" in read(tmp_path / "back.safetensors")[0]


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_refuses(tmp_path):
    torch.save({"conv.weight": torch.zeros(2), "other": torch.zeros(1)}, tmp_path / "other.pth")
    torch.save({"epoch": 3}, tmp_path / "nothing.pth")
    torch.save(Evil(), tmp_path / "evil.pth")
    (tmp_path / "text.pth").write_text("no pickle")
    torn = scorer()
    del torn["norm_list.2.bias"]
    torch.save(torn, tmp_path / "torn.pth")
    for name, words in (
        ("other", "neither a backbone nor a scorer; its tensors begin with conv.weight, other"),
        ("nothing", "no named tensors found, only epoch"),
        ("evil", "not a PyTorch file of weights alone"),
        ("text", "not a PyTorch file of weights alone"),
        ("missing", "No such file"),
        ("torn", "libsnarm does not read it: "),
    ):
        code, output, errors = run(tmp_path / f"{name}.pth", tmp_path / "out.safetensors")
        assert code == 3 and output == "" and errors.startswith("snarm.convert: ") and errors.count("\n") == 1, errors
        assert words in errors and f"{name}.pth" in errors
        if name == "torn":
            assert "norm_list.2.bias" in errors and ".part" not in errors
    assert not (tmp_path / "out.safetensors").exists() and not list(tmp_path.glob(".*"))
    assert run(tmp_path / "other.pth")[0] == 2
    assert run(tmp_path / "other.pth", "b", "--metadata", "x")[0] == 2


def test_without_pytorch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(convert.ConvertError, match="PyTorch is not installed"):
        convert.load("a.pth")
