#include "policy/checkpoint_file.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/base/hash.h"
#include "policy/shipped_policy.h"

namespace placer::policy {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMagic = "placerpc";
constexpr std::string_view kFormat = "placer.policy";
constexpr int kVersion = 2;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHashLength = 37;  // "xxh3:" and 32 digits

std::size_t aligned(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

std::size_t dtype_size(std::string_view dtype) {
  if (dtype == "float32") return 4;
  if (dtype == "float64") return 8;
  return 0;
}

// --- writing ---

Json times_to_json(std::span<const SimTime> times) {
  Json list = Json::array();
  for (const SimTime time : times) list.push_back(time.ps);
  return list;
}

Json outcome_to_json(const Outcome& outcome) {
  Json json;
  if (outcome.infeasible) {
    const Infeasible& why = *outcome.infeasible;
    json["infeasible"] = {{"reason", static_cast<int>(why.reason)},
                          {"missing_bytes", why.missing.count},
                          {"text", why.text}};
    if (why.device) json["infeasible"]["device"] = index(*why.device);
    if (why.node) json["infeasible"]["node"] = index(*why.node);
  }
  json["step_time_ps"] = outcome.step_time.ps;
  if (outcome.score) json["score"] = *outcome.score;
  json["peak_memory_bytes"] = Json::array();
  for (const Bytes bytes : outcome.peak_memory) json["peak_memory_bytes"].push_back(bytes.count);
  json["busy_ps"] = times_to_json(outcome.busy);
  if (!outcome.timed_steps.empty()) json["timed_steps_ps"] = times_to_json(outcome.timed_steps);
  return json;
}

Json placement_to_json(const Placement& placement) {
  Json devices = Json::array();
  for (const DeviceId device : placement.device) devices.push_back(index(device));
  return {{"device", std::move(devices)}, {"priority", placement.priority}};
}

Json round_to_json(const RoundState& round) {
  Json json = {{"start", round.start}, {"updates", round.updates}, {"stale", round.stale}};
  if (round.best) json["best"] = *round.best;
  json["elites"] = Json::array();
  for (const Elite& elite : round.elites) {
    json["elites"].push_back({{"cost", elite.cost},
                              {"placement", placement_to_json(elite.proposal.placement)},
                              {"latent", elite.proposal.latent}});
  }
  return json;
}

Json safeguard_to_json(const SafeguardState& state) {
  Json json = {{"rollbacks", state.rollbacks},
               {"since", state.since},
               {"norms", state.norms},
               {"failed", state.failed}};
  if (state.entropy) json["entropy"] = *state.entropy;
  return json;
}

Json result_to_json(const SearchResult& result) {
  Json json;
  json["evaluations"] = result.evaluations;
  json["seconds"] = result.seconds;
  if (result.timed_steps > 0) json["timed_steps"] = result.timed_steps;
  if (result.best) json["best"] = placement_to_json(*result.best);
  json["outcome"] = outcome_to_json(result.outcome);
  json["history"] = Json::array();
  for (const HistoryPoint& point : result.history) {
    json["history"].push_back({point.evaluations, point.seconds, point.best.ps});
  }
  return json;
}

Json identity_to_json(const SearchIdentity& identity) {
  Json settings = Json::object();
  for (const auto& [name, value] : identity.settings) settings[name] = value;
  return {{"algorithm", identity.algorithm},       {"graph_hash", identity.graph_hash},
          {"cluster_hash", identity.cluster_hash}, {"constraints_hash", identity.constraints_hash},
          {"evaluator", identity.evaluator},       {"seed", identity.seed},
          {"parameters", std::move(settings)}};
}

void append_length(std::string& text, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) text += static_cast<char>(value >> shift & 0xFF);
}

// --- reading; the caller turns json's exceptions into Errors ---

std::vector<SimTime> times_from_json(const Json& json) {
  std::vector<SimTime> times;
  for (const Json& item : json) times.push_back({item.get<std::int64_t>()});
  return times;
}

Outcome outcome_from_json(const Json& json) {
  Outcome outcome;
  if (json.contains("infeasible")) {
    const Json& from = json.at("infeasible");
    Infeasible why;
    why.reason = static_cast<InfeasibleReason>(from.at("reason").get<std::uint8_t>());
    why.missing = {from.at("missing_bytes").get<std::int64_t>()};
    why.text = from.at("text").get<std::string>();
    if (from.contains("device")) why.device = id_at<DeviceId>(from.at("device").get<std::size_t>());
    if (from.contains("node")) why.node = id_at<NodeId>(from.at("node").get<std::size_t>());
    outcome.infeasible = std::move(why);
  }
  outcome.step_time = {json.at("step_time_ps").get<std::int64_t>()};
  if (json.contains("score")) outcome.score = json.at("score").get<std::int64_t>();
  for (const Json& item : json.at("peak_memory_bytes")) {
    outcome.peak_memory.push_back({item.get<std::int64_t>()});
  }
  outcome.busy = times_from_json(json.at("busy_ps"));
  if (json.contains("timed_steps_ps")) {
    outcome.timed_steps = times_from_json(json.at("timed_steps_ps"));
  }
  return outcome;
}

Placement placement_from_json(const Json& json) {
  Placement placement;
  for (const Json& item : json.at("device")) {
    placement.device.push_back(id_at<DeviceId>(item.get<std::size_t>()));
  }
  placement.priority = json.at("priority").get<std::vector<std::int64_t>>();
  return placement;
}

RoundState round_from_json(const Json& json) {
  RoundState round;
  round.start = json.at("start").get<double>();
  round.updates = json.at("updates").get<std::uint64_t>();
  round.stale = json.at("stale").get<std::uint64_t>();
  if (json.contains("best")) round.best = json.at("best").get<std::int64_t>();
  for (const Json& item : json.at("elites")) {
    round.elites.push_back({item.at("cost").get<std::int64_t>(),
                            {.placement = placement_from_json(item.at("placement")),
                             .latent = item.at("latent").get<std::vector<std::int32_t>>()}});
  }
  return round;
}

SafeguardState safeguard_from_json(const Json& json) {
  SafeguardState state;
  state.rollbacks = json.at("rollbacks").get<std::uint64_t>();
  state.since = json.at("since").get<std::uint64_t>();
  state.norms = json.at("norms").get<std::vector<double>>();
  state.failed = json.at("failed").get<std::uint64_t>();
  if (json.contains("entropy")) state.entropy = json.at("entropy").get<double>();
  return state;
}

SearchResult result_from_json(const Json& json) {
  SearchResult result;
  result.evaluations = json.at("evaluations").get<std::uint64_t>();
  result.seconds = json.at("seconds").get<double>();
  result.timed_steps = json.value("timed_steps", std::uint64_t{0});
  if (json.contains("best")) result.best = placement_from_json(json.at("best"));
  result.outcome = outcome_from_json(json.at("outcome"));
  for (const Json& item : json.at("history")) {
    result.history.push_back({item.at(0).get<std::uint64_t>(), item.at(1).get<double>(),
                              SimTime{item.at(2).get<std::int64_t>()}});
  }
  return result;
}

SearchIdentity identity_from_json(const Json& json) {
  SearchIdentity identity;
  identity.algorithm = json.at("algorithm").get<std::string>();
  identity.graph_hash = json.at("graph_hash").get<std::string>();
  identity.cluster_hash = json.at("cluster_hash").get<std::string>();
  identity.constraints_hash = json.at("constraints_hash").get<std::string>();
  identity.evaluator = json.at("evaluator").get<std::string>();
  identity.seed = json.at("seed").get<std::uint64_t>();
  for (const auto& [name, value] : json.at("parameters").items()) {
    identity.settings.emplace_back(name, value.get<std::string>());
  }
  return identity;
}

SearchState state_from_json(const Json& json) {
  SearchState state;
  state.updates = json.at("updates").get<std::uint64_t>();
  const Json& baseline = json.at("baseline");
  state.baseline = {.started = baseline.at("started").get<bool>(),
                    .value = baseline.at("value").get<double>(),
                    .mean_square = baseline.at("mean_square").get<double>()};
  state.round_number = json.at("restarts").get<std::uint64_t>();
  state.round = round_from_json(json.at("round"));
  if (json.contains("kept")) state.kept = json.at("kept").get<double>();
  if (json.contains("score_unit")) {
    state.reward.score_unit = json.at("score_unit").get<std::int64_t>();
  }
  state.reward.slowest = json.value("slowest", 0.0);  // not in files from before there was one
  if (json.contains("base")) {
    const Json& base = json.at("base");
    state.base = Base{.placement = placement_from_json(base.at("placement")), .cost = {}};
    state.base->cost.missing = {base.at("missing_bytes").get<std::int64_t>()};
    if (base.contains("cost")) state.base->cost.cost = base.at("cost").get<std::int64_t>();
  }
  if (json.contains("safeguard")) state.safeguard = safeguard_from_json(json.at("safeguard"));
  state.result = result_from_json(json.at("result"));
  return state;
}

class Reader {
 public:
  Reader(std::string file, std::string content)
      : file_(std::move(file)), content_(std::move(content)) {}

