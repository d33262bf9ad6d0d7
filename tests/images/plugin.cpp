// A shared library that uses queues and makes none.
#include "plugin.hpp"

extern "C" [[gnu::visibility("default")]] kew_test::plugin_calls kew_plugin_calls() {
  return {kew_test::calls_of<kew_test::spsc_queue>(), kew_test::calls_of<kew_test::mpmc_queue>(),
          [](kew_test::spsc_producer) {}, [](kew_test::spsc_consumer) {}};
}
