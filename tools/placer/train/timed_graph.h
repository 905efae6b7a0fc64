#pragma once

// A graph of a file, to draw problems of, like those of a family.

#include <string>

#include "placer/cost/op_times.h"

namespace placer::cli {

class TimedGraph {
 public:
  // throws Error(kBadInput) for a file that is no graph, or has no kind of device with times for
  //        every op
  explicit TimedGraph(const std::string& file);

  // With times for every device of families::make_cluster(8, equal): those of the file's first kind
  // that has all are of a device of mean speed.
  [[nodiscard]] Workload workload(bool equal) const;
  // Of links on which a tensor, in the mean over all edges, takes `ratio` mean op times.
  [[nodiscard]] double bytes_per_second(double ratio) const;
  // Of all that is in the file.
  [[nodiscard]] const std::string& hash() const { return hash_; }

 private:
  Graph graph_;
  KindTimes times_;
  std::string hash_;
};

}  // namespace placer::cli
