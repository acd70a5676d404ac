"""Trains the built-in network: from scratch, to predict what larger pretrained networks see in the same picture.

usage: distill.py --shared DIR --work DIR [--steps 11000] [--seed 0] [--out network.safetensors] [...]

DIR of --shared holds tools/teachers.py, weights/ (the teachers) and data/natural, data/textures (the pictures). --work keeps
checkpoint.pt, from which the same command goes on; before_decay.pt, which in its place lets an ended run have more --steps; and
log.jsonl. MODEL_CARD.md says what the shipped weights were made with.

Teachers: ResNet-50 v2, the outputs of stages 2 and 3, and ViT-Tiny, the mean of blocks 1 to 4 and of blocks 5 to 8 (counted from 0). Every channel is
brought to mean 0 and deviation 1; heads of one 1x1 convolution, which are thrown away afterwards, predict them from the student's stages,
and the loss is the mean squared error, 1 for a head that knows nothing.
"""
import argparse
import copy
import json
import os
import shutil
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import network  # noqa: E402
import pictures  # noqa: E402

# Side and number of pictures of a batch, drawn with equal shares but for the first, which has half: about as many pixels in each.
BATCHES = ((128, 32), (192, 14), (224, 10))
WARM_UP = 500
VIT_SIDE = 224  # ViT-Tiny was trained at this side; only these batches ask it
FIXED = ("seed", "rate", "vit")  # options that a run keeps
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
METADATA = {"name": "snarm-18", "image_mean": ",".join(map(str, MEAN)), "image_std": ",".join(map(str, DEVIATION)),
            "licence": "Apache-2.0 (libsnarm; distilled from ResNet-50 v2 of the ONNX model zoo and timm's ViT-Tiny augreg, both Apache-2.0)"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "network.safetensors"))
    parser.add_argument("--steps", type=int, default=11000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--decay", type=int, default=3000, help="last steps, in which the learning rate falls to 0")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate (AdamW)")
    parser.add_argument("--vit", type=float, default=0.5, help="weight of ViT-Tiny's loss")
    parser.add_argument("--check", type=int, default=500, help="steps between checks and checkpoints")
    parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's default")
    parser.add_argument("--stop-after", type=int, default=0, help="end at this step, with a checkpoint; 0: at the last")
    parser.add_argument("--export-only", action="store_true", help="write the averaged weights of the checkpoint to --out")
    return parser.parse_args()


def normalise(batch, mean, deviation):
    return (batch - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]


class Teachers:
    """Targets of a batch by name, each (n, channels, h, w), standardised channel by channel."""

    OUTPUTS = {"stage2": 0, "stage3": 1, "vit_early": 1, "vit_late": 1}  # which of the student's has the target's stride

    def __init__(self, shared):
        sys.path.insert(0, os.path.join(shared, "tools"))
        import teachers

        self.teachers = teachers
        self.statistics = {}

    def raw(self, batch, vit):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            _, stage2, stage3 = self.teachers.resnet50v2(normalise(batch, MEAN, DEVIATION))
            out = {"stage2": stage2.float(), "stage3": stage3.float()}
            if vit:
                blocks = self.teachers.vit_tiny(normalise(batch, (0.5,) * 3, (0.5,) * 3))
                side = batch.shape[2] // 16
                for name, some in (("vit_early", blocks[1:5]), ("vit_late", blocks[5:9])):
                    mean = sum(b[:, 1:].float() for b in some) / len(some)
                    out[name] = mean.transpose(1, 2).reshape(len(batch), -1, side, side)
        return out

    def calibrate(self, batches, count=24):
        """Means and deviations of every channel over batches that training does not see."""
        sums = {}
        for i in range(count):
            for name, value in self.raw(batches(-1 - i, 10, VIT_SIDE), True).items():
                value = value.double()
                some = torch.stack([value.mean((0, 2, 3)), (value**2).mean((0, 2, 3))])
                sums[name] = sums.get(name, 0) + some / count
        for name, (mean, square) in sums.items():
            deviation = (square - mean**2).clamp_min(1e-12).sqrt()
            self.statistics[name] = (mean.float()[:, None, None], deviation.float()[:, None, None])

    def __call__(self, batch, vit):
        return {name: (value - self.statistics[name][0]) / self.statistics[name][1] for name, value in self.raw(batch, vit).items()}


class Student(nn.Module):
    """The network and its heads."""

    def __init__(self, channels):
        super().__init__()
        self.network = network.Network()
        self.heads = nn.ModuleDict()
        for name, count in channels.items():
            self.heads[name] = nn.Conv2d(network.WIDTHS[1 + Teachers.OUTPUTS[name]], count, 1)

    def losses(self, batch, targets):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = self.network(normalise(batch, MEAN, DEVIATION).contiguous(memory_format=torch.channels_last))
            guesses = {name: self.heads[name](outputs[Teachers.OUTPUTS[name]]) for name in targets}
        return {name: F.mse_loss(guesses[name].float(), target) for name, target in targets.items()}


