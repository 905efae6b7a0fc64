"""Transformer with sparse mixture-of-experts layers (GShard's dense dispatch, Lepikhin et al., 2020).

All shapes are static: a token goes to its two best experts, an expert takes a fixed number of tokens, what exceeds it
passes by the layer. Every expert is a module of its own, so that experts can stand on different devices.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..spec import Model, TensorSpec
from .lstm_lm import token_loss
from .transformer import Embedding, FeedForward, SelfAttention

CHOICES = 2  # experts per token
CAPACITY_FACTOR = 1.25
BALANCE_WEIGHT = 0.01


class MixtureOfExperts(nn.Module):
    """(tokens, width) -> (tokens, width) and the load-balancing loss, a scalar."""

    def __init__(self, width, hidden, experts):
        super().__init__()
        self.router = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(width, hidden) for _ in range(experts))

    def forward(self, x):
        tokens, experts = x.shape[0], len(self.experts)
        capacity = math.ceil(CAPACITY_FACTOR * CHOICES * tokens / experts)
        share = torch.softmax(self.router(x), -1)  # (tokens, experts)
        weight, chosen = share.topk(CHOICES, -1)
        weight = weight / weight.sum(-1, keepdim=True)
        # One row per (choice, token), all first choices before all second ones: they fill the experts first.
        picked = (chosen.t().reshape(-1, 1) == torch.arange(experts)).to(x.dtype)
        slot = ((picked.cumsum(0) - 1) * picked).sum(-1, keepdim=True)  # place in the queue of its expert
        slots = (slot == torch.arange(capacity)).to(x.dtype)  # all zero beyond the capacity: dropped
        routes = (picked.unsqueeze(2) * slots.unsqueeze(1)).view(CHOICES, tokens, experts, capacity)
        dispatch = routes.sum(0)  # (tokens, experts, capacity)
        combine = (routes * weight.t().reshape(CHOICES, tokens, 1, 1)).sum(0)
        queues = torch.einsum("tec,tw->ecw", dispatch, x)
        results = torch.stack([expert(queue) for expert, queue in zip(self.experts, queues.unbind(0))])
        balance = experts * (picked[:tokens].mean(0) * share.mean(0)).sum()
        return torch.einsum("tec,ecw->tw", combine, results), balance


class SparseLayer(nn.Module):
    """Pre-norm transformer layer whose feed-forward part is a mixture of experts."""

    def __init__(self, width, heads, hidden, experts, dropout):
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, dropout)
        self.mixture_norm = nn.LayerNorm(width)
        self.mixture = MixtureOfExperts(width, hidden, experts)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        mixed, balance = self.mixture(self.mixture_norm(x).flatten(0, 1))
        return x + self.dropout(mixed.view_as(x)), balance


class SparseLanguageModel(nn.Module):
    """x: int64 (batch, steps) tokens -> (logits (batch, steps, vocabulary), balance loss)."""

    def __init__(self, layers, width, heads, experts, hidden, steps, vocabulary, dropout):
        super().__init__()
        self.embedding = Embedding(vocabulary, steps, width, dropout)
        self.layers = nn.ModuleList(SparseLayer(width, heads, hidden, experts, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        self.register_buffer("mask", torch.full((steps, steps), -1e9).triu(1))

    def forward(self, x):
        x, total = self.embedding(x), 0.0
        for layer in self.layers:
            x, balance = layer(x, self.mask)
            total = total + balance
        return self.head(self.norm(x)), total


def loss(output, target):
    """Mean cross entropy over all positions + BALANCE_WEIGHT times the load-balancing loss; target int64 (batch, steps)."""
    logits, balance = output
    return token_loss(logits, target) + BALANCE_WEIGHT * balance


def build(layers, width, heads, experts, hidden, steps, batch, vocabulary, dropout):
    """spec.Model that predicts a token per position of `batch` sequences of `steps` tokens."""
    return Model(
        SparseLanguageModel(layers, width, heads, experts, hidden, steps, vocabulary, dropout),
        [TensorSpec("x", (batch, steps), torch.int64, 0, vocabulary)],
        [TensorSpec("target", (batch, steps), torch.int64, 0, vocabulary)],
        loss,
    )
