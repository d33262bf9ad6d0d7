#include "scenario.hpp"

namespace scenarios {

std::vector<scenario> all_scenarios() {
  std::vector<scenario> all;
  for (const auto& part : {of_spsc_ring(), of_slot_rings(), of_machine(), of_parking(), of_blocking_queue(),
                           of_channel(), of_metered_ring(), of_async(), of_select(), of_pop_event(), of_work_queue()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

explorer::options bounds(const reach& limits, explorer::search how, explorer::fences fence, bool deep) {
  explorer::options all;
  all.how = how;
  all.fence = fence;
  all.preemptions = limits.preemptions + deep;
  all.stale_reads = limits.stale_reads + deep;
  all.surprises = how == explorer::search::depth_first ? limits.surprises + deep : 3;
  return all;
}

}  // namespace scenarios
