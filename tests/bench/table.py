"""Makes tables of the results of peers.py.

usage: table.py RESULTS.json [PAGE.md [--drop]]

Prints them; with a page (docs/performance.md) also writes them into it, between the two lines of comment that begin and end the measured part.
Tables of the page that the results lack are not thrown away: the page is then left as it is, unless --drop says so.
"""
import json
import re
import sys

BEGIN, END = "<!-- measured: made by tests/bench/table.py -->", "<!-- end of the measured part -->"
PROGRAMS = ("libsnarm", "PyTorch", "OpenVINO", "ONNX Runtime")  # by the beginnings of the rows' names
SHORT = 0.5  # of the ceiling: what lies below is named


def base(rows, key):
    """Our best row of each precision: what ratios refer to."""
    best = {}
    for row in rows:
        if row["ours"] and (row["precision"] not in best or row[key] < best[row["precision"]][key]):
            best[row["precision"]] = row
    return best


def key_of(table):
    return "median_ms" if "median_ms" in table["rows"][0] else "peak_mib"


def number(value):
    """Three digits that count, thousands kept apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def speed(row):
    """GFLOP/s at the median; None where the work is not stated."""
    return row["gflop"] / row["median_ms"] * 1e3 if row.get("gflop") and row["median_ms"] > 0 else None


def share(row, ceiling):
    """Of what the machine can do, 0..1; None where that is not known for the precision."""
    rate, most = speed(row), ceiling["gflops"].get(row["precision"])
    return rate / most if rate and most else None


def lines_of(head, rows):
    rule = ["---"] * len(head)
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]


def stage_table(table, ceiling):
    key, rows = key_of(table), table["rows"]
    bases = base(rows, key)
    timed = key == "median_ms"
    worked = timed and any(row["gflop"] for row in rows)
    also = list(dict.fromkeys(name for row in rows for name in row.get("also", {})))
    head = ["program"] + [f"/ ours {precision}" for precision in bases] + (["median ms", "minimum ms"] if timed else ["MiB"])
    head += (["GFLOP/s", "of the ceiling"] if worked else []) + also
    cells = []
    for row in sorted(rows, key=lambda r: (not r["ours"], r[key])):
        line = [f"**{row['name']}**" if row["ours"] else row["name"]]
        line += [f"{row[key] / own[key]:.2f}" for own in bases.values()]
        line += [number(row["median_ms"]), number(row["minimum_ms"])] if timed else [number(row[key])]
        if worked:
            rate, part = speed(row), share(row, ceiling)
            line += [number(rate) if rate else "", f"{100 * part:.0f}%" if part else ""]
        cells.append(line + [row["also"].get(name, "") for name in also])
    lines = [f"### {table['title']}", "", table["work"], "", *lines_of(head, cells)]
    notes = [f"{row['name']}: {row['note']}." for row in rows if row.get("note")]
    if notes:
        lines += ["", " ".join(notes)]
    if table["checks"]:
        lines += ["", "Compared before anything was timed: " + "; ".join(table["checks"]) + "."]
    return lines


def side_by_side(stage):
    """One table of a stage whose tables are of a network each: the best row of every program, so that networks can be compared too."""
    cells, programs = [], []
    for table in stage["tables"]:
        for precision in dict.fromkeys(row["precision"] for row in table["rows"]):
            best = {}
            for row in table["rows"]:
                program = next((name for name in PROGRAMS if row["name"].startswith(name)), None)
                if program and row["precision"] == precision and row["same"] and (
                        program not in best or row["median_ms"] < best[program]["median_ms"]):
                    best[program] = row
            programs += [name for name in PROGRAMS if name in best and name not in programs]
            cells.append(([table["network"], precision, number(table["rows"][0]["gflop"])], best))
    programs.sort(key=PROGRAMS.index)
    head = ["network, input", "precision", "GFLOP"] + [text for name in programs for text in (f"{name}, ms (minimum)", "GFLOP/s")]
    lines = []
    for first, best in cells:
        for name in programs:
            row = best.get(name)
            first += [f"{number(row['median_ms'])} ({number(row['minimum_ms'])})", number(speed(row))] if row else ["", ""]
        lines.append(first)
    return [f"### {stage['title']}", "", "One picture at a time, from a preprocessed picture to patch features: median and minimum milliseconds. "
            "GFLOP: of the convolutions, a multiplication and an addition counted as two. Below, each network with what was chosen for each "
            "program.", "", *lines_of(head, lines)]


def fastest_peer(rows, key, precision=None):
    peers = [row for row in rows if not row["ours"] and precision in (None, row["precision"]) and row.get("same", True)]
    return min(peers, key=lambda row: row[key]) if peers else None


def is_torch(name):
    """Whether PyTorch does all of the work."""
    return "torch" in name.lower() and "OpenVINO" not in name


def overview(stages):
    """Ratios first: a row for every piece of work and precision of ours."""
    head = ["work", "precision", "fastest other / ours", "ours", "fastest other", "which", "PyTorch / ours", "of the ceiling"]
    cells = []
    for stage in stages:
        for table in stage["tables"]:
            key, unit = key_of(table), "ms" if key_of(table) == "median_ms" else "MiB"
            for precision, own in base(table["rows"], key).items():
                peer = fastest_peer(table["rows"], key, precision) or fastest_peer(table["rows"], key)
                torch = [row for row in table["rows"] if not row["ours"] and is_torch(row["name"])]
                eager = min(torch, key=lambda row: (row["precision"] != precision, row[key])) if torch else None
                part = share(own, stage["ceiling"]) if unit == "ms" else None
                cells.append([table["title"], precision, f"**{peer[key] / own[key]:.2f}**" if peer else "", f"{number(own[key])} {unit}",
                              f"{number(peer[key])} {unit}" if peer else "", peer["name"] if peer else "",
                              f"{eager[key] / own[key]:.2f}" if eager else "", f"{100 * part:.0f}%" if part else ""])
    return lines_of(head, cells)


def recall(row):
    return f" (recall {row['also']['recall']})" if "recall" in row.get("also", {}) else ""


def shortfalls(stages):
    """A sentence for every piece of work in which a program beside is faster or smaller than ours at its precision, or ours is far from
    the ceiling."""
    found = []
    for stage, table in ((stage, table) for stage in stages for table in stage["tables"]):
        key = key_of(table)
        bases, parts = base(table["rows"], key), []
        for own in bases.values():
            part = share(own, stage["ceiling"]) if key == "median_ms" else None
            if part and part < SHORT:
                parts.append(f"{own['name']} reaches {100 * part:.0f}% of the ceiling")
        for row in sorted(table["rows"], key=lambda row: row[key]):
            own = bases.get(row["precision"]) or min(bases.values(), key=lambda other: other[key])
            if not row["ours"] and row[key] < own[key] and row.get("same", True):
                parts.append(f"{row['name']}{recall(row)} takes {row[key] / own[key]:.2f} of what {own['name']}{recall(own)} takes")
        if parts:
            found.append(f"- {table['title']}: {'; '.join(parts)}.")
    return found or [f"Nothing: no program beside is faster, and nothing of ours is below {100 * SHORT:.0f}% of the ceiling."]


def machines(machine, stages):
    """A line for each machine, or set of programs, that stages were measured on; which stages, where there are several. machine: of stages that
    do not say."""
    groups = []
    for stage in stages:
        own = stage.get("machine", machine)
        for other, members in groups:
            if other == own:
                members.append(stage)
                break
        else:
            groups.append((own, [stage]))
    lines = []
    for own, members in groups:
        packages = ", ".join(f"{name} {version}" for name, version in own["packages"].items())
        dates = sorted({stage["date"] for stage in members})
        threads = sorted({stage["threads"] for stage in members})
        names = f"{'; '.join(stage['title'] for stage in members)}: " if len(groups) > 1 else ""
        lines += [f"{names}{own['processor']}, {own['processors']} processors, {own['memory_gib']} GiB, {', '.join(own['instructions'])}; "
                  f"{' and '.join(map(str, threads))} threads; {own['system']}; libsnarm {own['libsnarm']}, Python {own['python']}, {packages}; "
                  f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}.", ""]
    return lines


def introduction(machine, stages):
    first = stages[0]
    peaks = {name: max(stage["ceiling"]["gflops"].get(name, 0) for stage in stages) for name in first["ceiling"]["gflops"]}
    reading = max(stage["ceiling"]["read_gbs"] for stage in stages)
    return [
        *machines(machine, stages),
        "The ceiling, measured in the same runs by `tests/bench/ceiling.c`: "
        + ", ".join(f"{value:.0f} GFLOP/s {name}" for name, value in peaks.items())
        + f" in a product of two 2048 x 2048 matrices by oneDNN; {reading:.0f} GB/s reading 512 MiB.", "",
        "Times are medians of rounds in which the programs take turns, each after a run that is not counted. A ratio above 1 says how many times "
        "as long as ours another takes; it refers to our fastest row of that precision. The share of the ceiling is the GFLOP of the work, as "
        "stated, over the median and the ceiling of that precision. The programs of a table were first compared; those that do not give the "
        "same as the others (in a search, less than 99.9% of the true neighbours) are shown with what they give, but not set against ours in "
        "the first table.",
    ]


def render(results):
    from peers import STAGES

    stages = [results["stages"][name] for name in STAGES if name in results["stages"]]
    lines = [*introduction(results["machine"], stages), "", *overview(stages), "", "### What falls short", "", *shortfalls(stages)]
    for stage in stages:
        if stage["tables"] and all("network" in table for table in stage["tables"]):
            lines += ["", *side_by_side(stage)]
        for table in stage["tables"]:
            lines += ["", *stage_table(table, stage["ceiling"])]
        if stage["skipped"]:
            lines += ["", "Left out: " + " ".join(stage["skipped"])]
    return "\n".join(lines)


def write_page(path, text, drop):
    with open(path, encoding="utf-8") as file:
        page = file.read()
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        sys.exit(f"table.py: {path}: expected one line '{BEGIN}' and after it one '{END}'")
    before, after = page[: page.index(BEGIN)], page[page.index(END):]
    titles = set(re.findall(r"^### (.+)$", text, re.M))
    lost = [title for title in re.findall(r"^### (.+)$", page[len(before): page.index(END)], re.M) if title not in titles]
    if lost and not drop:
        sys.exit(f"table.py: {path}: {'; '.join(lost)}: not in the results, so that the page would lose them: measure them too into the same file, "
                 "or give --drop")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{text}\n\n{after}")


def main():
    drop = sys.argv[3:] == ["--drop"]
    if len(sys.argv) not in (2, 3) and not drop:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            results = json.load(file)
    except (OSError, ValueError) as problem:
        sys.exit(f"table.py: {sys.argv[1]}: {problem}")
    quick = [name for name, stage in results["stages"].items() if stage["quick"]]
    text = render(results)
    print(text)
    if len(sys.argv) > 2:
        if quick:
            sys.exit(f"table.py: {sys.argv[1]}: {', '.join(quick)} were run with --quick; such numbers go onto no page")
        write_page(sys.argv[2], text, drop)


if __name__ == "__main__":
    main()
