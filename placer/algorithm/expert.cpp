#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "placer/algorithm/baselines.h"
#include "placer/algorithm/parameters.h"
#include "placer/algorithm/proposal_judge.h"

namespace placer {
namespace {

constexpr std::size_t kMostLayers = 4096;  // the cut is quadratic in them: finer ones are joined

// Units that an expert moves as one.
struct Layer {
  std::vector<std::uint32_t> units;
};

// The position of a module in the forward pass: where the longest part of its path that the forward
// pass knows comes first.
class ForwardOrder {
 public:
  explicit ForwardOrder(const Graph& graph) {
    for (std::size_t v = 0; v < graph.size(); ++v) {
      const Node& node = graph.nodes()[v];
      if (node.kind == NodeKind::kOp && node.pass == Pass::kForward) {
        std::string_view path = node.module;
        while (!path.empty()) {
          first_.try_emplace(std::string(path), v);
          path = parent(path);
        }
      }
    }
  }
  [[nodiscard]] std::size_t of(std::string_view module) const {
    while (!module.empty()) {
      const auto found = first_.find(std::string(module));
      if (found != first_.end()) {
        return found->second;
      }
      module = parent(module);
    }
    return std::numeric_limits<std::size_t>::max();
  }

 private:
  static std::string_view parent(std::string_view path) {
    const auto dot = path.rfind('.');
    return path.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  std::map<std::string, std::size_t> first_;
};

// The module of the unit's longest op that has one.
std::string module_of(const Problem& problem, const UnitTable& units, std::size_t unit) {
  std::string module;
  std::int64_t longest = -1;
  for (const NodeId id : units.members(unit)) {
    const Node& node = problem.costs.graph().node(id);
    const std::int64_t time = problem.costs.mean_time(id).ps;
    if (!node.module.empty() && time > longest) {
      longest = time;
      module = node.module;
    }
  }
  return module;
}

std::vector<Layer> layers_by_module(const Problem& problem, const UnitTable& units) {
  const ForwardOrder order(problem.costs.graph());
  std::map<std::pair<std::size_t, std::string>, Layer> layers;
  for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
    const std::string module = module_of(problem, units, unit);
    if (!module.empty()) {
      layers[{order.of(module), module}].units.push_back(unit);
    }
  }
  std::vector<Layer> result;
  result.reserve(layers.size());
  for (auto& [key, layer] : layers) {
    result.push_back(std::move(layer));
  }
  return result;
}

std::vector<Layer> layers_by_unit(const UnitTable& units) {
  std::vector<Layer> result;
  for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
    result.push_back({{unit}});
  }
  return result;
}

void join_layers(std::vector<Layer>& layers) {
  while (layers.size() > kMostLayers) {
    std::vector<Layer> joined;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (i % 2 == 0) {
        joined.push_back(std::move(layers[i]));
      } else {
        joined.back().units.insert(joined.back().units.end(), layers[i].units.begin(),
                                   layers[i].units.end());
      }
    }
    layers = std::move(joined);
  }
}

// Cuts the layers into one run per device, in order of devices, so that the longest run is
// shortest. Runs may be empty.
class ContiguousCut {
 public:
  ContiguousCut(const UnitTable& units, const std::vector<Layer>& layers)
      : units_(units), layers_(layers) {}

  // Devices by layer.
  std::vector<DeviceId> run() {
    const std::size_t count = layers_.size();
    const std::size_t num_devices = units_.num_devices();
    std::vector<std::int64_t> best(count + 1, std::numeric_limits<std::int64_t>::max());
    best[0] = 0;
    std::vector<std::vector<std::size_t>> begin(num_devices, std::vector<std::size_t>(count + 1));
    for (std::size_t d = 0; d < num_devices; ++d) {
      const std::vector<std::int64_t> load = prefix_loads(id_at<DeviceId>(d));
      std::vector<std::int64_t> next = best;
      for (std::size_t end = 0; end <= count; ++end) {
        begin[d][end] = end;
        for (std::size_t from = end; from-- > 0 && load[end] - load[from] < next[end];) {
          const std::int64_t longest = std::max(best[from], load[end] - load[from]);
          if (longest < next[end]) {
            next[end] = longest;
            begin[d][end] = from;
          }
        }
      }
      best = std::move(next);
    }
    std::vector<DeviceId> result(count);
    std::size_t end = count;
    for (std::size_t d = num_devices; d-- > 0;) {
      std::fill(result.begin() + static_cast<std::ptrdiff_t>(begin[d][end]),
                result.begin() + static_cast<std::ptrdiff_t>(end), id_at<DeviceId>(d));
      end = begin[d][end];
    }
    return result;
  }

 private:
  // Time of the first k layers on the device, [layers + 1]. What may not be there is charged as if
  // it were on its own devices, so that it neither forbids a cut nor makes one attractive.
  [[nodiscard]] std::vector<std::int64_t> prefix_loads(DeviceId device) const {
    std::vector<std::int64_t> load{0};
    for (const Layer& layer : layers_) {
      std::int64_t time = 0;
      for (const std::uint32_t unit : layer.units) {
        time +=
            units_.may_use(unit, device) ? units_.time(unit, device).ps : units_.mean_time(unit).ps;
      }
      load.push_back(load.back() + time);
    }
    return load;
  }

  const UnitTable& units_;
  const std::vector<Layer>& layers_;
};

// Units without a module go with the unit before them that they read from, else with one that reads
// them.
void place_rest(const UnitTable& units, std::vector<std::optional<DeviceId>>& choice) {
  const auto adopt = [&](std::size_t unit) {
    for (const std::uint32_t neighbour : units.neighbours(unit)) {
      if (choice[unit]) {
        return;
      }
      if (choice[neighbour] && units.may_use(unit, *choice[neighbour])) {
        choice[unit] = choice[neighbour];
      }
    }
  };
  for (std::size_t unit = 0; unit < units.size(); ++unit) {
    adopt(unit);
  }
  for (std::size_t unit = units.size(); unit-- > 0;) {
    adopt(unit);
  }
}

class Expert : public Algorithm {
 public:
  SearchResult run(const Problem& problem, const SearchOptions& options) override {
    Parameters("expert", options.parameters).check();
    const UnitTable units(problem);
    std::vector<Layer> layers = layers_by_module(problem, units);
    if (layers.size() < 2) {
      layers = layers_by_unit(units);
    }
    join_layers(layers);
    const std::vector<DeviceId> devices = ContiguousCut(units, layers).run();
    std::vector<std::optional<DeviceId>> choice(units.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      for (const std::uint32_t unit : layers[i].units) {
        if (units.may_use(unit, devices[i])) {
          choice[unit] = devices[i];
        }
      }
    }
    place_rest(units, choice);
    std::vector<DeviceId> result;
    for (std::size_t unit = 0; unit < units.size(); ++unit) {
      result.push_back(choice[unit].value_or(units.devices(unit).front()));
    }
    return judge_with_repair(problem, options, "expert", units, std::move(result));
  }
};

}  // namespace

std::unique_ptr<Algorithm> expert() {
  return std::make_unique<Expert>();
}

}  // namespace placer
