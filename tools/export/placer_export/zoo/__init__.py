"""The model zoo: networks whose placement is worth studying, in plain torch.nn.

Each entry has a `small` size, one training step of which takes 0.5 to 3 s on one CPU core, and a `full` size close to
what was published. Nothing here imports torch until a model is built.
"""

import dataclasses
import importlib

from ..errors import UsageError


@dataclasses.dataclass(frozen=True)
class Entry:
    """A zoo model. sizes: size name -> keyword arguments of `build(**kwargs) -> spec.Model` in module `source`."""

    name: str
    about: str
    source: str
    sizes: dict


_ENTRIES = [
    Entry("inception_v3", "Inception-V3 with auxiliary classifier, loss CE + 0.4 auxiliary CE", "inception", {
        "small": dict(batch=2, image=299, classes=1000),
        "full": dict(batch=32, image=299, classes=1000),
    }),
    Entry("resnet50", "ResNet-50, cross entropy", "resnet", {
        "small": dict(batch=2, image=224, classes=1000),
        "full": dict(batch=32, image=224, classes=1000),
    }),
    Entry("lstm_lm", "language model, 4 LSTM layers unrolled over time (LSTMCell), one layer per device is the expert's split", "lstm_lm", {
        "small": dict(layers=4, width=512, steps=20, batch=32, vocabulary=2000, dropout=0.2),
        "full": dict(layers=4, width=2048, steps=40, batch=64, vocabulary=10000, dropout=0.2),
    }),
    Entry("nmt", "LSTM encoder-decoder with attention over the source, unrolled over time", "nmt", {
        "small": dict(layers=2, width=512, source_steps=16, target_steps=16, batch=24, vocabulary=2000, dropout=0.2),
        "full": dict(layers=2, width=1024, source_steps=30, target_steps=30, batch=64, vocabulary=32000, dropout=0.2),
    }),
    Entry("bert", "BERT-style encoder, masked language modelling", "bert", {
        "small": dict(layers=4, width=512, heads=8, steps=64, batch=8, vocabulary=4000, dropout=0.1),
        "full": dict(layers=12, width=768, heads=12, steps=128, batch=32, vocabulary=30522, dropout=0.1),
    }),
    Entry("moe", "transformer layers with a sparse mixture of experts (top-2 routing, fixed capacity)", "moe", {
        "small": dict(layers=3, width=512, heads=8, experts=8, hidden=1024, steps=64, batch=8, vocabulary=2000, dropout=0.1),
        "full": dict(layers=6, width=1024, heads=16, experts=16, hidden=4096, steps=256, batch=8, vocabulary=32000, dropout=0.1),
    }),
    Entry("nasnet", "NASNet-A cell stack, separable convolutions", "nasnet", {
        "small": dict(repeats=2, filters=32, image=64, batch=4, classes=10),
        "full": dict(repeats=4, filters=44, image=224, batch=32, classes=1000),
    }),
]

ENTRIES = {entry.name: entry for entry in _ENTRIES}


def build(name, size="small", **overrides):
    """Build zoo model `name` in `size` and return its spec.Model (fresh weights from torch's own generator).

    overrides replace single sizes, e.g. batch=8, dropout=0.0. Raises UsageError for an unknown name, size or option.
    """
    if name not in ENTRIES:
        raise UsageError(f"unknown model {name!r}; the zoo has: {', '.join(ENTRIES)}")
    entry = ENTRIES[name]
    if size not in entry.sizes:
        raise UsageError(f"{name} has no size {size!r}; it has: {', '.join(entry.sizes)}")
    options = dict(entry.sizes[size])
    for option, value in overrides.items():
        if option not in options:
            raise UsageError(f"{name} has no option {option!r}; it has: {', '.join(options)}")
        options[option] = type(options[option])(value)
    return importlib.import_module(f".{entry.source}", __name__).build(**options)
