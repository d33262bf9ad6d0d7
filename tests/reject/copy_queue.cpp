// rejected: a queue stays where its threads know it
#include <memory>

#include <kew/blocking_queue.hpp>

int main() {
#ifdef KEW_ACCEPT
  auto queue = std::make_shared<kew::blocking_queue<int>>(1);
#else
  kew::blocking_queue<int> queue(1);
#endif
  auto copied = queue;
}
