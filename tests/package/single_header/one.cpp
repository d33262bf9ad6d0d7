#include "kew.hpp"

#include "kew.hpp"  // twice does no harm

#include <utility>

int sum_of(kew::consumer<int> numbers);

int main() {
  auto [tx, rx] = kew::make_channel<int>(3);
  for (int i = 1; i <= 3; ++i)
    if (!tx.push(i)) return 1;
  tx.close();
  return sum_of(std::move(rx)) == 6 ? 0 : 1;
}
