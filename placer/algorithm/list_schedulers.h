#pragma once

// Algorithms that give one op after another a device and a start, one source file each. Each is a
// function that makes the schedule in the words of its paper, and an Algorithm that judges what it
// makes: under free links, as in the papers, and under links that are reserved as the simulator
// does, each with the schedule's own order of ops and with the default one. docs/algorithms.md says
// what each is and what ours differs in.

#include <memory>
#include <vector>

#include "placer/algorithm/algorithm.h"
#include "placer/algorithm/list_schedule.h"

namespace placer {

// HEFT with insertion (Topcuoglu, Hariri, Wu, IEEE TPDS 2002): ops by decreasing upward rank, each
// to the device where it ends first.
//   cost  O(E D) and the search for gaps
[[nodiscard]] Schedule heft_schedule(const Problem& problem, const UnitTable& units,
                                     const ScheduleModel& model);
[[nodiscard]] std::unique_ptr<Algorithm> heft();

// CPOP (the same paper): the ops of a critical path go to the one device that runs them all
// fastest, the others, from a queue by upward plus downward rank, to the device where they end
// first.
[[nodiscard]] Schedule cpop_schedule(const Problem& problem, const UnitTable& units,
                                     const ScheduleModel& model);
[[nodiscard]] std::unique_ptr<Algorithm> cpop();

// PEFT (Arabnejad, Barbosa, IEEE TPDS 2014): a queue by the mean of an op's row in the optimistic
// cost table, each op to the device of least end plus optimistic cost.
[[nodiscard]] Schedule peft_schedule(const Problem& problem, const UnitTable& units,
                                     const ScheduleModel& model);
[[nodiscard]] std::unique_ptr<Algorithm> peft();
// Equation 3: the longest way from the end of the op to the end of the step if the op is on the
// device and every later op goes where that is shortest, [nodes x devices]; 0 for exits.
[[nodiscard]] std::vector<SimTime> optimistic_costs(const CostModel& costs,
                                                    const Constraints& constraints);

// m-TOPO (Baechi, SoCC 2020): units in topological order fill one device after the other up to
// total / D + the largest, all of them or what the device has.
[[nodiscard]] std::vector<DeviceId> m_topo_choice(const Problem& problem, const UnitTable& units);
[[nodiscard]] std::unique_ptr<Algorithm> m_topo();

// m-ETF (Baechi): of all ready ops and devices with room, the pair that can start first; ties to
// the lowest index, then the lowest device. Hwang, Chow, Anger, Lee, SIAM J. Comput. 1989, with
// memory.
//   cost  O((V + E) D log V)
[[nodiscard]] Schedule m_etf_schedule(const Problem& problem, const UnitTable& units,
                                      const ScheduleModel& model);
[[nodiscard]] std::unique_ptr<Algorithm> m_etf();

// m-SCT (Baechi): m-ETF in which a device keeps itself free for the favourite child of what it ran
// last (see favourite_child.h), unless another op could start anywhere. Parameter: rows, the
// largest linear program that is solved.
[[nodiscard]] std::unique_ptr<Algorithm> m_sct();
void check_m_sct(ParameterList given);

void register_list_schedulers(AlgorithmRegistry& registry);

}  // namespace placer
