// Which topic patterns match which routing keys.
//
// A key is words with dots between them: "stock.usd.nyse" has three, "" has none, and between two dots in a row stands
// an empty word. A pattern is written like a key. In it `*` stands for exactly one word and `#` for any number of
// words, also none. A pattern makes no sense where a wildcard is only a part of a word ("stock*", "##"), which
// would match nothing but these letters, or where a word is empty ("stock..nyse", ".stock"), which can only be a mistake.
//
// Source     AMQP 0-9-1, 3.1.3.3 "The Topic Exchange Type". The match is the one for shell patterns with a single point
//            to come back to: where a `#` has taken too few words, only the last one need take another. So it takes
//            O(words of the pattern × words of the key) steps at worst, and no memory.
#pragma once

#include <cstddef>
#include <string_view>

#include <kew/config.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

/// The words of a key or a pattern, one after the other.
class topic_words {
 public:
  explicit constexpr topic_words(std::string_view text) noexcept : rest_(text), done_(text.empty()) {}

  constexpr bool done() const noexcept { return done_; }
  constexpr std::string_view word() const noexcept { return rest_.substr(0, rest_.find('.')); }
  constexpr void next() noexcept {
    const std::size_t dot = rest_.find('.');
    done_ = dot == std::string_view::npos;
    rest_.remove_prefix(done_ ? rest_.size() : dot + 1);
  }

 private:
  std::string_view rest_;
  bool done_;
};

/// Why a topic pattern makes no sense, or null.
constexpr const char* topic_complaint(std::string_view pattern) noexcept {
  for (topic_words words(pattern); !words.done(); words.next()) {
    const std::string_view word = words.word();
    if (word.empty()) return "one of its words is empty";
    if (word.size() > 1 && word.find_first_of("*#") != std::string_view::npos)
      return "* and # are words of their own, never a part of one";
  }
  return nullptr;
}

constexpr bool topic_matches(std::string_view pattern, std::string_view key) noexcept {
  topic_words expected(pattern);
  topic_words words(key);
  // Where to go on when the words after the last # do not fit: it takes one word more.
  bool can_go_back = false;
  topic_words after_hash = expected;
  topic_words taken = words;
  while (!words.done()) {
    const std::string_view next = expected.done() ? std::string_view() : expected.word();
    if (!expected.done() && next == "#") {
      expected.next();
      can_go_back = true;
      after_hash = expected;
      taken = words;
    } else if (!expected.done() && (next == "*" || next == words.word())) {
      expected.next();
      words.next();
    } else if (can_go_back) {
      taken.next();
      words = taken;
      expected = after_hash;
    } else {
      return false;
    }
  }
  while (!expected.done() && expected.word() == "#") expected.next();
  return expected.done();
}

}}}  // namespace kew::KEW_NAMESPACE::detail
