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
using spsc = joined<kew_spsc<T>,
#ifdef KEW_PEER_READERWRITERQUEUE
                    readerwriterqueue_spsc<T>,
#endif
#ifdef KEW_PEER_BOOST
                    boost_spsc<T>,
#endif
#ifdef KEW_PEER_ATOMIC_QUEUE
                    atomic_queue_spsc<T>,
#endif
                    block_limit<T>>;

/// Many to many, no waiting.
template <class T>
using mpmc = joined<kew_mpmc<T>,
#ifdef KEW_PEER_CONCURRENTQUEUE
                    concurrentqueue_mpmc<T>,
#endif
#ifdef KEW_PEER_ATOMIC_QUEUE
                    atomic_queue_mpmc<T>,
#endif
#ifdef KEW_PEER_BOOST
                    boost_mpmc<T>,
#endif
#ifdef KEW_PEER_TBB
                    tbb_mpmc<T>,
#endif
                    contenders<>>;

/// One producer, one consumer, asleep when there is nothing to do.
template <class T>
using spsc_waiting = joined<kew_spsc_waiting<T>,
#ifdef KEW_PEER_READERWRITERQUEUE
                            readerwriterqueue_spsc_waiting<T>,
#endif
                            contenders<mutex_queue<T>>>;

/// Many to many, asleep when there is nothing to do.
template <class T>
using mpmc_only_waiting = joined<kew_mpmc_waiting<T>,
#ifdef KEW_PEER_CONCURRENTQUEUE
                                 concurrentqueue_mpmc_waiting<T>,
#endif
#ifdef KEW_PEER_TBB
                                 tbb_mpmc_waiting<T>,
#endif
                                 contenders<>>;
template <class T>
using mpmc_waiting = joined<mpmc_only_waiting<T>, contenders<mutex_queue<T>>>;

/// Asleep at once.
template <class T>
using parked = joined<kew_parked<T>,
#ifdef KEW_PEER_TBB
                      tbb_mpmc_waiting<T>,
#endif
                      contenders<mutex_queue<T>, futex_mailbox<T>>>;

}  // namespace bench
