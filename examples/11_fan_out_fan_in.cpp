// Work fans out to several threads and fans in again, and leaves in the order in which it came: each item carries its
// number, and the last stage keeps what is early until its turn comes.
#include <kew/channel.hpp>

#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

constexpr int workers = 4;

template <class T>
struct numbered {
  int number;
  T item;
};

std::string shout(std::string word) {
  for (char& c : word)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return word;
}

// Each worker gets a copy of both handles. The pool's own two go when this returns, so that each stage ends after the
// one before it.
std::vector<std::jthread> start_pool(auto words, auto loud) {
  auto work = [](auto in, auto out) {
    for (auto& [number, word] : in)
      if (!out.push({number, shout(std::move(word))})) return;
  };
  std::vector<std::jthread> pool;
  for (int i = 0; i < workers; ++i) pool.emplace_back(work, words, loud);
  return pool;
}

int main() {
  auto [words_in, words_out] = kew::make_spmc_channel<numbered<std::string>>(16);
  auto [loud_in, loud_out] = kew::make_mpsc_channel<numbered<std::string>>(16);
  auto pool = start_pool(std::move(words_out), std::move(loud_in));

  auto give = [](auto out) {
    int number = 0;
    for (const char* word : {"one", "queue", "goes", "out", "and", "one", "comes", "in"})
      if (!out.push({number++, word})) return;
  };
  std::jthread source(give, std::move(words_in));

  std::map<int, std::string> early;
  int next = 0;
  for (auto& [number, word] : loud_out) {
    early.emplace(number, std::move(word));
    for (; early.contains(next); early.erase(next++)) std::cout << early[next] << '\n';
  }
}
