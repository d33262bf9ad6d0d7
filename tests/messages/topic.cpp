// Topic patterns against routing keys.
#include <kew/detail/message/topic.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"

namespace {

using kew::detail::topic_complaint;
using kew::detail::topic_matches;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  if (text.empty()) return words;
  words.emplace_back();
  for (const char c : text)
    if (c == '.')
      words.emplace_back();
    else
      words.back() += c;
  return words;
}

/// By the words of the standard: every number of words is tried for every #.
bool matches_by_force(const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string>& key,
                      std::size_t k) {
  if (p == pattern.size()) return k == key.size();
  if (pattern[p] == "#") {
    for (std::size_t taken = k; taken <= key.size(); ++taken)
      if (matches_by_force(pattern, p + 1, key, taken)) return true;
    return false;
  }
  return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) && matches_by_force(pattern, p + 1, key, k + 1);
}

std::string random_text(kew_test::random_source& random, const std::vector<std::string>& words, std::size_t most) {
  std::string text;
  for (std::size_t i = 0, n = random.below(most + 1); i < n; ++i)
    text.append(i > 0 ? "." : "").append(words[random.below(words.size())]);
  return text;
}

}  // namespace

TEST_CASE("a star is exactly one word, a hash any number of words") {
  // The examples of the standard and of RabbitMQ's tutorial.
  CHECK(topic_matches("*.stock.#", "usd.stock"));
  CHECK(topic_matches("*.stock.#", "eur.stock.db"));
  CHECK_FALSE(topic_matches("*.stock.#", "stock.nasdaq"));
  CHECK(topic_matches("*.orange.*", "quick.orange.rabbit"));
  CHECK_FALSE(topic_matches("*.orange.*", "quick.orange.new.rabbit"));
  CHECK_FALSE(topic_matches("*.orange.*", "orange"));
  CHECK(topic_matches("lazy.#", "lazy.pink.rabbit"));
  CHECK(topic_matches("lazy.#", "lazy"));

  CHECK(topic_matches("#", ""));
  CHECK(topic_matches("", ""));
  CHECK_FALSE(topic_matches("*", ""));
  CHECK_FALSE(topic_matches("", "a"));
  CHECK_FALSE(topic_matches("*", "a.b"));
  CHECK(topic_matches("#.a.#.a", "a.b.a.a"));
  CHECK_FALSE(topic_matches("#.a.#.a", "a.b"));
  CHECK(topic_matches("#.*", "a.b.c"));
  CHECK_FALSE(topic_matches("#.*", ""));
  CHECK_FALSE(topic_matches("stock", "stocks"));
}

TEST_CASE("an empty word of a key is a word") {
  CHECK(topic_matches("a.*.b", "a..b"));
  CHECK(topic_matches("*.*", "."));
  CHECK_FALSE(topic_matches("*", "."));
  CHECK(topic_matches("a.#", "a."));
}

TEST_CASE("a wildcard in a key is a word like any other") {
  CHECK(topic_matches("*", "#"));
  CHECK_FALSE(topic_matches("a", "*"));
  CHECK_FALSE(topic_matches("a.b", "#"));
}

TEST_CASE("a pattern that makes no sense is told from one that does") {
  for (const char* good : {"", "#", "*", "a", "a.b", "*.*", "#.#", "#.*.#", "a.#.b", "-._"}) {
    INFO(good);
    CHECK(topic_complaint(good) == nullptr);
  }
  for (const char* bad : {".", "a.", ".a", "a..b", "##", "**", "a*", "*a", "a#.b", "b.*#", "a.**.b", "#."}) {
    INFO(bad);
    CHECK(topic_complaint(bad) != nullptr);
  }
}

TEST_CASE("random patterns match what a matcher by brute force says") {
  kew_test::random_source random(kew_test::run_seed());
  // Few words, so that many match; and hashes as often as that the way back is walked.
  const std::vector<std::string> pattern_words = {"a", "b", "ab", "*", "*", "#", "#"};
  const std::vector<std::string> key_words = {"a", "a", "b", "ab", "", "*", "#"};
  std::size_t matched = 0;
  const std::size_t rounds = kew_test::scaled(1'000'000);
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::string pattern = random_text(random, pattern_words, 6);
    const std::string key = random_text(random, key_words, 8);
    const bool expected = matches_by_force(split(pattern), 0, split(key), 0);
    matched += expected;
    if (topic_matches(pattern, key) != expected) {
      CAPTURE(pattern, key, expected, kew_test::run_seed());
      FAIL("the matchers disagree");
    }
  }
  // Neither answer was rare, or the comparison says little.
  if (rounds >= 1000) CHECK((matched > rounds / 10 && matched < rounds / 10 * 9));
}
