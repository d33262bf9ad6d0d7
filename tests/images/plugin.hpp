// What a plugin does with queues and handles that the program has made.
#pragma once

#include <cstddef>
#include <memory>

#include <kew/blocking_queue.hpp>
#include <kew/broker.hpp>
#include <kew/channel.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/spsc_ring.hpp>
#include <kew/wait.hpp>

namespace kew_test {

using element = std::shared_ptr<int>;
using spsc_queue = kew::blocking_queue<element, kew::spsc_ring<element>, kew::park_wait>;
using mpmc_queue = kew::blocking_queue<element, kew::mpmc_ring<element>, kew::park_wait>;
using spsc_producer = kew::producer<element, kew::spsc_ring<element>, kew::park_wait>;
using spsc_consumer = kew::consumer<element, kew::spsc_ring<element>, kew::park_wait>;

template <class Queue>
struct queue_calls {
  kew::status (*push)(Queue&, element);
  element (*pop)(Queue&);  ///< Nothing where it is closed.
  kew::status (*try_pop)(Queue&);
  std::size_t (*pop_all)(Queue&);  ///< How many, until closed.
  void (*close)(Queue&);
};

/// Of the program and of its plugins; and one that each of them has for itself.
struct shared_message {
  int number;
};
namespace {
struct own_message {
  int number;
};
}  // namespace

struct plugin_calls {
  queue_calls<spsc_queue> spsc;
  queue_calls<mpmc_queue> mpmc;
  void (*drop_producer)(spsc_producer);
  void (*drop_consumer)(spsc_consumer);
  kew::status (*publish)(kew::broker&, const char* queue, int number);  ///< A shared_message.
  kew::status (*publish_text)(kew::broker&, const char* queue);
  kew::status (*publish_own)(kew::broker&, const char* queue);
};

template <class Queue>
queue_calls<Queue> calls_of() {
  return {[](Queue& queue, element message) { return queue.push(std::move(message)); },
          [](Queue& queue) {
            auto popped = queue.pop();
            return popped ? *std::move(popped) : element();
          },
          [](Queue& queue) { return queue.try_pop().status(); },
          [](Queue& queue) {
            std::size_t count = 0;
            while (queue.pop()) ++count;
            return count;
          },
          [](Queue& queue) { queue.close(); }};
}

}  // namespace kew_test
