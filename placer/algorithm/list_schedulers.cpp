#include "placer/algorithm/list_schedulers.h"

namespace placer {

void register_list_schedulers(AlgorithmRegistry& registry) {
  registry.add({"heft", "earliest finish time by upward rank (HEFT)", false, heft});
  registry.add(
      {"cpop", "a critical path on one device, the rest by earliest finish (CPOP)", false, cpop});
  registry.add({"peft", "earliest finish with an optimistic look ahead (PEFT)", false, peft});
  registry.add(
      {"m-topo", "topological order fills one device after another (m-TOPO)", false, m_topo});
  registry.add({"m-etf", "the op and device that can start first (m-ETF)", false, m_etf});
  registry.add({"m-sct", "m-ETF that keeps devices free for favourite children (m-SCT)", false,
                m_sct, check_m_sct});
}

}  // namespace placer
