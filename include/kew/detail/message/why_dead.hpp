// What a dead letter says of itself.
#pragma once

#include <memory>
#include <string>

#include <kew/config.hpp>
#include <kew/detail/message/ledger.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The reason of a dead letter that was not rejected.
inline std::string failed_times(unsigned failures) {
  return "failed " + std::to_string(failures) + (failures == 1 ? " time" : " times");
}

/// Why an entry is a dead letter; null where nobody has said.
template <class Payload, class Meter>
std::unique_ptr<const std::string> why_dead(const ledger_entry<Payload, Meter>& entry) {
  if (entry.in() != lane::dead) return nullptr;
  if (entry.reason() != nullptr) return std::make_unique<const std::string>(*entry.reason());
  if (entry.failures() == 0) return nullptr;
  return std::make_unique<const std::string>(failed_times(entry.failures()));
}

}}}  // namespace kew::KEW_NAMESPACE::detail
