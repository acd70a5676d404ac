"""SNARM's navigator and branches in eager PyTorch, under the names of the published checkpoints, with the check that its
logits, gradients and running statistics are those of the published vectors. Square grids.

usage: torch_network.py GOLDEN_FOLDER
"""
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F


class Mixer(nn.Module):
    """Mamba's mixer (arXiv 2312.00752) with a plain loop over the sequence."""

    def __init__(self, embedding, states=4, taps=4):
        super().__init__()
        inner, rank = 2 * embedding, (embedding + 15) // 16
        self.sizes = [rank, states, states]
        self.in_proj = nn.Linear(embedding, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, taps, groups=inner, padding=taps - 1)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, states + 1).repeat(inner, 1)))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, embedding, bias=False)
        steps = 10 ** torch.empty(inner).uniform_(-3, -1)
        self.dt_proj.bias.data.copy_(steps + torch.log(-torch.expm1(-steps)))

    def forward(self, rows):  # (B, L, D)
        x, gate = self.in_proj(rows).chunk(2, -1)
        x = F.silu(self.conv1d(x.transpose(1, 2))[..., : rows.shape[1]]).transpose(1, 2)
        low, b, c = self.x_proj(x).split(self.sizes, -1)
        step = F.softplus(self.dt_proj(low))
        decay = torch.exp(step.unsqueeze(-1) * -torch.exp(self.A_log))  # (B, L, E, S)
        entering = (step * x).unsqueeze(-1) * b.unsqueeze(2)
        state, states = torch.zeros_like(entering[:, 0]), []
        for kept, new in zip(decay.unbind(1), entering.unbind(1)):
            state = torch.addcmul(new, kept, state)
            states.append(state)
        y = (torch.stack(states, 1) * c.unsqueeze(2)).sum(-1) + self.D * x
        return self.out_proj(y * F.silu(gate))


class RMSNorm(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(embedding))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class Block(nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.norm = RMSNorm(embedding)
        self.conv = nn.Conv2d(embedding, embedding, 3, padding=1)
        self.mixer = Mixer(embedding)

    def forward(self, x, stream, hard, side):
        """x, stream (4B, N, D) in scan order; hard (4B, count): the places in it of hard patches."""
        stream = x if stream is None else stream + x
        x = self.conv(self.norm(stream).transpose(1, 2).unflatten(2, (side, side))).flatten(2).transpose(1, 2)
        if hard.shape[1] > 0:
            at = hard.unsqueeze(-1).expand(-1, -1, x.shape[2])
            x = x.scatter(1, at, self.mixer(x.gather(1, at)))
        return x, stream


class NormedConv(nn.Module):
    def __init__(self, embedding, rate):
        super().__init__()
        self.conv = nn.Conv2d(embedding, embedding, 3, padding=rate, dilation=rate, bias=False)
        self.norm = nn.BatchNorm2d(embedding)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Network(nn.Module):
    def __init__(self, channels, embedding, depth=2, rates=(3, 6, 12, 24), dropout=0.1):
        super().__init__()
        self.dropout = dropout
        self.simple_predictor = nn.Conv2d(channels, 1, 1)
        self.conv_list = nn.ModuleList(nn.Conv2d(2 * channels, embedding, 1) for _ in rates)
        self.mamba_list = nn.ModuleList(nn.ModuleList(Block(embedding) for _ in range(depth)) for _ in rates)
        self.norm_list = nn.ModuleList(nn.LayerNorm(embedding) for _ in rates)
        self.head_list = nn.ModuleList(
            nn.Sequential(NormedConv(embedding, rate), nn.Conv2d(embedding, 1, 1)) for rate in rates for _ in range(4)
        )

    def navigator(self, phi):
        """(B, C, H, W) to the values (B, H, W) before the sigmoid."""
        return self.simple_predictor(phi).squeeze(1)

    def branch(self, hybrid, reference, index):
        """hybrid (B, 2C, H, H), reference (B, H, H), 0 on hard patches; logits (B, 4, H, H)."""
        batch, _, side, width = hybrid.shape
        if side != width:
            raise ValueError(f"the grid is {width} x {side}, expected a square")
        x, mask = self.conv_list[index](hybrid), reference == 0

        def places(flags):
            return flags.nonzero()[:, 1].reshape(batch, -1)

        rows, columns = x.flatten(2).transpose(1, 2), x.transpose(2, 3).flatten(2).transpose(1, 2)
        by_row, by_column = mask.flatten(1), mask.transpose(1, 2).flatten(1)
        x = torch.cat([rows, columns, rows.flip(1), columns.flip(1)])
        hard = torch.cat([places(by_row), places(by_column), places(by_row.flip(1)), places(by_column.flip(1))])
        stream = None
        for block in self.mamba_list[index]:
            x, stream = block(x, stream, hard, side)
        x = self.norm_list[index](F.dropout(x, self.dropout, self.training) + stream)
        logits = []
        for scan, part in enumerate(x.chunk(4)):
            picture = (part.flip(1) if scan >= 2 else part).transpose(1, 2).unflatten(2, (side, side))
            logits.append(self.head_list[index * 4 + scan](picture.transpose(2, 3) if scan % 2 else picture))
        return torch.cat(logits, 1)


def phi(residual):
    """(B, C, H, W): means of neighbouring pairs of [|r|, r^2]."""
    both = torch.cat([residual.abs(), residual * residual], 1)
    return both.unflatten(1, (-1, 2)).mean(2)


def check_golden(folder, tolerance=1e-4):
    """Raises AssertionError unless logits, all gradients and statistics agree; returns (gradients, largest error)."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    weights, batch, expected = (load_file(os.path.join(folder, f"scorer_small{end}.safetensors")) for end in ("", "_io", "_grad"))
    with safe_open(os.path.join(folder, "scorer_small_grad.safetensors"), "pt") as file:
        index = int(file.metadata()["branch"])
    embedding, channels = weights["conv_list.0.weight"].shape[0], weights["conv_list.0.weight"].shape[1] // 2
    network = Network(channels, embedding, dropout=0.0).train()
    network.load_state_dict(weights)

    errors = {}

    def compare(name, found, wanted):
        assert found is not None and found.shape == wanted.shape, f"{name} is missing or of another shape"
        errors[name] = ((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12)).item()
        assert errors[name] <= tolerance, f"{name} differs by {errors[name]:.2g} of its largest value"

    navigator = torch.sigmoid(network.navigator(phi(batch["inter_residual"])))
    logits = network.branch(batch["hybrid"], batch["reference_mask"], index)
    compare("navigator", navigator, expected["navigator"])
    compare("logits", logits, expected["logits"])
    ((logits * expected["grad_logits"]).sum() + (navigator * expected["grad_navigator"]).sum()).backward()
    parameters, state, gradients = dict(network.named_parameters()), network.state_dict(), {}
    for name, wanted in expected.items():
        if name.startswith("g."):
            compare(name, parameters[name[2:]].grad, wanted)
            gradients[name] = errors[name]
        elif name.startswith("after."):
            compare(name, state[name[6:]], wanted)
    trained = sum(parameter.grad is not None for parameter in parameters.values())
    assert len(gradients) == trained > 0, f"{trained} parameters have gradients, {len(gradients)} were compared"
    return len(gradients), max(gradients.values())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        count, largest = check_golden(sys.argv[1])
    except (AssertionError, OSError) as problem:
        sys.exit(f"torch_network.py: not the published network: {problem}")
    print(f"{count} gradients, largest relative error {largest:.1e}")
