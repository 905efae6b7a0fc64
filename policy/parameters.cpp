#include "policy/parameters.h"

namespace placer::policy {

void describe(Settings& settings, TrainingParameters& p, bool predicts) {
  settings.add("k", p.k, 1, 4096);
  settings.add("lr", p.lr, 1e-8, 1);
  settings.add("entropy", p.entropy, 0, 10);
  settings.add("entropy_end", p.entropy_end, 0, 10);
  settings.add("clip", p.clip, 1e-6, 1e6);
  settings.add("loss", p.loss, {{"reinforce", Loss::kReinforce}, {"ppo", Loss::kPpo}});
  settings.add("epochs", p.epochs, 1, 100);
  settings.add("ratio_clip", p.ratio_clip, 0.001, 10);
  settings.add("kl", p.kl, 0, 100);
  if (predicts) {
    settings.add("baseline", p.baseline,
                 {{"moving", BaselineKind::kMoving},
                  {"batch", BaselineKind::kBatch},
                  {"value", BaselineKind::kValue}});
  } else {
    settings.add("baseline", p.baseline,
                 {{"moving", BaselineKind::kMoving}, {"batch", BaselineKind::kBatch}});
  }
  settings.add("baseline_decay", p.baseline_decay, 0, 1);
  settings.add("baseline_from_failing", p.baseline_from_failing);
  settings.add("normalize", p.normalize);
  settings.add("reward", p.reward,
               {{"relative", RewardScale::kRelative}, {"seconds", RewardScale::kSeconds}});
  settings.add("failing", p.failing, 1, 1e6);
  settings.add("feasible_only_after", p.feasible_only_after, 0, 1'000'000'000);
  settings.add("elites", p.elites, 0, 4096);
  settings.add("elite_weight", p.elite_weight, 0, 1000);
  settings.add("restart_after", p.restart_after, 0, 1'000'000'000);
  settings.add("warm_start", p.warm_start);
  settings.add("warm_start_updates", p.warm_start_updates, 1, 1'000'000);
  settings.add("policy", p.policy);
  settings.add("checkpoint_updates", p.checkpoint_updates, 1, 1'000'000'000);
  settings.add("checkpoint_seconds", p.checkpoint_seconds, 0, 1e9);
}

void describe_network(Settings& settings, TrainingParameters& p) {
  settings.add("device", p.device);
}

void describe_refining(Settings& settings, TrainingParameters& p) {
  settings.add("refine", p.refine, 0, 1);
  settings.add("refine_moves", p.refine_moves, 0.01, 1e4);
  settings.add("refine_accept", p.refine_accept, 1e-9, 1e3);
  settings.add("refine_temperature", p.refine_temperature, 1e-9, 1e3);
  settings.add("refine_cooling", p.refine_cooling, 1e-12, 1);
}

void describe(Settings& settings, FirstLogits& first) {
  settings.add("runs", first.runs, 0, 1000);
  settings.add("packing", first.packing, 0, 1e6);
}

void describe(Settings& settings, SequenceParameters& p) {
  settings.add("hidden", p.hidden, 4, 2048);
  settings.add("bidirectional", p.bidirectional);
  settings.add("type_width", p.type_width, 1, 256);
  settings.add("device_width", p.device_width, 1, 256);
  settings.add("temperature", p.temperature, 0.01, 1000);
  settings.add("tanh", p.tanh, 0, 1000);
}

}  // namespace placer::policy
