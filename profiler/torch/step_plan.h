#pragma once

// What of a step depends on which devices have memory of their own: what crosses between memories,
// who waits for it, who releases what. Needs no LibTorch.
//
// All CPU devices share one memory; every GPU device has its own, and is launched in one order that
// is fixed beforehand. A tensor that is read in another memory than its own crosses to it once per
// step, however many ops read it there.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "placer/evaluate/evaluator.h"
#include "placer/graph/graph.h"
#include "profiler/torch/program.h"

namespace placer::profile {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

// Values are in slots: one per tensor of the graph, then one per copy.
struct Transfer {
  std::uint32_t producer = 0;  // node
  // The slot that is copied; kNone: only word that the producer has ended.
  std::uint32_t value = kNone;
  std::uint32_t copy = kNone;  // the slot of the copy
  std::uint32_t from = 0;      // devices; between CPU and GPU or GPU and GPU
  std::uint32_t to = 0;        // whose memory the copy counts in: of CPU devices the first reader
};

struct StepPlan {
  std::vector<std::uint32_t> dependencies;  // [nodes]: ops and transfers to wait for
  Lists successors;                         // [nodes]: ops that wait for it and no transfer
  Lists inputs;                             // [nodes]: slots, as Node::inputs
  Lists releases;                           // [nodes]: slots whose last reader it may be, each once
  std::vector<std::uint32_t> readers;       // [slots]: ops and transfers that release it; one more
                                            // where the step's end needs it
  std::vector<std::uint32_t> storage;       // [slots]: the slot that owns the memory
  std::vector<std::uint32_t> handles;       // [slots]: values that keep this storage alive
  std::vector<std::int64_t> bytes;          // [slots]: of storages that the step allocates, else 0
  std::vector<std::uint32_t> device;        // [slots]: whose memory they count in

  std::vector<Transfer> transfers;
  Lists sends;    // [nodes]: transfers that begin when it has ended
  Lists told;     // [transfers]: ops that wait for it
  Lists arrives;  // [nodes]: transfers that it waits for
  // [devices]: transfers of sources that begin with the step: out of a GPU; from the host to a GPU.
  std::vector<std::vector<std::uint32_t>> leave_first;
  std::vector<std::vector<std::uint32_t>> enter_first;
  std::vector<std::uint32_t> to_host;    // [devices]: transfers from this GPU to the host
  std::vector<std::uint32_t> from_host;  // [devices]: transfers from the host to this GPU
  // [nodes]: where a new value of a state is at the end of the step, in the state's memory; kNone
  // for other nodes than such outputs.
  std::vector<std::uint32_t> written;

  // Why a placement cannot run: a view or an in-place op away from the memory that it shares.
  std::optional<Infeasible> problem;
};

// Where nothing crosses: what the program says. `device` is left to assign_devices().
[[nodiscard]] StepPlan plan_without_transfers(const Graph& graph, const Program& program,
                                              std::size_t devices);
// Sets `device` of the tensors' slots.
void assign_devices(const Program& program, const Lowered& lowered, StepPlan& plan);

// `gpu`: [devices]. Gives every GPU in `lowered` an order in which each op comes after all that it
// waits for on any device, by `priority` ([nodes] or empty), then index; CPU devices get the ops
// that wait for nothing, transfers included.
[[nodiscard]] StepPlan plan_with_transfers(const Graph& graph, const Program& program,
                                           const std::vector<bool>& gpu,
                                           std::span<const std::int64_t> priority,
                                           Lowered& lowered);

}  // namespace placer::profile
