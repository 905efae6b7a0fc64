"""Weights and inputs made from a seed, identical in Python and in placer's C++ executor.

Both sides follow this specification to the bit, so a loss computed here can be compared with one computed there without
shipping any weights. docs/seeded-values.md describes the executor's side. All integer arithmetic is unsigned 64-bit and
wraps.

Generator
    splitmix64, state s:   s += 0x9E3779B97F4A7C15
                           z  = s
                           z  = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
                           z  = (z ^ (z >> 27)) * 0x94D049BB133111EB
                           output z ^ (z >> 31)
    splitmix64(s) as a function is the first output of the generator whose initial state is s.

Key of a tensor
    key(seed, name) = fnv1a64(utf8(name)) XOR splitmix64(seed)
    fnv1a64: offset basis 0xCBF29CE484222325, prime 0x100000001B3, one byte at a time: xor, then multiply.

Elements
    Element i of the tensor (row-major, counted from 0) uses z_i, output number i + 1 of the generator with
    initial state key, that is mix(key + (i + 1) * 0x9E3779B97F4A7C15), and
    u_i = (z_i >> 40) * 2^-24, a multiple of 2^-24 in [0, 1).

State: parameters and buffers. The name is the fully qualified name in the signature of the .pt2 file
(`Conv2d_1a_3x3.conv.weight`); if the exported module wraps another, the wrapper's prefix is part of the name.
    floating, name ends in "running_var", or 1-D with a name that ends in "weight"    1
    floating, 2 or more dimensions    (2u - 1) / sqrt(fan_in), fan_in = product of shape[1:]
    every other floating tensor       0
    integers and bool                 0

Inputs. The name is the user input's name in the .pt2 file (`x`, `target`).
    floating                          sqrt(3) * (2u - 1): mean 0, variance 1
    integers                          low + floor(u * (high - low)), in the range [low, high)
    bool                              u >= 0.5
    The range of an integer input comes from the model: rows of the embedding that it indexes, or the number of
    classes of the loss whose target it is. The zoo states it; placer's importer infers it from the graph.

Floating values are computed in double precision in the order written above (2u - 1 is exact; one correctly rounded
square root; one division or multiplication) and rounded once to the tensor's dtype, to nearest, ties to even.
16-bit types are rounded to float32 on the way, as ATen's own conversion from double does.

Only numpy is needed here; torch enters in `fill_state` and `make_input`, which take and return torch tensors.
"""

import math

import numpy as np

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
MASK64 = (1 << 64) - 1
_CHUNK = 1 << 22  # elements at a time: keeps the temporaries of a large tensor near 100 MB


def splitmix64(state):
    """First output (int, 0 <= z < 2**64) of SplitMix64 started at `state` (int, taken modulo 2**64)."""
    z = (state + GOLDEN_GAMMA) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return z ^ (z >> 31)


def fnv1a64(data):
    """64-bit FNV-1a hash (int) of `data` (bytes)."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & MASK64
    return value


def key(seed, name):
    """Initial generator state (int) of the tensor called `name` under `seed` (int)."""
    return fnv1a64(name.encode("utf-8")) ^ splitmix64(seed)


def uniform(seed, name, count):
    """The first `count` values u_i of tensor `name`: float64 array of shape (count,), in [0, 1)."""
    start = np.uint64(key(seed, name))
    values = np.empty(count, dtype=np.float64)
    for begin in range(0, count, _CHUNK):
        end = min(begin + _CHUNK, count)
        z = np.arange(begin + 1, end + 1, dtype=np.uint64)
        z *= np.uint64(GOLDEN_GAMMA)
        z += start
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        values[begin:end] = (z >> np.uint64(40)).astype(np.float64) * 2.0**-24
    return values


def state_values(seed, name, shape, floating=True):
    """Initial value of a parameter or buffer, float64 array of `shape`; the caller rounds it to the tensor's dtype."""
    if not floating:
        return np.zeros(shape, dtype=np.float64)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return np.ones(shape, dtype=np.float64)
    if len(shape) >= 2:
        count = math.prod(shape)
        if count == 0:
            return np.zeros(shape, dtype=np.float64)
        values = 2.0 * uniform(seed, name, count) - 1.0
        values /= math.sqrt(float(math.prod(shape[1:])))
        return values.reshape(shape)
    return np.zeros(shape, dtype=np.float64)


def input_values(seed, name, shape, kind, low=0, high=None):
    """Value of a user input of `shape`.

    kind: "float" gives float64, "int" gives int64 in [low, high), "bool" gives bool.
    Raises ValueError if an integer input has no range or an empty one.
    """
    u = uniform(seed, name, math.prod(shape))
    if kind == "float":
        return (math.sqrt(3.0) * (2.0 * u - 1.0)).reshape(shape)
    if kind == "bool":
        return (u >= 0.5).reshape(shape)
    if kind != "int":
        raise ValueError(f"input {name}: unknown kind {kind!r}, expected float, int or bool")
    if high is None or high <= low:
        raise ValueError(f"input {name}: an integer input needs a range [low, high) with low < high, got [{low}, {high})")
    return (low + np.floor(u * float(high - low)).astype(np.int64)).reshape(shape)


def fill_state(module, seed):
    """Overwrite every parameter and buffer of a torch module in place with its seeded value.

    A tensor that is registered under several names is filled once, under the first (the one the .pt2 file names).
    """
    import torch

    with torch.no_grad():
        for named in (module.named_parameters(), module.named_buffers()):
            for name, tensor in named:
                values = state_values(seed, name, tuple(tensor.shape), tensor.is_floating_point())
                tensor.copy_(torch.from_numpy(values).to(tensor.dtype))


def make_input(seed, name, shape, dtype, low=0, high=None):
    """A seeded input tensor of torch `dtype`; see `input_values` for the range of an integer input."""
    import torch

    kind = "float" if dtype.is_floating_point else "bool" if dtype == torch.bool else "int"
    return torch.from_numpy(input_values(seed, name, tuple(shape), kind, low, high)).to(dtype)
