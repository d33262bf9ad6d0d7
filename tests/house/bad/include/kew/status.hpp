#include "detail/sync.hpp"
#include <kew/blocking_queue.hpp>
