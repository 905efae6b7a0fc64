#include "placer/formats/trace.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/formats/json_text.h"

namespace placer {
namespace {

// Perfetto names threads by tid alone, so that a tid is process id x stride + track.
constexpr std::size_t kLeastStride = 1000;

enum class Lane : std::uint8_t { kOps, kSend, kReceive };
constexpr std::array<std::string_view, 3> kLaneNames = {"ops", "send", "receive"};

std::int64_t nanoseconds(SimTime time) {
  return (time.ps + 500) / 1000;
}

// Microseconds with three decimals.
void append_time(std::string& out, std::int64_t ns) {
  fmt::format_to(std::back_inserter(out), "{}.{:03}", ns / 1000, ns % 1000);
}

// A slice that needs a track of a device.
struct Slice {
  std::size_t device = 0;
  std::int64_t start = 0;  // ns
  std::int64_t end = 0;
  std::size_t track = 0;  // within its lane of the device
};

// Gives every slice the lowest track that is free at its start. Returns [devices] counts of tracks.
std::vector<std::size_t> assign_tracks(std::span<Slice> slices, std::size_t devices) {
  std::vector<std::size_t> order(slices.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return slices[i].start; });
  std::vector<std::vector<std::int64_t>> free(devices);  // [device][track]: end of its last slice
  for (const std::size_t i : order) {
    Slice& slice = slices[i];
    auto& tracks = free[slice.device];
    const auto first =
        std::ranges::find_if(tracks, [&](std::int64_t end) { return end <= slice.start; });
    slice.track = static_cast<std::size_t>(first - tracks.begin());
    if (first == tracks.end()) tracks.push_back(0);
    tracks[slice.track] = slice.end;
  }
  std::vector<std::size_t> counts;
  counts.reserve(free.size());
  for (const auto& tracks : free) {
    counts.push_back(tracks.size());
  }
  return counts;
}

class TraceWriter {
 public:
  TraceWriter(const Graph& graph, const Cluster& cluster, const StepTrace& trace)
      : graph_(graph), cluster_(cluster), trace_(trace) {
    lay_out();
  }

  std::string write() {
    out_ = "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"title\":";
    append_quoted(out_, trace_.title);
    out_ += "},\"traceEvents\":[";
    write_names();
    for (std::size_t i = 0; i < trace_.ops.size(); ++i) {
      write_op(trace_.ops[i], ops_[i]);
    }
    for (std::size_t i = 0; i < trace_.transfers.size(); ++i) {
      write_transfer(i);
    }
    for (const TraceMemory& point : trace_.memory) {
      write_memory(point);
    }
    out_ += "\n]}\n";
    return std::move(out_);
  }

 private:
  static Slice slice(DeviceId device, SimTime start, SimTime end) {
    PLACER_CHECK(start <= end, "a slice ends after it starts");
    return {index(device), nanoseconds(start), nanoseconds(end), 0};
  }

  void lay_out() {
    for (const TraceOp& op : trace_.ops) {
      ops_.push_back(slice(op.device, op.start, op.end));
    }
    for (const TraceTransfer& transfer : trace_.transfers) {
      sent_.push_back(slice(transfer.from, transfer.start, transfer.end));
      received_.push_back(slice(transfer.to, transfer.start, transfer.end));
    }
    tracks_ = {assign_tracks(ops_, cluster_.size()), assign_tracks(sent_, cluster_.size()),
               assign_tracks(received_, cluster_.size())};
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      tracks_[0][d] = std::max<std::size_t>(tracks_[0][d], 1);  // idle devices are shown too
      const std::size_t all = tracks_[0][d] + tracks_[1][d] + tracks_[2][d];
      stride_ = std::max(stride_, (all + kLeastStride - 1) / kLeastStride * kLeastStride);
    }
  }

  [[nodiscard]] std::size_t thread_id(Lane lane, std::size_t device, std::size_t track) const {
    std::size_t id = (device + 1) * stride_ + track;
    for (std::size_t before = 0; before < static_cast<std::size_t>(lane); ++before) {
      id += tracks_[before][device];
    }
    return id;
  }

