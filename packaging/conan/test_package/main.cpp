#include <kew/kew.hpp>

int main() {
  auto [tx, rx] = kew::make_channel<int>(1);
  const bool sent = static_cast<bool>(tx.push(42));
  return sent && rx.pop().value() == 42 ? 0 : 1;
}
