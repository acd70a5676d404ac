"""test_bench.py BUILD: peers.py with tiny sizes: whatever is installed runs, and everything that runs is compared and timed. Exit status 77
where PyTorch is absent."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# What needs neither pictures, nor weights, nor vectors that are outside the repository; and what needs them. The training step and PatchCore
# are left to a run by hand, as each takes as long as all of these.
ALONE = {"backbone": 1, "networks": 2, "memory": 2}
WITH_SHARED = {"networks": 3, "search": 1, "scorer": 3, "end_to_end": 1, "coreset": 1}


def peers(build, path, stages, *options):
    """The results in the file after a run."""
    run = subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "--build", build, "--quick", "--rounds", "1", "--only", stages,
                          "--json", path, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(run.stdout)
    assert run.returncode == 0, f"peers.py ended with {run.returncode}"
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    build = sys.argv[1]
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as problem:
        print(f"test_bench.py: skipped: {problem}")
        sys.exit(77)
    shared = os.environ.get("SNARM_SHARED", "")
    wanted = dict(ALONE, **(WITH_SHARED if os.path.isdir(os.path.join(shared, "golden")) else {}))
    with tempfile.TemporaryDirectory() as folder:
        path, network = (os.path.join(folder, name) for name in ("peers.json", "network.safetensors"))
        subprocess.run([os.path.join(build, "tests", "random_weights"), "half_resnet18", network], stdout=subprocess.DEVNULL, check=True)
        results = peers(build, path, ",".join(wanted), "--shared", shared, "--builtin", network)
        for name, tables in wanted.items():
            stage = results["stages"][name]
            assert len(stage["tables"]) >= tables, f"{name}: {len(stage['tables'])} tables"
            for table in stage["tables"]:
                assert any(row["ours"] for row in table["rows"]), f"{name}: {table['title']}: ours is not there"
                assert all(row.get("median_ms", row.get("peak_mib")) > 0 for row in table["rows"]), f"{name}: {table['title']}"
        assert stage["ceiling"]["gflops"]["f32"] > 1
        shown = subprocess.run([sys.executable, os.path.join(HERE, "table.py"), path], stdout=subprocess.PIPE, text=True, check=True).stdout
        assert "### What falls short" in shown and all(f"### {t['title']}" in shown for s in results["stages"].values() for t in s["tables"])
        # What is absent is left out and named; the stages that were there stay.
        absent = peers(build, path, "networks", "--shared", folder, "--builtin", os.path.join(folder, "none"))
        assert [table["network"] for table in absent["stages"]["networks"]["tables"]] == ["WideResNet-50-2, 64 x 64"], absent
        for start in ("ResNet-18: weights/resnet18_to_layer3.safetensors is absent", f"Built-in network: {folder}/none is absent"):
            assert any(sentence.startswith(start) for sentence in absent["stages"]["networks"]["skipped"]), absent["stages"]["networks"]["skipped"]
        assert list(absent["stages"]) == list(results["stages"])
    refused = subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "--build", build, "--only", "nothing"], stderr=subprocess.PIPE,
                             text=True)
    assert refused.returncode == 2 and "--only: 'nothing'" in refused.stderr, refused.stderr


main()
