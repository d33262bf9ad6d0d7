#include <kew/spsc_ring.hpp>
#include <kew/status.hpp>
