"""The report of snarm eval in a browser: its numbers, its threshold, its pictures, on a screen, on a phone and in the dark.

usage: test_report.py SNARM MAKE_PARTS [--screenshots DIR] [--report FILE]

Makes a report of painted parts with texts that try to become HTML, or looks at FILE. Where there is no Chromium the numbers in the
report are compared with those of --json, its texts are searched for HTML, and it ends with 77.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import browser
import sample_files as sample

parser = argparse.ArgumentParser()
parser.add_argument("snarm")
parser.add_argument("make_parts")
parser.add_argument("--screenshots")
parser.add_argument("--report")
arguments = parser.parse_args()


def must(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what) or "failed")


def equal(a, b, *what):
    must(a == b, *what, repr(a), "is not", repr(b))


HOSTILE = ["<img src=x onerror=document.title=0>", "'\" <script>document.title=1<script> &lt;"]


def make_report(folder):
    """Two categories, one with a name that is HTML, as are those of two pictures."""
    def snarm(*command):
        subprocess.run([arguments.snarm, *command, "--quiet"], check=True, stdout=subprocess.DEVNULL)

    parts, data = os.path.join(folder, "parts"), os.path.join(folder, "set")
    subprocess.run([arguments.make_parts, parts, "--count", "5", "--product", "washer"], check=True, stdout=subprocess.DEVNULL)
    weights = sample.safetensors(os.path.join(folder, "weights.safetensors"), sample.random_resnet())
    model, report = os.path.join(folder, "m.snarm"), os.path.join(folder, "report.html")
    good = os.path.join(parts, "washer", "train", "good")
    snarm("fit", "--images", good, "--backbone", weights, "--steps", "0", "--size", "64", "--bank-size", "200", "--out", model)
    for name in "washer", HOSTILE[0]:
        shutil.copytree(os.path.join(parts, "washer"), os.path.join(data, name))
    shutil.copy(os.path.join(good, "000.png"), os.path.join(data, "washer", "test", "good", HOSTILE[1] + ".png"))
    numbers = os.path.join(folder, "numbers.json")
    snarm("eval", "--model", model, "--dataset", data, "--report", report, "--json", numbers)
    with open(numbers, encoding="utf-8") as file:
        check_numbers(read_data(report), json.load(file))
    page = sample.read(report).decode()
    must("<img src=x" not in page and "<script>document" not in page, "texts that became HTML")
    must("64 x 64" in page, "sizes in the model's card")
    left = sorted(os.listdir(folder))
    equal(left, ["m.snarm", "numbers.json", "parts", "report.html", "set", "weights.safetensors"])
    return report


def read_data(report):
    with open(report, encoding="utf-8") as file:
        page = file.read()
    must(len(page.encode()) <= 30_000_000, "the report is larger than its limit")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))


def check_numbers(data, numbers):
    """The page's numbers are those of --json."""
    equal(sorted(numbers["categories"]), sorted(category["name"] for category in data["categories"]))
    for category in data["categories"]:
        for key, value in numbers["categories"][category["name"]].items():
            if key != "images":
                must(abs(category[key] - value) < 1e-9, key, category[key], value)


def counts(data, threshold, category=-1):
    result = {"tp": 0, "fn": 0, "fp": 0, "tn": 0}
    for item in data["items"]:
        if category in (-1, item["category"]):
            called = item["score"] >= threshold
            result[("tp" if called else "fn") if item["anomalous"] else ("fp" if called else "tn")] += 1
    return result


def share(part, whole):
    return f"{part / whole:.4f}" if whole else "\u2013"


def check_counts(page, data, threshold, category=-1):
    c = counts(data, threshold, category)
    for key, value in c.items():
        equal(page.text("#" + key), str(value), key, "at", threshold)
    # Half of the last digit may be rounded either way.
    for key, part, whole in (("precision", c["tp"], c["tp"] + c["fp"]), ("recall", c["tp"], c["tp"] + c["fn"]),
                             ("false-alarm-rate", c["fp"], c["fp"] + c["tn"])):
        shown = page.text("#" + key)
        must(shown == share(part, whole) or (whole and abs(float(shown) - part / whole) <= 0.5001e-4), key, shown)


