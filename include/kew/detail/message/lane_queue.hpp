// The face of a queue of messages over a core that keeps live messages and dead letters in two lanes.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <kew/config.hpp>
#include <kew/detail/message/any_limit.hpp>
#include <kew/detail/message/ledger.hpp>
#include <kew/queue_options.hpp>
#include <kew/status.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// One lane. `Face` is a message_queue.
template <class Face, class Core>
class lane_queue : public Face {
  using message = typename Face::value_type;

 public:
  void close() override { core_.close(in_); }
  queue_counts counts() override { return core_.counts(in_); }
  queue_traits traits() override { return Core::what_it_can; }

 protected:
  lane_queue(Core& core, lane in) noexcept : core_(core), in_(in) {}

  Core& core() noexcept { return core_; }

 private:
  using received = decltype(std::declval<Core&>().receive(lane::live, std::declval<const any_limit&>()));

  status do_publish(message& one, const any_limit& within) override { return core_.publish(in_, one, within); }
  received do_receive(const any_limit& within) override { return core_.receive(in_, within); }
  std::size_t do_publish_n(std::span<message> messages) override {
    if constexpr (requires { core_.publish_n(in_, messages); })
      return core_.publish_n(in_, messages);
    else
      return Face::do_publish_n(messages);
  }

  Core& core_;
  const lane in_;
};

/// The live messages, and their dead letters. The core, which was made by new, is abandoned at the end.
template <class Face, class Core>
class two_lane_queue : public lane_queue<Face, Core> {
 public:
  Face& dead_letters() override { return dead_; }

 protected:
  explicit two_lane_queue(Core* core) noexcept : lane_queue<Face, Core>(*core, lane::live), dead_(*core) {}
  ~two_lane_queue() override { this->core().abandon(); }

 private:
  class dead_letter_queue final : public lane_queue<Face, Core> {
   public:
    explicit dead_letter_queue(Core& core) noexcept : lane_queue<Face, Core>(core, lane::dead) {}

    Face& dead_letters() override { return *this; }
  };

  dead_letter_queue dead_;
};

}}}  // namespace kew::KEW_NAMESPACE::detail
