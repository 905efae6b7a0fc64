"""BERT-style encoder (Devlin et al., 2018): post-norm transformer layers, masked language modelling."""

import torch
from torch import nn

from ..spec import Model, TensorSpec
from .lstm_lm import token_loss
from .transformer import Embedding, FeedForward, SelfAttention


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each followed by dropout, a residual sum and layer norm."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.attention = SelfAttention(width, heads, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, 4 * width)
        self.output_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.attention_norm(x + self.dropout(self.attention(x)))
        return self.output_norm(x + self.dropout(self.feed_forward(x)))


class MaskedLanguageModel(nn.Module):
    """x: int64 (batch, steps) tokens -> logits (batch, steps, vocabulary)."""

    def __init__(self, layers, width, heads, steps, vocabulary, dropout):
        super().__init__()
        self.embedding = Embedding(vocabulary, steps, width, dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, dropout) for _ in range(layers))
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        x = self.embedding(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.transform(x))


def build(layers, width, heads, steps, batch, vocabulary, dropout):
    """spec.Model that predicts a token at every position (a seeded target has no masked-out positions)."""
    return Model(
        MaskedLanguageModel(layers, width, heads, steps, vocabulary, dropout),
        [TensorSpec("x", (batch, steps), torch.int64, 0, vocabulary)],
        [TensorSpec("target", (batch, steps), torch.int64, 0, vocabulary)],
        token_loss,
    )
