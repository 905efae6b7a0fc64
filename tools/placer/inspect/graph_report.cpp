#include "tools/placer/inspect/graph_report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace placer::cli {
namespace {

using ReportJson = nlohmann::ordered_json;

constexpr std::array kReportPasses{Pass::kForward, Pass::kBackward, Pass::kUpdate};
constexpr std::array kReportKinds{NodeKind::kOp, NodeKind::kState, NodeKind::kInput,
                                  NodeKind::kConstant, NodeKind::kOutput};
constexpr std::size_t kListedOps = 15;
constexpr std::size_t kListedModules = 25;

// 1234567 -> "1,234,567".
std::string grouped(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) {
    digits.insert(at - 3, ",");
  }
  return digits;
}

std::string share(SimTime part, SimTime whole) {
  return whole.ps == 0 ? ""
                       : fmt::format("{:.1f}%", 100 * static_cast<double>(part.ps) /
                                                    static_cast<double>(whole.ps));
}

std::string shortened(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 3) + "...";
}

std::string tensor_text(const TensorSpec& tensor) {
  if (tensor.dtype == DType::kOpaque) {
    return "no shape";
  }
  return fmt::format("{}[{}]", name_of(tensor.dtype), fmt::join(tensor.shape, ", "));
}

std::string tensor_name(const Graph& graph, TensorRef ref) {
  const Node& node = graph.node(ref.node);
  return ref.output == 0 ? node.name : fmt::format("{}#{}", node.name, ref.output);
}

class GraphText {
 public:
  explicit GraphText(const GraphReport& report)
      : report_(report), summary_(report.summary), graph_(report.workload.graph) {}

  std::string text() {
    add_head();
    add_passes();
    add_memory();
    add_kinds();
    add_ops();
    add_slowest();
    add_largest();
    add_modules();
    add_grouping();
    add_fit();
    for (const std::string& warning : summary_.warnings) {
      line("warning: {}", warning);
    }
    return std::move(out_);
  }

 private:
  template <typename... Parts>
  void line(fmt::format_string<Parts...> format, Parts&&... parts) {
    std::string text = fmt::format(format, std::forward<Parts>(parts)...);
    text.erase(text.find_last_not_of(' ') + 1);
    out_ += text + "\n";
  }
  void blank() { out_ += '\n'; }

  void add_head() {
    const GraphInfo& info = graph_.info();
    line("Graph \"{}\": {} nodes, {} edges", info.name, grouped(graph_.size()),
         grouped(summary_.edges));
    std::string kinds;
    for (const NodeKind kind : kReportKinds) {
      const std::size_t count = summary_.nodes[static_cast<std::size_t>(kind)];
      if (count != 0) {
        kinds += fmt::format("{}{} {}{}", kinds.empty() ? "" : ", ", grouped(count), name_of(kind),
                             count == 1 ? "" : "s");
      }
    }
    line("  {}", kinds);
    if (!info.source.empty() || !info.producer.empty()) {
      line("  from {}{}", info.source.empty() ? "an unnamed file" : info.source,
           info.producer.empty() ? "" : ", made by " + info.producer);
    }
    line("  weights: {}", info.weights.empty() ? "made from the seed" : info.weights);
    line("  {}", graph_.hash());
  }

  void add_passes() {
    blank();
    line("{:<22}{:>12}{:>12}{:>12}", "", "forward", "backward", "update");
    line("{:<22}{:>12}{:>12}{:>12}", "ops", grouped(summary_.ops_by_pass[0]),
         grouped(summary_.ops_by_pass[1]), grouped(summary_.ops_by_pass[2]));
    line("{:<22}{:>12}{:>12}{:>12}", "results of ops", to_string(summary_.results[0]),
         to_string(summary_.results[1]), to_string(summary_.results[2]));
    for (const KindSummary& kind : summary_.kinds) {
      line("{:<22}{:>12}{:>12}{:>12}", shortened("time, " + kind.kind, 22),
           to_string(kind.by_pass[0]), to_string(kind.by_pass[1]), to_string(kind.by_pass[2]));
    }
  }

  void add_memory() {
    blank();
    line("{:<22}{:>12}", "parameters", to_string(summary_.parameters));
    line("{:<22}{:>12}", "buffers", to_string(summary_.buffers));
    line("{:<22}{:>12}", "optimizer slots", to_string(summary_.optimizer));
    line("{:<22}{:>12}", "gradients kept", to_string(summary_.gradients));
    line("{:<22}{:>12}", "inputs, constants", to_string(summary_.inputs));
    if (report_.fit) {
      line("{:<22}{:>12}  at most at once, in default order on one device", "activations",
           to_string(report_.fit->parts.activations));
    }
    line("{:<22}{:>12}  the largest of one op", "workspace", to_string(summary_.largest_workspace));
    line("{:<22}{:>12}  what ops hold from step to step", "resident", to_string(summary_.resident));
  }

