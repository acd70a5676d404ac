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
ALONE = {"backbone": 1, "memory": 2}
WITH_SHARED = {"search": 1, "scorer": 3, "end_to_end": 1, "coreset": 1}


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
        path = os.path.join(folder, "peers.json")
        run = subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "--build", build, "--shared", shared, "--quick", "--rounds", "1",
                              "--only", ",".join(wanted), "--json", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(run.stdout)
        assert run.returncode == 0, f"peers.py ended with {run.returncode}"
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
        for name, tables in wanted.items():
            stage = results["stages"][name]
            assert len(stage["tables"]) >= tables, f"{name}: {len(stage['tables'])} tables"
            for table in stage["tables"]:
                assert any(row["ours"] for row in table["rows"]), f"{name}: {table['title']}: ours is not there"
                assert all(row.get("median_ms", row.get("peak_mib")) > 0 for row in table["rows"]), f"{name}: {table['title']}"
        assert stage["ceiling"]["gflops"]["f32"] > 1
        shown = subprocess.run([sys.executable, os.path.join(HERE, "table.py"), path], stdout=subprocess.PIPE, text=True, check=True).stdout
        assert "### What falls short" in shown and all(f"### {t['title']}" in shown for s in results["stages"].values() for t in s["tables"])
    refused = subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "--build", build, "--only", "nothing"], stderr=subprocess.PIPE,
                             text=True)
    assert refused.returncode == 2 and "--only: 'nothing'" in refused.stderr, refused.stderr


main()
