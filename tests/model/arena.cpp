#include "arena.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace explorer::arena {
namespace {

constexpr std::size_t size = std::size_t{1} << 20;
alignas(4096) std::byte memory[size];
std::size_t used = 0;
int alive = 0;
bool is_open = false;

bool owns(const void* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  return address >= begin && address < begin + size;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (is_open) {
    // A gap between blocks, so that one past the end of this is not the begin of the next.
    const std::size_t begin = (used + alignment) / alignment * alignment;
    if (bytes > size || begin + bytes > size) throw std::bad_alloc();
    used = begin + bytes;
    ++alive;
    return memory + begin;
  }
  const std::size_t rounded = (bytes + alignment) / alignment * alignment;
  if (void* block = std::aligned_alloc(alignment, rounded)) return block;
  throw std::bad_alloc();
}

void release(void* block) noexcept {
  if (owns(block))
    --alive;
  else
    std::free(block);
}

}  // namespace

void clear() {
  used = 0;
  alive = 0;
}
bool open(bool on) { return std::exchange(is_open, on); }
int blocks_alive() { return alive; }

}  // namespace explorer::arena

void* operator new(std::size_t bytes) { return explorer::arena::allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return explorer::arena::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { explorer::arena::release(block); }
void operator delete(void* block, std::size_t) noexcept { explorer::arena::release(block); }
void operator delete(void* block, std::align_val_t) noexcept { explorer::arena::release(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { explorer::arena::release(block); }
