// Sleeping on a word, where there is no system call for it: a mutex and a condition variable.
#pragma once

#include <kew/detail/platform.hpp>

#ifdef KEW_FUTEX_PORTABLE

#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <mutex>

namespace kew::inline KEW_NAMESPACE::detail {

/// Where threads sleep that sleep on a word: words share rooms, so a wake calls everybody in the room.
struct waiting_room {
  std::mutex mutex;
  std::condition_variable changed;
};

inline waiting_room& room_of(const atomic<std::uint32_t>& word) noexcept {
  static waiting_room rooms[61];
  return rooms[reinterpret_cast<std::uintptr_t>(&word) / sizeof(word) % std::size(rooms)];
}

inline bool futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline) noexcept {
  waiting_room& room = room_of(word);
  std::unique_lock lock(room.mutex);
  if (word.load(relaxed) != expected) return true;
  if (deadline == never) {
    room.changed.wait(lock);
    return true;
  }
  return room.changed.wait_until(lock, deadline) == std::cv_status::no_timeout;
}

inline void futex_wake(atomic<std::uint32_t>& word, int) noexcept {
  waiting_room& room = room_of(word);
  // Whoever has compared the word and does not sleep yet holds the mutex until it does.
  { const std::lock_guard lock(room.mutex); }
  room.changed.notify_all();
}

}  // namespace kew::inline KEW_NAMESPACE::detail

#endif
