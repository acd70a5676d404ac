"""torch_inspect.py VIT SCORER MODEL SIZE THREADS: inspects a few times by the published pipeline in PyTorch and prints the process's peak
memory as JSON. MODEL is a .snarm file, of which the bank is taken."""
import json
import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "measure"))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch_backbones import Vit  # noqa: E402
from torch_pipeline import Pipeline, read_scorer  # noqa: E402

vit_path, scorer_path, model, size, threads = sys.argv[1:4] + [int(word) for word in sys.argv[4:6]]
torch.set_num_threads(threads)
vit = Vit(vit_path, size)
network, ratio = read_scorer(scorer_path)
tensors = load_file(model)
bank = next(value for name, value in tensors.items() if name.endswith("vectors"))
pipeline = Pipeline(network, ratio, bank.clone(), 3, "matmul", 256)
del tensors, bank
picture = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 3, size, size), np.float32))
for _ in range(3):
    with torch.inference_mode():
        pipeline(vit(picture)[0], size)
print(json.dumps({"peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
