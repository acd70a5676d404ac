"""test_networks.py SNARM MAKE_PARTS: networks.py with tiny sizes, on painted parts with networks of random weights: its table, what it keeps, and
how it goes on."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
sys.dont_write_bytecode = True
import sample_files as sample  # noqa: E402

snarm, make_parts = sys.argv[1:]


def networks(folder, *arguments, code=0):
    """(cells of the table's rows, stderr)"""
    done = subprocess.run([sys.executable, os.path.join(HERE, "networks.py"), snarm, os.path.join(folder, "parts", "washer"), *arguments,
                           "--json", os.path.join(folder, "rows.json")], capture_output=True, text=True)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return [text.strip("|").split("|") for text in done.stdout.splitlines()[2:]], done.stderr


def stopped(folder, *arguments):
    """The exit status when a termination meets it in a fit; that fit has ended too."""
    process = subprocess.Popen([sys.executable, os.path.join(HERE, "networks.py"), snarm, os.path.join(folder, "parts", "washer"), *arguments,
                                "--json", os.path.join(folder, "rows.json")], stdout=subprocess.DEVNULL)
    fitting, deadline = None, time.monotonic() + 60
    while fitting is None and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as file:
            for child in file.read().split():
                try:
                    with open(f"/proc/{child}/cmdline", "rb") as command:
                        fitting = int(child) if b"\0fit\0" in command.read() else fitting
                except OSError:
                    pass  # it has ended meanwhile
    assert fitting is not None, f"no fit was seen; the exit status is {process.poll()}"
    process.terminate()
    code = process.wait(timeout=60)
    assert not os.path.exists(f"/proc/{fitting}"), "the fit goes on"
    return code


def kept(folder):
    with open(os.path.join(folder, "rows.json"), encoding="utf-8") as file:
        return json.load(file)["rows"]


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([make_parts, os.path.join(folder, "parts"), "--count", "4", "--product", "washer"], check=True, stdout=subprocess.DEVNULL)
    tensors = sample.random_resnet()
    first, second = (os.path.join(folder, name) for name in ("first.safetensors", "second.safetensors"))
    sample.safetensors(first, tensors)
    kind, shape, data = tensors["conv1.weight"]
    other = {**tensors, "conv1.weight": (kind, shape, struct.pack("<e", 0.5) * 500 + data[1000:])}
    sample.safetensors(second, other)
    names = ["Other=" + second, "ResNet-18=" + first, "None=" + os.path.join(folder, "none")]
    options = ["--sizes", "64", "--bank-size", "60", "--runs", "2", "--fit", "--samples 16"]

    # The reference comes first; what is absent is left out by name.
    rows, said = networks(folder, *names, *options, "--kinds", "untrained")
    assert [row[0].strip() for row in rows] == ["ResNet-18", "Other"], rows
    assert "left out: None:" in said and "none is absent" in said, said
    assert rows[0][-1].strip() == "" and len(rows[1][-1].split("/")) == 4, rows
    stored = [row["results"]["values"] for row in kept(folder)]
    points = [f"{100 * (stored[1][m] - stored[0][m]):+.2f}" for m in ("image_auroc", "pixel_auroc", "pixel_ap", "aupro")]
    assert rows[1][-1].strip() == " / ".join(points) and any(float(value) for value in points), (rows, points)
    assert [f"{stored[0][m]:.4f}" for m in ("image_auroc", "pixel_ap")] == [rows[0][3].strip(), rows[0][5].strip()], rows
    assert kept(folder)[0]["results"]["model_bytes"] > 1e6

    # It goes on: rows that are there are shown as they are, the others are added.
    before = kept(folder)
    more, _ = networks(folder, *names[:2], *options, "--steps", "3")
    assert more[:2] == rows and [row[2].strip() for row in more] == ["no", "no", "3 steps", "3 steps"], more
    assert kept(folder)[:2] == before and len(kept(folder)) == 4

    # Other weights under the same name, another seed, and a crop are rows of their own.
    sample.safetensors(second, {**tensors, "conv1.weight": (kind, shape, data[2:] + data[:2])})
    changed, _ = networks(folder, *names[:2], *options, "--kinds", "untrained")
    assert changed[0] == rows[0] and changed[1] != rows[1] and len(kept(folder)) == 5, changed
    cropped, _ = networks(folder, names[1], *options, "--kinds", "untrained", "--seed", "1", "--sizes", "", "--crops", "72:64")
    assert cropped[0][1].strip() == "72 cropped to 64" and len(kept(folder)) == 6, cropped
    assert kept(folder)[-1]["settings"]["seed"] == 1

    # Stopped, it leaves no fit behind that goes on.
    assert stopped(folder, names[1], *options, "--kinds", "trained", "--steps", "1000000") == 143 and len(kept(folder)) == 6

    # Errors name what is wrong; a fit that fails ends the program and adds nothing.
    for arguments, sentence in ((["x"], "'x', expected NAME=FILE"), (["A=a", "A=b"], "the same name twice"),
                                ([names[0], "--kinds", "half"], "--kinds: 'half'"), ([names[0], "--sizes", "a"], "--sizes 'a'"),
                                ([names[0], "--steps", "0"], "--steps: 0")):
        _, said = networks(folder, *arguments, code=2)
        assert sentence in said, said
    _, said = networks(folder, names[1], *options, "--sizes", "60", code=1)
    assert "width is 60" in said and "failed with 2" in said and len(kept(folder)) == 6, said
    sample.write(os.path.join(folder, "rows.json"), b"[]")
    _, said = networks(folder, names[1], *options, code=1)
    assert "rows.json: no rows of this program" in said, said
