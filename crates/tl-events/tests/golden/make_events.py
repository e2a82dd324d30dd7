"""Writes events.tfevents with TensorBoard's own record writer and messages.

    python make_events.py      # in this folder; needs the package tensorboard (2.21)

tests/it/golden.rs writes the same events and compares every byte.
"""

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

TIME = 1764000000.25


def scalars(step, pairs):
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in pairs]
    return event_pb2.Event(wall_time=TIME + step, step=step, summary=summary_pb2.Summary(value=values))


def text(step, tag, words):
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"),
        data_class=summary_pb2.DATA_CLASS_TENSOR,
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
        string_val=[words.encode()],
    )
    value = summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
    return event_pb2.Event(wall_time=TIME, step=step, summary=summary_pb2.Summary(value=[value]))


events = [
    event_pb2.Event(
        wall_time=TIME, file_version="brain.Event:2", source_metadata=event_pb2.SourceMetadata(writer="tl")
    ),
    text(0, "settings", "    epochs = 10\n    # äöü\n"),
    scalars(1, [("step/loss", 0.7), ("step/learning_rate", 1e-3), ("step/photos_per_second", 0.0)]),
    scalars(300, [("loss/train", 1.5401), ("accuracy/validation", 0.96)]),
    event_pb2.Event(
        wall_time=TIME,
        step=129,
        session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
    ),
]

with open("events.tfevents", "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
