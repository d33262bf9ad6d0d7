#include <kew/blocking_queue.hpp>
// Edge "across": released in blocking_queue.hpp.
inline void pop() { word.load(acquire); }
