#include "tools/placer/place/report.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "placer/explain/memory_fit.h"
#include "tools/placer/place/objective_text.h"

namespace placer::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string milliseconds(double seconds) {
  return fmt::format("{:.2f}", seconds * 1e3);
}

// The samples that stand for `i`: its own, or those of another one with the same placement.
const std::optional<Measurement>& measured_as(const PlaceReport& report, std::size_t i) {
  for (std::size_t j = 0; j < report.candidates.size(); ++j) {
    if (report.choice.of[j] && report.candidates[j].placement == report.candidates[i].placement) {
      return report.choice.of[j];
    }
  }
  return report.choice.of[i];
}

// Rows in the order of the answer: by measured median, those without by simulated time behind them.
std::vector<std::size_t> row_order(const PlaceReport& report) {
  std::vector<std::size_t> order(report.candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto& measured_a = measured_as(report, a);
    const auto& measured_b = measured_as(report, b);
    const bool ran_a = measured_a && measured_a->ran();
    const bool ran_b = measured_b && measured_b->ran();
    if (ran_a != ran_b) {
      return ran_a;
    }
    return ran_a ? measured_a->median_seconds() < measured_b->median_seconds()
                 : better(report.candidates[a].predicted, report.candidates[b].predicted);
  });
  return order;
}

std::string measured_cells(const std::optional<Measurement>& measured) {
  if (!measured) {
    return fmt::format("{:>10} {:>19} {:>4}", "-", "-", "-");
  }
  if (!measured->ran()) {
    return fmt::format("{:>10} {:>19} {:>4}", "failed", "-", "-");
  }
  const Interval interval = median_interval(measured->seconds);
  const bool one = measured->seconds.size() == 1;
  return fmt::format("{:>10} {:>19} {:>4}", milliseconds(measured->median_seconds()),
                     one ? "-" : milliseconds(interval.low) + "-" + milliseconds(interval.high),
                     measured->seconds.size());
}

std::string table(const PlaceReport& report) {
  const ObjectiveText objective(report.space.objective());
  const bool measures = report.space.objective() == kStepTime;
  const std::string headings =
      measures ? fmt::format("{:>10} {:>19} {:>4} ", "median ms", "95% interval", "n") : "";
  std::string text = fmt::format("  {:<16} {:>4} {:>14} {}{:>11} {:>8}\n", "algorithm", "used",
                                 objective.heading(), headings, "evaluations", "search s");
  for (const std::size_t i : row_order(report)) {
    const Candidate& candidate = report.candidates[i];
    text += fmt::format(
        "{} {:<16} {:>4} {:>14} {}{:>11} {:>8}\n", i == report.choice.winner ? '>' : ' ',
        candidate.algorithm, num_devices_used(candidate.placement),
        objective.number(candidate.predicted),
        measures ? measured_cells(measured_as(report, i)) + " " : "",
        candidate.searched ? std::to_string(candidate.evaluations) : "-",
        candidate.searched && !candidate.resumed ? fmt::format("{:.1f}", candidate.seconds) : "-");
  }
  if (report.choice.all_cores) {
    text += fmt::format("  {:<16} {:>4} {:>14} {} {:>11} {:>8}\n", "all cores in one op", "", "",
                        measured_cells(report.choice.all_cores), "-", "-");
  }
  return text;
}

std::string ratio_line(const std::string& against, const std::optional<PairedComparison>& ratio) {
  if (!ratio) {
    return "";
  }
  const char* verdict = ratio->decided ? "" : "; noise does not decide";
  return fmt::format("  {:.2f}x over {} (95% interval {:.2f}-{:.2f}{})\n", ratio->ratio, against,
                     ratio->interval.low, ratio->interval.high, verdict);
}

std::string scaling_text(const PlaceReport& report) {
  if (report.scaling.empty()) {
    return "";
  }
  std::string text = "predicted with the first 1, 2, ... devices (short searches):";
  for (std::size_t i = 0; i < report.scaling.size(); ++i) {
    text += fmt::format("{} {}: {}", i == 0 ? "" : ",", i + 1,
                        report.scaling[i] ? to_string(*report.scaling[i]) : "cannot run");
  }
  return text + "\n";
}

