// A shared library that uses queues and makes none.
#include "plugin.hpp"

extern "C" [[gnu::visibility("default")]] kew_test::plugin_calls kew_plugin_calls() {
  return {kew_test::calls_of<kew_test::spsc_queue>(),
          kew_test::calls_of<kew_test::mpmc_queue>(),
          [](kew_test::spsc_producer) {},
          [](kew_test::spsc_consumer) {},
          [](kew::broker& broker, const char* queue, int number) {
            return broker.publish(queue, kew_test::shared_message{number});
          },
          [](kew::broker& broker, const char* queue) { return broker.publish(queue, std::string("text")); },
          [](kew::broker& broker, const char* queue) { return broker.publish(queue, kew_test::own_message{1}); }};
}
