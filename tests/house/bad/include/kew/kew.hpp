#include <kew/spsc_ring.hpp>
#include <kew/words.hpp>
