#include "profiler/worker_messages.h"

#include <array>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace placer::profile {

namespace {

using Json = nlohmann::json;

constexpr std::array<const char*, 5> kReasons = {"out-of-memory", "unsupported", "time-out",
                                                 "failed", "crashed"};
constexpr std::array<const char*, 3> kCaptures = {"never", "where-possible", "always"};
constexpr std::array<const char*, 5> kErrorKinds = {"internal", "usage", "bad-input", "infeasible",
                                                    "device"};

template <typename Enum, std::size_t N>
Enum enum_named(const std::array<const char*, N>& names, const std::string& name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) {
      return static_cast<Enum>(i);
    }
  }
  throw Error(ErrorKind::kBadInput, "worker message", "", "unknown name \"" + name + "\"");
}

Json message(const char* key, const char* type) {
  return {{"version", kWorkerProtocol}, {key, type}};
}

template <typename T>
std::vector<std::int64_t> counts(const std::vector<T>& items, std::int64_t T::*member) {
  std::vector<std::int64_t> numbers;
  for (const T& item : items) {
    numbers.push_back(item.*member);
  }
  return numbers;
}

template <typename T>
std::vector<T> from_counts(const Json& json, std::int64_t T::*member) {
  std::vector<T> items;
  for (const Json& number : json) {
    items.emplace_back().*member = number.get<std::int64_t>();
  }
  return items;
}

Json to_json(const ExecutorOptions& options) {
  return {{"seed", options.seed},
          {"weights", options.weights},
          {"seeded_state", options.seeded_state},
          {"memory_limit_bytes", counts(options.memory_limit, &Bytes::count)},
          {"priority", options.priority}};
}

ExecutorOptions executor_options(const Json& json) {
  ExecutorOptions options;
  options.seed = json.at("seed").get<std::uint64_t>();
  options.weights = json.at("weights").get<std::string>();
  options.seeded_state = json.at("seeded_state").get<bool>();
  options.memory_limit = from_counts<Bytes>(json.at("memory_limit_bytes"), &Bytes::count);
  options.priority = json.at("priority").get<std::vector<std::int64_t>>();
  return options;
}

Json to_json(const MeasureOptions& options) {
  return {{"repeats", options.repeats},
          {"warm_up", options.warm_up},
          {"first_warm_up", options.first_warm_up},
          {"limit_factor", options.limit_factor},
          {"first_limit_seconds", options.first_limit_seconds},
          {"capture", kCaptures[static_cast<std::size_t>(options.capture)]}};
}

MeasureOptions measure_options(const Json& json) {
  MeasureOptions options;
  options.repeats = json.at("repeats").get<int>();
  options.warm_up = json.at("warm_up").get<int>();
  options.first_warm_up = json.at("first_warm_up").get<int>();
  options.limit_factor = json.at("limit_factor").get<double>();
  options.first_limit_seconds = json.at("first_limit_seconds").get<double>();
  options.capture = enum_named<Capture>(kCaptures, json.value("capture", kCaptures[0]));
  return options;
}

Json to_json(const Outcome& outcome) {
  if (!outcome.infeasible) {
    return {{"step_time_ps", outcome.step_time.ps},
            {"peak_memory_bytes", counts(outcome.peak_memory, &Bytes::count)},
            {"busy_ps", counts(outcome.busy, &SimTime::ps)},
            {"timed_steps_ps", counts(outcome.timed_steps, &SimTime::ps)}};
  }
  const Infeasible& reason = *outcome.infeasible;
  Json json = {{"infeasible", kReasons[static_cast<std::size_t>(reason.reason)]},
               {"text", reason.text}};
  if (reason.device) {
    json["device"] = index(*reason.device);
  }
  if (reason.node) {
    json["node"] = index(*reason.node);
  }
  if (reason.reason == InfeasibleReason::kOutOfMemory) {
    json["missing_bytes"] = reason.missing.count;
  }
  return json;
}

Outcome outcome_from(const Json& json) {
  Outcome outcome;
  if (!json.contains("infeasible")) {
    outcome.step_time = {json.at("step_time_ps").get<std::int64_t>()};
    outcome.peak_memory = from_counts<Bytes>(json.at("peak_memory_bytes"), &Bytes::count);
    outcome.busy = from_counts<SimTime>(json.at("busy_ps"), &SimTime::ps);
    if (json.contains("timed_steps_ps")) {
      outcome.timed_steps = from_counts<SimTime>(json["timed_steps_ps"], &SimTime::ps);
      outcome.new_steps = outcome.timed_steps.size();
    }
    return outcome;
  }
  Infeasible reason;
  reason.reason = enum_named<InfeasibleReason>(kReasons, json.at("infeasible").get<std::string>());
  reason.text = json.at("text").get<std::string>();
  if (json.contains("device")) {
    reason.device = id_at<DeviceId>(json["device"].get<std::size_t>());
  }
  if (json.contains("node")) {
    reason.node = id_at<NodeId>(json["node"].get<std::size_t>());
  }
  reason.missing = {json.value("missing_bytes", std::int64_t{0})};
  outcome.infeasible = std::move(reason);
  return outcome;
}

