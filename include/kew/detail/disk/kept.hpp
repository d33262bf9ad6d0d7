// What is known in memory of the messages that are in the log and in the queue, and of the files that they are in. What is
// in the log alone is known to a backlog.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/disk/record.hpp>
#include <kew/detail/message/chunks.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

struct journal_segment;

/// What the log knows of a message that is in it. Belongs to the journal; others hold a pointer to it until the message
/// is settled.
struct journal_message {
  std::uint64_t id = 0;
  record_state state{};
  std::unique_ptr<const std::string> reason{};  ///< Of a dead letter; null where it has none.

  journal_segment* segment = nullptr;  ///< Where its bytes are.
  std::uint64_t offset = 0;            ///< Of the record.
  std::uint64_t size = 0;              ///< Of the record.
  journal_message* previous = nullptr;
  journal_message* next = nullptr;
};

struct journal_segment {
  std::uint64_t number = 0;
  std::uint64_t identity = 0;        ///< Of its records.
  std::uint64_t size = 0;            ///< Of the file.
  journal_message* first = nullptr;  ///< The messages in it that are not settled, in no order, but for the backlog.
  std::size_t waiting = 0;           ///< How many of the backlog are in it.
  std::uint64_t alive = 0;           ///< The size of the records of all of these.

  bool is_settled() const noexcept { return alive == 0; }

  /// One of the backlog.
  /// @{
  void add_waiting(std::uint64_t bytes) noexcept {
    ++waiting;
    alive += bytes;
  }
  void remove_waiting(std::uint64_t bytes) noexcept {
    --waiting;
    alive -= bytes;
  }
  /// @}

  void add(journal_message& message) noexcept {
    message.segment = this;
    message.previous = nullptr;
    message.next = first;
    if (first != nullptr) first->previous = &message;
    first = &message;
    alive += message.size;
  }
  void remove(journal_message& message) noexcept {
    (message.previous != nullptr ? message.previous->next : first) = message.next;
    if (message.next != nullptr) message.next->previous = message.previous;
    alive -= message.size;
  }
};

/// Where the messages of a log stand in memory. What one has left the next one takes, so a queue whose consumers keep up
/// asks for no memory.
class journal_messages {
 public:
  /// Throws std::bad_alloc; then nothing has changed.
  journal_message& take() {
    if (free_ == nullptr) {
      reserve(1);
      return made_.make();
    }
    journal_message& taken = *std::exchange(free_, free_->next);
    taken.state = {};
    return taken;
  }
  /// The next so many calls of take do not throw. Throws as they would.
  void reserve(std::size_t n) {
    if (made_.room() < n) made_.grow(made_.next_size(n < in_the_first ? in_the_first : n));
  }
  void give_back(journal_message& unused) noexcept {
    unused.reason.reset();
    unused.next = std::exchange(free_, &unused);
  }

 private:
  static constexpr std::size_t in_the_first = 64;

  chunks<journal_message> made_{};
  journal_message* free_ = nullptr;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