  // Opens an event; the caller adds further members and closes it.
  void open(std::string_view phase, std::string_view name, std::size_t device) {
    out_ += first_ ? "\n{\"ph\":\"" : ",\n{\"ph\":\"";
    first_ = false;
    out_ += phase;
    out_ += "\",\"name\":";
    append_quoted(out_, name);
    fmt::format_to(std::back_inserter(out_), ",\"pid\":{}", device + 1);
  }
  void add_number(std::string_view key, std::size_t value) {
    fmt::format_to(std::back_inserter(out_), ",\"{}\":{}", key, value);
  }
  void add_time(std::string_view key, std::int64_t ns) {
    fmt::format_to(std::back_inserter(out_), ",\"{}\":", key);
    append_time(out_, ns);
  }
  void add_text(std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(out_), "\"{}\":", key);
    append_quoted(out_, value);
  }

  void write_names() {
    for (std::size_t d = 0; d < cluster_.size(); ++d) {
      const Device& device = cluster_.devices()[d];
      open("M", "process_name", d);
      out_ += ",\"args\":{";
      add_text("name", fmt::format("{} ({}, {})", device.name, device.kind, trace_.title));
      out_ += "}}";
      open("M", "process_sort_index", d);
      fmt::format_to(std::back_inserter(out_), ",\"args\":{{\"sort_index\":{}}}}}", d);
      for (const Lane lane : {Lane::kOps, Lane::kSend, Lane::kReceive}) {
        for (std::size_t k = 0; k < tracks_[static_cast<std::size_t>(lane)][d]; ++k) {
          write_thread_name(lane, d, k);
        }
      }
    }
  }

  void write_thread_name(Lane lane, std::size_t device, std::size_t track) {
    std::string name(kLaneNames[static_cast<std::size_t>(lane)]);
    if (track > 0) name += fmt::format(" {}", track + 1);
    const std::size_t thread = thread_id(lane, device, track);
    open("M", "thread_name", device);
    add_number("tid", thread);
    out_ += ",\"args\":{";
    add_text("name", name);
    out_ += "}}";
    open("M", "thread_sort_index", device);
    add_number("tid", thread);
    fmt::format_to(std::back_inserter(out_), ",\"args\":{{\"sort_index\":{}}}}}", thread);
  }

  void open_slice(std::string_view category, std::string_view name, Lane lane, const Slice& slice) {
    open("X", name, slice.device);
    add_number("tid", thread_id(lane, slice.device, slice.track));
    fmt::format_to(std::back_inserter(out_), ",\"cat\":\"{}\"", category);
    add_time("ts", slice.start);
    add_time("dur", slice.end - slice.start);
    out_ += ",\"args\":{";
  }

  void write_op(const TraceOp& op, const Slice& slice) {
    const Node& node = graph_.node(op.node);
    open_slice("op", node.name, Lane::kOps, slice);
    add_text("op", node.op);
    out_ += ',';
    add_text("pass", name_of(node.pass));
    if (!node.module.empty()) {
      out_ += ',';
      add_text("module", node.module);
    }
    const std::int64_t bytes =
        std::accumulate(node.outputs.begin(), node.outputs.end(), std::int64_t{0},
                        [](std::int64_t sum, const TensorSpec& output) {
                          return sum + (output.alias_of ? 0 : output.bytes.count);
                        });
    add_number("node", index(op.node));
    add_number("output_bytes", static_cast<std::size_t>(bytes));
    out_ += "}}";
  }

  void write_transfer(std::size_t i) {
    const TraceTransfer& transfer = trace_.transfers[i];
    const Node& node = graph_.node(transfer.tensor.node);
    std::string name = node.name;
    if (node.outputs.size() > 1) name += fmt::format("#{}", transfer.tensor.output);
    const auto write_end = [&](Lane lane, const Slice& slice, std::string_view phase,
                               std::int64_t at) {
      open_slice("transfer", name, lane, slice);
      add_text("from", cluster_.device(transfer.from).name);
      out_ += ',';
      add_text("to", cluster_.device(transfer.to).name);
      add_number("bytes", static_cast<std::size_t>(graph_.tensor(transfer.tensor).bytes.count));
      out_ += "}}";
      open(phase, name, slice.device);
      add_number("tid", thread_id(lane, slice.device, slice.track));
      out_ += ",\"cat\":\"flow\"";
      add_number("id", i + 1);
      add_time("ts", at);
      out_ += phase == "f" ? ",\"bp\":\"e\"}" : "}";
    };
    write_end(Lane::kSend, sent_[i], "s", sent_[i].start);
    // Inside the slice: its end belongs to what follows.
    write_end(Lane::kReceive, received_[i], "f",
              std::max(received_[i].start, received_[i].end - 1));
  }

  void write_memory(const TraceMemory& point) {
    open("C", "memory", index(point.device));
    add_time("ts", nanoseconds(point.time));
    fmt::format_to(std::back_inserter(out_), ",\"args\":{{\"bytes\":{}}}}}", point.bytes.count);
  }

  const Graph& graph_;
  const Cluster& cluster_;
  const StepTrace& trace_;
  std::vector<Slice> ops_;                          // of trace_.ops
  std::vector<Slice> sent_;                         // of trace_.transfers
  std::vector<Slice> received_;                     // of trace_.transfers
  std::array<std::vector<std::size_t>, 3> tracks_;  // [lane][device]: how many
  std::size_t stride_ = kLeastStride;
  std::string out_;
  bool first_ = true;
};

}  // namespace

std::string write_trace(const Graph& graph, const Cluster& cluster, const StepTrace& trace) {
  return TraceWriter(graph, cluster, trace).write();
}

}  // namespace placer
