// Sleeping on a word, where there is no system call for it: a mutex and a condition variable.
#pragma once

#include <kew/detail/machine/clock.hpp>
#include <kew/detail/machine/platform.hpp>

#ifdef KEW_FUTEX_PORTABLE

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <new>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Where threads sleep that sleep on a word: words share rooms, so a wake calls everybody in the room.
struct waiting_room {
  std::mutex mutex;
  std::condition_variable changed;
};

struct waiting_rooms {
  waiting_room all[61];
};

inline waiting_room& room_of(const atomic<std::uint32_t>& word) noexcept {
  // Never destroyed, because a thread may still sleep there when the program ends.
  alignas(waiting_rooms) static std::byte storage[sizeof(waiting_rooms)];
  static waiting_rooms& rooms = *::new (static_cast<void*>(storage)) waiting_rooms;
  return rooms.all[reinterpret_cast<std::uintptr_t>(&word) / sizeof(word) % std::size(rooms.all)];
}

inline bool futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected, time_point deadline) noexcept {
  waiting_room& room = room_of(word);
  std::unique_lock<std::mutex> lock(room.mutex);
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
  { const std::lock_guard<std::mutex> lock(room.mutex); }
  room.changed.notify_all();
}

}}}  // namespace kew::KEW_NAMESPACE::detail

#endif
