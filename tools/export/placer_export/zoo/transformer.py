"""The parts that the transformer models of the zoo share."""

import math

import torch
from torch import nn


class SelfAttention(nn.Module):
    """Multi-head self-attention, (batch, steps, width) -> the same, written out as matrix products and softmax.

    mask: 0 where a position may look and -inf where not, broadcastable to (batch, heads, steps, steps); None: everywhere.
    """

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        batch, steps, width = x.shape

        def split(tensor):
            return tensor.view(batch, steps, self.heads, width // self.heads).transpose(1, 2)

        scores = split(self.query(x)) @ split(self.key(x)).transpose(2, 3) / math.sqrt(width // self.heads)
        if mask is not None:
            scores = scores + mask
        mixed = self.dropout(torch.softmax(scores, -1)) @ split(self.value(x))
        return self.output(mixed.transpose(1, 2).reshape(batch, steps, width))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them, over the last dimension."""

    def __init__(self, width, hidden):
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.activation = nn.GELU()
        self.down = nn.Linear(hidden, width)

    def forward(self, x):
        return self.down(self.activation(self.up(x)))


class Embedding(nn.Module):
    """Token and position embeddings: int64 (batch, steps) -> (batch, steps, width)."""

    def __init__(self, vocabulary, steps, width, dropout):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.randn(steps, width) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.norm(self.token(x) + self.position))