  Checkpoint read() {
    const Json header = read_header();
    try {
      Checkpoint checkpoint;
      checkpoint.identity = identity_from_json(header.at("search"));
      checkpoint.state = state_from_json(header);
      std::size_t position = 0;
      for (const Json& entry : header.at("tensors")) {
        checkpoint.blobs.push_back(read_tensor(entry, position++));
      }
      if (offset_ != content_.size()) refuse("", "bytes after the last tensor, expected the end");
      return checkpoint;
    } catch (const nlohmann::json::exception& problem) {
      refuse("header", problem.what());
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& where, const std::string& text) const {
    throw Error(ErrorKind::kBadInput, file_, where, text);
  }

  Json read_header() {
    constexpr std::size_t kFixed = kMagic.size() + 8;
    if (content_.size() < kFixed || std::string_view(content_).substr(0, kMagic.size()) != kMagic) {
      refuse("", "not a policy checkpoint of placer");
    }
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      length |= static_cast<std::uint64_t>(static_cast<unsigned char>(content_[kMagic.size() + i]))
                << (8 * i);
    }
    if (length > content_.size() || content_.size() - length < kFixed + kHashLength) {
      refuse("header", "the file is truncated");
    }
    const std::string text = content_.substr(kFixed, length);
    if (hash_text(text) != std::string_view(content_).substr(kFixed + length, kHashLength)) {
      refuse("header", "damaged: its hash does not match");
    }
    skip_padding("header", kFixed + length + kHashLength);
    start_ = offset_;
    Json header = Json::parse(text, nullptr, false);
    if (!header.is_object() || header.value("format", "") != kFormat) {
      refuse("format", fmt::format("expected \"{}\"", kFormat));
    }
    if (const Json& version = header["version"]; version != kVersion) {
      refuse("version",
             fmt::format("{} where this placer reads {}: search or train anew, or use the placer "
                         "that wrote it",
                         version.dump(), kVersion));
    }
    return header;
  }

