#include "placer/bound/assignment_relaxation.h"

#include <algorithm>
#include <memory>

#include <coin/Clp_C_Interface.h>

namespace placer {
namespace {

// Rows and columns of a linear program, in the form that CLP takes.
class LinearProgram {
 public:
  int add_column(double low, double high, double cost) {
    low_.push_back(low);
    high_.push_back(high);
    cost_.push_back(cost);
    return static_cast<int>(cost_.size()) - 1;
  }
  // low <= sum of the entries added until the next row <= high.
  void add_row(double low, double high) {
    row_low_.push_back(low);
    row_high_.push_back(high);
    row_start_.push_back(static_cast<CoinBigIndex>(values_.size()));
  }
  void add_entry(int column, double value) {
    columns_.push_back(column);
    values_.push_back(value);
  }

  // The minimum; nothing when CLP does not prove it.
  [[nodiscard]] std::optional<double> minimum() {
    row_start_.push_back(static_cast<CoinBigIndex>(values_.size()));
    const std::unique_ptr<Clp_Simplex, decltype(&Clp_deleteModel)> model(Clp_newModel(),
                                                                         &Clp_deleteModel);
    Clp_setLogLevel(model.get(), 0);
    Clp_resize(model.get(), 0, static_cast<int>(cost_.size()));
    std::copy(low_.begin(), low_.end(), Clp_columnLower(model.get()));
    std::copy(high_.begin(), high_.end(), Clp_columnUpper(model.get()));
    std::copy(cost_.begin(), cost_.end(), Clp_objective(model.get()));
    Clp_addRows(model.get(), static_cast<int>(row_low_.size()), row_low_.data(), row_high_.data(),
                row_start_.data(), columns_.data(), values_.data());
    Clp_setMaximumIterations(model.get(), kMostIterations);
    Clp_dual(model.get(), 0);
    if (Clp_status(model.get()) != 0) {
      return std::nullopt;
    }
    return Clp_objectiveValue(model.get());
  }

 private:
  static constexpr int kMostIterations = 20'000;

  std::vector<double> low_;
  std::vector<double> high_;
  std::vector<double> cost_;
  std::vector<double> row_low_;
  std::vector<double> row_high_;
  std::vector<CoinBigIndex> row_start_;
  std::vector<int> columns_;
  std::vector<double> values_;
};

constexpr double kInfinity = 1e30;  // CLP's
constexpr int kNoColumn = -1;

// What a class of devices pays for the tensors that leave or enter it.
struct Charge {
  int column;
  double us;
};

class Relaxation {
 public:
  Relaxation(const LoadModel& model, const Constraints& constraints,
             const std::vector<std::vector<DeviceId>>& classes)
      : model_(model),
        constraints_(constraints),
        classes_(classes),
        loads_(unit_times(model.costs(), constraints, classes)),
        charges_(classes.size()) {}

  std::optional<double> solve() {
    largest_ = program_.add_column(0, kInfinity, 1);
    add_shares();
    const Graph& graph = model_.costs().graph();
    for (std::size_t v = 0; v < graph.size(); ++v) {
      for (std::uint32_t output = 0; output < graph.nodes()[v].outputs.size(); ++output) {
        add_tensor({id_at<NodeId>(v), output});
      }
    }
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      add_load(c);
      add_memory(c);
    }
    return program_.minimum();
  }

 private:
  [[nodiscard]] int share(std::uint32_t unit, std::size_t c) const {
    return share_[unit * classes_.size() + c];
  }

  void add_shares() {
    for (const double time : loads_.alone) {
      share_.push_back(time == UnitLoads::kNever ? kNoColumn : program_.add_column(0, 1, 0));
    }
    for (std::uint32_t u = 0; u < loads_.num_units; ++u) {
      program_.add_row(1, 1);
      for (std::size_t c = 0; c < classes_.size(); ++c) {
        if (share(u, c) != kNoColumn) {
          program_.add_entry(share(u, c), 1);
        }
      }
    }
  }

  // cut >= share(inside) - share(outside)
  void add_cut(int cut, std::uint32_t inside, std::uint32_t outside, std::size_t c) {
    program_.add_row(0, kInfinity);
    program_.add_entry(cut, 1);
    program_.add_entry(share(inside, c), -1);
    if (share(outside, c) != kNoColumn) {
      program_.add_entry(share(outside, c), 1);
    }
  }

  void add_tensor(TensorRef tensor) {
    readers_.clear();
    const std::uint32_t owner = constraints_.unit_of[index(tensor.node)];
    for (const Use& use : model_.costs().graph().uses(tensor.node)) {
      const std::uint32_t unit = constraints_.unit_of[index(use.consumer)];
      if (use.output == tensor.output && unit != owner) {
        readers_.push_back(unit);
      }
    }
    std::sort(readers_.begin(), readers_.end());
    readers_.erase(std::unique(readers_.begin(), readers_.end()), readers_.end());
    for (std::size_t c = 0; c < classes_.size() && !readers_.empty(); ++c) {
      const double us = model_.transfer_us(tensor, classes_[c].front());
      if (us == 0) {
        continue;
      }
      const int leaves = program_.add_column(0, kInfinity, 0);
      const int enters = program_.add_column(0, kInfinity, 0);
      charges_[c].push_back({leaves, us});
      charges_[c].push_back({enters, us});
      for (const std::uint32_t reader : readers_) {
        if (share(owner, c) != kNoColumn) {
          add_cut(leaves, owner, reader, c);
        }
        if (share(reader, c) != kNoColumn) {
          add_cut(enters, reader, owner, c);
        }
      }
    }
  }

  void add_load(std::size_t c) {
    program_.add_row(0, kInfinity);
    program_.add_entry(largest_, static_cast<double>(classes_[c].size()));
    for (std::uint32_t u = 0; u < loads_.num_units; ++u) {
      const double time = loads_.alone[u * classes_.size() + c];
      if (share(u, c) != kNoColumn && time > 0) {
        program_.add_entry(share(u, c), -time);
      }
    }
    for (const Charge& charge : charges_[c]) {
      program_.add_entry(charge.column, -charge.us);
    }
  }

  void add_memory(std::size_t c) {
    const double limit =
        static_cast<double>(constraints_.memory_limit[index(classes_[c].front())].count) *
        static_cast<double>(classes_[c].size());
    double total = 0;
    for (const Bytes bytes : loads_.memory) {
      total += static_cast<double>(bytes.count);
    }
    if (total <= limit) {
      return;
    }
    program_.add_row(-kInfinity, 1);
    for (std::uint32_t u = 0; u < loads_.num_units; ++u) {
      if (share(u, c) != kNoColumn && loads_.memory[u].count > 0) {
        program_.add_entry(share(u, c), static_cast<double>(loads_.memory[u].count) / limit);
      }
    }
  }

  const LoadModel& model_;
  const Constraints& constraints_;
  const std::vector<std::vector<DeviceId>>& classes_;
  UnitLoads loads_;
  std::vector<std::vector<Charge>> charges_;  // [classes]
  std::vector<int> share_;                    // [units x classes]: column
  std::vector<std::uint32_t> readers_;        // of the tensor at hand
  int largest_ = 0;
  LinearProgram program_;
};

}  // namespace

std::optional<double> assignment_relaxation(const LoadModel& model, const Constraints& constraints,
                                            const std::vector<std::vector<DeviceId>>& classes) {
  return Relaxation(model, constraints, classes).solve();
}

}  // namespace placer
