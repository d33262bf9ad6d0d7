// head
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <kew/detail/slot_ring.hpp>

namespace kew::inline KEW_NAMESPACE {

template <class T, std::size_t Capacity = dynamic_capacity, class Allocator = std::allocator<T>>
class spmc_ring
    : public detail::slot_ring<T, cardinality::one, cardinality::many, Capacity, Allocator, std::uint64_t> {
  using detail::slot_ring<T, cardinality::one, cardinality::many, Capacity, Allocator, std::uint64_t>::slot_ring;
};

}  // namespace kew::inline KEW_NAMESPACE
