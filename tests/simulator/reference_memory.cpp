#include "tests/simulator/reference_memory.h"

#include <algorithm>

namespace placer::sim::test {

// Whose memory `reader` reads when it reads `tensor`.
ReferenceMemory::Instance& ReferenceMemory::read_by(TensorKey tensor, std::size_t reader) {
  const DeviceId to = device(reader);
  if (!copies(device(tensor.first), to)) return origin(tensor);
  return copies_.at({tensor, index(to), sending_ == Sending::kPerReader ? reader : kEveryReader});
}

// The memory of a tensor on the device that made it.
ReferenceMemory::Instance& ReferenceMemory::origin(TensorKey tensor) {
  const Node& maker = node(tensor.first);
  if (const auto base = maker.outputs[tensor.second].alias_of) {
    const TensorRef input = maker.inputs[*base];
    return read_by({index(input.node), input.output}, tensor.first);
  }
  return own_.at(tensor);
}

void ReferenceMemory::place(const std::vector<SimTime>& start, const std::vector<SimTime>& end,
                            const std::map<TransferKey, TransferRecord>& transfers) {
  for (std::size_t n = 0; n < graph_.size(); ++n) {
    const bool source = node(n).kind != NodeKind::kOp && node(n).kind != NodeKind::kOutput;
    for (std::uint32_t k = 0; k < node(n).outputs.size(); ++k) {
      if (node(n).outputs[k].alias_of) continue;
      own_[{n, k}] = {index(device(n)), node(n).outputs[k].bytes, start[n],
                      source ? kNever : end[n]};
    }
    others_.push_back({index(device(n)), node(n).workspace, start[n], end[n]});
    others_.push_back({index(device(n)), node(n).resident, SimTime{}, kNever});
  }
  for (const auto& [key, record] : transfers) {
    if (!copies(record.from, record.to)) continue;
    const Bytes bytes = graph_.tensor(record.tensor).bytes;
    copies_[key] = {index(record.to), bytes, record.start, record.arrival};
  }
  for (const auto& [key, record] : transfers) {
    if (!copies(record.from, record.to)) continue;
    Instance& source = origin(std::get<0>(key));
    source.end = std::max(source.end, record.released);
  }
  for (std::size_t n = 0; n < graph_.size(); ++n) {
    for (const TensorRef input : node(n).inputs) {
      Instance& read = read_by({index(input.node), input.output}, n);
      read.end = std::max(read.end, node(n).kind == NodeKind::kOutput ? kNever : end[n]);
    }
  }
}

Bytes ReferenceMemory::peak(const std::function<bool(std::size_t)>& counts) const {
  std::vector<Instance> all = others_;
  for (const auto& [key, instance] : own_) all.push_back(instance);
  for (const auto& [key, instance] : copies_) all.push_back(instance);
  std::erase_if(all, [&](const Instance& instance) { return !counts(instance.device); });
  Bytes most;
  for (const Instance& at : all) {
    Bytes used;
    for (const Instance& other : all) {
      if (other.start <= at.start && at.start < other.end) used += other.bytes;
    }
    most = std::max(most, used);
  }
  return most;
}

}  // namespace placer::sim::test
