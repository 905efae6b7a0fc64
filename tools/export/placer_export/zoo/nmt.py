"""Neural machine translation: LSTM encoder and decoder with attention (Luong et al., 2015), unrolled over time."""

import torch
from torch import nn

from ..spec import Model, TensorSpec
from .lstm_lm import token_loss


class LstmStack(nn.Module):
    """`layers` LSTM cells on top of each other, stepped one position at a time."""

    def __init__(self, layers, inputs, width, dropout):
        super().__init__()
        self.cells = nn.ModuleList(nn.LSTMCell(inputs if layer == 0 else width, width) for layer in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, value, states):
        """value (batch, inputs), states: a (hidden, cell) per layer -> top hidden (batch, width), new states."""
        new_states = []
        for cell, state in zip(self.cells, states):
            state = cell(value, state)
            new_states.append(state)
            value = self.dropout(state[0])
        return value, new_states


class Attention(nn.Module):
    """Multiplicative attention over the encoder's outputs, joined with the query by a tanh layer."""

    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.combine = nn.Linear(2 * width, width, bias=False)

    def forward(self, value, memory):
        """value (batch, width), memory (batch, source steps, width) -> (batch, width)."""
        scores = torch.bmm(memory, self.query(value).unsqueeze(2))
        context = torch.bmm(torch.softmax(scores, 1).transpose(1, 2), memory).squeeze(1)
        return torch.tanh(self.combine(torch.cat([context, value], 1)))


class Translator(nn.Module):
    """source, x: int64 (steps, batch) tokens, x being the target shifted right -> logits (target steps, batch, vocabulary).

    The decoder feeds the attention vector of a step into the next one.
    """

    def __init__(self, layers, width, vocabulary, dropout):
        super().__init__()
        self.width = width
        self.source_embedding = nn.Embedding(vocabulary, width)
        self.target_embedding = nn.Embedding(vocabulary, width)
        self.encoder = LstmStack(layers, width, width, dropout)
        self.decoder = LstmStack(layers, 2 * width, width, dropout)
        self.attention = Attention(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, source, x):
        embedded = self.source_embedding(source)
        zeros = embedded.new_zeros(source.shape[1], self.width)
        states = [(zeros, zeros)] * len(self.encoder.cells)
        memory = []
        for value in embedded.unbind(0):
            value, states = self.encoder(value, states)
            memory.append(value)
        memory = torch.stack(memory, 1)
        attended, outputs = zeros, []
        for value in self.target_embedding(x).unbind(0):
            value, states = self.decoder(torch.cat([value, attended], 1), states)
            attended = self.attention(value, memory)
            outputs.append(attended)
        return self.head(torch.stack(outputs))


def build(layers, width, source_steps, target_steps, batch, vocabulary, dropout):
    """spec.Model of a translation step over `batch` sentence pairs."""
    return Model(
        Translator(layers, width, vocabulary, dropout),
        [
            TensorSpec("source", (source_steps, batch), torch.int64, 0, vocabulary),
            TensorSpec("x", (target_steps, batch), torch.int64, 0, vocabulary),
        ],
        [TensorSpec("target", (target_steps, batch), torch.int64, 0, vocabulary)],
        token_loss,
    )
