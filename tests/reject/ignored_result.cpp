// rejected: it holds the element, or says why there is none
#include <kew/blocking_queue.hpp>

int main() {
  kew::blocking_queue<int> queue(1);
#ifdef KEW_ACCEPT
  return queue.pop().value_or(0);
#else
  queue.pop();
#endif
}
