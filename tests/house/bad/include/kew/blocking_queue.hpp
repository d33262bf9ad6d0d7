#include <kew/spsc_ring.hpp>
// Edge "across": acquired in channel.hpp.
inline void push() { word.store(1, release); }
// Edge "whole": spsc_ring.hpp has both ends for itself.
inline void pop() { word.load(acquire); }
