// Stands in for the scenarios that a program with a seeded bug leaves out: each of these gives way to the real one.
#include "model/scenario.hpp"

namespace scenarios {

[[gnu::weak]] std::vector<scenario> of_spsc_ring() { return {}; }
[[gnu::weak]] std::vector<scenario> of_slot_rings() { return {}; }
[[gnu::weak]] std::vector<scenario> of_metered_ring() { return {}; }
[[gnu::weak]] std::vector<scenario> of_machine() { return {}; }
[[gnu::weak]] std::vector<scenario> of_parking() { return {}; }
[[gnu::weak]] std::vector<scenario> of_blocking_queue() { return {}; }
[[gnu::weak]] std::vector<scenario> of_channel() { return {}; }
[[gnu::weak]] std::vector<scenario> of_async() { return {}; }
[[gnu::weak]] std::vector<scenario> of_work_queue() { return {}; }
[[gnu::weak]] std::vector<scenario> of_select() { return {}; }
[[gnu::weak]] std::vector<scenario> of_pop_event() { return {}; }

}  // namespace scenarios
