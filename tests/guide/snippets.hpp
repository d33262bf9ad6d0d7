// What the C++ in README.md and docs/guide.md takes for granted.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <kew/async.hpp>
#include <kew/durable_queue.hpp>
#include <kew/kew.hpp>
#include <kew/pop_event.hpp>
#include <kew/select.hpp>

struct record {
  char bytes[100];
};
struct job {
  int number = 0;
};
void run(const job&);
struct try_later : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct hopeless : std::runtime_error {
  using std::runtime_error::runtime_error;
};
