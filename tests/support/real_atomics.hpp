// For machines below kew (KEW_SYNC_HEADER) that change something else: the atomics of the standard library, by the names that
// kew gives them.
#pragma once

#include <atomic>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

template <class T>
using atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

template <class T>
class hint {
 public:
  T get() const noexcept { return value_.load(relaxed); }
  void set(T value) noexcept { value_.store(value, relaxed); }

 private:
  atomic<T> value_{};
};

}}}  // namespace kew::KEW_NAMESPACE::detail
