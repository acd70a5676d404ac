"""The backbones in plain torch.nn, from the same safetensors files that the library reads, as far as their last used layer.

Both end in patch features as the library gives them: (N, C) on the grid of 8 pixels a patch. Batch-norm is folded into the convolutions
when the file is read, which is what every program here would do by itself but eager PyTorch.
"""
import math

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


def pooling(sources, target=512, middle=1024):
    """Matrices (channels of a group, target) that do the two adaptive mean poolings at once: of each group to middle channels, then of
    all groups' to target. Both are linear."""
    whole = torch.block_diag(*(F.adaptive_avg_pool1d(torch.eye(count).unsqueeze(1), middle).squeeze(1) for count in sources))
    both = F.adaptive_avg_pool1d(whole.unsqueeze(1), target).squeeze(1)
    return both.split(list(sources))


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.heads = dim // 64
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, 64).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, inner), nn.Linear(inner, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Scale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.norm1, self.attn, self.ls1 = nn.LayerNorm(dim, eps=1e-6), Attention(dim), Scale(dim)
        self.norm2, self.mlp, self.ls2 = nn.LayerNorm(dim, eps=1e-6), Mlp(dim, inner), Scale(dim)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Vit(nn.Module):
    """DINOv2 with registers in Meta's names: blocks 0..8 run, 1..8 averaged in two groups of four."""

    def __init__(self, path, size, layers=range(1, 9), channels=512):
        super().__init__()
        weights = load_file(path)
        dim, _, patch, _ = weights["patch_embed.proj.weight"].shape
        self.side, self.grid, self.layers = size // patch, size // 8, list(layers)
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.blocks = nn.ModuleList(Block(dim, weights["blocks.0.mlp.fc1.weight"].shape[0]) for _ in range(self.layers[-1] + 1))
        self.embed.load_state_dict({"weight": weights["patch_embed.proj.weight"], "bias": weights["patch_embed.proj.bias"]})
        self.blocks.load_state_dict({name[7:]: value for name, value in weights.items()
                                     if name.startswith("blocks.") and int(name.split(".")[1]) < len(self.blocks)})
        position = weights["pos_embed"]
        old = math.isqrt(position.shape[1] - 1)
        factor = (self.side + 0.1) / old
        grid = F.interpolate(position[:, 1:].reshape(1, old, old, dim).permute(0, 3, 1, 2), scale_factor=(factor, factor), mode="bicubic")
        self.register_buffer("position", grid.flatten(2).transpose(1, 2).contiguous())
        prefix = torch.cat([weights["cls_token"] + position[:, :1], weights["register_tokens"]], 1)
        self.register_buffer("prefix", prefix)
        for i, matrix in enumerate(pooling([dim, dim], channels)):
            self.register_buffer(f"pooling{i}", matrix.contiguous())
        self.eval().requires_grad_(False)

    def forward(self, planes):
        x = self.embed(planes).flatten(2).transpose(1, 2) + self.position
        x = torch.cat([self.prefix.expand(x.shape[0], -1, -1), x], 1)
        outputs = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.layers:
                outputs.append(x)
        half = len(outputs) // 2
        pooled = sum(sum(group)[:, self.prefix.shape[1]:] @ (matrix / half) for group, matrix in
                     ((outputs[:half], self.pooling0), (outputs[half:], self.pooling1)))
        pooled = pooled.transpose(1, 2).unflatten(2, (self.side, self.side))
        return F.interpolate(pooled, (self.grid, self.grid), mode="bilinear").flatten(2).transpose(1, 2)

    def gflop(self, _=None):
        """At the size that it was made for."""
        tokens, (dim, _, patch, _) = self.side**2 + self.prefix.shape[1], self.embed.weight.shape
        inner = self.blocks[0].mlp.fc1.weight.shape[0]
        block = 2 * tokens * dim * (4 * dim + 2 * inner) + 4 * tokens**2 * dim
        return 1e-9 * (len(self.blocks) * block + 2 * self.side**2 * dim * 3 * patch**2)


def folded(weights, conv, norm, stride=1):
    """The convolution of that name with its batch-norm folded in."""
    weight, bias = weights[conv + ".weight"], weights.get(conv + ".bias")
    if norm + ".weight" in weights:
        gain = weights[norm + ".weight"] / (weights[norm + ".running_var"] + 1e-5).sqrt()
        shift = weights[norm + ".bias"] - weights[norm + ".running_mean"] * gain
        weight, bias = weight * gain[:, None, None, None], shift if bias is None else bias * gain + shift
    kernel = weight.shape[2]
    made = nn.Conv2d(weight.shape[1], weight.shape[0], kernel, stride, kernel // 2)
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


class Residual(nn.Module):
    """A basic block (two convolutions) or a bottleneck (three)."""

    def __init__(self, weights, name, stride):
        super().__init__()
        bottleneck = name + ".conv3.weight" in weights
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        self.convs = nn.ModuleList(folded(weights, f"{name}.conv{i + 1}", f"{name}.bn{i + 1}", s) for i, s in enumerate(strides))
        short = name + ".downsample.0"
        self.short = folded(weights, short, name + ".downsample.1", stride) if short + ".weight" in weights else nn.Identity()

    def forward(self, x):
        y = x
        for i, conv in enumerate(self.convs):
            y = conv(y) if i == len(self.convs) - 1 else F.relu(conv(y))
        return F.relu(y + self.short(x))


class Resnet(nn.Module):
    """torchvision's names, to layer3. Features as PatchCore has them: layer2 and layer3, means of 3 x 3, brought to layer2's grid and
    concatenated; with channels, each group pooled and brought together instead."""

    def __init__(self, path, channels=None):
        super().__init__()
        # A file in half precision is computed with in single, as the library does.
        weights = {name: value.float() for name, value in load_file(path).items()}
        self.stem = folded(weights, "conv1", "bn1", 2)
        self.stages = nn.ModuleList()
        for stage in (1, 2, 3):
            count = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith(f"layer{stage}."))
            self.stages.append(nn.Sequential(*(Residual(weights, f"layer{stage}.{i}", 2 if stage > 1 and i == 0 else 1)
                                               for i in range(count))))
        self.pooled = channels is not None
        if self.pooled:
            widths = [stage[-1].convs[-1].out_channels for stage in self.stages[1:]]
            for i, matrix in enumerate(pooling(widths, channels)):
                self.register_buffer(f"pooling{i}", matrix[:, :, None, None].transpose(0, 1).contiguous())
        self.eval().requires_grad_(False)

    def groups(self, planes):
        x = self.stages[0](F.max_pool2d(F.relu(self.stem(planes)), 3, 2, 1))
        second = self.stages[1](x)
        return second, self.stages[2](second)

    def forward(self, planes):
        second, third = (F.avg_pool2d(group, 3, 1, 1) for group in self.groups(planes))
        if self.pooled:
            second, third = F.conv2d(second, self.pooling0), F.conv2d(third, self.pooling1)
        third = F.interpolate(third, second.shape[2:], mode="bilinear")
        both = second + third if self.pooled else torch.cat([second, third], 1)
        return both.flatten(2).transpose(1, 2)

    def gflop(self, size):
        """Of the convolutions, counted by running them."""
        total = [0]

        def count(module, _, output):
            total[0] += 2 * output.numel() * module.weight[0].numel()

        hooks = [m.register_forward_hook(count) for m in self.modules() if isinstance(m, nn.Conv2d)]
        self(torch.zeros(1, 3, size, size))
        for hook in hooks:
            hook.remove()
        return 1e-9 * total[0]
