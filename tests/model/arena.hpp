// The heap of a scenario: the same addresses in every execution, nothing used twice, and all of it
// gone when an execution is abandoned half-way. The program's operator new comes here while an
// execution runs.
#pragma once

namespace explorer::arena {

/// Forgets everything that was allocated.
void clear();
/// Whether operator new takes memory from here from now on; whether it did before.
bool open(bool on);
/// For what the explorer allocates in the middle of an execution.
class closed {
 public:
  closed() : was_open_(open(false)) {}
  closed(const closed&) = delete;
  closed& operator=(const closed&) = delete;
  ~closed() { open(was_open_); }

 private:
  bool was_open_;
};
/// Blocks that were allocated since clear() and not freed.
int blocks_alive();

}  // namespace explorer::arena
