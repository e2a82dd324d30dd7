"""Frozen networks on two engines: `features(batch)` takes [N, 224, 224, 3] of u8 RGB and gives [N, C] of f32."""
import numpy as np

# What is subtracted from pixels of 0 to 255, and what divides the rest.
PIXELS = {"mobilenet_v1": ([127.5] * 3, [127.5] * 3), "mobilenet_v2": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])}


def openvino(models, network, precision, batch):
    """OpenVINO, normalisation inside the model, as its documentation advises."""
    import openvino as ov
    core = ov.Core()
    model = core.read_model(f"{models}/{network}.onnx")
    model.reshape([batch, 3, 224, 224])
    steps, (mean, scale) = ov.preprocess.PrePostProcessor(model), PIXELS[network]
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(mean).scale(scale)
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    return core.compile_model(steps.build(), "CPU", hints)


def openvino_features(compiled, batches):
    """Features of batches of one size, as many at a time as OpenVINO wants."""
    import openvino as ov
    found = {}
    queue = ov.AsyncInferQueue(compiled)
    queue.set_callback(lambda request, i: found.__setitem__(i, request.get_output_tensor(0).data.copy()))
    for i, batch in enumerate(batches):
        queue.start_async({0: batch}, i)
    queue.wait_all()
    return [found[i] for i in range(len(found))]


def onnx_features(models, network, batches):
    """ONNX Runtime in f32 on all cores."""
    import onnxruntime
    session = onnxruntime.InferenceSession(f"{models}/{network}.onnx", providers=["CPUExecutionProvider"])
    mean, scale = (np.array(v, np.float32) for v in PIXELS[network])
    for batch in batches:
        x = ((batch - mean) / scale).transpose(0, 3, 1, 2)
        yield session.run(None, {"x": np.ascontiguousarray(x)})[0]
