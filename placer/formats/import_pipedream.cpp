#include "placer/formats/import_pipedream.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "placer/base/error.h"

namespace placer {
namespace {

constexpr std::string_view kSeparator = " -- ";
constexpr double kMicrosecondsPerMs = 1000;
constexpr double kMostMs = kMostStatedMicroseconds / kMicrosecondsPerMs;
constexpr const char* kKind = "acc";

// One node line.
struct Layer {
  std::size_t line = 0;
  std::string id;
  std::string op;  // "Conv2d" of "Conv2d(3, 64, kernel_size=(3, 3))"
  bool is_input = false;
  double forward_us = 0;
  double backward_us = 0;
  Bytes activations;
  Bytes parameters;
  std::vector<std::size_t> producers;  // positions of layers, in the file's order of edges
};

// The lines of a profile.
class ProfileReader {
 public:
  ProfileReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Layer> read() {
    while (!text_.empty()) {
      ++line_;
      const std::size_t end = std::min(text_.find('\n'), text_.size());
      std::string_view line = text_.substr(0, end);
      text_.remove_prefix(std::min(end + 1, text_.size()));
      if (line.ends_with('\r')) {
        line.remove_suffix(1);
      }
      if (line.find_first_not_of(" \t") == std::string_view::npos) {
        continue;
      }
      if (line.starts_with('\t')) {
        read_edge(line.substr(1));
      } else {
        read_layer(line);
      }
    }
    if (layers_.empty()) {
      throw Error(ErrorKind::kBadInput, file_, "", "no layers, expected lines \"id -- ...\"");
    }
    return std::move(layers_);
  }

 private:
  [[noreturn]] void fail(const std::string& text) const {
    throw Error(ErrorKind::kBadInput, file_, std::to_string(line_), text);
  }

  // "id -- description -- key=value, key=value, ...", then possibly " -- stage_id=N" of a plan.
  void read_layer(std::string_view line) {
    const std::size_t first = line.find(kSeparator);
    const std::size_t second = line.find(" -- forward_compute_time=");
    if (first == std::string_view::npos || second == std::string_view::npos || second <= first) {
      fail("expected \"id -- description -- forward_compute_time=..., ...\"");
    }
    Layer layer;
    layer.line = line_;
    layer.id = line.substr(0, first);
    if (layer.id.empty() || layer.id.find('#') != std::string::npos) {
      fail("expected an id without '#' before the first \" -- \"");
    }
    const auto [known, is_new] = position_of_.emplace(layer.id, layers_.size());
    if (!is_new) {
      fail("\"" + layer.id + "\" is the id of line " + std::to_string(layers_[known->second].line) +
           " too");
    }
    const std::string_view description =
        line.substr(first + kSeparator.size(), second - first - kSeparator.size());
    layer.op = description.substr(0, description.find('('));
    if (layer.op.empty()) {
      layer.op = "layer";
    }
    layer.is_input = description.starts_with("Input");
    std::string_view fields = line.substr(second + kSeparator.size());
    fields = fields.substr(0, fields.find(kSeparator));
    read_fields(fields, layer);
    layers_.push_back(std::move(layer));
  }

  void read_fields(std::string_view fields, Layer& layer) {
    const double forward = field(fields, "forward_compute_time", kMostMs);
    const double backward = field(fields, "backward_compute_time", kMostMs);
    const auto bytes = [&](std::string_view key) {
      const double value = field(fields, key, static_cast<double>(kMostMemory.count));
      return Bytes{static_cast<std::int64_t>(std::ceil(value))};
    };
    layer.activations = bytes("activation_size");
    layer.parameters = bytes("parameter_size");
    if (!layer.is_input) {
      layer.forward_us = kMicrosecondsPerMs * forward;
      layer.backward_us = kMicrosecondsPerMs * backward;
    }
  }

  // A number, or the sum of a list "[1; 2]" (a layer with several results).
  [[nodiscard]] double field(std::string_view fields, std::string_view key, double most) const {
    const std::string start = std::string(key) + "=";
    const std::size_t at = fields.find(start);
    if (at == std::string_view::npos) {
      fail("missing " + start);
    }
    std::string_view value = fields.substr(at + start.size());
    value = value.substr(0, value.find(','));
    const std::string shown = start + std::string(value);
    const bool is_list = value.starts_with('[') && value.ends_with(']');
    if (is_list) {
      value = value.substr(1, value.size() - 2);
    }
    double sum = 0;
    for (bool more = true; more;) {
      const std::size_t end = is_list ? value.find(';') : std::string_view::npos;
      sum += number(value.substr(0, end), shown);
      more = end != std::string_view::npos;
      value = more ? value.substr(end + 1) : std::string_view();
    }
    if (sum > most) {
      fail(shown + ": too large");
    }
    return sum;
  }

  [[nodiscard]] double number(std::string_view text, const std::string& shown) const {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, value);
    if (problem != std::errc{} || stop != end || !std::isfinite(value) || std::signbit(value)) {
      fail(shown + ": expected a number, 0 or more");
    }
    return value;
  }

  void read_edge(std::string_view line) {
    const std::size_t middle = line.find(kSeparator);
    if (middle == std::string_view::npos) {
      fail("expected an edge \"id -- id\"");
    }
    const std::size_t from = layer_named(line.substr(0, middle));
    const std::size_t to = layer_named(line.substr(middle + kSeparator.size()));
    if (from == to) {
      fail("the edge leads back to its own layer");
    }
    if (!edges_.emplace(from, to).second) {
      fail("the edge stands twice");
    }
    if (layers_[to].is_input) {
      fail("an edge into an input");
    }
    layers_[to].producers.push_back(from);
  }

