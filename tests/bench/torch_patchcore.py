"""PatchCore in PyTorch: anomalib's own module where anomalib is installed, else its inference restated. Both run the weights that the library
reads and search the library's bank, so that all programs do the same; export to OpenVINO is anomalib's way to run it on processors."""
import torch
from torch import nn
from torch.nn import functional as F

NEIGHBOURS, CHUNK, SIGMA = 9, 10_000, 4


def distances(x, y):
    """Euclidean, by one product as anomalib has it."""
    lengths = y.pow(2).sum(-1, keepdim=True).transpose(-2, -1)
    return (torch.matmul(x, y.transpose(-2, -1)) * -2 + x.pow(2).sum(-1, keepdim=True) + lengths).clamp(min=0).sqrt()


class Restated(nn.Module):
    """Inference of anomalib's PatchcoreModel: (1, 3, S, S) to the map (1, 1, S, S) and the score (1)."""

    def __init__(self, network, bank):
        super().__init__()
        self.network = network
        self.register_buffer("bank", bank)
        at = torch.arange(-16.0, 17.0)
        weights = torch.exp(-0.5 * (at / SIGMA) ** 2)
        self.register_buffer("blur", (weights / weights.sum())[None, None])

    def forward(self, planes):
        patches = self.network(planes)[0]
        values, nearest = distances(patches, self.bank).min(1)
        side = planes.shape[2] // 8
        spread = F.interpolate(values.reshape(1, 1, side, side), planes.shape[2:])
        padded = F.pad(spread, (16, 16, 16, 16), mode="reflect")
        smoothed = F.conv2d(F.conv2d(padded, self.blur.unsqueeze(2)), self.blur.unsqueeze(3))
        worst = values.argmax()
        centre = self.bank[nearest[worst]][None]
        support = torch.topk(distances(centre, self.bank)[0], NEIGHBOURS, largest=False).indices
        away = distances(patches[worst][None], self.bank[support])[0]
        return smoothed, ((1 - torch.softmax(away, 0)[0]) * values[worst])[None]


class Anomalib(nn.Module):
    """anomalib's PatchcoreModel with these weights and this bank; outputs as above."""

    def __init__(self, model, path, bank):
        super().__init__()
        from safetensors.torch import load_file

        state = model.feature_extractor.feature_extractor.state_dict()
        weights = load_file(path)
        missing = [name for name in state if name not in weights and not name.endswith("num_batches_tracked")]
        if missing:
            raise ValueError(f"{path}: anomalib's network has {missing[0]}, which the file lacks")
        model.feature_extractor.feature_extractor.load_state_dict({name: weights.get(name, value) for name, value in state.items()})
        model.memory_bank = bank
        self.model = model.eval().requires_grad_(False)

    def forward(self, planes):
        found = self.model(planes)
        return found.anomaly_map, found.pred_score


def make(path, bank):
    """(name, module, note)"""
    try:
        import logging
        import warnings

        logging.disable(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import anomalib
            from anomalib.models.image.patchcore.torch_model import PatchcoreModel

            model = PatchcoreModel(layers=["layer2", "layer3"], backbone="resnet18", pre_trained=False, num_neighbors=NEIGHBOURS)
        return f"anomalib {anomalib.__version__} PatchCore", Anomalib(model, path, bank), ""
    except ImportError:
        from torch_backbones import Resnet

        return "anomalib's PatchCore restated", Restated(Resnet(path), bank), "anomalib is not installed: its inference, restated"
    finally:
        logging.disable(logging.NOTSET)
