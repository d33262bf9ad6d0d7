// Who stands against whom.
#pragma once

#include "atomic_queue.hpp"
#include "baselines.hpp"
#include "boost_lockfree.hpp"
#include "concurrentqueue.hpp"
#include "kew.hpp"
#include "readerwriterqueue.hpp"
#include "tbb.hpp"

namespace bench {

/// One producer, one consumer, no waiting.
template <class T>
using spsc = joined<kew_spsc<T>, readerwriterqueue_spsc<T>, boost_spsc<T>, atomic_queue_spsc<T>, block_limit<T>>;

/// Many to many, no waiting.
template <class T>
using mpmc = joined<kew_mpmc<T>, concurrentqueue_mpmc<T>, atomic_queue_mpmc<T>, boost_mpmc<T>, tbb_mpmc<T>>;

/// One producer, one consumer, asleep when there is nothing to do.
template <class T>
using spsc_waiting = joined<kew_spsc_waiting<T>, readerwriterqueue_spsc_waiting<T>, mutex_waiting<T>>;

/// Many to many, asleep when there is nothing to do.
template <class T>
using mpmc_waiting = joined<kew_mpmc_waiting<T>, concurrentqueue_mpmc_waiting<T>, tbb_mpmc_waiting<T>, mutex_waiting<T>>;

/// Asleep at once.
template <class T>
using parked = joined<kew_parked<T>, contenders<futex_mailbox<T>>, tbb_mpmc_waiting<T>, mutex_waiting<T>>;

}  // namespace bench
