// Where holders put what they have acknowledged, without the mutex of the ledger: a list that any thread adds to, and
// that the thread with the mutex takes as a whole.
//
// While a thread sleeps that an acknowledgement may concern, the list is shut: the holder goes into the ledger itself
// then, and wakes. Whether it is shut stands in the word that an addition changes, so no sleeper is missed; and an
// addition is the last that its thread does with the queue, so the queue may be destroyed after it.
//
// Source     R. K. Treiber, "Systems programming: coping with parallelism", 1986. Taken as a whole, so a word that comes
//            back does no harm.
#pragma once

#include <cstdint>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/sync.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class Entry>
class alignas(cache_line) acknowledged {
 public:
  acknowledged() noexcept = default;
  acknowledged(const acknowledged&) = delete;
  acknowledged& operator=(const acknowledged&) = delete;

  /// Any thread, about an entry that it has claimed. False: the list is shut.
  bool add(Entry& done) noexcept {
    std::uintptr_t word = last_.load(relaxed);
    do {
      if (word == shut_word) return false;
      done.acknowledged_before_ = entry(word);
      // Edge "acknowledged": hands over the entry and what its holder did with the message.
    } while (!last_.compare_exchange_weak(word, reinterpret_cast<std::uintptr_t>(&done), release, relaxed));
    return true;
  }

  // ---- With the mutex held -------------------------------------------------------------------------------------------

  /// Takes all entries, and calls `f(Entry&)` for each.
  template <class F>
  void take(F f) noexcept {
    if (const std::uintptr_t word = last_.load(relaxed); word == none || word == shut_word) return;
    // Edge "acknowledged": takes over all of them, because each addition continues what the ones before have released.
    hand_out(last_.exchange(none, acquire), f);
  }
  /// The same, and nothing is added until open().
  template <class F>
  void shut(F f) noexcept {
    if (last_.load(relaxed) == shut_word) return;
    hand_out(last_.exchange(shut_word, acquire), f);  // Edge "acknowledged"
  }
  bool is_shut() const noexcept { return last_.load(relaxed) == shut_word; }
  void open() noexcept { last_.store(none, relaxed); }

 private:
  static constexpr std::uintptr_t none = 0;
  static constexpr std::uintptr_t shut_word = 1;

  static Entry* entry(std::uintptr_t word) noexcept {
    return reinterpret_cast<Entry*>(word);  // NOLINT(performance-no-int-to-ptr): it was made from this pointer
  }
  template <class F>
  static void hand_out(std::uintptr_t word, F f) noexcept {
    for (Entry* next = entry(word); next != nullptr;) {
      Entry& done = *next;
      next = done.acknowledged_before_;  // f may use the entry again
      f(done);
    }
  }

  atomic<std::uintptr_t> last_{none};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