  [[nodiscard]] std::size_t layer_named(std::string_view id) const {
    const auto found = position_of_.find(std::string(id));
    if (found == position_of_.end()) {
      fail("no layer \"" + std::string(id) + "\" before this edge");
    }
    return found->second;
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t line_ = 0;
  std::vector<Layer> layers_;
  std::unordered_map<std::string, std::size_t> position_of_;
  std::set<std::pair<std::size_t, std::size_t>> edges_;
};

// A forward and a backward op for every layer.
class StepMaker {
 public:
  StepMaker(const std::vector<Layer>& layers, const std::string& file)
      : layers_(layers), file_(file) {}

  Workload make(GraphInfo info) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      add_forward(i);
    }
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      add_backward(i);
    }
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      connect_gradients(i);
    }
    OrderedGraph built = build_imported(
        std::move(info), std::move(nodes_), file_,
        [&](std::size_t position) { return std::to_string(layers_[layer_of_[position]].line); });
    OpTimes times;
    times.set(times_in_order(kKind, "stated by the PipeDream profile", times_, built.order));
    return {std::move(built.graph), std::move(times)};
  }

 private:
  void add_forward(std::size_t i) {
    const Layer& layer = layers_[i];
    Node node;
    node.name = layer.id;
    node.outputs.push_back(opaque(layer.activations));
    if (layer.is_input) {
      node.kind = NodeKind::kInput;
      add(std::move(node), i, std::nullopt);
      return;
    }
    node.op = layer.op;
    node.overload = "default";
    node.colocate = layer.id;
    node.resident = layer.parameters;
    for (const std::size_t producer : layer.producers) {
      node.inputs.push_back({id_at<NodeId>(producer), 0});
    }
    add(std::move(node), i, layer.forward_us);
  }

  // Reads its own activations, so that they are held until it ran.
  void add_backward(std::size_t i) {
    const Layer& layer = layers_[i];
    backward_of_.push_back(nodes_.size());
    if (layer.is_input) {
      return;
    }
    Node node;
    node.name = layer.id + ".backward";
    node.pass = Pass::kBackward;
    node.op = layer.op + ".backward";
    node.overload = "default";
    node.colocate = layer.id;
    node.inputs.push_back({id_at<NodeId>(i), 0});
    add(std::move(node), i, layer.backward_us);
  }

  // What the layer's backward op makes for each of its producers.
  void connect_gradients(std::size_t i) {
    for (const std::size_t producer : layers_[i].producers) {
      if (layers_[producer].is_input) {
        continue;
      }
      std::vector<TensorSpec>& gradients = nodes_[backward_of_[i]].outputs;
      nodes_[backward_of_[producer]].inputs.push_back(
          {id_at<NodeId>(backward_of_[i]), static_cast<std::uint32_t>(gradients.size())});
      gradients.push_back(opaque(layers_[producer].activations));
    }
  }

  void add(Node node, std::size_t layer, std::optional<double> microseconds) {
    nodes_.push_back(std::move(node));
    layer_of_.push_back(layer);
    times_.emplace_back();
    if (microseconds) {
      times_.back() = stated_time(*microseconds);
      if (!total_.add(times_.back()->time)) {
        throw Error(ErrorKind::kBadInput, file_, std::to_string(layers_[layer].line),
                    "all times together exceed 26 days");
      }
    }
  }

  static TensorSpec opaque(Bytes bytes) {
    TensorSpec tensor;
    tensor.bytes = bytes;
    return tensor;
  }

  const std::vector<Layer>& layers_;
  const std::string& file_;
  std::vector<Node> nodes_;                   // forward ones first, in the order of the layers
  std::vector<std::size_t> layer_of_;         // [nodes]
  std::vector<std::size_t> backward_of_;      // [layers]: position in nodes; of no use for inputs
  std::vector<std::optional<OpTime>> times_;  // [nodes]
  StatedTotal total_;
};

Cluster cluster_of(const std::string& name, const PipedreamMachine& machine) {
  PLACER_CHECK(machine.devices >= 1 && machine.devices <= kMaxDevices, "1 to 64 devices");
  PLACER_CHECK(machine.bytes_per_second > 0, "a bandwidth above 0");
  std::vector<Device> devices;
  for (std::size_t i = 0; i < machine.devices; ++i) {
    devices.push_back({.name = std::string(kKind) + ":" + std::to_string(i),
                       .kind = kKind,
                       .memory = machine.memory,
                       .pool = std::nullopt,
                       .cores = {},
                       .overhead = {}});
  }
  std::vector<Link> links;
  if (devices.size() > 1) {
    links.push_back(link_of_all("network", devices.size(), machine.bytes_per_second));
  }
  return {name, std::move(devices), std::move(links)};
}

}  // namespace

ImportedWorkload import_pipedream(std::string_view text, const std::string& file,
                                  const PipedreamMachine& machine, const std::string& name) {
  const std::vector<Layer> layers = ProfileReader(text, file).read();
  GraphInfo info = imported_info(text, file, name, "pipedream");
  Cluster cluster = cluster_of(info.name, machine);
  return {StepMaker(layers, file).make(std::move(info)), std::move(cluster)};
}

}  // namespace placer
