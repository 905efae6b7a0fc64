"""Language model: a stack of LSTM layers unrolled over time, one LSTMCell call per layer and step.

The classical picture of model parallelism: layer l on device l, time steps flow through as a pipeline.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..spec import Model, TensorSpec


class UnrolledLstm(nn.Module):
    """x: int64 (steps, batch) tokens -> logits (steps, batch, vocabulary)."""

    def __init__(self, layers, width, vocabulary, dropout):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        self.cells = nn.ModuleList(nn.LSTMCell(width, width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        embedded = self.dropout(self.embedding(x))
        start = embedded.new_zeros(x.shape[1], self.width)
        states = [(start, start)] * len(self.cells)
        outputs = []
        for value in embedded.unbind(0):
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(value, states[layer])
                value = self.dropout(states[layer][0])
            outputs.append(value)
        return self.head(torch.stack(outputs))


def token_loss(logits, target):
    """Mean cross entropy over all positions; logits (..., vocabulary), target int64 (...)."""
    return F.cross_entropy(logits.flatten(0, -2), target.flatten())


def build(layers, width, steps, batch, vocabulary, dropout):
    """spec.Model that predicts a token per position of `batch` sequences of `steps` tokens."""
    return Model(
        UnrolledLstm(layers, width, vocabulary, dropout),
        [TensorSpec("x", (steps, batch), torch.int64, 0, vocabulary)],
        [TensorSpec("target", (steps, batch), torch.int64, 0, vocabulary)],
        token_loss,
    )
