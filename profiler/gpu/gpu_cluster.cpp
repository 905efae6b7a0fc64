#include "profiler/gpu/gpu_cluster.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "profiler/gpu/gpu_name.h"

namespace placer::profile {
namespace {

// Of what is free: kernels' workspaces, fragments of the allocator and CUDA's own need the rest.
constexpr double kUsableShare = 0.9;

int parts_of(int gpu, std::span<const GpuSplit> splits) {
  const auto split = std::ranges::find_if(
      splits, [gpu](const GpuSplit& candidate) { return candidate.gpu == gpu; });
  return split == splits.end() ? 1 : split->parts;
}

class ClusterMaker {
 public:
  ClusterMaker(const Cluster& host, GpuDriver& driver, std::span<const GpuSplit> splits)
      : driver_(driver),
        splits_(splits),
        name_(host.name()),
        hosts_(host.size()),
        devices_(host.devices().begin(), host.devices().end()),
        links_(host.links().begin(), host.links().end()),
        pools_(host.pools().begin(), host.pools().end()) {}

  void add(const GpuReport& report) {
    const int parts = parts_of(report.gpu, splits_);
    name_ += fmt::format(", {}{}", report.facts.name,
                         parts > 1 ? fmt::format(" in {} parts", parts) : "");
    const std::size_t first = devices_.size();
    for (int part = 0; part < parts; ++part) {
      devices_.push_back(device(report, part, parts));
    }
    std::vector<DeviceId> ids;
    for (std::size_t i = first; i < devices_.size(); ++i) {
      ids.push_back(id_at<DeviceId>(i));
    }
    std::vector<DeviceId> hosts;
    for (std::size_t i = 0; i < hosts_; ++i) {
      hosts.push_back(id_at<DeviceId>(i));
    }
    // Values of CPU ops lie in ordinary memory, those that come from a GPU are read where they
    // arrive, in pinned memory.
    CopyLink link = report.host;
    link.there = report.pageable_there;
    add_link("host", hosts, fmt::format("cuda:{}", report.gpu), ids, link, report.host.one_bus(),
             1);
    if (parts > 1) {
      Link within = make_link(fmt::format("within cuda:{}", report.gpu), report.within, 1);
      add_pairs(within, ids, ids);
      links_.push_back(std::move(within));
    }
    added_.push_back({report.gpu, report.host, std::move(ids)});
  }

  void add(const PeerReport& report) {
    const CopyLink link = report.problem.empty() ? report.link : staged(report);
    // Staged bytes pass two buses, one after the other.
    add_link(fmt::format("cuda:{}", report.from), added(report.from).ids,
             fmt::format("cuda:{}", report.to), added(report.to).ids, link, link.one_bus(),
             report.direct && report.problem.empty() ? 1 : 2);
  }

  Cluster cluster() && {
    return {std::move(name_), std::move(devices_), std::move(links_), std::move(pools_)};
  }

 private:
  struct Added {
    int gpu = 0;
    CopyLink host;
    std::vector<DeviceId> ids;
  };

  Device device(const GpuReport& report, int part, int parts) const {
    const double share = kUsableShare / parts;
    Device device{.name = fmt::format("cuda:{}", report.gpu),
                  .kind = "cuda:" + report.facts.name,
                  .memory = Bytes{static_cast<std::int64_t>(
                      share * static_cast<double>(report.reading.memory_free.count))},
                  .pool = {},
                  .cores = {},
                  .overhead = from_seconds(report.launch_seconds),
                  .asynchronous_launch = true};
    if (parts > 1) {
      device.name += fmt::format(".{}", part);
      device.kind += fmt::format(" ({} of {} SMs)", driver_.part_multiprocessors(report.gpu, parts),
                                 report.facts.multiprocessors);
    }
    return device;
  }

  static Link make_link(std::string name, const CopySpeed& speed, double scale) {
    return {.name = std::move(name),
            .pairs = {},
            .latency = from_seconds(speed.latency_seconds),
            .bytes_per_second = speed.bytes_per_second,
            .shared = true,
            .transfer_scale = scale};
  }

  static void add_pairs(Link& link, std::span<const DeviceId> from, std::span<const DeviceId> to) {
    for (const DeviceId a : from) {
      for (const DeviceId b : to) {
        if (a != b) {
          link.pairs.emplace_back(a, b);
        }
      }
    }
  }

