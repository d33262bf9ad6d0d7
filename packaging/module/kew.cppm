// kew as a C++20 module: `import kew;` brings all of it, without the macros.
module;

#include <kew/async.hpp>
#include <kew/durable_folder.hpp>
#include <kew/durable_queue.hpp>
#include <kew/kew.hpp>
#include <kew/pop_event.hpp>
#include <kew/select.hpp>

export module kew;

export namespace kew {

// Words
using kew::bad_result;
using kew::cardinality;
using kew::dynamic_capacity;
using kew::on_error;
using kew::result;
using kew::status;

// Concepts
using kew::constructs_in_place;
using kew::consumes_in_place;
using kew::counts_pops;
using kew::counts_refusals;
using kew::has_metrics;
using kew::many_consumers;
using kew::many_producers;
using kew::pops_batches;
using kew::pushes_batches;
using kew::ring;
using kew::sealable_ring;
using kew::uncounted;
using kew::wait_policy;

// Rings
using kew::metered_ring;
using kew::mpmc_ring;
using kew::mpsc_ring;
using kew::spmc_ring;
using kew::spsc_ring;

// Figures
using kew::metrics;
using kew::to_prometheus;
using kew::to_string;

// Waiting
using kew::adaptive_wait;
using kew::park_wait;
using kew::spin_wait;
using kew::yield_wait;

// Queues and channels
using kew::blocking_queue;
using kew::consumer;
using kew::make_channel;
using kew::make_channel_over;
using kew::make_mpsc_channel;
using kew::make_spmc_channel;
using kew::make_spsc_channel;
using kew::observer;
using kew::producer;

// Waiting for several things
using kew::async_pop;
using kew::async_push;
using kew::on_pop;
using kew::on_push;
using kew::pop_event;
using kew::select;
using kew::select_in_order;
using kew::try_select;
using kew::try_select_for;
using kew::try_select_in_order;
using kew::try_select_in_order_for;
using kew::try_select_in_order_until;
using kew::try_select_until;

// Messages on disk
using kew::codec;
using kew::durable_error;
using kew::durable_folder;
using kew::durable_options;
using kew::durable_queue;
using kew::durable_record;
using kew::durable_sizes;
using kew::on_damage;
using kew::recovery;
using kew::sync;

// Messages that are not lost
using kew::delivery;
using kew::message_queue;
using kew::queue_counts;
using kew::queue_options;
using kew::queue_traits;
using kew::work_queue;

#if defined(__cpp_lib_jthread)
// Named queues
using kew::broker;
using kew::broker_error;
using kew::broker_metrics;
using kew::consume_options;
using kew::exchange;
using kew::handler_error;
using kew::subscription;
#endif

}  // namespace kew
