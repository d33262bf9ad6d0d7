// Where publishers put their messages without the mutex of the ledger, so that publishers and consumers hold each other
// up only once for many messages: a ring of slots, with a mutex of its own for those that fill it. The thread that has
// the ledger's mutex empties it.
//
// The ring may be filled up to a limit, which the owner of the ledger raises: no further than there is room in the queue,
// a slot in the ring, and a spare entry in the ledger for each message. So what is in the ring always has an entry to go
// to, and no call needs memory for that.
//
// The owner collects what has arrived before anything else becomes ready, so that the order is kept. Where it finds
// nothing and wants to sleep, it wants to be told of arrivals from then on, until no thread waits for one any more: their
// publishers take the ledger's mutex, and wake. It says so with both mutexes held (the ledger's first) and looks again, so
// no arrival is missed.
//
// Source     M. Michael and M. Scott, "Simple, fast, and practical non-blocking and blocking concurrent queue
//            algorithms", PODC 1996, for one mutex at each end.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/machine/min_max.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/machine/tuning.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/wait/mutex.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class Payload, class Ledger>
class inbox {
 public:
  /// For a queue that has room for so many messages.
  explicit inbox(std::size_t capacity)
      : size_(std::bit_floor(detail::min(capacity, most_slots))), slots_(std::make_unique<slot[]>(size_)) {}
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;
  ~inbox() { clear(); }

  // ---- A publisher's, without the ledger's mutex ----------------------------------------------------------------

  /// Whether the message is in; and whether the owner wants to be told.
  enum class answer : unsigned char { no, yes, wanted };

  /// At the limit the answer is no, and the message is untouched.
  answer add(Payload& message) noexcept {
    const mutex::guard held(mutex_);
    const std::size_t position = pushed_.load(relaxed);
    if (free_from(position) == 0) return answer::no;
    std::construct_at(at(position), std::move(message));
    prefetch_for_writing(address(position) + lookahead);
    publish(position + 1);
    return is_wanted_ ? answer::wanted : answer::yes;
  }
  /// As many from the front as the limit allows; `added` counts them.
  answer add(std::span<Payload> messages, std::size_t& added) noexcept {
    const mutex::guard held(mutex_);
    const std::size_t position = pushed_.load(relaxed);
    const std::size_t count = detail::min(messages.size(), free_from(position));
    if (count == 0) return answer::no;
    for (std::size_t i = 0; i < count; ++i) std::construct_at(at(position + i), std::move(messages[i]));
    publish(position + count);
    added += count;
    return is_wanted_ ? answer::wanted : answer::yes;
  }

  /// Whether a look may be worth it, for a thread that polls.
  /// @{
  bool may_have_any() const noexcept { return pushed_.load(relaxed) != empty_at_.get(); }
  bool may_have_room() const noexcept { return pushed_.load(relaxed) != limit_.load(relaxed); }
  /// @}
  /// Whether another thread is about to raise the limit, as far as is known, and only it can.
  bool is_being_emptied() const noexcept {
    const std::uintptr_t consumer = emptied_by_.get();
    return full_.get() && consumer != 0 && consumer != thread_token();
  }

  // ---- The owner's, with the ledger's mutex held ----------------------------------------------------------------

