#include "simulator/block_graph.h"

#include <algorithm>
#include <numeric>

namespace placer::sim {

BlockGraph::BlockGraph(const LoadModel& model, const LoadTables& tables)
    : num_nodes_(static_cast<std::uint32_t>(model.costs().graph().size())),
      first_source_(num_nodes_ + std::size_t{1}),
      device_(num_nodes_),
      members_(tables.num_devices),
      place_(num_nodes_),
      entering_(tables.num_devices),
      at_rest_(num_nodes_ + std::size_t{tables.num_devices}) {
  const Graph& graph = model.costs().graph();
  first_reader_.push_back(0);
  for (std::size_t v = 0; v < num_nodes_; ++v) {
    for (const Use& use : graph.uses(id_at<NodeId>(v))) {
      const auto consumer = static_cast<std::uint32_t>(index(use.consumer));
      if (reader_.size() == first_reader_.back() || reader_.back() != consumer) {
        reader_.push_back(consumer);
        ++first_source_[consumer + 1];
      }
    }
    first_reader_.push_back(static_cast<std::uint32_t>(reader_.size()));
  }
  std::partial_sum(first_source_.begin(), first_source_.end(), first_source_.begin());
  source_.resize(reader_.size());
  std::vector<std::uint32_t> next(first_source_.begin(), first_source_.end() - 1);
  for (std::uint32_t v = 0; v < num_nodes_; ++v) {
    for (std::uint32_t i = first_reader_[v]; i < first_reader_[v + 1]; ++i) {
      source_[next[reader_[i]]++] = v;
    }
    at_rest_[v].inputs = first_source_[v + 1] - first_source_[v];
    if (at_rest_[v].inputs == 0) {
      roots_.push_back(v);
    }
  }
  for (std::size_t d = 0; d < tables.num_devices; ++d) {
    const auto device = id_at<DeviceId>(d);
    is_host_.push_back(is_host(model.costs().cluster().device(device)));
    for (std::size_t v = 0; v < num_nodes_; ++v) {
      host_time_.push_back(is_host_[d] ? tables.ticks(model.time_us(id_at<NodeId>(v), device)) : 0);
    }
  }
}

void BlockGraph::add_member(std::uint32_t node, std::uint32_t device) {
  device_[node] = device;
  if (!is_host_[device]) {
    place_[node] = static_cast<std::uint32_t>(members_[device].size());
    members_[device].push_back(node);
  }
}

void BlockGraph::remove_member(std::uint32_t node) {
  auto& block = members_[device_[node]];
  if (!on_host(node)) {
    block[place_[node]] = block.back();
    place_[block.back()] = place_[node];
    block.pop_back();
  }
}

void BlockGraph::load(std::span<const DeviceId> device) {
  for (auto& block : members_) {
    block.clear();
  }
  for (std::uint32_t v = 0; v < num_nodes_; ++v) {
    add_member(v, static_cast<std::uint32_t>(index(device[v])));
  }
  std::ranges::fill(entering_, 0);
  for (std::uint32_t v = 0; v < num_nodes_; ++v) {
    for (std::uint32_t i = first_reader_[v]; i < first_reader_[v + 1]; ++i) {
      const std::uint32_t at = device_[reader_[i]];
      entering_[at] += at != device_[v] ? 1 : 0;
    }
  }
}

void BlockGraph::move(NodeId node, DeviceId to) {
  const auto v = static_cast<std::uint32_t>(index(node));
  const std::uint32_t a = device_[v];
  const auto b = static_cast<std::uint32_t>(index(to));
  if (a == b) {
    return;
  }
  for (std::uint32_t i = first_source_[v]; i < first_source_[v + 1]; ++i) {
    const std::uint32_t at = device_[source_[i]];
    entering_[a] -= at != a ? 1 : 0;
    entering_[b] += at != b ? 1 : 0;
  }
  for (std::uint32_t i = first_reader_[v]; i < first_reader_[v + 1]; ++i) {
    const std::uint32_t at = device_[reader_[i]];
    entering_[at] -= at != a ? 1 : 0;
    entering_[at] += at != b ? 1 : 0;
  }
  remove_member(v);
  add_member(v, b);
}

void BlockGraph::announce(std::size_t node, std::int64_t time) {
  const std::uint32_t home = on_host(node) ? ~std::uint32_t{0} : device_[node];
  for (std::uint32_t i = first_reader_[node]; i < first_reader_[node + 1]; ++i) {
    const std::uint32_t at = device_[reader_[i]];
    if (at == home) {
      continue;
    }
    const std::uint32_t waiter = is_host_[at] ? reader_[i] : num_nodes_ + at;
    Wait& wait = wait_[waiter];
    wait.start = std::max(wait.start, time);
    if (--wait.inputs == 0) {
      ready_.push_back(waiter);
    }
  }
}

std::optional<std::int64_t> BlockGraph::finish(std::span<const std::int64_t> duration) {
  wait_ = at_rest_;
  ready_.clear();
  for (std::uint32_t d = 0; d < members_.size(); ++d) {
    wait_[num_nodes_ + d].inputs = entering_[d];
    if (!members_[d].empty() && entering_[d] == 0) {
      ready_.push_back(num_nodes_ + d);
    }
  }
  for (const std::uint32_t root : roots_) {
    if (on_host(root)) {
      ready_.push_back(root);
    }
  }
  std::int64_t last = 0;
  std::size_t left = num_nodes_;  // not done
  while (!ready_.empty()) {
    const std::uint32_t done = ready_.back();
    ready_.pop_back();
    const std::int64_t start = wait_[done].start;
    if (done < num_nodes_) {
      const std::int64_t end = start + host_time_[device_[done] * std::size_t{num_nodes_} + done];
      last = std::max(last, end);
      announce(done, end);
      --left;
      continue;
    }
    const std::uint32_t block = done - num_nodes_;
    const std::int64_t end = start + duration[block];
    last = std::max(last, end);
    for (const std::uint32_t node : members_[block]) {
      announce(node, end);
    }
    left -= members_[block].size();
  }
  return left == 0 ? std::optional(last) : std::nullopt;
}

}  // namespace placer::sim
