#pragma once

// The messages of docs/formats/worker.md as values, and their one-line JSON texts.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "placer/base/error.h"
#include "placer/evaluate/evaluator.h"
#include "profiler/measuring_evaluator.h"

namespace placer::profile {

inline constexpr int kWorkerProtocol = 1;

struct HelloRequest {};
struct LoadRequest {
  std::string graph_file;
  std::string cluster_file;
  ExecutorOptions executor;
  MeasureOptions measure;  // without on_step
};
struct EvaluateRequest {
  std::uint64_t id = 0;
  Placement placement;
};
struct QuitRequest {};
using WorkerRequest = std::variant<HelloRequest, LoadRequest, EvaluateRequest, QuitRequest>;

struct HelloReply {
  std::string machine;
  std::string library;
};
struct LoadedReply {
  std::string graph_hash;
  std::string cluster_hash;
};
struct AliveReply {};
struct OutcomeReply {
  std::uint64_t id = 0;
  Outcome outcome;
};
struct ErrorReply {
  ErrorKind kind = ErrorKind::kInternal;
  std::string text;
};
using WorkerReply = std::variant<HelloReply, LoadedReply, AliveReply, OutcomeReply, ErrorReply>;

// One line of JSON, without its end.
[[nodiscard]] std::string to_line(const WorkerRequest& request);
[[nodiscard]] std::string to_line(const WorkerReply& reply);

// Throws Error(kBadInput) for text that is no such message or of another version of the protocol.
[[nodiscard]] WorkerRequest parse_request(std::string_view line);
[[nodiscard]] WorkerReply parse_reply(std::string_view line);

}  // namespace placer::profile