  /// Makes the first message the last of those that are ready. False: there is none.
  bool take(Ledger& to) noexcept {
    if (popped_ == known_) {
      known_ = pushed_.load(acquire);  // Edge "arrival": takes the slots that publishers have filled.
      if (popped_ == known_) {
        empty_at_.set(popped_);
        return false;
      }
    }
    if (known_ - popped_ > lookahead / sizeof(slot)) prefetch_for_reading(address(popped_) + lookahead);
    Payload& message = *at(popped_);
    to.take_in(std::move(message));
    std::destroy_at(&message);
    ++popped_;
    return true;
  }
  void collect(Ledger& to) noexcept {
    std::size_t count = 0;
    while (take(to)) ++count;
    to.tell(count);
  }
  /// Raises the limit as far as there is room and memory already.
  void raise(const Ledger& to) noexcept {
    const std::size_t more = detail::min(size_, to.spare());
    // Edge "slot": hands the slots up to there, empty, to the publishers.
    limit_.store(popped_ + detail::min(to.room(), more), release);
    full_.set(to.room() <= more);
  }
  /// The caller receives, and raises the limit again soon.
  void raise_for_consumer(const Ledger& to) noexcept {
    raise(to);
    emptied_by_.set(thread_token());
  }
  /// Raises it for one message at least. False: the queue is full. Throws std::bad_alloc; then nothing has changed.
  bool make_room(Ledger& to) {
    const mutex::guard held(mutex_);
    if (inside() >= to.room()) return false;
    if (inside() == size_) collect(to);
    if (inside() >= to.spare()) to.grow();
    raise(to);
    return true;
  }
  /// Lowers the limit to what has arrived, and collects that.
  void revoke(Ledger& to) noexcept {
    const mutex::guard held(mutex_);
    known_limit_ = pushed_.load(relaxed);
    limit_.store(known_limit_, relaxed);
    full_.set(false);
    collect(to);
  }
  /// From now on the owner is told of each arrival. True: there is one already.
  bool want() noexcept {
    const mutex::guard held(mutex_);
    is_wanted_ = true;
    return inside() > 0;
  }
  /// The owner need not be told any more.
  void want_no_more() noexcept {
    const mutex::guard held(mutex_);
    is_wanted_ = false;
  }
  /// How many messages are in the ring; none comes while `look(n)` runs.
  template <class F>
  auto count(F look) noexcept {
    const mutex::guard held(mutex_);
    return look(inside());
  }

  /// Destroys what is inside. No thread adds any more.
  void clear() noexcept {
    for (; popped_ != pushed_.load(relaxed); ++popped_) std::destroy_at(at(popped_));
  }

 private:
  struct slot {
    alignas(Payload) std::byte bytes[sizeof(Payload)];
  };
  static constexpr std::size_t most_slots = detail::max(
      tuning::fewest_inbox_slots, detail::min(tuning::most_inbox_slots, tuning::inbox_bytes / sizeof(Payload)));

  static constexpr std::size_t lookahead = tuning::lookahead_by_count;

  Payload* at(std::size_t position) noexcept {
    return std::launder(reinterpret_cast<Payload*>(slots_[position & (size_ - 1)].bytes));
  }
  std::uintptr_t address(std::size_t position) const noexcept {
    return reinterpret_cast<std::uintptr_t>(&slots_[position & (size_ - 1)]);
  }
  void publish(std::size_t position) noexcept {
    pushed_.store(position, release);  // Edge "arrival": hands the slots up to here, filled, to the owner.
  }
  /// How many slots may be filled.
  std::size_t free_from(std::size_t position) noexcept {
    // Edge "slot": takes the slots that the owner has emptied.
    if (position == known_limit_) known_limit_ = limit_.load(acquire);
    return known_limit_ - position;
  }
  /// With both mutexes held.
  std::size_t inside() const noexcept { return pushed_.load(relaxed) - popped_; }

  const std::size_t size_;  ///< A power of two.
  const std::unique_ptr<slot[]> slots_;

  // The publishers', but for what is said of each.
  alignas(cache_line) mutex mutex_{};
  bool is_wanted_ = false;
  std::size_t known_limit_ = 0;
  atomic<std::size_t> pushed_{0};

  // The owner's.
  alignas(cache_line) std::size_t popped_ = 0;
  std::size_t known_ = 0;         ///< Up to here the slots are known to be filled.
  hint<std::size_t> empty_at_{};  ///< Where the owner last found nothing.
  // Where publishers poll, who must not take the owner's line.
  alignas(cache_line) atomic<std::size_t> limit_{0};  ///< Up to here the slots may be filled.
  hint<bool> full_{};                                 ///< The queue's capacity is what sets the limit.
  hint<std::uintptr_t> emptied_by_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