// HEFT by groups against HEFT op by op.
std::string grouping_text(const PlaceReport& report) {
  const Candidate* by_groups = nullptr;
  const Candidate* by_ops = nullptr;
  for (const Candidate& candidate : report.candidates) {
    if (candidate.algorithm == "heft") {
      by_groups = &candidate;
    } else if (candidate.algorithm == kHeftByOps) {
      by_ops = &candidate;
    }
  }
  if (by_groups == nullptr || by_ops == nullptr || report.space.objective() != kStepTime) {
    return "";
  }
  return fmt::format("what grouping costs: HEFT over {} groups {}, over {} nodes {} (simulated)\n",
                     report.space.grouping()->num_groups, to_string(by_groups->predicted.step_time),
                     report.space.costs().graph().size(), to_string(by_ops->predicted.step_time));
}

// Where a portfolio's time went, most first, and whose placement is the best.
std::string portfolio_text(const PlaceReport& report) {
  std::string text;
  for (const Candidate& candidate : report.candidates) {
    if (candidate.members.empty()) {
      continue;
    }
    std::vector<const MemberReport*> members;
    double total = 0;
    for (const MemberReport& member : candidate.members) {
      members.push_back(&member);
      total += member.seconds;
    }
    std::stable_sort(members.begin(), members.end(),
                     [](const auto* a, const auto* b) { return a->seconds > b->seconds; });
    text += candidate.algorithm + ":";
    for (const MemberReport* member : members) {
      text += fmt::format("{} {} {:.0f}%", member == members.front() ? "" : ",", member->name,
                          total > 0 ? 100 * member->seconds / total : 0);
    }
    text += candidate.found_by.empty() ? " of the time; no gain over the heuristics\n"
                                       : " of the time; the best by " + candidate.found_by + "\n";
  }
  return text;
}

Json members_json(const Candidate& candidate) {
  Json members = Json::array();
  for (const MemberReport& member : candidate.members) {
    members.push_back({{"algorithm", member.name},
                       {"evaluations", member.evaluations},
                       {"seconds", member.seconds},
                       {"gained", member.gained}});
  }
  return members;
}

Json measured_json(const std::optional<Measurement>& measured) {
  if (!measured) {
    return {};
  }
  if (!measured->ran()) {
    return {{"failure", measured->infeasible ? measured->infeasible->text : "stopped"}};
  }
  const MeasuredTime summary = measured->summary();
  return {{"median_us", summary.median_us},
          {"low_us", summary.low_us},
          {"high_us", summary.high_us},
          {"samples", summary.samples}};
}

Json ratio_json(const std::optional<PairedComparison>& ratio) {
  if (!ratio) {
    return {};
  }
  return {{"ratio", ratio->ratio},
          {"low", ratio->interval.low},
          {"high", ratio->interval.high},
          {"decided", ratio->decided}};
}

