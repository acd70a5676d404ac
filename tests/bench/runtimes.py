"""A torch module in each program that can run it: eager PyTorch, ONNX Runtime, OpenVINO; f32, and bf16 where the program has it."""
import io

from measure import Absent, Side, fastest
from ours import need


def torch_sides(name, module, planes, threads, gflop=0.0):
    """Eager PyTorch in f32 and bf16, each the fastest of two ways and of two to four."""
    torch = need("torch")
    torch.set_num_threads(threads)
    convolutions = any(isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3) for m in module.modules())
    last = torch.channels_last

    def eager(network, x):
        def run():
            with torch.inference_mode():
                return network(x)
        return run

    def autocast(network, x):
        def run():
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                return network(x)
        return run

    narrow = copied(module).to(torch.bfloat16)
    ways = [("", eager(module, planes))]
    narrow_ways = [(", autocast", autocast(module, planes)), (", .bfloat16()", eager(narrow, planes.to(torch.bfloat16)))]
    if convolutions:
        wide_last, planes_last = copied(module).to(memory_format=last), planes.to(memory_format=last)
        ways.append((", channels last", eager(wide_last, planes_last)))
        narrow_ways.append((", autocast, channels last", autocast(wide_last, planes_last)))
        narrow_ways.append((", .bfloat16(), channels last", eager(copied(narrow).to(memory_format=last), planes_last.to(torch.bfloat16))))
    sides = []
    for precision, candidates in (("f32", ways), ("bf16", narrow_ways)):
        way, run = fastest(candidates)
        sides.append(Side(f"{name}PyTorch eager {precision}{way}", run, precision=precision, gflop=gflop))
    return sides


def copied(module):
    import copy

    return copy.deepcopy(module)


def onnx_bytes(module, planes):
    """The module as an ONNX file of fixed shapes."""
    import logging
    import warnings

    torch = need("torch")
    need("onnx")
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(module, (planes,), buffer, opset_version=17, dynamo=False, input_names=["planes"], output_names=["features"])
    return buffer.getvalue()


def onnxruntime_side(name, model, planes, threads, gflop=0.0):
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"planes": planes.numpy()}
    return Side(f"{name}ONNX Runtime f32", lambda: session.run(None, feed)[0], gflop=gflop)


def openvino_runner(network, planes, threads, precision):
    """A function from planes to the first output. network: a torch module, or the bytes of an ONNX file. The hint is always given, as
    OpenVINO takes bf16 by itself on processors that have it."""
    openvino, torch = need("openvino"), need("torch")
    core = openvino.Core()
    if isinstance(network, bytes):
        model = core.read_model(network)
    else:
        with torch.inference_mode():
            model = openvino.convert_model(network, example_input=planes, input=[tuple(planes.shape)])
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    compiled = core.compile_model(model, "CPU", hints)
    if compiled.get_property("INFERENCE_PRECISION_HINT").to_string() != precision:
        raise Absent(f"OpenVINO has no {precision} on this processor.")
    return runner(compiled)


def openvino_side(name, module, model, planes, threads, precision, gflop=0.0):
    """The faster of the model converted from ONNX and straight from PyTorch."""
    ways = []
    for way, network in ((", from ONNX", model), (", from PyTorch", module)):
        run = openvino_runner(network, planes, threads, precision)
        ways.append((way, lambda run=run: run(planes.numpy())))
    way, run = fastest(ways)
    return Side(f"{name}OpenVINO {precision}{way}", run, precision=precision, gflop=gflop)


def runner(compiled):
    """Input to the first output, of a compiled OpenVINO model; nothing is copied."""
    request = compiled.create_infer_request()

    def run(planes):
        request.infer([planes], share_inputs=True, share_outputs=True)
        return request.get_output_tensor(0).data
    return run


def all_sides(name, module, planes, threads, gflop, skipped):
    """Every program that is there; for each that is not, a sentence in skipped."""
    sides = torch_sides(name, module, planes, threads, gflop)
    try:
        model = onnx_bytes(module, planes)
    except Absent as problem:
        skipped.append(str(problem))
        return sides
    for make in (lambda: onnxruntime_side(name, model, planes, threads, gflop),
                 lambda: openvino_side(name, module, model, planes, threads, "f32", gflop),
                 lambda: openvino_side(name, module, model, planes, threads, "bf16", gflop)):
        try:
            sides.append(make())
        except Absent as problem:
            if str(problem) not in skipped:
                skipped.append(str(problem))
    return sides
