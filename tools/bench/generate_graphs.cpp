// Writes a generated graph and its cluster: input for the program at sizes that no public workload
// has.
//   generate_graphs --family layered --nodes 100000 --ratio 1 -o graph.json -c cluster.json

#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "placer/base/error.h"
#include "placer/base/files.h"
#include "placer/formats/formats.h"
#include "tools/families/graph_families.h"

int main(int argc, char** argv) {
  CLI::App app("Writes a generated graph and its cluster.");
  std::string family = "layered";
  placer::families::FamilyOptions options;
  bool unequal = false;
  std::string graph;
  std::string cluster;
  app.add_option("--family", family, "layered, transformer, series-parallel or random")
      ->check(CLI::IsMember({"layered", "transformer", "series-parallel", "random"}));
  app.add_option("--nodes", options.nodes, "about so many ops")->check(CLI::Range(1, 10'000'000));
  app.add_option("--ratio", options.ccr, "mean transfer time by mean op time")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--unequal", unequal, "devices that differ four times in speed");
  app.add_option("--seed", options.seed, "of the graph");
  app.add_option("-o,--output", graph, "graph file to write")->required();
  app.add_option("-c,--cluster", cluster, "cluster file to write")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    options.family = placer::families::family_named(family).value();
    options.equal = !unequal;
    placer::write_file(graph, placer::write_graph(placer::families::make_family(options)));
    placer::write_file(cluster,
                       placer::write_cluster(placer::families::make_cluster(8, options.equal)));
  } catch (const placer::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
