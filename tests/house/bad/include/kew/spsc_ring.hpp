#include <kew/detail/ring/slots.hpp>
void orders() {
  word.store(1, release);
  // Edge "whole": one end.
  word.store(1, release);
  int n = 0;
  word.load(acquire);  // Edge "whole": the other end.
  // Edge "half": the other end is missing.
  word.store(1, release);
  word.load(relaxed);
  word.load();
  // A comment without the edge's name.
  word.compare_exchange_weak(n, n + 1,
                             acq_rel, relaxed);
  // Edge "exchange": both ends in one operation.
  word.fetch_add(1, acq_rel);
  // Edge "idle": nothing here orders memory.
}

void fences() {
  fence_light();  // Edge "fenced": light
  fence_heavy();  // Edge "fenced": heavy
  fence_light();  // Edge "light only": nobody is heavy
  ring.release(1);
}
