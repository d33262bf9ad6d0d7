// An element that watches itself: it reports data races on its storage, use after a move or after its
// destruction, a second construction or destruction, and at the end of an execution what has leaked.
#pragma once

#include "explorer.hpp"

namespace explorer {

/// What a probe can be asked to be made of, to have its constructor fail.
struct nothing_good {};
struct refusal {};

class probe {
 public:
  explicit probe(int value) : value_(value) { begin_life(); }
  [[noreturn]] explicit probe(nothing_good) : value_(0) {
    engine::plain_write(this, "construction of an element");
    throw refusal();
  }
  probe(const probe& other) : value_(other.value()) { begin_life(); }
  probe(probe&& other) noexcept : value_(other.take()) { begin_life(); }
  probe& operator=(const probe& other) {
    const int copied = other.value();
    overwrite(copied);
    return *this;
  }
  probe& operator=(probe&& other) noexcept {
    const int taken = other.take();
    overwrite(taken);
    return *this;
  }
  ~probe() {
    engine::plain_write(this, "destruction of an element");
    engine::life& life = engine::life_at(this);
    if (life == engine::life::dead) fail("an element is destroyed twice");
    if (life == engine::life::none) fail("an element is destroyed that was never constructed");
    life = engine::life::dead;
    --engine::elements_alive();
  }

  int value() const {
    engine::plain_read(this, "read of an element");
    if (engine::life_at(this) == engine::life::moved_from) fail("an element is read after it was moved from");
    if (engine::life_at(this) != engine::life::alive) fail("an element is read that does not live");
    return value_;
  }
  bool is_moved_from() const { return engine::life_at(this) == engine::life::moved_from; }

  friend bool operator==(const probe& a, int b) { return a.value() == b; }

 private:
  void begin_life() {
    engine::plain_write(this, "construction of an element");
    engine::life& life = engine::life_at(this);
    if (life == engine::life::alive || life == engine::life::moved_from) fail("an element is constructed over another");
    life = engine::life::alive;
    ++engine::elements_alive();
  }
  int take() {
    const int taken = value();
    engine::plain_write(this, "move from an element");
    engine::life_at(this) = engine::life::moved_from;
    return taken;
  }
  void overwrite(int value) {
    engine::plain_write(this, "assignment to an element");
    engine::life& life = engine::life_at(this);
    if (life == engine::life::none || life == engine::life::dead) fail("assignment to an element that does not live");
    life = engine::life::alive;
    value_ = value;
  }

  int value_;
};

}  // namespace explorer