class Training:
    """Everything a checkpoint keeps: student, averaged student, optimiser, teachers' statistics, step."""

    def __init__(self, arguments, teachers, batches):
        self.arguments, self.teachers, self.batches, self.step = arguments, teachers, batches, 0
        self.path = os.path.join(arguments.work, "checkpoint.pt")
        saved = torch.load(self.path, weights_only=True) if os.path.exists(self.path) else None
        if saved is not None:
            for name in FIXED:
                if saved["options"][name] != getattr(arguments, name):
                    raise SystemExit(f"{self.path}: of a run with another --{name} ({saved['options'][name]})")
            teachers.statistics = saved["statistics"]
        else:
            teachers.calibrate(batches)
        torch.manual_seed(arguments.seed)
        self.student = Student({name: len(mean) for name, (mean, _) in teachers.statistics.items()}).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.student).eval().requires_grad_(False)
        plain = [p for p in self.student.parameters() if p.dim() == 1]
        decayed = [p for p in self.student.parameters() if p.dim() > 1]
        self.optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}],
                                           lr=arguments.rate, betas=(0.9, 0.99))
        if saved is not None:
            self.student.load_state_dict(saved["student"])
            self.average.load_state_dict(saved["average"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step = saved["step"]

    def save(self):
        options = {name: getattr(self.arguments, name) for name in FIXED}
        torch.save({"student": self.student.state_dict(), "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
                    "statistics": self.teachers.statistics, "step": self.step, "options": options}, self.path + ".part")
        os.replace(self.path + ".part", self.path)
        if self.step <= self.arguments.steps - self.arguments.decay:  # from here a run may be made longer even when it has ended
            shutil.copyfile(self.path, os.path.join(self.arguments.work, "before_decay.pt"))

    def rate(self):
        """Rises for WARM_UP steps, stays, and falls in the last ones: until then a run may still be given more steps or fewer."""
        return self.arguments.rate * min(1.0, (self.step + 1) / WARM_UP, (self.arguments.steps - self.step) / max(self.arguments.decay, 1))

    def advance(self):
        generator = torch.Generator().manual_seed(self.arguments.seed * 7_919 + self.step)
        kind = int(torch.multinomial(torch.tensor([0.5, 0.25, 0.25]), 1, generator=generator))
        side, count = BATCHES[kind]
        batch = self.batches(self.step, count, side)
        targets = self.teachers(batch, side == VIT_SIDE)
        self.student.train()
        losses = self.student.losses(batch, targets)
        total = sum(loss * (self.arguments.vit if name.startswith("vit") else 1.0) for name, loss in losses.items())
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.999, 1 - 1 / (self.step / 10 + 1))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.student.state_dict().values()):
                mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)
        return {name: loss.item() for name, loss in losses.items()}

    def check(self, held):
        """Losses of the averaged weights on pictures that training does not see, whole, at VIT_SIDE."""
        sums, count = {}, 0
        with torch.no_grad():
            for some in held.split(10):
                batch = F.interpolate(some.float() / 255, size=(VIT_SIDE, VIT_SIDE), mode="bilinear", align_corners=False)
                for name, loss in self.average.losses(batch, self.teachers(batch, True)).items():
                    sums[name] = sums.get(name, 0.0) + float(loss) * len(some)
                count += len(some)
        return {name: value / count for name, value in sums.items()}


def main():
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    os.makedirs(arguments.work, exist_ok=True)
    natural, natural_held = pictures.load(os.path.join(arguments.shared, "data", "natural"), 20)
    textures, textures_held = pictures.load(os.path.join(arguments.shared, "data", "textures"), 20)
    held = torch.cat([natural_held, textures_held])
    training = Training(arguments, Teachers(arguments.shared), pictures.Batches((natural, textures), (0.55, 0.3), arguments.seed))
    if arguments.export_only and training.step == 0:
        raise SystemExit(f"{training.path}: no checkpoint to export")
    last = training.step if arguments.export_only else min(arguments.steps, arguments.stop_after or arguments.steps)
    began, recent = time.time(), {}
    with open(os.path.join(arguments.work, "log.jsonl"), "a", encoding="utf-8") as log:
        while training.step < last:
            for name, loss in training.advance().items():
                recent[name] = loss if name not in recent else 0.98 * recent[name] + 0.02 * loss
            if training.step % arguments.check == 0 or training.step == last:
                line = {"step": training.step, "seconds": round(time.time() - began), "rate": training.rate(), "training": recent,
                        "held_out": training.check(held)}
                log.write(json.dumps(line) + "\n")
                log.flush()
                print(json.dumps(line), flush=True)
                training.save()
    if training.step < arguments.steps and not arguments.export_only:
        return  # half a training does not replace a whole one's file
    network.export(training.average.network, arguments.out, dict(METADATA, steps=str(training.step), seed=str(arguments.seed)))
    print(arguments.out, os.path.getsize(arguments.out), "bytes")


if __name__ == "__main__":
    main()
