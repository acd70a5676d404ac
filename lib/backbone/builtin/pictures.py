"""Training pictures of any number from a few: crops of every scale, colours, mixtures, and pictures made of noise.

All of a batch comes from its own random generator, which is seeded with its number: a run that is resumed sees the same pictures.
"""
import glob
import math
import os

import torch
import torch.nn.functional as F
from PIL import Image

SIDE = 256  # of the stored pictures
SUFFIXES = (".png", ".jpg", ".jpeg")


def load(folder, keep_every=0):
    """(n, 3, SIDE, SIDE) uint8 of all pictures under folder, and those held out: every keep_every-th by name, if not 0."""
    paths = sorted(p for p in glob.glob(os.path.join(folder, "**", "*"), recursive=True) if p.lower().endswith(SUFFIXES))
    if not paths:
        raise SystemExit(f"{folder}: no pictures")
    pictures = torch.empty((len(paths), 3, SIDE, SIDE), dtype=torch.uint8)
    for i, path in enumerate(paths):
        with Image.open(path) as file:
            picture = file.convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.BICUBIC)
        pictures[i] = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(SIDE, SIDE, 3).permute(2, 0, 1)
    held = torch.zeros(len(paths), dtype=torch.bool)
    if keep_every:
        held[keep_every - 1 :: keep_every] = True
    return pictures[~held], pictures[held]