  void add_kinds() {
    if (summary_.kinds.empty()) {
      return;
    }
    blank();
    line("{:<26}{:>12}{:>15}{:>13}{:>11}", "kind of device", "all ops", "critical path",
         "parallelism", "ops timed");
    for (const KindSummary& kind : summary_.kinds) {
      line("{:<26}{:>12}{:>15}{:>13}{:>11}", shortened(kind.kind, 25), to_string(kind.total),
           to_string(kind.critical_path), fmt::format("{:.2f}", kind.parallelism()),
           grouped(kind.timed));
    }
    for (const KindTimes& kind : report_.workload.times.kinds()) {
      add_profile(kind);
    }
  }

  void add_profile(const KindTimes& kind) {
    const ProfileInfo& info = kind.info;
    if (!info.workload.empty()) {
      line("  {}: not measured, {}", kind.kind, info.workload);
      return;
    }
    std::string text;
    const std::string repeats = info.repeats == 0 ? "" : fmt::format("{} repeats", info.repeats);
    for (const std::string& part : {info.machine, info.library, info.method, repeats, info.date}) {
      text += (text.empty() || part.empty() ? "" : ", ") + part;
    }
    line("  {}: {}", kind.kind, text.empty() ? "of unknown origin" : text);
  }

  void add_ops() {
    blank();
    const bool timed = !summary_.kinds.empty();
    line("{:<44}{:>7}{:>12}{:>12}{:>8}", "op", "nodes", "results", timed ? "time" : "", "");
    for (std::size_t i = 0; i < std::min(kListedOps, summary_.ops.size()); ++i) {
      const OpCount& op = summary_.ops[i];
      line("{:<44}{:>7}{:>12}{:>12}{:>8}", shortened(op.op, 43), grouped(op.count),
           to_string(op.outputs), timed ? to_string(op.time[0]) : "",
           timed ? share(op.time[0], summary_.kinds[0].total) : "");
    }
    if (summary_.ops.size() > kListedOps) {
      line("and {} other operators", summary_.ops.size() - kListedOps);
    }
  }

  void add_slowest() {
    if (summary_.slowest.empty()) {
      return;
    }
    blank();
    line("slowest ops on {}", summary_.kinds[0].kind);
    const auto& times = report_.workload.times.kinds()[0].ops;
    for (const NodeId id : summary_.slowest) {
      const Node& node = graph_.node(id);
      const SimTime time = times[index(id)]->time;
      line("{:>12}{:>8}  {} ({})", to_string(time), share(time, summary_.kinds[0].total), node.name,
           node.op);
    }
  }

  void add_largest() {
    blank();
    line("largest tensors");
    for (const TensorRef ref : summary_.largest) {
      line("{:>12}  {}  {}", to_string(graph_.tensor(ref).bytes), tensor_name(graph_, ref),
           tensor_text(graph_.tensor(ref)));
    }
  }

  void add_modules() {
    if (summary_.modules.size() < 2) {
      return;
    }
    blank();
    const bool timed = !summary_.kinds.empty();
    line("{:<44}{:>7}{:>12}{:>12}{:>8}", "module", "ops", "parameters", timed ? "time" : "", "");
    for (std::size_t i = 0; i < std::min(kListedModules, summary_.modules.size()); ++i) {
      const ModuleSummary& module = summary_.modules[i];
      const std::string name = module.module.empty() ? "(in no module)" : module.module;
      line("{:<44}{:>7}{:>12}{:>12}{:>8}", shortened(name, 43), grouped(module.ops),
           to_string(module.parameters), timed ? to_string(module.time[0]) : "",
           timed ? share(module.time[0], summary_.kinds[0].total) : "");
    }
    if (summary_.modules.size() > kListedModules) {
      line("and {} other modules", summary_.modules.size() - kListedModules);
    }
  }

  void add_grouping() {
    blank();
    line("{} units can be placed apart: views, in-place ops and outputs stay with their tensor{}",
         grouped(summary_.colocation_classes),
         summary_.colocation_keys == 0
             ? ""
             : fmt::format(", {} colocation keys", grouped(summary_.colocation_keys)));
    if (summary_.largest_class > 1) {
      line("  the largest has {} nodes, \"{}\" first", grouped(summary_.largest_class),
           summary_.largest_class_node);
    }
  }

  void add_fit() {
    if (!report_.fit) {
      return;
    }
    blank();
    line("{:<16}{:>12}{:>22}", "device", "memory", "whole graph needs");
    for (std::size_t d = 0; d < report_.fit->devices.size(); ++d) {
      const DeviceFit& fit = report_.fit->devices[d];
      line("{:<16}{:>12}{:>22}  {}", report_.cluster->devices()[d].name, memory_text(fit.limit),
           to_string(fit.needed_alone), fit.fits_alone ? "fits alone" : "does not fit alone");
    }
  }