  Blob read_tensor(const Json& entry, std::size_t position) {
    const std::string where = fmt::format("tensors[{}]", position);
    Blob blob{.name = entry.at("name").get<std::string>(),
              .dtype = entry.at("dtype").get<std::string>(),
              .shape = entry.at("shape").get<std::vector<std::int64_t>>(),
              .bytes = {}};
    std::size_t size = dtype_size(blob.dtype);
    if (size == 0) refuse(where + ".dtype", "expected float32 or float64");
    for (const std::int64_t dimension : blob.shape) {
      const std::size_t room = content_.size() / size;
      if (dimension < 1 || static_cast<std::size_t>(dimension) > room) {
        refuse(where + ".shape", "expected positive dimensions that fit the file");
      }
      size *= static_cast<std::size_t>(dimension);
    }
    if (entry.at("offset").get<std::size_t>() != offset_ - start_)
      refuse(where + ".offset", "out of place");
    if (offset_ > content_.size() || content_.size() - offset_ < size) {
      refuse(where, "the file is truncated");
    }
    blob.bytes = content_.substr(offset_, size);
    if (entry.at("hash").get<std::string>() != hash_text(blob.bytes)) {
      refuse(where, fmt::format("\"{}\" is damaged: its hash does not match", blob.name));
    }
    skip_padding(where, offset_ + size);
    return blob;
  }

