// What a delivery knows of the queue that has handed it over.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <kew/config.hpp>
#include <kew/detail/wait/limits.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// What an owner knows a delivery by; it alone knows what the numbers mean.
struct delivery_ticket {
  std::uintptr_t place = 0;
  /// Different for each hand-over, so that a verdict about an older one is refused.
  std::uint64_t hand_over = 0;
};

enum class verdict_kind : unsigned char { ack, requeue, reject };

struct verdict {
  verdict_kind kind;
  std::chrono::nanoseconds delay;  ///< Of a requeue; up to 0 for none.
  std::string_view reason;         ///< Of a rejection.
};

/// The owner lives at least until it has been told of the end of each of its deliveries, by one call of settle that
/// returned or by give_back; the delivery does not touch it after that. So it may outlive the queue. Any thread may
/// call, several at a time, each about a delivery of its own.
template <class T>
class delivery_owner {
 public:
  delivery_owner(const delivery_owner&) = delete;
  delivery_owner& operator=(const delivery_owner&) = delete;

  /// A verdict; true where it counts. In any case the delivery has ended. `message` is the holder's, to be taken back
  /// where the owner has no copy. If it throws, nothing has happened and the delivery goes on.
  virtual bool settle(const delivery_ticket& ticket, const verdict& given, T& message) = 0;
  /// The delivery has ended without a verdict.
  virtual void give_back(const delivery_ticket& ticket, T& message) noexcept = 0;
  /// Moves the end of the timeout to so long from now. False where it is too late.
  virtual bool extend(const delivery_ticket& ticket, std::chrono::nanoseconds longer) = 0;

 protected:
  delivery_owner() = default;
  ~delivery_owner() = default;
};

/// What does not fit becomes the largest, or the smallest. Rounded up, so that no delay is shorter than was asked for.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds to_nanoseconds(std::chrono::duration<Rep, Period> time) noexcept {
  using std::chrono::nanoseconds;
  const seconds exact = time;
  if (!(exact < seconds(nanoseconds::max()))) return nanoseconds::max();
  if (exact <= seconds(nanoseconds::zero())) return nanoseconds::zero();
  return std::chrono::ceil<nanoseconds>(exact);
}

}}}  // namespace kew::KEW_NAMESPACE::detail
