#include <kew/detail/ring/slots.hpp>
#include <kew/words.hpp>