  // Moves to the next multiple of the alignment. The padding is part of the file: it must be zeros.
  void skip_padding(const std::string& where, std::size_t from) {
    offset_ = aligned(from);
    if (offset_ > content_.size()) refuse(where, "the file is truncated");
    const std::string_view padding = std::string_view(content_).substr(from, offset_ - from);
    if (padding.find_first_not_of('\0') != std::string_view::npos) {
      refuse(where, "damaged: its padding is not zero");
    }
  }

  std::string file_;
  std::string content_;
  std::size_t start_ = 0;   // of the first tensor
  std::size_t offset_ = 0;  // of the next tensor
};

}  // namespace

std::string hash_of(const Constraints& constraints) {
  Hasher hasher;
  for (const std::uint64_t mask : constraints.allowed) hasher.add(static_cast<std::int64_t>(mask));
  for (const Bytes limit : constraints.memory_limit) hasher.add(limit.count);
  for (const std::uint32_t unit : constraints.unit_of) hasher.add(std::int64_t{unit});
  return hasher.digest();
}

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  const SearchState& state = checkpoint.state;
  Json header = {{"format", kFormat},
                 {"version", kVersion},
                 {"search", identity_to_json(checkpoint.identity)},
                 {"updates", state.updates},
                 {"baseline",
                  {{"started", state.baseline.started},
                   {"value", state.baseline.value},
                   {"mean_square", state.baseline.mean_square}}},
                 {"restarts", state.round_number},
                 {"round", round_to_json(state.round)},
                 {"result", result_to_json(state.result)},
                 {"tensors", Json::array()}};
  if (state.kept) header["kept"] = *state.kept;
  if (state.reward.score_unit) header["score_unit"] = *state.reward.score_unit;
  header["slowest"] = state.reward.slowest;
  if (state.safeguard) header["safeguard"] = safeguard_to_json(*state.safeguard);
  if (state.base) {
    const BaseCost& cost = state.base->cost;
    header["base"] = {{"placement", placement_to_json(state.base->placement)},
                      {"missing_bytes", cost.missing.count}};
    if (cost.cost) header["base"]["cost"] = *cost.cost;
  }
  std::size_t offset = 0;
  for (const Blob& blob : checkpoint.blobs) {
    header["tensors"].push_back({{"name", blob.name},
                                 {"dtype", blob.dtype},
                                 {"shape", blob.shape},
                                 {"offset", offset},
                                 {"hash", hash_text(blob.bytes)}});
    offset += aligned(blob.bytes.size());
  }
  const std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string content(kMagic);
  append_length(content, text.size());
  content += text + hash_text(text);
  content.resize(aligned(content.size()), '\0');
  for (const Blob& blob : checkpoint.blobs) {
    content += blob.bytes;
    content.resize(aligned(content.size()), '\0');
  }
  write_file(path, content);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  return Reader(path.string(), read_file(path)).read();
}

Checkpoint read_policy(const std::string& name) {
  return name == kShippedPolicy ? Reader(name, std::string(shipped_policy())).read()
                                : read_checkpoint(name);
}

void require_same_search(const std::filesystem::path& path, const SearchIdentity& saved,
                         const SearchIdentity& current) {
  const auto require = [&](std::string_view what, const std::string& then, const std::string& now) {
    if (then != now) {
      throw Error(ErrorKind::kBadInput, path.string(), fmt::format("search.{}", what),
                  fmt::format("{}, this search has {}: delete the file to start anew", then, now));
    }
  };
  require("algorithm", saved.algorithm, current.algorithm);
  require("graph_hash", saved.graph_hash, current.graph_hash);
  require("cluster_hash", saved.cluster_hash, current.cluster_hash);
  require("constraints_hash", saved.constraints_hash, current.constraints_hash);
  require("evaluator", saved.evaluator, current.evaluator);
  require("seed", std::to_string(saved.seed), std::to_string(current.seed));
  const auto value_in = [](const SearchIdentity& identity, const std::string& name) {
    const auto known =
        std::ranges::find(identity.settings, name, &std::pair<std::string, std::string>::first);
    return known == identity.settings.end() ? "nothing" : known->second;
  };
  for (const auto* settings : {&current.settings, &saved.settings}) {
    for (const auto& [name, value] : *settings) {
      if (name.starts_with("checkpoint_") || name == "policy") continue;
      require("parameters." + name, value_in(saved, name), value_in(current, name));
    }
  }
}

}  // namespace placer::policy
