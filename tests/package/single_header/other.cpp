// The second of two translation units with the same header: they share its types and its inline functions.
#include "kew.hpp"

int sum_of(kew::consumer<int> numbers) {
  int sum = 0;
  for (const int number : numbers) sum += number;
  return sum;
}
