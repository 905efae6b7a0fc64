#include "tools/placer/train/problem_source.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

#include "placer/placement/constraints.h"
#include "tools/families/graph_families.h"
#include "tools/placer/place/place_options.h"
#include "tools/placer/place/search_space.h"

namespace placer::cli {
namespace {

struct DrawnGraph {
  Workload workload;  // with times for families::make_cluster(8, equal)
  bool equal = true;
  // Of links on which the ratio of communication to computation is the one that was drawn.
  double bytes_per_second = families::kBytesPerSecond;
};

// What a problem is made of, drawn one after the other.
class Draw {
 public:
  Draw(const ProblemRanges& ranges, const std::vector<TimedGraph>& files, std::uint64_t seed,
       std::uint64_t index)
      : ranges_(ranges), files_(files), rng_(Rng::keyed(seed, std::array{index})) {}

  [[nodiscard]] DrawnGraph graph() {
    const std::size_t source = rng_.below(ranges_.families.size() + files_.size());
    return source < ranges_.families.size() ? generated(ranges_.families[source])
                                            : of_file(files_[source - ranges_.families.size()]);
  }

  // The first devices of the family's cluster; memory and links are drawn.
  [[nodiscard]] Cluster cluster(const DrawnGraph& graph) {
    const Workload& workload = graph.workload;
    const std::size_t count =
        ranges_.devices.low + rng_.below(ranges_.devices.high - ranges_.devices.low + 1);
    const Cluster whole = families::make_cluster(8, graph.equal);
    std::vector<Device> devices(whole.devices().begin(),
                                whole.devices().begin() + static_cast<std::ptrdiff_t>(count));
    if (rng_.uniform() < ranges_.tight_memory) {
      const Bytes part = share_of(workload, count);
      for (Device& device : devices) device.memory = part;
    }
    return Cluster("drawn", std::move(devices), links(count, graph.bytes_per_second));
  }

  [[nodiscard]] std::string objective() { return one_of(ranges_.objectives); }
  // Half of the searches go on from a good placement, the others from plain ones: a policy meets
  // both.
  [[nodiscard]] bool starts_well() { return rng_.uniform() < 0.5; }

 private:
  [[nodiscard]] DrawnGraph generated(const std::string& family) {
    families::FamilyOptions options;
    options.family = families::family_named(family).value();
    options.nodes = static_cast<std::size_t>(std::llround(log_uniform(
        static_cast<double>(ranges_.nodes.low), static_cast<double>(ranges_.nodes.high))));
    options.ccr = ratio();
    options.equal = equal();
    options.seed = rng_.next();
    return {.workload = families::make_family(options), .equal = options.equal};
  }
  [[nodiscard]] DrawnGraph of_file(const TimedGraph& file) {
    const double bytes_per_second = file.bytes_per_second(ratio());
    const bool equal_devices = equal();
    return {.workload = file.workload(equal_devices),
            .equal = equal_devices,
            .bytes_per_second = bytes_per_second};
  }
  [[nodiscard]] double ratio() { return log_uniform(ranges_.ratio.low, ranges_.ratio.high); }
  [[nodiscard]] bool equal() { return rng_.uniform() >= ranges_.unequal; }

  [[nodiscard]] std::string one_of(const std::vector<std::string>& words) {
    return words[rng_.below(words.size())];
  }
  [[nodiscard]] double log_uniform(double low, double high) {
    return low * std::pow(high / low, rng_.uniform());
  }

  // A bus for all, or a link for each pair. Speed and latency differ by up to four times from
  // `bytes_per_second` and the families'.
  [[nodiscard]] std::vector<Link> links(std::size_t count, double bytes_per_second) {
    const double scale = log_uniform(0.25, 4);
    const SimTime latency = from_microseconds(2 * log_uniform(0.25, 4));
    const bool bus = rng_.uniform() < ranges_.shared_bus;
    std::vector<Link> links;
    for (std::size_t from = 0; from < count; ++from) {
      for (std::size_t to = 0; to < count; ++to) {
        if (from == to) continue;
        if (links.empty() || !bus) {
          Link link;
          link.name = "link" + std::to_string(links.size());
          link.latency = latency;
          link.bytes_per_second = bytes_per_second * scale;
          link.shared = bus;
          links.push_back(std::move(link));
        }
        links.back().pairs.emplace_back(id_at<DeviceId>(from), id_at<DeviceId>(to));
      }
    }
    return links;
  }

  // Of all that ops produce and keep, a device's part and between a tenth and all of it besides.
  [[nodiscard]] Bytes share_of(const Workload& workload, std::size_t count) {
    std::int64_t bytes = 0;
    for (const Node& node : workload.graph.nodes()) {
      for (const TensorSpec& output : node.outputs) bytes += output.bytes.count;
    }
    const double part = static_cast<double>(bytes) / static_cast<double>(count);
    return {static_cast<std::int64_t>(part * (1.1 + rng_.uniform()))};
  }

  const ProblemRanges& ranges_;
  const std::vector<TimedGraph>& files_;
  Rng rng_;
};

class DrawnInstance : public policy::Instance {
 public:
  explicit DrawnInstance(Draw draw)
      : graph_(draw.graph()),
        cluster_(draw.cluster(graph_)),
        space_(graph_.workload, cluster_, ConstraintOptions{}, {.objective = draw.objective()}),
        starts_well_(draw.starts_well()) {}

  Problem problem() override { return space_.op_by_op(); }

  std::vector<Placement> initial() override {
    return starts_well_ ? references() : std::vector<Placement>{};
  }

  std::vector<Placement> references() override {
    return placements_by(
        {"heft", "cpop", "peft", "m-etf", "contention-list", "online-list", "metis"});
  }

 private:
  std::vector<Placement> placements_by(std::initializer_list<const char*> heuristics) {
    const AlgorithmRegistry registry = all_algorithms();
    std::vector<Placement> placements;
    for (const char* heuristic : heuristics) {
      const auto found = registry.find(heuristic).make()->run(space_.op_by_op(), {});
      if (found.best) placements.push_back(*found.best);
    }
    return placements;
  }

  DrawnGraph graph_;
  Cluster cluster_;
  SearchSpace space_;
  bool starts_well_;
};

}  // namespace

ProblemSource::ProblemSource(ProblemRanges ranges, std::uint64_t seed,
                             const std::filesystem::path& folder)
    : ranges_(std::move(ranges)), seed_(seed) {
  for (const std::string& file : ranges_.graphs) files_.emplace_back((folder / file).string());
}

std::unique_ptr<policy::Instance> ProblemSource::draw(std::uint64_t index) const {
  return std::make_unique<DrawnInstance>(Draw(ranges_, files_, seed_, index));
}

std::string ProblemSource::identity() const {
  std::string text = describe(ranges_);
  for (const TimedGraph& file : files_) text += fmt::format("; {}", file.hash());
  return text;
}

}  // namespace placer::cli