Json encode(const HelloRequest& /*request*/) {
  return message("request", "hello");
}
Json encode(const QuitRequest& /*request*/) {
  return message("request", "quit");
}
Json encode(const LoadRequest& request) {
  Json json = message("request", "load");
  json["graph_file"] = request.graph_file;
  json["cluster_file"] = request.cluster_file;
  json["executor"] = to_json(request.executor);
  json["measure"] = to_json(request.measure);
  return json;
}
Json encode(const EvaluateRequest& request) {
  Json json = message("request", "evaluate");
  json["id"] = request.id;
  Json& devices = json["devices"] = Json::array();
  for (const DeviceId device : request.placement.device) {
    devices.push_back(index(device));
  }
  if (!request.placement.priority.empty()) {
    json["priority"] = request.placement.priority;
  }
  return json;
}

Json encode(const HelloReply& reply) {
  Json json = message("reply", "hello");
  json["machine"] = reply.machine;
  json["library"] = reply.library;
  return json;
}
Json encode(const LoadedReply& reply) {
  Json json = message("reply", "loaded");
  json["graph_hash"] = reply.graph_hash;
  json["cluster_hash"] = reply.cluster_hash;
  return json;
}
Json encode(const AliveReply& /*reply*/) {
  return message("reply", "alive");
}
Json encode(const OutcomeReply& reply) {
  Json json = message("reply", "outcome");
  json["id"] = reply.id;
  json["outcome"] = to_json(reply.outcome);
  return json;
}
Json encode(const ErrorReply& reply) {
  Json json = message("reply", "error");
  json["kind"] = kErrorKinds[static_cast<std::size_t>(reply.kind)];
  json["text"] = reply.text;
  return json;
}

// Text of a bad encoding (a path, a message of the system) must not end the conversation.
template <typename Message>
std::string line_of(const Message& message) {
  const Json json = std::visit([](const auto& which) { return encode(which); }, message);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Placement placement_from(const Json& json) {
  Placement placement;
  for (const Json& device : json.at("devices")) {
    placement.device.push_back(id_at<DeviceId>(device.get<std::uint32_t>()));
  }
  if (json.contains("priority")) {
    placement.priority = json["priority"].get<std::vector<std::int64_t>>();
  }
  return placement;
}

WorkerRequest request_from(const Json& json) {
  const auto type = json.at("request").get<std::string>();
  if (type == "hello") {
    return HelloRequest{};
  }
  if (type == "load") {
    return LoadRequest{json.at("graph_file").get<std::string>(),
                       json.at("cluster_file").get<std::string>(),
                       executor_options(json.at("executor")), measure_options(json.at("measure"))};
  }
  if (type == "evaluate") {
    return EvaluateRequest{json.at("id").get<std::uint64_t>(), placement_from(json)};
  }
  if (type == "quit") {
    return QuitRequest{};
  }
  throw Error(ErrorKind::kBadInput, "worker message", "request",
              "unknown request \"" + type + "\"");
}

WorkerReply reply_from(const Json& json) {
  const auto type = json.at("reply").get<std::string>();
  if (type == "hello") {
    return HelloReply{json.at("machine").get<std::string>(), json.at("library").get<std::string>()};
  }
  if (type == "loaded") {
    return LoadedReply{json.at("graph_hash").get<std::string>(),
                       json.at("cluster_hash").get<std::string>()};
  }
  if (type == "alive") {
    return AliveReply{};
  }
  if (type == "outcome") {
    return OutcomeReply{json.at("id").get<std::uint64_t>(), outcome_from(json.at("outcome"))};
  }
  if (type == "error") {
    return ErrorReply{enum_named<ErrorKind>(kErrorKinds, json.at("kind").get<std::string>()),
                      json.at("text").get<std::string>()};
  }
  throw Error(ErrorKind::kBadInput, "worker message", "reply", "unknown reply \"" + type + "\"");
}

template <typename Convert>
auto parse(std::string_view line, const Convert& convert) {
  try {
    const Json json = Json::parse(line);
    if (const int version = json.at("version").get<int>(); version != kWorkerProtocol) {
      throw Error(ErrorKind::kBadInput, "worker message", "version",
                  std::to_string(version) + ", expected " + std::to_string(kWorkerProtocol));
    }
    return convert(json);
  } catch (const Json::exception& problem) {
    throw Error(ErrorKind::kBadInput, "worker message", "", problem.what());
  }
}

}  // namespace

std::string to_line(const WorkerRequest& request) {
  return line_of(request);
}
std::string to_line(const WorkerReply& reply) {
  return line_of(reply);
}
WorkerRequest parse_request(std::string_view line) {
  return parse(line, request_from);
}
WorkerReply parse_reply(std::string_view line) {
  return parse(line, reply_from);
}

}  // namespace placer::profile
