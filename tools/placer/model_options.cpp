#include "tools/placer/model_options.h"

#include <map>

namespace placer::cli {
namespace {

template <typename Value>
using Names = std::map<std::string, Value>;

const Names<sim::Order> kOrders = {{"priority", sim::Order::kPriority},
                                   {"fifo", sim::Order::kReadyTime},
                                   {"fixed", sim::Order::kFixed}};
const Names<sim::Contention> kContentions = {{"both-ends", sim::Contention::kBothEnds},
                                             {"sender", sim::Contention::kSender},
                                             {"channel", sim::Contention::kChannel},
                                             {"none", sim::Contention::kNone}};
const Names<sim::Sending> kSendings = {{"per-device", sim::Sending::kPerDevice},
                                       {"per-reader", sim::Sending::kPerReader},
                                       {"once", sim::Sending::kOnce}};
const Names<sim::Launch> kLaunches = {{"device", sim::Launch::kOfDevice},
                                      {"serial", sim::Launch::kSerial},
                                      {"asynchronous", sim::Launch::kAsynchronous},
                                      {"none", sim::Launch::kNone}};

template <typename Value>
void add_choice(CLI::App& command, const std::string& flag, std::string& text,
                const Names<Value>& names, const std::string& help) {
  std::vector<std::string> choices;
  for (const auto& [name, value] : names) choices.push_back(name);
  command.add_option(flag, text, help)->check(CLI::IsMember(choices));
}

template <typename Value>
void choose(const Names<Value>& names, const std::string& text, Value& value) {
  if (!text.empty()) value = names.at(text);
}

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("--model", options.model, "what of a step is simulated [default]")
      ->check(CLI::IsMember({"default", "ideal", "placeto", "baechi"}));
  add_choice(command, "--order", options.order, kOrders, "which ready op a device takes next");
  add_choice(command, "--contention", options.contention, kContentions, "what a copy holds");
  command.add_flag_callback(
      "--no-contention", [&options] { options.contention = "none"; }, "the same as none");
  add_choice(command, "--sending", options.sending, kSendings,
             "how often a tensor travels that several ops read");
  add_choice(command, "--launch", options.launch, kLaunches, "what a device's overhead does");
  command.add_flag("--no-buses", options.no_buses, "pairs of a shared link do not share it");
  command.add_flag("--no-overlap", options.no_overlap, "copies hold both devices");
  command.add_flag("--no-slow-down", options.no_slow_down, "cores do not slow one another down");
  command.add_flag("--no-memory", options.no_memory, "everything fits");
}

sim::Model model_of(const ModelOptions& options) {
  sim::Model model = sim::model_named(options.model).value();
  choose(kOrders, options.order, model.order);
  choose(kContentions, options.contention, model.contention);
  choose(kSendings, options.sending, model.sending);
  choose(kLaunches, options.launch, model.launch);
  if (options.no_buses) model.shared_buses = false;
  if (options.no_overlap) model.overlap = false;
  if (options.no_slow_down) model.slow_down = false;
  if (options.no_memory) model.memory = false;
  return model;
}

}  // namespace placer::cli