Json rows_json(const PlaceReport& report, const ObjectiveText& objective) {
  Json rows = Json::array();
  for (const std::size_t i : row_order(report)) {
    const Candidate& candidate = report.candidates[i];
    Json row{{"algorithm", candidate.algorithm},
             {"devices_used", num_devices_used(candidate.placement)},
             {"feasible", candidate.predicted.feasible()},
             {objective.key(), objective.full(candidate.predicted)}};
    if (report.space.objective() == kStepTime) {
      row["simulated_us"] = candidate.predicted.step_time.microseconds();
      row["measured"] = measured_json(measured_as(report, i));
    }
    row["evaluations"] = candidate.evaluations;
    row["seconds"] = candidate.seconds;
    if (!candidate.members.empty()) {
      row["found_by"] = candidate.found_by;
      row["members"] = members_json(candidate);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::string fit_text(const SearchSpace& space) {
  const MemoryParts parts = memory_parts(space.costs());
  std::string text = fmt::format(
      "memory of a step on one device: {} (parameters {}, buffers {}, gradients {}, optimizer {}, "
      "inputs {}, activations {}, workspace {}, resident {})\n",
      to_string(parts.total()), to_string(parts.parameters), to_string(parts.buffers),
      to_string(parts.gradients), to_string(parts.optimizer), to_string(parts.inputs),
      to_string(parts.activations), to_string(parts.workspace), to_string(parts.resident));
  const Cluster& cluster = space.costs().cluster();
  const auto fits = fit_alone(space.costs(), space.constraints().memory_limit);
  for (std::size_t d = 0; d < cluster.size(); ++d) {
    const Bytes spare = fits[d].limit - fits[d].needed_alone;
    const std::string left =
        fits[d].limit < kMostMemory ? ", " + to_string(spare) + " to spare" : "";
    text += fmt::format("  {}: may use {}; the whole step {}\n",
                        cluster.device(id_at<DeviceId>(d)).name, memory_text(fits[d].limit),
                        fits[d].fits_alone
                            ? "fits" + left
                            : "does not fit alone, short by " + to_string(Bytes{} - spare));
  }
  return text;
}

// Steps that take much longer than predicted say something of the machine.
std::string slow_text(const PlaceReport& report) {
  constexpr double kMuch = 1.3;
  const Candidate& winner = report.candidates[report.choice.winner];
  const auto& measured = report.choice.after_choosing;
  const double predicted = winner.predicted.step_time.seconds();
  if (!measured || predicted <= 0 || measured->median_seconds() < kMuch * predicted) {
    return "";
  }
  return fmt::format(
      "  measured steps take {:.1f} times what was predicted: other processes use these cores, or "
      "the profile is of a quieter time\n",
      measured->median_seconds() / predicted);
}

std::string report_text(const PlaceReport& report) {
  const Candidate& winner = report.candidates[report.choice.winner];
  std::string text = table(report);
  text += portfolio_text(report) + scaling_text(report) + grouping_text(report);
  if (!report.not_measured.empty() && report.space.objective() == kStepTime) {
    text += "not measured: " + report.not_measured + "\n";
  }
  if (report.space.objective() == kStepTime) {
    text += fmt::format("chosen: {}, {} predicted", winner.algorithm,
                        to_string(winner.predicted.step_time));
  } else {
    text += fmt::format("chosen: {}, {} {}", winner.algorithm, report.space.objective(),
                        ObjectiveText(report.space.objective()).value(winner.predicted));
  }
  if (const auto& measured = report.choice.after_choosing) {
    const Interval interval = median_interval(measured->seconds);
    text += fmt::format(", {} ms measured after choosing (95% interval {}-{}, n = {})",
                        milliseconds(measured->median_seconds()), milliseconds(interval.low),
                        milliseconds(interval.high), measured->seconds.size());
  }
  text += "\n" + slow_text(report);
  if (const std::string gap = gap_text(report.space, winner.predicted, report.bound);
      !gap.empty()) {
    text += "  " + gap + "\n";
  }
  text += ratio_line("the best single device (" + report.choice.best_single + ")",
                     report.choice.over_best_single);
  if (report.choice.best_baseline != report.choice.best_single &&
      report.choice.best_baseline != winner.algorithm) {
    text += ratio_line("the best baseline (" + report.choice.best_baseline + ")",
                       report.choice.over_best_baseline);
  }
  text += ratio_line("all cores in one op", report.choice.over_all_cores);
  if (report.choice.over_all_cores && report.choice.over_all_cores->interval.high < 1) {
    text += "  all cores in one op is the faster way to run this graph on this machine\n";
  }
  if (report.stopped) {
    text += "stopped on request: this is the best so far\n";
  }
  return text + "wrote " + report.output + "\n";
}

std::string report_json(const PlaceReport& report) {
  const ObjectiveText objective(report.space.objective());
  Json scaling = Json::array();
  for (const auto& time : report.scaling) {
    scaling.push_back(time ? Json(time->microseconds()) : Json());
  }
  Json object{{"format", "placer.place-report"},
              {"version", 1},
              {"objective", report.space.objective()},
              {"chosen", report.candidates[report.choice.winner].algorithm},
              {"placement", report.output},
              {"stopped", report.stopped},
              {"not_measured", report.not_measured},
              {"after_choosing", measured_json(report.choice.after_choosing)},
              {"algorithms", rows_json(report, objective)},
              {"all_cores", measured_json(report.choice.all_cores)},
              {"speed_up",
               {{"over_best_single", ratio_json(report.choice.over_best_single)},
                {"over_best_baseline", ratio_json(report.choice.over_best_baseline)},
                {"over_all_cores", ratio_json(report.choice.over_all_cores)},
                {"best_single", report.choice.best_single},
                {"best_baseline", report.choice.best_baseline}}},
              {"predicted_by_devices_us", std::move(scaling)}};
  if (report.bound) {
    Outcome least;
    least.score = report.bound->cost;
    const auto share = gap(report.candidates[report.choice.winner].predicted, report.bound);
    object["bound"] = {{objective.key(), objective.full(least)},
                       {"decided_by", report.bound->decided_by},
                       {"gap", share ? Json(*share) : Json()}};
  }
  return object.dump(2) + "\n";
}

}  // namespace placer::cli