  void add_link(const std::string& from, std::span<const DeviceId> from_ids, const std::string& to,
                std::span<const DeviceId> to_ids, const CopyLink& link, bool one_bus,
                double scale) {
    Link there = make_link(from + " to " + to, link.there, scale);
    add_pairs(there, from_ids, to_ids);
    if (one_bus) {
      // One rate for both directions: the slower one's.
      const CopySpeed& slower =
          link.there.bytes_per_second < link.back.bytes_per_second ? link.there : link.back;
      there.name = from + " and " + to;
      there.latency = from_seconds(slower.latency_seconds);
      there.bytes_per_second = slower.bytes_per_second;
      add_pairs(there, to_ids, from_ids);
      links_.push_back(std::move(there));
      return;
    }
    links_.push_back(std::move(there));
    Link back = make_link(to + " to " + from, link.back, scale);
    add_pairs(back, to_ids, from_ids);
    links_.push_back(std::move(back));
  }

  // Over the host, by what the two GPUs' own links do, where copies between them failed.
  [[nodiscard]] CopyLink staged(const PeerReport& report) const {
    const auto in_turn = [](const CopySpeed& first, const CopySpeed& second) {
      return CopySpeed{first.latency_seconds + second.latency_seconds,
                       1 / (1 / first.bytes_per_second + 1 / second.bytes_per_second)};
    };
    const CopyLink& from = added(report.from).host;
    const CopyLink& to = added(report.to).host;
    CopyLink link{in_turn(from.back, to.there), in_turn(to.back, from.there), 0};
    link.both_bytes_per_second = std::min(link.there.bytes_per_second, link.back.bytes_per_second);
    return link;
  }

  [[nodiscard]] const Added& added(int gpu) const {
    const auto found = std::ranges::find(added_, gpu, &Added::gpu);
    PLACER_CHECK(found != added_.end(), "peers are GPUs that were added");
    return *found;
  }

  GpuDriver& driver_;
  std::span<const GpuSplit> splits_;
  std::string name_;
  std::size_t hosts_;
  std::vector<Device> devices_;
  std::vector<Link> links_;
  std::vector<MemoryPool> pools_;
  std::vector<Added> added_;
};

}  // namespace

GpuSplit parse_gpu_split(const std::string& text) {
  const auto equals = text.find('=');
  const auto name = parse_gpu_name(text.substr(0, equals));
  const std::string parts = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (!name || name->part || (parts != "2" && parts != "4" && parts != "8")) {
    throw usage_error("--split " + text + ": expected a GPU and 2, 4 or 8 parts, as cuda:0=4");
  }
  return {name->gpu, parts[0] - '0'};
}

void require_gpus(const GpuSurvey& survey, std::span<const GpuSplit> splits) {
  for (const GpuSplit& split : splits) {
    const auto report = std::ranges::find(survey.gpus, split.gpu, &GpuReport::gpu);
    std::string problem = survey.problem;
    if (problem.empty() && report == survey.gpus.end()) {
      problem = fmt::format("this machine has {} GPU{}", survey.gpus.size(),
                            survey.gpus.size() == 1 ? "" : "s");
    } else if (problem.empty()) {
      problem = report->problem;
    }
    if (!problem.empty()) {
      throw Error(ErrorKind::kDevice,
                  fmt::format("cuda:{} cannot be split: {}", split.gpu, problem));
    }
  }
}

std::size_t gpu_devices(const GpuSurvey& survey, std::span<const GpuSplit> splits) {
  std::size_t count = 0;
  for (const GpuReport& report : survey.gpus) {
    count += report.problem.empty() ? static_cast<std::size_t>(parts_of(report.gpu, splits)) : 0;
  }
  return count;
}

Cluster with_gpus(const Cluster& host, GpuDriver& driver, const GpuSurvey& survey,
                  std::span<const GpuSplit> splits) {
  ClusterMaker maker(host, driver, splits);
  for (const GpuReport& report : survey.gpus) {
    if (report.problem.empty()) {
      maker.add(report);
    }
  }
  for (const PeerReport& report : survey.peers) {
    maker.add(report);
  }
  return std::move(maker).cluster();
}

}  // namespace placer::profile
