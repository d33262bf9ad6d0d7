#!/usr/bin/env bash
# What it costs a translation unit to use a queue: preprocessed lines, and seconds of processor time (medians) to
# compile the bare include, and to compile one queue of int with a push and a pop. Prints the table of README.md.
#
#   benchmarks/compile_cost.sh [ROUNDS]    CXX: the compiler (g++)
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-7}
cxx=${CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT=%U

# seconds FILE: of one compilation, the median over all rounds.
seconds() {
  for _ in $(seq "$rounds"); do
    { time "$cxx" -std=c++20 -O2 -Iinclude -c "$1" -o "$work/object.o" 2>"$work/errors"; } 2>&1
  done | sort -n | sed -n "$(((rounds + 1) / 2))p"
}

# row NAME "HEADER …" CODE: CODE may use `int x`, and makes, fills and empties a queue.
row() {
  local name=$1 headers=$2 code=$3
  : >"$work/include.cpp"
  for header in $headers; do echo "#include <$header>" >>"$work/include.cpp"; done
  if ! lines=$("$cxx" -std=c++20 -Iinclude -E -P "$work/include.cpp" 2>/dev/null | wc -l); then
    echo "| $name | not installed | | |"
    return
  fi
  { cat "$work/include.cpp" && echo "int use(int x) { $code return x; }"; } >"$work/use.cpp"
  printf '| %s | %s | %.2f | %.2f |\n' "$name" "$lines" "$(seconds "$work/include.cpp")" "$(seconds "$work/use.cpp")"
}

echo "| | lines | include, s | use, s |"
echo "|---|---:|---:|---:|"
row 'nothing' '' ''
row '`<mutex>`, `<condition_variable>`, `<deque>`' 'mutex condition_variable deque' \
  'std::mutex m; std::condition_variable c; std::deque<int> q; std::unique_lock l(m); q.push_back(x); c.notify_one();
   c.wait(l, [&] { return !q.empty(); }); x = q.front(); q.pop_front();'
for ring in spsc_ring mpsc_ring spmc_ring mpmc_ring; do
  row "\`kew/$ring.hpp\`" "kew/$ring.hpp" "kew::$ring<int> q(8); if (q.try_push(x)) x = q.try_pop().value_or(0);"
done
row '`kew/blocking_queue.hpp`' kew/blocking_queue.hpp \
  'kew::blocking_queue<int> q(8); if (q.push(x)) x = q.pop().value_or(0);'
for header in channel kew; do
  row "\`kew/$header.hpp\`" "kew/$header.hpp" \
    'auto [tx, rx] = kew::make_channel<int>(8); if (tx.push(x)) x = rx.pop().value_or(0);'
done
row 'ReaderWriterQueue' readerwriterqueue/readerwriterqueue.h \
  'moodycamel::ReaderWriterQueue<int> q(8); q.try_enqueue(x); q.try_dequeue(x);'
row 'BlockingReaderWriterCircularBuffer' readerwriterqueue/readerwritercircularbuffer.h \
  'moodycamel::BlockingReaderWriterCircularBuffer<int> q(8); q.wait_enqueue(x); q.wait_dequeue(x);'
row 'ConcurrentQueue' concurrentqueue/concurrentqueue.h \
  'moodycamel::ConcurrentQueue<int> q(8); q.try_enqueue(x); q.try_dequeue(x);'
row 'BlockingConcurrentQueue' concurrentqueue/blockingconcurrentqueue.h \
  'moodycamel::BlockingConcurrentQueue<int> q(8); q.try_enqueue(x); q.wait_dequeue(x);'
row 'atomic_queue' atomic_queue/atomic_queue.h \
  'atomic_queue::AtomicQueueB2<int> q(8); q.try_push(x); q.try_pop(x);'
row 'boost::lockfree::spsc_queue' boost/lockfree/spsc_queue.hpp \
  'boost::lockfree::spsc_queue<int> q(8); q.push(x); q.pop(x);'
row 'boost::lockfree::queue' boost/lockfree/queue.hpp \
  'boost::lockfree::queue<int> q(8); q.bounded_push(x); q.pop(x);'
row 'tbb::concurrent_bounded_queue' tbb/concurrent_queue.h \
  'tbb::concurrent_bounded_queue<int> q; q.push(x); q.pop(x);'
