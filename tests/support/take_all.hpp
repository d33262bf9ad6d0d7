// Takes what a log held when it was opened, as a queue does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <kew/detail/disk/journal.hpp>
#include <kew/detail/message/lane.hpp>

namespace kew_test {

struct found_message {
  kew::detail::journal_message* kept;
  std::string payload;

  std::uint64_t order() const { return kept->state.order != 0 ? kept->state.order : kept->id; }
};

/// There is one.
inline found_message take_first(kew::detail::journal& log, kew::detail::lane from) {
  const kew::detail::journal::waiting_message next = log.peek(from);
  found_message found{&next.message, std::string(next.payload)};
  log.take(from);
  return found;
}

/// In the order in which they are delivered; of both lanes.
inline std::vector<found_message> take_all(kew::detail::journal& log) {
  using kew::detail::lane;
  std::vector<found_message> by_lane[2];
  for (const lane of : {lane::live, lane::dead})
    while (log.waiting(of) > 0) by_lane[index(of)].push_back(take_first(log, of));
  std::vector<found_message> all;
  // Merged, not sorted: an order that is wrong stays so.
  std::merge(by_lane[0].begin(), by_lane[0].end(), by_lane[1].begin(), by_lane[1].end(), std::back_inserter(all),
             [](const found_message& a, const found_message& b) { return a.order() < b.order(); });
  return all;
}

}  // namespace kew_test