class Batches:
    """Batch number step of n pictures of size x size, (n, 3, size, size) floats in 0..1."""

    def __init__(self, sources, shares, seed):
        """sources: stacks of load(); shares: of each in a batch. The rest of 1 are pictures made of noise."""
        self.sources, self.shares, self.seed = sources, shares, seed

    def __call__(self, step, n, size):
        self.random = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        batch = torch.empty((n, 3, size, size))
        which = self.uniform(n)
        start = 0.0
        for source, share in zip(self.sources, self.shares):
            rows = ((which >= start) & (which < start + share)).nonzero()[:, 0]
            start += share
            if len(rows):
                picks = torch.randint(len(source), (len(rows),), generator=self.random)
                batch[rows] = self.crop(source[picks].float().div_(255), size)
        rows = (which >= start).nonzero()[:, 0]
        if len(rows):
            batch[rows] = self.paint(len(rows), size)
        batch = self.mix(batch)
        batch = self.colour(batch)
        return self.blur_and_noise(batch).clamp_(0, 1).contiguous(memory_format=torch.channels_last)

    def uniform(self, n, low=0.0, high=1.0):
        return torch.rand(n, generator=self.random) * (high - low) + low

    def normal(self, n):
        return torch.randn(n, generator=self.random)

    def chance(self, n, probability):
        return self.uniform(n) < probability

    def crop(self, pictures, size):
        """A turned, mirrored, stretched square of a picture: between a quarter of its side and all of it."""
        n = len(pictures)
        scale = torch.exp(self.uniform(n, math.log(0.25), 0.0))
        stretch = torch.exp(self.uniform(n, -0.2, 0.2))
        angle = torch.where(self.chance(n, 0.5), self.uniform(n, -math.pi, math.pi), self.normal(n) * 0.05)
        mirror = torch.where(self.chance(n, 0.5), -1.0, 1.0)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        theta = torch.empty((n, 2, 3))
        theta[:, 0, 0], theta[:, 0, 1] = cos * mirror * stretch, -sin / stretch
        theta[:, 1, 0], theta[:, 1, 1] = sin * mirror * stretch, cos / stretch
        theta[:, 0, 2] = self.uniform(n, -1, 1) * (1 - scale)
        theta[:, 1, 2] = self.uniform(n, -1, 1) * (1 - scale)
        grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
        return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)

    def noise(self, n, channels, size):
        """Smooth noise in 0..1 with a roughness of its own: octaves of random grids, each weaker than the one before."""
        result = torch.zeros((n, channels, size, size))
        weight = self.uniform(n, 0.3, 1.0)[:, None, None, None]
        cells, strength = 2, torch.ones_like(weight)
        while cells <= size:
            grid = torch.randn((n, channels, cells, cells), generator=self.random)
            result += strength * F.interpolate(grid, size=(size, size), mode="bilinear", align_corners=False)
            strength = strength * weight
            cells *= 2
        result -= result.amin((2, 3), keepdim=True)
        return result / result.amax((2, 3), keepdim=True).clamp_min(1e-6)

    def paint(self, n, size):
        """What parts look like before anything is on them: noise between two colours, gratings, ellipses, half planes."""
        low, high = torch.rand((2, n, 3, 1, 1), generator=self.random)
        picture = torch.lerp(low, high, self.noise(n, 1, size))
        y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
        for _ in range(3):
            angle, shift = self.uniform(n, 0, 2 * math.pi)[:, None, None], self.uniform(n, -0.7, 0.7)[:, None, None]
            along = x * torch.cos(angle) + y * torch.sin(angle)
            across = y * torch.cos(angle) - x * torch.sin(angle)
            wide, long = self.uniform(n, 0.03, 0.6)[:, None, None], self.uniform(n, 0.03, 0.9)[:, None, None]
            ellipse = (((along - shift) / wide) ** 2 + ((across + shift) / long) ** 2 < 1).float()
            plane = (along > shift).float()
            grating = 0.5 + 0.5 * torch.sin(along * (torch.exp(self.uniform(n, 1.0, 4.3))[:, None, None]))
            kind = torch.randint(4, (n, 1, 1), generator=self.random)
            mask = torch.where(kind == 0, ellipse, torch.where(kind == 1, plane, torch.where(kind == 2, grating, torch.zeros(()))))
            colour = torch.rand((n, 3, 1, 1), generator=self.random)
            strength = self.uniform(n, 0.1, 1.0)[:, None, None, None]
            picture = torch.lerp(picture, colour.expand_as(picture), mask[:, None] * strength)
        return picture

    def mix(self, batch):
        """Some pictures blended with another, some with pieces of another in ragged patches: what a defect does to a part."""
        n, size = len(batch), batch.shape[2]
        other = batch[torch.randperm(n, generator=self.random)]
        ragged = self.noise(n, 1, size) > self.uniform(n, 0.55, 0.8)[:, None, None, None]
        strength = self.uniform(n, 0.2, 1.0)
        blended = torch.where(self.chance(n, 0.2), self.uniform(n, 0.1, 0.5), torch.zeros(n))
        pasted = torch.where(self.chance(n, 0.35), strength, torch.zeros(n))
        return torch.lerp(batch, other, torch.maximum(blended[:, None, None, None], ragged * pasted[:, None, None, None]))

    def colour(self, batch):
        """Grey for a third (cameras in plants mostly are), else saturation and mixed channels; contrast, brightness, gamma."""
        n = len(batch)
        grey = torch.full((3, 3), 1 / 3)
        turn = torch.eye(3) + torch.randn((n, 3, 3), generator=self.random) * 0.08
        saturation = torch.where(self.chance(n, 0.33), torch.zeros(n), self.uniform(n, 0.4, 1.4))[:, None, None]
        matrix = saturation * turn + (1 - saturation) * grey
        batch = torch.einsum("nij,njhw->nihw", matrix, batch)
        centre = batch.mean((1, 2, 3), keepdim=True)
        contrast = torch.exp(self.normal(n) * 0.35)[:, None, None, None]
        brightness = (self.normal(n) * 0.1)[:, None, None, None]
        batch = ((batch - centre) * contrast + centre + brightness).clamp_(1e-4, 1)
        return batch ** torch.exp(self.normal(n) * 0.25)[:, None, None, None]

    def blur_and_noise(self, batch):
        n = len(batch)
        rows = self.chance(n, 0.2).nonzero()[:, 0]
        if len(rows):
            sigma = float(self.uniform(1, 0.5, 2.0))
            taps = torch.exp(-0.5 * (torch.arange(-4, 5) / sigma) ** 2)
            taps = (taps / taps.sum()).expand(3, 1, 9)
            blurred = F.conv2d(F.pad(batch[rows], (4, 4, 4, 4), mode="reflect"), taps[:, :, None, :], groups=3)
            batch[rows] = F.conv2d(blurred, taps[:, :, :, None], groups=3)
        rows = self.chance(n, 0.25).nonzero()[:, 0]
        if len(rows):
            strength = self.uniform(len(rows), 0.0, 0.06)[:, None, None, None]
            batch[rows] += strength * torch.randn(batch[rows].shape, generator=self.random)
        return batch
