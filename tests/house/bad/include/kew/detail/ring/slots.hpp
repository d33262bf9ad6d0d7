#include <kew/detail/wait/parking.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/status.hpp>