def check_verdicts(page, data, threshold):
    """The tiles say what the threshold says."""
    tiles = page.run("[...document.querySelectorAll('.tile')].map(t => [data_index(t), t.querySelector('.verdict').textContent])")
    must(len(tiles) > 0)
    for index, shown in tiles:
        item = data["items"][index]
        called = item["score"] >= threshold
        expected = ("found" if called else "missed defect") if item["anomalous"] else ("false alarm" if called else "passed")
        equal(shown, expected, item["name"], "at", threshold)
    return [index for index, _ in tiles]


def check_worst_first(data, order, threshold):
    def wrongness(item):
        return threshold - item["score"] if item["anomalous"] else item["score"] - threshold

    def is_wrong(item):
        return item["anomalous"] != (item["score"] >= threshold)

    keys = [(is_wrong(data["items"][i]), wrongness(data["items"][i])) for i in order]
    equal(keys, sorted(keys, reverse=True), "order of the gallery")


# A tile's place in the data.
INDEX = """window.data_index = ((items) => (tile) => items.findIndex((i) => i.name === tile.item.name
  && i.score === tile.item.score && i.category === tile.item.category))(
  JSON.parse(document.getElementById('data').textContent).items); 0"""


def check_page(page, data):
    own = data["threshold"]
    equal(page.run("document.title"), data["title"])
    equal(page.run("document.querySelectorAll('img[src=x], main script').length"), 0, "texts that became HTML")
    equal(page.run("[...document.querySelectorAll('section')].filter(s => s.hidden).length"), 0, "hidden sections")
    equal(page.run("document.querySelectorAll('.numbers tbody tr').length"), len(data["categories"]))
    for key in "image_auroc", "pixel_ap", "aupro", "false_alarm_rate":
        values = [category[key] for category in data["categories"] if category[key] is not None]
        must(abs(float(page.text("#headline-" + key)) - sum(values) / len(values)) <= 0.5001e-4, key)

    check_counts(page, data, own)
    check_worst_first(data, check_verdicts(page, data, own), own)

    # The slider by keys, then from one end to the other; the tiles' verdicts follow.
    page.run("document.getElementById('slider').focus()")
    for _ in range(3):
        page.press("ArrowRight")
    moved = page.run("document.getElementById('slider').valueAsNumber")
    must(moved > own, "arrow keys move the slider", moved, own)
    check_counts(page, data, moved)
    check_worst_first(data, check_verdicts(page, data, moved), moved)
    scores = sorted(item["score"] for item in data["items"])
    for target in scores[0], scores[len(scores) // 3], scores[len(scores) // 2], scores[-1], own:
        value = page.run("(() => { const s = document.getElementById('slider'); s.value = " + repr(target) +
                         "; s.dispatchEvent(new Event('input', {bubbles: true})); return s.valueAsNumber; })()")
        check_counts(page, data, value)
        check_verdicts(page, data, value)
    # A number typed in, to the last digit: a score itself is called anomalous.
    page.run("(() => { const n = document.getElementById('threshold'); n.value = " + repr(scores[-1]) +
             "; n.dispatchEvent(new Event('input')); n.dispatchEvent(new Event('change')); })()")
    check_counts(page, data, scores[-1])
    equal(int(page.text("#tp")) + int(page.text("#fp")), scores.count(scores[-1]))
    page.run("document.getElementById('reset').click()")
    check_counts(page, data, own)
    check_worst_first(data, check_verdicts(page, data, own), own)

    if len(data["categories"]) > 1:
        page.run("(() => { const c = document.getElementById('category'); c.value = 1; c.dispatchEvent(new Event('change')); })()")
        check_counts(page, data, own, 1)
        equal(page.run("document.querySelectorAll('#curves .line').length"), 4)
        page.run("(() => { const c = document.getElementById('category'); c.value = -1; c.dispatchEvent(new Event('change')); })()")
    equal(page.run("document.querySelectorAll('#curves .line').length"), 4 * len(data["categories"]))


def check_viewer(page, data):
    """Click, arrow keys, Escape."""
    page.run("document.querySelector('.tile').focus()")
    page.run("document.activeElement.click()")
    must(page.run("document.getElementById('viewer').open"), "a click opens the picture")
    must(page.run("document.getElementById('viewer').contains(document.activeElement)"), "focus goes into the dialog")
    first = page.text("#viewer-name")
    shown = page.run("document.querySelectorAll('.tile').length")
    for key, place in ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("Home", 1), ("ArrowLeft", 1), ("ArrowRight", 2):
        page.press(key)
        must(page.text("#viewer-place").startswith(f"{place} of "), key, page.text("#viewer-place"))
    equal(page.text("#viewer-name"), page.run("document.querySelectorAll('.tile')[1].item.name"))
    loaded = page.run("Promise.all(['image', 'map'].map(id => document.getElementById('viewer-' + id).decode().then("
                      "() => document.getElementById('viewer-' + id).naturalWidth)))")
    must(all(width > 0 for width in loaded), "pictures are shown", loaded)
    # One with a mask.
    place = page.run("[...document.querySelectorAll('.tile')].findIndex(t => t.item.mask)")
    page.press("Home")
    for _ in range(place):
        page.press("ArrowRight")
    must(page.run("document.getElementById('viewer-mask').decode().then(() => !document.getElementById('viewer-mask').hidden)"))
    page.press("Escape")
    must(not page.run("document.getElementById('viewer').open"), "Escape closes")
    equal(page.run("[...document.querySelectorAll('.tile')].indexOf(document.activeElement)"), place, "focus comes back")
    must(first and shown)


def check_narrow(page, what):
    wide = page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    out = page.run("[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > "
                   "document.documentElement.clientWidth + 1).slice(0, 5).map(e => e.tagName + '.' + e.className)")
    must(wide <= 0, what, "is", wide, "pixels too wide:", out)


def look(page, name):
    if arguments.screenshots:
        os.makedirs(arguments.screenshots, exist_ok=True)
        page.run("new Promise(done => setTimeout(done, 400))")
        page.picture(os.path.join(arguments.screenshots, name + ".png"))


def scroll_to(page, selector):
    page.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView()")


def views(page, name):
    for part in "top", "threshold", "pictures", "curves", "model":
        scroll_to(page, "h1" if part == "top" else f"#{part}-title")
        look(page, f"{name}-{part}")
    page.run("document.querySelector('.tile').click()")
    look(page, name + "-viewer")
    check_narrow(page, name + " with the picture")
    page.press("Escape")
    page.run("scrollTo(0, 0)")


def main():
    folder = tempfile.mkdtemp(prefix="snarm-report-")
    page = None
    try:
        report = arguments.report or make_report(folder)
        data = read_data(report)
        program = browser.find()
        if program is None:
            print(f"skipped: there is no Chromium (Debian's package chromium): the report of {len(data['items'])} pictures was read, but "
                  "not opened in a browser")
            sys.exit(77)
        page = browser.Page(program, seconds=120)
        page.screen(1280, 900)
        page.open(report)
        page.run(INDEX)
        check_page(page, data)
        check_viewer(page, data)
        check_narrow(page, "desktop")
        views(page, "desktop")
        page.screen(1280, 900, dark=True)
        views(page, "dark")
        page.screen(360, 740, phone=True)
        page.open(report)
        check_narrow(page, "phone")
        views(page, "phone")
        equal(page.problems(), [], "problems")
        print(f"{len(data['items'])} pictures, {os.path.getsize(report)} bytes: well")
    finally:
        if page is not None:
            page.close()
        shutil.rmtree(folder, ignore_errors=True)


main()
