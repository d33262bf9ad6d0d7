// Where publishers put their messages without the mutex of the ledger, so that publishers and consumers hold each other
// up only once for many messages: a second mutex, the messages that have arrived, and what the owner of the ledger has
// lent for more of them, room and unused entries.
//
// The owner collects the arrivals, with both mutexes held (the ledger's first), whenever their order or number matters:
// before anything else becomes ready, before figures are read, and where it finds no ready message. Where there is none
// here either, it wants to be told of arrivals from then on, until no thread waits for one any more: their publishers take
// the ledger's mutex, and wake. Since both mutexes are held for the look and for that wish, no arrival is missed.
//
// Source     M. Michael and M. Scott, "Simple, fast, and practical non-blocking and blocking concurrent queue
//            algorithms", PODC 1996, for one mutex at each end.
#pragma once

#include <cstddef>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/machine/cache_line.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/detail/wait/mutex.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class Ledger>
class alignas(cache_line) inbox {
  using entry = typename Ledger::entry;
  using arrivals = typename Ledger::arrivals;

 public:
  inbox() noexcept = default;
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  // ---- A publisher's, without the ledger's mutex ----------------------------------------------------------------

  /// Whether the message is in; and whether the owner wants to be told.
  enum class answer : unsigned char { no, yes, wanted };

  /// Where nothing more is lent, the answer is no, and the arguments are untouched. Throws what the payload's
  /// constructor throws; then nothing has changed.
  template <class... A>
  answer add(A&&... arguments) {
    const mutex::guard held(mutex_);
    if (room_ == 0 || unused_ == nullptr) return answer::no;
    entry& arriving = *unused_;
    Ledger::fill(arriving, lane::live, std::forward<A>(arguments)...);
    unused_ = Ledger::next_unused(arriving);
    Ledger::fetch(unused_);
    arrived_.add(arriving);
    --room_;
    return is_wanted_ ? answer::wanted : answer::yes;
  }

  // ---- The owner's, with the ledger's mutex held ----------------------------------------------------------------

  /// Moves the arrivals into the ledger.
  void collect(Ledger& to) noexcept {
    const mutex::guard held(mutex_);
    move_arrivals(to);
  }
  /// The same, and if there were none, the owner is told of each from now on.
  void collect_or_want(Ledger& to) noexcept {
    const mutex::guard held(mutex_);
    if (arrived_.count == 0) is_wanted_ = true;
    move_arrivals(to);
  }
  /// The owner need not be told any more.
  void want_no_more() noexcept {
    const mutex::guard held(mutex_);
    is_wanted_ = false;
  }
  /// Moves the arrivals, and takes back what was lent.
  void revoke(Ledger& to) noexcept {
    const mutex::guard held(mutex_);
    move_arrivals(to);
    room_ = 0;
    if (!to.has_unused()) to.give_unused(std::exchange(unused_, nullptr));
  }
  /// Lends all the room that there is.
  void lend(Ledger& from) noexcept {
    const mutex::guard held(mutex_);
    room_ = from.room();
    if (unused_ == nullptr) unused_ = from.take_unused();
  }

 private:
  void move_arrivals(Ledger& to) noexcept {
    if (arrived_.count > 0) to.take_in(std::exchange(arrived_, {}));
  }

  mutex mutex_{};
  bool is_wanted_ = false;
  std::size_t room_ = 0;
  entry* unused_ = nullptr;
  arrivals arrived_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
