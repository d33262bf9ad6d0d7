// What the C++ in docs/guide.md takes for granted.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <kew/kew.hpp>

struct record {
  char bytes[100];
};
