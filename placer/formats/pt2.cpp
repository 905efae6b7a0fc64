#include "placer/formats/pt2.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "placer/base/error.h"
#include "placer/base/hash.h"
#include "placer/formats/annotate.h"
#include "placer/formats/pt2_archive.h"
#include "placer/formats/pt2_nodes.h"
#include "placer/formats/pt2_payload.h"
#include "placer/formats/pt2_program.h"
#include "placer/formats/split_backward.h"

namespace placer {
namespace {

using Records = std::map<std::string, Pt2Record>;

// Kept in the graph, since a seeded value would make no sense of them: positions, masks, counters.
constexpr std::int64_t kMostIntegers = 65536;
// Constants and non-persistent buffers of floats, which the model computes once.
constexpr std::int64_t kMostFloats = 4096;

// Parameters and buffers that are the same view of the same record go by the name that stands first
// in the program.
std::unordered_map<std::string, std::string> find_ties(const Pt2Program& program,
                                                       const Records& records) {
  std::unordered_map<std::string, std::string> ties;
  std::vector<std::pair<const Pt2Record*, const std::string*>> seen;
  std::unordered_map<std::string, std::vector<std::size_t>> by_member;
  for (const Pt2Input& input : program.inputs) {
    const auto record = records.find(input.name);
    if (input.kind == Pt2Input::Kind::kUser || record == records.end() || record->second.pickled) {
      continue;
    }
    std::vector<std::size_t>& candidates = by_member[record->second.member];
    const auto same = std::find_if(candidates.begin(), candidates.end(),
                                   [&](std::size_t i) { return *seen[i].first == record->second; });
    if (same != candidates.end()) {
      ties.emplace(input.name, *seen[*same].second);
    } else {
      candidates.push_back(seen.size());
      seen.emplace_back(&record->second, &input.name);
    }
  }
  return ties;
}

// Values that the graph must carry: see kMostIntegers and kMostFloats.
void keep_values(const Pt2Archive& archive, const Pt2Program& program, const Records& records,
                 std::vector<Node>& nodes) {
  std::unordered_map<std::string, const Pt2Input*> inputs;
  for (const Pt2Input& input : program.inputs) {
    inputs.emplace(input.name, &input);
  }
  for (Node& node : nodes) {
    if (node.kind != NodeKind::kState && node.kind != NodeKind::kConstant) {
      continue;
    }
    const auto record = records.find(node.origin);
    const DType dtype = node.outputs[0].dtype;
    const std::int64_t count = node.outputs[0].bytes.count / item_size(dtype);
    const bool computed = node.kind == NodeKind::kConstant || !inputs.at(node.origin)->persistent;
    const bool small =
        is_floating(dtype) ? computed && count <= kMostFloats : count <= kMostIntegers;
    if (record == records.end() || !small) {
      continue;
    }
    const RawTensor raw = read_pt2_tensor_data(archive, node.origin, record->second);
    if (raw.dtype != dtype || raw.shape != node.outputs[0].shape) {
      throw Error(ErrorKind::kBadInput, archive.file(), record->second.member,
                  "\"" + node.origin + "\" has another shape or type there than in the program");
    }
    node.values = values_of(raw).value_or(std::vector<double>{});
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// Operators that LibTorch alone does not have.
std::vector<std::string> foreign_operators(const Pt2Program& program) {
  std::set<std::string> names;
  for (const Pt2Call& call : program.calls) {
    if (!call.op.starts_with("aten.") && !call.op.starts_with("prims.")) {
      names.insert(call.op);
    }
  }
  return {names.begin(), names.end()};
}

bool has_gradients(const Pt2Program& program) {
  return std::any_of(program.outputs.begin(), program.outputs.end(), [](const Pt2Output& output) {
    return output.kind == Pt2Output::Kind::kGradient;
  });
}

}  // namespace

ImportReport import_pt2(const std::filesystem::path& path, const ImportOptions& options) {
  const Pt2Archive archive(path);
  const std::string model = archive.model_named(options.model);
  const std::string text = read_pt2_program_text(archive, model);
  const Pt2Program program = read_pt2_program(text, archive.file() + ":models/" + model + ".json");
  const bool update = options.optimizer.kind != Optimizer::kNone;
  if (update && !has_gradients(program)) {
    throw usage_error(archive.file() +
                      " has no gradients to update with: export a training step (tools/export, "
                      "placer_export), or leave "
                      "out --optimizer");
  }
  const Records records = read_pt2_records(archive, model);

  Pt2Nodes made = make_nodes(program, {find_ties(program, records), update});
  std::vector<std::string> notes = program.notes;
  keep_values(archive, program, records, made.nodes);
  mark_passes(made.nodes);
  assign_modules(made.nodes, made.module_known);
  if (const auto unknown = infer_ranges(made.nodes); !unknown.empty()) {
    notes.push_back("nothing says the range of integer inputs " + joined(unknown) +
                    ": they get 0 and 1");
  }
  if (const auto foreign = foreign_operators(program); !foreign.empty()) {
    notes.push_back("operators from outside PyTorch, which cannot be run here: " + joined(foreign));
  }
  if (!update && has_gradients(program)) {
    notes.emplace_back(
        "there are gradients but no update: --optimizer sgd or adam makes it one full training "
        "step");
  }
  std::vector<Node> nodes = split_backward(std::move(made.nodes));
  append_optimizer(nodes, options.optimizer);

  GraphInfo info;
  info.name = options.name.empty() ? path.stem().string() : options.name;
  info.source = path.filename().string();
  info.source_hash = hash_text(text);
  info.producer = program.torch_version.empty() ? "" : "torch " + program.torch_version;
  if (!options.seeded_weights) {
    info.weights = path.string();
    info.weights_model = model;
  }
  auto built = build_graph(std::move(info), nodes);
  if (const auto* defect = std::get_if<GraphDefect>(&built)) {
    throw Error(ErrorKind::kBadInput, program.file,
                "node " + nodes.at(index(defect->node)).name + "." + defect->field, defect->text);
  }
  return {std::get<Graph>(std::move(built)), program.calls.size(), std::move(notes)};
}

}  // namespace placer
