#include "placer/algorithm/neighbourhood.h"

#include <algorithm>

namespace placer {

Neighbourhood::Neighbourhood(const UnitTable& units) : units_(&units) {
  for (std::uint32_t unit = 0; unit < units.size(); ++unit) {
    if (units.devices(unit).size() > 1) {
      movable_.push_back(unit);
    }
    first_follower_.push_back(static_cast<std::uint32_t>(follower_.size()));
    for (const std::uint32_t other : units.neighbours(unit)) {
      if (units.neighbours(other).size() == 1) {
        follower_.push_back(other);
      }
    }
  }
  first_follower_.push_back(static_cast<std::uint32_t>(follower_.size()));
}

std::vector<DeviceId> Neighbourhood::random(Rng& rng) const {
  std::vector<DeviceId> choice;
  for (std::size_t unit = 0; unit < units_->size(); ++unit) {
    choice.push_back(units_->devices(unit)[rng.below(units_->devices(unit).size())]);
  }
  return choice;
}

void Neighbourhood::kick(Rng& rng, double share, std::span<DeviceId> choice) const {
  const auto count = std::max<std::size_t>(
      2, static_cast<std::size_t>(share * static_cast<double>(movable_.size())));
  for (std::size_t i = 0; i < count && !empty(); ++i) {
    const std::uint32_t unit = movable_[rng.below(movable_.size())];
    choice[unit] = target(rng, choice, unit);
  }
}

void Neighbourhood::propose(Rng& rng, std::span<const DeviceId> choice, DeviceId busiest,
                            Move& move) const {
  move.clear();
  const std::uint64_t kind = rng.below(10);
  const std::uint32_t unit = pick(rng, choice, busiest);
  if (kind < 5) {
    add(choice, unit, target(rng, choice, unit), move);
  } else if (kind < 8) {
    swap(rng, choice, unit, move);
  } else if (kind < 9) {
    add_run(rng, choice, unit, move);
  } else {
    add_cluster(rng, choice, unit, move);
  }
}

std::uint32_t Neighbourhood::pick(Rng& rng, std::span<const DeviceId> choice,
                                  DeviceId busiest) const {
  constexpr int kAttempts = 8;
  const std::uint32_t any = movable_[rng.below(movable_.size())];
  if (rng.below(2) == 0) {
    return any;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::uint32_t unit = movable_[rng.below(movable_.size())];
    if (choice[unit] == busiest) {
      return unit;
    }
  }
  return any;
}

DeviceId Neighbourhood::target(Rng& rng, std::span<const DeviceId> choice,
                               std::uint32_t unit) const {
  const auto neighbours = units_->neighbours(unit);
  if (!neighbours.empty() && rng.below(4) != 0) {
    const DeviceId device = choice[neighbours[rng.below(neighbours.size())]];
    if (device != choice[unit] && units_->may_use(unit, device)) {
      return device;
    }
  }
  const auto devices = units_->devices(unit);
  for (;;) {
    const DeviceId device = devices[rng.below(devices.size())];
    if (device != choice[unit]) {
      return device;
    }
  }
}

void Neighbourhood::add(std::span<const DeviceId> choice, std::uint32_t unit, DeviceId to,
                        Move& move) const {
  move.push_back({unit, to});
  for (std::uint32_t i = first_follower_[unit]; i < first_follower_[unit + 1]; ++i) {
    const std::uint32_t follower = follower_[i];
    if (choice[follower] == choice[unit] && units_->may_use(follower, to)) {
      move.push_back({follower, to});
    }
  }
}

void Neighbourhood::swap(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit,
                         Move& move) const {
  const auto neighbours = units_->neighbours(unit);
  const std::uint32_t other = !neighbours.empty() && rng.below(4) == 0
                                  ? neighbours[rng.below(neighbours.size())]
                                  : movable_[rng.below(movable_.size())];
  if (choice[unit] != choice[other] && units_->may_use(unit, choice[other]) &&
      units_->may_use(other, choice[unit])) {
    add(choice, unit, choice[other], move);
    add(choice, other, choice[unit], move);
  } else {
    add(choice, unit, target(rng, choice, unit), move);
  }
}

// Units that follow one another in order and share a device, up to a random length.
void Neighbourhood::add_run(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit,
                            Move& move) const {
  const DeviceId to = target(rng, choice, unit);
  const std::uint64_t most = 2 + rng.below(std::max<std::uint64_t>(units_->size() / 16, 2));
  const bool forward = rng.below(2) == 0;
  for (std::uint32_t next = unit; move.size() < most && choice[next] == choice[unit];) {
    if (units_->may_use(next, to)) {
      move.push_back({next, to});
    }
    if (forward ? next + 1 == units_->size() : next == 0) {
      break;
    }
    next = forward ? next + 1 : next - 1;
  }
}

// Units on one device that are connected, up to a random number.
void Neighbourhood::add_cluster(Rng& rng, std::span<const DeviceId> choice, std::uint32_t unit,
                                Move& move) const {
  const DeviceId to = target(rng, choice, unit);
  const std::uint64_t most = 2 + rng.below(std::max<std::uint64_t>(units_->size() / 16, 2));
  move.push_back({unit, to});
  for (std::size_t from = 0; from < move.size() && move.size() < most; ++from) {
    for (const std::uint32_t next : units_->neighbours(move[from].unit)) {
      const bool known = std::any_of(move.begin(), move.end(),
                                     [&](const Step& step) { return step.unit == next; });
      if (move.size() < most && !known && choice[next] == choice[unit] &&
          units_->may_use(next, to) && rng.below(4) != 0) {
        move.push_back({next, to});
      }
    }
  }
}

}  // namespace placer