  const GraphReport& report_;
  const GraphSummary& summary_;
  const Graph& graph_;
  std::string out_;
};

ReportJson times_json(const GraphSummary& summary, const std::vector<SimTime>& times) {
  ReportJson out = ReportJson::object();
  for (std::size_t k = 0; k < times.size(); ++k) {
    out[summary.kinds[k].kind] = times[k].microseconds();
  }
  return out;
}

ReportJson counts_json(const GraphSummary& summary) {
  ReportJson out;
  for (const NodeKind kind : kReportKinds) {
    out["nodes"][std::string(name_of(kind))] = summary.nodes[static_cast<std::size_t>(kind)];
  }
  for (const Pass pass : kReportPasses) {
    out["ops"][std::string(name_of(pass))] = summary.ops_by_pass[static_cast<std::size_t>(pass)];
    out["results_bytes"][std::string(name_of(pass))] =
        summary.results[static_cast<std::size_t>(pass)].count;
  }
  out["edges"] = summary.edges;
  out["colocation"] = {{"keys", summary.colocation_keys},
                       {"units", summary.colocation_classes},
                       {"largest_unit_nodes", summary.largest_class},
                       {"largest_unit_node", summary.largest_class_node}};
  return out;
}

ReportJson memory_json(const GraphReport& report) {
  const GraphSummary& summary = report.summary;
  ReportJson out = {{"parameters_bytes", summary.parameters.count},
                    {"buffers_bytes", summary.buffers.count},
                    {"optimizer_bytes", summary.optimizer.count},
                    {"gradients_bytes", summary.gradients.count},
                    {"inputs_bytes", summary.inputs.count},
                    {"workspace_bytes", summary.largest_workspace.count},
                    {"resident_bytes", summary.resident.count}};
  if (report.fit) {
    out["activations_bytes"] = report.fit->parts.activations.count;
  }
  return out;
}

ReportJson kinds_json(const GraphReport& report) {
  ReportJson out = ReportJson::array();
  for (std::size_t k = 0; k < report.summary.kinds.size(); ++k) {
    const KindSummary& kind = report.summary.kinds[k];
    const ProfileInfo& info = report.workload.times.kinds()[k].info;
    out.push_back({{"kind", kind.kind},
                   {"total_us", kind.total.microseconds()},
                   {"critical_path_us", kind.critical_path.microseconds()},
                   {"critical_path_ops", kind.path_ops},
                   {"parallelism", kind.parallelism()},
                   {"ops_timed", kind.timed},
                   {"machine", info.machine},
                   {"library", info.library},
                   {"method", info.method},
                   {"date", info.date},
                   {"workload", info.workload}});
  }
  return out;
}

}  // namespace

std::string report_text(const GraphReport& report) {
  return GraphText(report).text();
}

nlohmann::ordered_json report_json(const GraphReport& report) {
  const Graph& graph = report.workload.graph;
  const GraphSummary& summary = report.summary;
  ReportJson out = {{"format", "placer.graph"},
                    {"name", graph.info().name},
                    {"hash", graph.hash()},
                    {"source", graph.info().source}};
  out.update(counts_json(summary));
  out["memory"] = memory_json(report);
  out["kinds"] = kinds_json(report);
  out["operators"] = ReportJson::array();
  for (const OpCount& op : summary.ops) {
    out["operators"].push_back({{"op", op.op},
                                {"nodes", op.count},
                                {"results_bytes", op.outputs.count},
                                {"time_us", times_json(summary, op.time)}});
  }
  out["modules"] = ReportJson::array();
  for (const ModuleSummary& module : summary.modules) {
    out["modules"].push_back({{"module", module.module},
                              {"ops", module.ops},
                              {"parameters_bytes", module.parameters.count},
                              {"time_us", times_json(summary, module.time)}});
  }
  out["largest_tensors"] = ReportJson::array();
  for (const TensorRef ref : summary.largest) {
    out["largest_tensors"].push_back(
        {{"tensor", tensor_name(graph, ref)}, {"bytes", graph.tensor(ref).bytes.count}});
  }
  for (std::size_t d = 0; report.fit && d < report.fit->devices.size(); ++d) {
    const DeviceFit& fit = report.fit->devices[d];
    out["devices"].push_back({{"name", report.cluster->devices()[d].name},
                              {"memory_bytes", fit.limit.count},
                              {"needed_alone_bytes", fit.needed_alone.count},
                              {"fits_alone", fit.fits_alone}});
  }
  out["warnings"] = summary.warnings;
  return out;
}

}  // namespace placer::cli
