// The messages of a log that are on disk only: where each of them is, and in which order they are ready.
//
// What       16 bytes for each message, in pages by their ids, which are from 1 on, near each other mostly, and come and go
//            in their order. What was handed over or came back before has its state besides.
// Use        by one thread at a time. A replay fills it; after arrange() messages only leave it, mostly the first one.
// Throws     std::bad_alloc from put(), state_of() and arrange().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <kew/config.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/message/lane.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// Where the record of a message is. Empty where there is none.
class record_place {
 public:
  record_place() noexcept = default;
  explicit record_place(std::size_t segment, std::uint64_t offset, std::uint64_t size) noexcept
      : where_(offset / unit << size_bits | size / unit), segment_(static_cast<std::uint32_t>(segment)) {}

  bool is_empty() const noexcept { return where_ == 0; }
  /// Of the log's segments, counted from the first one that there was when it was opened.
  std::size_t segment() const noexcept { return segment_; }
  std::uint64_t offset() const noexcept { return (where_ >> size_bits) * unit; }
  std::uint64_t size() const noexcept { return (where_ & ((std::uint64_t{1} << size_bits) - 1)) * unit; }

  /// Offsets in a segment are below it.
  static constexpr std::uint64_t most_offset = std::uint64_t{1} << 38;

 private:
  friend class backlog;

  static constexpr std::uint64_t unit = 8;  // bytes, which records begin at multiples of
  static constexpr unsigned size_bits = 29;
  static_assert(most_record + 4096 <= unit << size_bits && most_offset == unit << (64 - size_bits));

  std::uint64_t where_ = 0;
  std::uint32_t segment_ = 0;
  std::uint32_t state_ = 0;  ///< Its number, from 1 on; 0 where it has none.
};

class backlog {
 public:
  /// What there is to know of a message that is not as it was published.
  struct state {
    record_state kept{};
    std::unique_ptr<const std::string> reason{};   ///< Of a dead letter; null where it has none.
    std::unique_ptr<const std::string> refusal{};  ///< Why it cannot be decoded; null where it can.

    lane in() const noexcept { return kept.dead != 0 ? lane::dead : lane::live; }
  };

  // ---- By id -----------------------------------------------------------------------------------------------------

  /// Null where there is none.
  record_place* find(std::uint64_t id) noexcept {
    page* const where = page_of(id);
    if (where == nullptr) return nullptr;
    record_place& place = where->places[id % in_a_page];
    return place.is_empty() ? nullptr : &place;
  }
  /// The record of a message is there, and it has no state. The place that it had before, or an empty one.
  record_place put(std::uint64_t id, const record_place& value) {
    page* where = page_of(id);
    if (where == nullptr) {
      where = &pages_[id / in_a_page];
      last_number_ = id / in_a_page;
      last_ = where;
    }
    record_place& place = where->places[id % in_a_page];
    if (place.is_empty()) {
      ++where->count;
      ++count_;
    } else {
      forget_state(place);
    }
    return std::exchange(place, value);
  }
  /// The record was written again.
  static void move(record_place& place, record_place to) noexcept {
    to.state_ = place.state_;
    place = to;
  }
  /// There is one.
  void erase(std::uint64_t id) noexcept {
    page& where = *page_of(id);
    record_place& place = where.places[id % in_a_page];
    if (is_arranged_) --waiting_[index(state_at(place).in())];
    forget_state(place);
    place = {};
    --count_;
    if (--where.count > 0) return;
    last_ = nullptr;
    pages_.erase(id / in_a_page);
  }

  /// That of one that is as it was published says so.
  const state& state_at(const record_place& place) const noexcept {
    return place.state_ == 0 ? as_published_ : states_[place.state_ - 1];
  }
  /// To be changed.
  state& state_of(record_place& place) {
    if (place.state_ == 0) {
      if (unused_states_.empty()) {
        if (unused_states_.capacity() <= states_.size()) unused_states_.reserve(2 * states_.size() + 1);
        states_.emplace_back();
        place.state_ = static_cast<std::uint32_t>(states_.size());
      } else {
        place.state_ = unused_states_.back();
        unused_states_.pop_back();
      }
    }
    return states_[place.state_ - 1];
  }

  std::unique_ptr<const std::string> take_reason(const record_place& place) noexcept {
    return place.state_ == 0 ? nullptr : std::move(states_[place.state_ - 1].reason);
  }

  // ---- In order --------------------------------------------------------------------------------------------------

