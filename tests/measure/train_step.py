"""Times one training step of eager PyTorch and of libsnarm, alternately, on the same threads.

usage: train_step.py TRAIN_STEP GOLDEN_FOLDER [--rounds 3] [--steps 4] [--grid 49] [--embedding 128] [--channels 512]
                     [--threads 2] [--markdown FILE] [--json FILE]

TRAIN_STEP is build/tests/train_step. Before anything is timed, the PyTorch network's logits, gradients and running statistics
are compared with the published vectors in GOLDEN_FOLDER; where they differ the program stops.

Both do the same: a batch of 8, one of four branches with two blocks, residuals given, dropout 0.1, GRID^2 - round(0.75 GRID^2)
patches of each image through the mixers, focal and dice loss at 8 pixels a patch (392 x 392 for 49), focal loss of the
navigator, backward, gradients clipped to norm 1, AdamW. libsnarm's optimiser keeps averaged weights as well. A third row is
libsnarm's whole step, as a training has it: samples fetched and residuals computed too.

Each round runs the three in turn, each in a process of its own, --steps steps each after one of every branch that is not
counted. Nothing else should run meanwhile. Peak memory is ru_maxrss of each process, Python and PyTorch themselves included.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

BATCH, BRANCHES = 8, 4


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("train_step", help="build/tests/train_step")
    parser.add_argument("golden", help="folder with scorer_small*.safetensors")
    parser.add_argument("--rounds", type=int, default=3, help="how often the programs take turns (default 3)")
    parser.add_argument("--steps", type=int, default=4, help="steps timed in each turn (default 4)")
    parser.add_argument("--grid", type=int, default=49, help="patches a side (default 49)")
    parser.add_argument("--embedding", type=int, default=128, help="D (default 128)")
    parser.add_argument("--channels", type=int, default=512, help="C (default 512)")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; libsnarm's program has 2 (default 2)")
    parser.add_argument("--markdown", help="append the table to this file")
    parser.add_argument("--json", help="write every step's seconds and the peaks into this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def worker(arguments):
    """PyTorch's turn: prints what `train_step --json` prints."""
    import torch
    from torch.nn import functional as F

    from torch_network import Network

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    grid, channels, side = arguments.grid, arguments.channels, 8 * arguments.grid
    patches = grid * grid
    network = Network(channels, arguments.embedding, dropout=0.1).train()
    for head in network.head_list:  # as libsnarm starts them
        torch.nn.init.zeros_(head[1].weight)
        torch.nn.init.zeros_(head[1].bias)
    hybrid = torch.rand(BATCH, 2 * channels, grid, grid)
    reference = torch.ones(BATCH, patches)
    for row in reference:
        row[torch.randperm(patches)[: patches - round(0.75 * patches)]] = 0
    reference = reference.view(BATCH, grid, grid)
    masks = torch.zeros(BATCH, 1, grid, grid)
    for mask in masks:
        left, top = torch.randint(grid // 2, (2,)).tolist()
        mask[0, top : top + grid // 4, left : left + grid // 4] = 1
    labels, masks = masks[:, 0], F.interpolate(masks, (side, side))
    matrices = [p for n, p in network.named_parameters() if p.dim() > 1 and not n.endswith("A_log")]
    others = [p for n, p in network.named_parameters() if p.dim() <= 1 or n.endswith("A_log")]
    optimiser = torch.optim.AdamW([{"params": matrices}, {"params": others, "weight_decay": 0.0}], lr=1e-3, weight_decay=0.05)

    def focal(logits, target):  # alpha 0.5, gamma 2
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return 0.5 * (entropy * (1 - torch.exp(-entropy)).square()).mean()

    def dice(logits, target):
        p = torch.sigmoid(logits)
        overlap, total = (p * target).sum((0, 2, 3)), p.sum((0, 2, 3)) + target.sum((0, 2, 3))
        return (1 - (2 * overlap + 1) / (total + 1)).mean()

    def step(index):
        maps = F.interpolate(network.branch(hybrid, reference, index), (side, side), mode="bilinear", align_corners=True)
        target = masks.expand_as(maps)
        loss = focal(maps, target) + dice(maps, target) + focal(network.navigator(hybrid[:, :channels]), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in network.parameters() if p.grad is not None], 1.0)
        optimiser.step()
        if not torch.isfinite(loss):
            raise ArithmeticError("the loss is not finite")

    seconds = []
    for run in range(BRANCHES + arguments.steps):
        began = time.perf_counter()
        step(run % BRANCHES)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds[BRANCHES:], "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def run(command, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def main():
    arguments = parse()
    if min(arguments.rounds, arguments.steps, arguments.threads) < 1 or arguments.grid < 4:
        sys.exit("train_step.py: rounds, steps and threads must be 1 or more, the grid 4 or more")
    if arguments.worker:
        return worker(arguments)
    # In a process of its own: a process's peak memory starts with what its parent holds.
    network = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_network.py")
    check = subprocess.run([sys.executable, network, arguments.golden], stdout=subprocess.PIPE, text=True)
    if check.returncode != 0:
        sys.exit("train_step.py: the PyTorch network could not be shown to be the published one; nothing is timed")
    print(f"PyTorch's network against the published vectors: {check.stdout.strip()}")

    sizes = [str(arguments.grid), str(arguments.embedding), str(arguments.channels), str(arguments.steps)]
    programs = {
        "PyTorch eager, residuals given": [sys.executable, os.path.abspath(__file__), "--worker", *sys.argv[1:]],
        "libsnarm, residuals given": [arguments.train_step, "--given", "--json", *sizes],
        "libsnarm, whole step": [arguments.train_step, "--json", *sizes],
    }
    seconds, peaks = {name: [] for name in programs}, dict.fromkeys(programs, 0)
    for number in range(arguments.rounds):
        for name, command in programs.items():
            result = run(command, arguments.threads)
            seconds[name] += result["seconds"]
            peaks[name] = max(peaks[name], result["peak_kib"])
            print(f"round {number + 1}: {name}: median {statistics.median(result['seconds']):.3f} s", flush=True)

    first = next(iter(programs))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    lines = [f"Grid {arguments.grid} x {arguments.grid}, D {arguments.embedding}, C {arguments.channels}, batch {BATCH}, "
             f"{arguments.threads} threads, {arguments.rounds} rounds of {arguments.steps} steps:", "",
             "| one step | median s | minimum s | peak MiB | PyTorch's median / this | PyTorch's peak / this |",
             "| --- | --- | --- | --- | --- | --- |"]
    for name, values in seconds.items():
        lines.append(f"| {name} | {median[name]:.3f} | {min(values):.3f} | {peaks[name] / 1024:.0f} | "
                     f"{median[first] / median[name]:.2f} | {peaks[first] / peaks[name]:.2f} |")
    share = median["libsnarm, residuals given"] / median["libsnarm, whole step"]
    lines.append(f"\nForward, loss, backward and optimiser are {100 * share:.0f}% of libsnarm's whole step.")
    print("\n" + "\n".join(lines))
    if arguments.markdown:
        with open(arguments.markdown, "a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"seconds": seconds, "peak_kib": peaks, "check": check.stdout.strip(), "batch": BATCH}, file)


if __name__ == "__main__":
    main()
