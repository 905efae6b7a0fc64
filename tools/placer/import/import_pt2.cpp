// placer import: a graph from a .pt2 archive.

#include <iostream>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tools/placer/import/import.h"

namespace placer::cli {
namespace {

// What a graph consists of.
struct ImportSummary {
  std::map<std::string, std::size_t> nodes_by_kind;
  std::map<std::string, std::size_t> ops_by_pass;
  std::map<std::string, Bytes> state_by_role;
  std::size_t ops = 0;
  std::size_t operators = 0;  // distinct
  std::size_t edges = 0;
  Bytes gradients;
};

ImportSummary summarize(const Graph& graph) {
  ImportSummary summary;
  std::set<std::pair<std::string, std::string>> operators;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    ++summary.nodes_by_kind[std::string(name_of(node.kind))];
    for (const Use& use : graph.uses(id_at<NodeId>(i))) {
      summary.edges += use.output != Use::kControl ? 1 : 0;
    }
    if (node.kind == NodeKind::kOp) {
      ++summary.ops;
      ++summary.ops_by_pass[std::string(name_of(node.pass))];
      operators.emplace(node.op, node.overload);
    } else if (node.kind == NodeKind::kState) {
      summary.state_by_role[std::string(name_of(node.state_role))] += node.outputs[0].bytes;
    } else if (node.kind == NodeKind::kOutput && node.output_role == OutputRole::kGradient) {
      summary.gradients += graph.tensor(node.inputs[0]).bytes;
    }
  }
  summary.operators = operators.size();
  return summary;
}

nlohmann::ordered_json import_json(const ImportFlags& flags, const ImportReport& report,
                                   const ImportSummary& summary) {
  nlohmann::ordered_json json;
  json["graph"] = report.graph.info().name;
  json["output"] = flags.output;
  json["hash"] = report.graph.hash();
  json["producer"] = report.graph.info().producer;
  json["nodes"] = report.graph.size();
  json["edges"] = summary.edges;
  json["ops"] = summary.ops;
  json["operators"] = summary.operators;
  json["calls_in_file"] = report.program_calls;
  json["nodes_by_kind"] = summary.nodes_by_kind;
  json["ops_by_pass"] = summary.ops_by_pass;
  for (const auto& [role, bytes] : summary.state_by_role) {
    json["state_bytes"][role] = bytes.count;
  }
  json["gradient_bytes"] = summary.gradients.count;
  json["notes"] = report.notes;
  return json;
}

std::string listed(const std::map<std::string, std::size_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  }
  return text;
}

std::string import_text(const ImportFlags& flags, const ImportReport& report,
                        const ImportSummary& summary) {
  const auto bytes_of_role = [&](const char* role) {
    const auto found = summary.state_by_role.find(role);
    return to_string(found == summary.state_by_role.end() ? Bytes{} : found->second);
  };
  std::string text = fmt::format(
      "{} ({})\n", report.graph.info().name,
      report.graph.info().producer.empty() ? "unknown producer" : report.graph.info().producer);
  text +=
      fmt::format("  nodes        {} ({})\n", report.graph.size(), listed(summary.nodes_by_kind));
  text += fmt::format("  edges        {}\n", summary.edges);
  text += fmt::format("  ops          {} of {} operators ({}); {} calls in the file\n", summary.ops,
                      summary.operators, listed(summary.ops_by_pass), report.program_calls);
  text += fmt::format("  parameters   {}\n", bytes_of_role("parameter"));
  text += fmt::format("  buffers      {}\n", bytes_of_role("buffer"));
  text += fmt::format("  gradients    {}\n", to_string(summary.gradients));
  text += fmt::format("  optimizer    {}\n", bytes_of_role("optimizer"));
  text += fmt::format("  hash         {}\n", report.graph.hash());
  for (const std::string& note : report.notes) {
    text += "  note         " + note + "\n";
  }
  return text + "wrote " + flags.output + "\n";
}

Optimizer optimizer_named(const std::string& name) {
  for (const Optimizer optimizer : {Optimizer::kNone, Optimizer::kSgd, Optimizer::kAdam}) {
    if (name == name_of(optimizer)) {
      return optimizer;
    }
  }
  throw usage_error("--optimizer " + name + ": expected none, sgd or adam");
}

void check_optimizer(ImportFlags& flags) {
  OptimizerOptions& optimizer = flags.archive.optimizer;
  optimizer.kind = optimizer_named(flags.optimizer);
  if (optimizer.kind == Optimizer::kNone && optimizer.learning_rate != 0) {
    throw usage_error("--lr needs --optimizer sgd or adam");
  }
  if (optimizer.kind != Optimizer::kSgd && optimizer.momentum != 0) {
    throw usage_error("--momentum needs --optimizer sgd");
  }
}

}  // namespace

int import_archive(ImportFlags flags, const Shared& shared) {
  check_optimizer(flags);
  flags.archive.name = flags.name;
  ImportReport report = import_pt2(flags.file, flags.archive);
  const ImportSummary summary = summarize(report.graph);
  if (flags.output == "-") {
    std::cout << write_graph({std::move(report.graph), {}});
    return 0;
  }
  write_file(flags.output, write_graph({report.graph, {}}));
  if (shared.json) {
    std::cout << import_json(flags, report, summary).dump(2) << "\n";
  } else {
    std::cout << import_text(flags, report, summary);
  }
  return 0;
}

}  // namespace placer::cli