  /// To be called when all is in it.
  void arrange() {
    numbers_.reserve(pages_.size());
    for (const auto& [number, where] : pages_) numbers_.push_back(number);
    std::sort(numbers_.begin(), numbers_.end());
    with_state_.reserve(states_.size() - unused_states_.size());
    if (with_state_.capacity() > 0)
      for_each([this](std::uint64_t id, record_place& place) {
        if (place.state_ != 0) with_state_.push_back(id);
        return true;
      });
    const auto earlier = [this](std::uint64_t a, std::uint64_t b) { return order(a) < order(b); };
    if (!std::is_sorted(with_state_.begin(), with_state_.end(), earlier))
      std::sort(with_state_.begin(), with_state_.end(), earlier);
    for (const std::uint64_t id : with_state_) {
      const state& known = state_at(*find(id));
      if (!is_by_id(known)) others_[index(known.in())].push_back(id);
      if (known.kept.dead != 0) ++waiting_[index(lane::dead)];
    }
    waiting_[index(lane::live)] = count_ - waiting_[index(lane::dead)];
    is_arranged_ = true;
  }

  bool is_empty() const noexcept { return count_ == 0; }
  /// How many there are in a lane, after arrange().
  std::size_t waiting(lane of) const noexcept { return waiting_[index(of)]; }
  /// Those that have a state, in order; some may have left.
  const std::vector<std::uint64_t>& with_state() const noexcept { return with_state_; }

  /// The id of the first one of a lane, which is not empty.
  std::uint64_t first(lane of) noexcept {
    const std::uint64_t other = first_other(of);
    const std::uint64_t by_id = of == lane::live ? first_by_id() : 0;
    return by_id != 0 && (other == 0 || by_id < order(other)) ? by_id : other;
  }
  /// By which they are ordered: what came back is behind what was ready then.
  std::uint64_t order(std::uint64_t id) noexcept {
    const std::uint64_t changed = state_at(*find(id)).kept.order;
    return changed != 0 ? changed : id;
  }
  /// Calls `look(id, place)` for all, the lowest id first, until it answers false.
  template <class Look>
  void for_each(Look look) {
    for (const std::uint64_t number : numbers_) {
      const auto found = pages_.find(number);
      if (found == pages_.end()) continue;
      for (std::size_t i = 0; i < in_a_page; ++i)
        if (record_place& place = found->second.places[i]; !place.is_empty() && !look(number * in_a_page + i, place))
          return;
    }
  }

 private:
  static constexpr std::size_t in_a_page = 64;

  struct page {
    record_place places[in_a_page] = {};
    std::size_t count = 0;
  };

  page* page_of(std::uint64_t id) noexcept {
    const std::uint64_t number = id / in_a_page;
    if (last_ != nullptr && number == last_number_) return last_;
    const auto found = pages_.find(number);
    if (found == pages_.end()) return nullptr;
    last_number_ = number;
    return last_ = &found->second;
  }
  void forget_state(record_place& place) noexcept {
    if (place.state_ == 0) return;
    states_[place.state_ - 1] = {};
    unused_states_.push_back(std::exchange(place.state_, 0));  // state_of has reserved it
  }

  static bool is_by_id(const state& known) noexcept { return known.kept.order == 0 && known.kept.dead == 0; }

  /// The id of the first dead letter, or of the first one that came back; 0 where there is none.
  std::uint64_t first_other(lane of) noexcept {
    const std::vector<std::uint64_t>& all = others_[index(of)];
    for (std::size_t& next = next_other_[index(of)]; next < all.size(); ++next)
      if (find(all[next]) != nullptr) return all[next];
    return 0;
  }
  /// Of those whose order is that of their ids, which are all in the live lane.
  std::uint64_t first_by_id() noexcept {
    for (; page_ < numbers_.size(); ++page_, place_ = 0)
      if (page* const where = page_of(numbers_[page_] * in_a_page); where != nullptr)
        for (; place_ < in_a_page; ++place_)
          if (const record_place& place = where->places[place_]; !place.is_empty() && is_by_id(state_at(place)))
            return numbers_[page_] * in_a_page + place_;
    return 0;
  }

  std::unordered_map<std::uint64_t, page> pages_{};
  page* last_ = nullptr;  ///< That of last_number_; its place in memory stays.
  std::uint64_t last_number_ = 0;
  std::size_t count_ = 0;
  state as_published_{};
  std::deque<state> states_{};
  std::vector<std::uint32_t> unused_states_{};  ///< Has room for all.

  std::vector<std::uint64_t> numbers_{};     ///< Of pages, in order.
  std::vector<std::uint64_t> with_state_{};  ///< Ids, in order.
  std::size_t page_ = 0;                     ///< Of numbers_: what was before it has left, or is in others_,
  std::size_t place_ = 0;                    ///< and so has what was before this place of it.
  std::vector<std::uint64_t> others_[2]{};   ///< By lane, in order: dead letters, and those that came back.
  std::size_t next_other_[2] = {0, 0};
  std::size_t waiting_[2] = {0, 0};
  bool is_arranged_ = false;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
