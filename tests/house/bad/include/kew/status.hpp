#include "detail/machine/sync.hpp"
#include <kew/blocking_queue.hpp>
#include <kew/detail/machine/sync.hpp>
