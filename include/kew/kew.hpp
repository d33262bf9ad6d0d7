// All of kew.
#pragma once

#include <kew/blocking_queue.hpp>
#include <kew/broker.hpp>
#include <kew/channel.hpp>
#include <kew/concepts.hpp>
#include <kew/error.hpp>
#include <kew/message_queue.hpp>
#include <kew/metered_ring.hpp>
#include <kew/metrics.hpp>
#include <kew/mpmc_ring.hpp>
#include <kew/mpsc_ring.hpp>
#include <kew/queue_options.hpp>
#include <kew/spmc_ring.hpp>
#include <kew/spsc_ring.hpp>
#include <kew/status.hpp>
#include <kew/wait.hpp>
#include <kew/work_queue.hpp>
