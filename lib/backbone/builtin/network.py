"""The built-in network for PyTorch: the first three stages of a ResNet-18, and its weights as a safetensors file."""
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

WIDTHS = (64, 128, 256)
BLOCKS = 2


class Block(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Network(nn.Module):
    """(n, 3, h, w), normalised with ImageNet's mean and deviation -> (n, 128, h / 8, w / 8), (n, 256, h / 16, w / 16).

    Names are torchvision's, so that anything that reads a ResNet-18 reads this."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        channels = WIDTHS[0]
        for stage, width in enumerate(WIDTHS, 1):
            blocks = [Block(channels if b == 0 else width, width, 2 if b == 0 and stage > 1 else 1) for b in range(BLOCKS)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            channels = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Block):
                nn.init.zeros_(module.bn2.weight)  # each block begins as its shortcut

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer2(self.layer1(x))
        return x, self.layer3(x)


def export(network, path, metadata):
    """Convolutions in F16, batch norms in F32. metadata: strings by name."""
    tensors = {}
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        value = value.detach().half() if value.dim() == 4 else value.detach().float()
        if not torch.isfinite(value).all():
            raise SystemExit(f"{name}: not finite, nothing written")
        tensors[name] = value.contiguous()
    save_file(tensors, path, metadata)
