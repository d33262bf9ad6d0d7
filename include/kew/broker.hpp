// broker: queues with names, and handlers that are called with what comes.
//
//     kew::broker broker;
//     broker.declare<std::string>("hello");
//     auto subscription = broker.consume<std::string>("hello", [](const std::string& text) { std::cout << text; });
//     if (!broker.publish("hello", "Hello World")) return;  // closed
//
// Use when     a program passes work between its parts as it would over a message broker, and does without the broker:
//              by names, through exchanges, with acknowledgement, redelivery and dead letters, on threads that are not
//              its own business; or when it should be seen what each of many queues does.
// Avoid when   two threads share one stream: channel.hpp, or work_queue.hpp with acknowledgement, take no look-up by
//              name. Between processes or machines: nothing here leaves the program.
// Threads      all calls: any, also from inside a handler, except run(). A handler is called by the threads of its
//              subscription, so with .threads above 1 by several at a time.
// Progress     publish waits for room, and for nothing but that; run waits for a stop; the destructors of a broker and of
//              a subscription wait until the handlers that are running have returned. From inside such a handler they wait
//              for the others, and that handler's thread ends by itself.
// Delivery     at least once, as message_queue.hpp says. A handler that takes a const T& acknowledges by returning; what it
//              throws is a failure of the attempt, and so is a delivery that a handler of delivery<T>& leaves without a
//              verdict. on_error hears of what was thrown before the message goes back.
// Prefetch     each thread may hold so many messages, counting the one that its handler has. Only that one's timeout
//              runs, and only that one can fail. When the thread stops, the others go back to the front, as if they had
//              never been taken. With 1 a slow consumer holds up no message but its own.
// Retrying     a failure brings the message back at once, behind those that are ready, max_attempts times in all. For a
//              delay that grows, a handler of delivery<T>& calls requeue(delay), which is no failure, and rejects by
//              attempt() what it has seen too often.
// Heartbeat    where it is asked for, a thread of the broker's puts off the timeout of each message whose handler runs. A
//              handler that hangs then has its message for ever.
// Ordering     of a queue: first in, first out, as far as messages do not come back, and as far as one thread handles
//              them.
// Types        a queue has the type that it was declared with, and each later call is checked against it. Types are told
//              apart without RTTI; detail/message/type_identity.hpp tells how, also between shared libraries.
// Errors       broker_error for what cannot be: no such queue or exchange, another type, other options, a name or a
//              pattern that makes no sense. Its text names the call, the queue and what was asked. std::invalid_argument
//              for options without a meaning. In both cases nothing has happened. What threads and memory throw passes
//              through.
// Units        times are std::chrono durations, on the steady clock.
// Source       queues, exchanges, bindings and prefetch as in AMQP 0-9-1 (RabbitMQ); visibility timeouts as in Amazon SQS.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>
#include <version>

#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <kew/config.hpp>
#include <kew/detail/machine/sync.hpp>
#include <kew/detail/message/consumer_threads.hpp>
#include <kew/detail/message/heartbeat.hpp>
#include <kew/detail/message/topic.hpp>
#include <kew/detail/message/type_identity.hpp>
#include <kew/detail/wait/backoff.hpp>
#include <kew/detail/wait/condition.hpp>
#include <kew/detail/wait/mutex.hpp>
#include <kew/error.hpp>
#include <kew/message_queue.hpp>
#include <kew/metrics.hpp>
#include <kew/status.hpp>
#include <kew/work_queue.hpp>

// libc++ before 20 has no std::stop_token, unless its experimental parts are on; then there is no broker.
#if defined(__cpp_lib_jthread)

namespace kew { inline namespace KEW_NAMESPACE {

/// What a broker answers to what cannot be; the text names the call, the queue and what was asked.
class broker_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How an exchange chooses among the queues that are bound to it.
enum class exchange {
  direct,  ///< Those whose pattern is the routing key.
  fanout,  ///< All; pattern and key do not matter.
  topic,   ///< Those whose pattern matches: words with dots between them, `*` for one word, `#` for any number.
};

/// What a handler has thrown.
struct handler_error {
  std::string queue;             ///< From where the message came.
  unsigned attempt = 0;          ///< Which delivery of the message it was; 0 where it did not come to a delivery.
  std::exception_ptr exception;  ///< What was thrown.
};

/// How a queue is consumed.
struct consume_options {
  unsigned threads = 1;    ///< How many threads call the handler. Not 0.
  unsigned prefetch = 1;   ///< How many messages each of them may hold, counting the one that its handler has. Not 0.
  bool heartbeat = false;  ///< Whether the timeout of a message is put off for as long as its handler runs.
};

/// The figures of every queue of a broker, sorted by name: what to_prometheus takes.
class broker_metrics {
 public:
  using value_type = std::pair<std::string, metrics>;  ///< A name and its figures.

  /// What broker::metrics() makes.
  explicit broker_metrics(std::vector<value_type> figures) noexcept : figures_(std::move(figures)) {}

  /// Each queue in turn.
  /// @{
  const value_type* begin() const noexcept { return figures_.data(); }
  const value_type* end() const noexcept { return figures_.data() + figures_.size(); }
  const value_type* data() const noexcept { return figures_.data(); }
  std::size_t size() const noexcept { return figures_.size(); }
  bool empty() const noexcept { return figures_.empty(); }
  /// @}

  /// The figures of a queue; null where there is none of that name.
  const metrics* find(std::string_view name) const noexcept {
    const auto found = std::ranges::find(figures_, name, &value_type::first);
    return found == figures_.end() ? nullptr : &found->second;
  }
  /// Whether there is a queue of that name.
  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  /// The figures of a queue. Throws broker_error where there is none of that name.
  /// @{
  const metrics& at(std::string_view name) const {
    const metrics* const found = find(name);
    if (found == nullptr)
      detail::raise_error(broker_error("kew: metrics of \"" + std::string(name) + "\": there is no such queue"));
    return *found;
  }
  const metrics& operator[](std::string_view name) const { return at(name); }
  /// @}

 private:
  std::vector<value_type> figures_;
};

namespace detail {

/// A queue as its broker knows it, whatever its type.
class named_queue_base {
 public:
  named_queue_base(std::string_view name, const type_identity& type, const queue_options& options)
      : name_(name), type_(type), options_(options) {}
  named_queue_base(const named_queue_base&) = delete;
  named_queue_base& operator=(const named_queue_base&) = delete;
  virtual ~named_queue_base() = default;

  const std::string& name() const noexcept { return name_; }
  const type_identity& type() const noexcept { return type_; }
  const queue_options& options() const noexcept { return options_; }

  virtual kew::metrics metrics() = 0;
  virtual void close() = 0;

 private:
  const std::string name_;
  const type_identity type_;
  const queue_options options_;
};

template <class T>
class named_queue final : public named_queue_base {
 public:
  named_queue(std::string_view name, const queue_options& options)
      : named_queue_base(name, type_identity::of<T>(), options), queue_(options) {}

  message_queue<T>& messages() noexcept { return queue_; }
  void undo(delivery<T>& unseen) noexcept { queue_.undo(unseen); }

  kew::metrics metrics() override { return queue_.metrics(); }
  void close() override { queue_.close(); }

 private:
  work_queue<T, adaptive_wait, queue_meter> queue_;
};

/// What on_error was given, for the threads that report to it.
class error_listener {
 public:
  using function = std::function<void(const handler_error&)>;

  void set(function f) {
    auto made = f ? std::make_shared<const function>(std::move(f)) : nullptr;
    const mutex::guard locked(mutex_);
    listener_.swap(made);
  }

#if defined(__cpp_exceptions)
  /// To be called while an exception is handled. What the listener throws is dropped: there is no one else to tell.
  void report(const std::string& queue, unsigned attempt) noexcept {
    try {
      std::shared_ptr<const function> listener;
      {
        const mutex::guard locked(mutex_);
        listener = listener_;
      }
      if (listener != nullptr) (*listener)({queue, attempt, std::current_exception()});
    } catch (...) {
    }
  }
#endif

 private:
  mutex mutex_;
  std::shared_ptr<const function> listener_;
};

/// A generic handler is one of the message: it takes what it is given as const T&.
template <class Handler, class T>
concept handles_message = std::invocable<Handler&, const T&>;
/// One that gives the verdict itself.
template <class Handler, class T>
concept handles_delivery = std::invocable<Handler&, delivery<T>&>;
/// Either of the two.
template <class Handler, class T>
concept handles = handles_message<Handler, T> || handles_delivery<Handler, T>;

/// What the threads of a consumer do: the messages of a queue of T go to a Handler.
template <class T, class Handler>
class handling {
 public:
  handling(std::shared_ptr<named_queue<T>> queue, std::shared_ptr<error_listener> errors,
           std::shared_ptr<heartbeats> beats, Handler handler, const consume_options& options)
      : queue_(std::move(queue)),
        errors_(std::move(errors)),
        heartbeats_(std::move(beats)),
        handler_(std::move(handler)),
        held_(options.threads) {
    for (places& each : held_) each = places(options.prefetch);
  }

  /// For thread number `me`: until it is asked to stop, or the queue is closed and drained.
  void run(std::size_t me, const std::stop_token& stopped) noexcept {
    places& held = held_[me];
    backoff after_error;
    while (!stopped.stop_requested()) {
      std::size_t count = 0;
      const fetched outcome = fetch(held, count, stopped);
      if (outcome == fetched::end) return;
      if (outcome == fetched::error && count == 0) {
        after_error.pause();
        continue;
      }
      after_error = backoff();
      std::size_t next = 0;
      for (; next < count && !stopped.stop_requested(); ++next) {
        handle(*held[next]);
        held[next].reset();
      }
      // The last one first, so that they stand at the front in their old order.
      while (count > next) {
        queue_->undo(*held[--count]);
        held[count].reset();
      }
    }
  }

 private:
  using places = std::vector<std::optional<delivery<T>>>;

  enum class fetched { some, end, error };

  /// Waits for a message, and takes as many more as there are and may be held.
  fetched fetch(places& held, std::size_t& count, const std::stop_token& stopped) noexcept {
    return attempt(0, fetched::error, [&] {
      message_queue<T>& queue = queue_->messages();
      auto first = queue.receive(stopped);
      if (!first) return fetched::end;
      held[0].emplace(*std::move(first));
      for (count = 1; count < held.size();) {
        auto more = queue.try_receive();
        if (!more) break;
        // It waits here for those before it, which is not its fault: its timeout starts with its handler.
        if (!more->extend(std::chrono::nanoseconds::max())) continue;
        held[count].emplace(*std::move(more));
        ++count;
      }
      return fetched::some;
    });
  }

  void handle(delivery<T>& current) noexcept {
    attempt(current.attempt(), false, [&] {
      const auto timeout = queue_->options().visibility_timeout;
      if (prefetches() && !current.extend(timeout)) return false;
      if (heartbeats_ != nullptr) {
        const heartbeat<T> beat(*heartbeats_, delivery_access::owner(current), delivery_access::ticket(current),
                                timeout);
        call(current);
      } else {
        call(current);
      }
      return true;
    });
  }
  bool prefetches() const noexcept { return held_.front().size() > 1; }

  void call(delivery<T>& current) {
    if constexpr (handles_message<Handler, T>) {
      static_cast<void>(std::invoke(handler_, std::as_const(*current)));
      current.ack();
    } else {
      static_cast<void>(std::invoke(handler_, current));
    }
  }

  /// `f()`, or `failed` where that throws, which is reported.
  template <class F>
  auto attempt([[maybe_unused]] unsigned number, [[maybe_unused]] decltype(std::declval<F&>()()) failed, F f) noexcept {
#if defined(__cpp_exceptions)
    try {
      return f();
    } catch (...) {
      errors_->report(queue_->name(), number);
      return failed;
    }
#else
    return f();
#endif
  }

  const std::shared_ptr<named_queue<T>> queue_;
  const std::shared_ptr<error_listener> errors_;
  const std::shared_ptr<heartbeats> heartbeats_;
  Handler handler_;
  std::vector<places> held_;  ///< By thread; made beforehand, so that no message is lost for want of memory.
};

/// Stands for a T that is to be taken from the argument.
struct as_declared {};

}  // namespace detail

/// The threads that call a handler with what comes from a queue. Destroyed, it stops them and waits for the handlers
/// that are running; one that destroys its own subscription is waited for by nobody, and its thread ends by itself.
/// May outlive the broker. Move-only; moved from, it has no threads.
class [[nodiscard("a subscription ends when it is destroyed")]] subscription {
 public:
  /// Without threads, to be assigned to.
  subscription() noexcept = default;
  /// Takes over the threads.
  subscription(subscription&&) noexcept = default;
  /// What was held before ends first, as by the destructor.
  subscription& operator=(subscription&& other) {
    if (this == &other) return *this;
    end();
    consumer_ = std::move(other.consumer_);
    return *this;
  }
  /// Stops, and waits for the handlers that are running.
  ~subscription() { end(); }

  /// Asks the threads to end after the message that each is at, and does not wait. Any thread, any number of times.
  void stop() noexcept {
    if (consumer_ != nullptr) consumer_->stop();
  }
  /// Waits until the threads have ended: after a stop, or where the queue is closed and none of its messages is ready,
  /// delayed or outstanding. Throws broker_error in a handler of its own, which would wait for itself.
  void join() {
    if (consumer_ == nullptr) return;
    if (consumer_->is_mine())
      detail::raise_error(broker_error("kew: join of a subscription to \"" + consumer_->queue() +
                                       "\": called by a handler of its own, for which it would wait"));
    consumer_->join();
  }

 private:
  friend class broker;

  explicit subscription(std::shared_ptr<detail::consumer_threads> consumer) noexcept : consumer_(std::move(consumer)) {}

  void end() {
    stop();
    if (consumer_ != nullptr) consumer_->join();
    consumer_ = nullptr;
  }

  std::shared_ptr<detail::consumer_threads> consumer_;
};

/// Queues with names, exchanges that choose among them, and handlers that are called with what comes. broker.hpp says
/// what is promised. Neither copyable nor movable. To be destroyed when no thread is inside any of its calls but those of
/// its handlers, for which it waits; in one of them, it waits for the others.
class broker {
 public:
  /// Without queues.
  broker() = default;
  broker(const broker&) = delete;  // its threads know where it is: share a pointer to it
  broker& operator=(const broker&) = delete;
  /// Stops, and waits for the handlers that are running. Messages that are still there are destroyed with their queues.
  ~broker() {
    stop();
    std::vector<std::weak_ptr<detail::consumer_threads>> ending;
    {
      const detail::mutex::guard locked(mutex_);
      ends_ = true;
      ending.swap(consumers_);
    }
    for (const auto& [name, queue] : queues_) queue->close();  // a handler may wait for room in another queue
    for (const auto& each : ending)
      if (const auto living = each.lock()) living->join();
  }

  // ---- Queues ----------------------------------------------------------------------------------------------------

  /// A queue of T in memory, which lives as long as the broker and its handlers do; where there is one of this name
  /// already, that one, if it has the same type and options. A name has 1 to 255 bytes.
  template <class T>
  message_queue<T>& declare(std::string_view name, const queue_options& options = {}) {
    static_assert(std::is_same_v<T, std::remove_cvref_t<T>>, "kew: a queue holds objects");
    check_name("declare a queue", name);
    check(options, name);
    const detail::mutex::guard locked(mutex_);
    auto found = queues_.find(name);
    if (found == queues_.end())
      found = queues_.emplace(std::string(name), std::make_shared<detail::named_queue<T>>(name, options)).first;
    detail::named_queue_base& queue = *found->second;
    if (!(queue.type() == detail::type_identity::of<T>()))
      refuse("declare", name, "it is a queue of " + type_of(queue) + ", and " + type_text<T>() + " was asked for");
    if (!(queue.options() == options))
      refuse("declare", name, "it has " + words(queue.options()) + "; asked for was " + words(options));
    return static_cast<detail::named_queue<T>&>(queue).messages();
  }

  /// Straight to a queue, of which T is the type; deduced, it is that of the message, and a string literal is also one
  /// for a queue of std::string. Waits for room: `success`, or `closed`; or `stopped`, where it would have to wait and
  /// the broker is stopped.
  template <class T = detail::as_declared, class M = T>
  status publish(std::string_view name, M&& message) {
    static_assert(!std::is_same_v<asked<T, M>, detail::as_declared>, "kew: what is in braces needs a type: publish<T>");
    detail::named_queue_base& queue = *find("publish to", name);
    check_type<T, M>("publish to", queue);
    return hand_in<T>(queue, std::forward<M>(message));
  }

  // ---- Exchanges -------------------------------------------------------------------------------------------------

  /// An exchange; where there is one of this name already, that one, if it is of the same kind. The names of exchanges
  /// and those of queues have nothing to do with each other.
  void declare_exchange(std::string_view name, exchange kind) {
    check_name("declare an exchange", name);
    const detail::mutex::guard locked(mutex_);
    const auto found = exchanges_.find(name);
    if (found == exchanges_.end())
      exchanges_.emplace(std::string(name), bindings{kind, {}});
    else if (found->second.kind != kind)
      refuse("declare the exchange", name,
             std::string("it is ") + words(found->second.kind) + ", and " + words(kind) + " was asked for");
  }

  /// From now on the queue gets what is published to the exchange with a routing key that fits the pattern. The same
  /// binding again changes nothing.
  void bind(std::string_view exchange_name, std::string_view pattern, std::string_view queue_name) {
    const std::shared_ptr<detail::named_queue_base> queue =
        find("bind to " + quoted(exchange_name) + " the queue", queue_name);
    const detail::mutex::guard locked(mutex_);
    bindings& from = find_exchange("bind " + quoted(queue_name) + " to the exchange", exchange_name);
    const auto complain = [&](const std::string& about) {
      refuse("bind " + quoted(queue_name) + " to the exchange", exchange_name,
             "the pattern " + quoted(pattern) + " " + about);
    };
    if (pattern.size() > longest_name) complain("is longer than 255 bytes");
    if (from.kind == exchange::topic)
      if (const char* const complaint = detail::topic_complaint(pattern); complaint != nullptr)
        complain(std::string("makes no sense: ") + complaint);
    auto& queues = from.queues[std::string(pattern)];
    if (std::ranges::find(queues, queue) == queues.end()) queues.push_back(queue);
  }

  /// To each queue that is bound to the exchange and whose pattern fits the routing key, once, waiting for room in one
  /// after the other: how many got it, 0 where none is bound so. Where none of several got it, the answer of the last one,
  /// as of publish. T as for publish; it has to be copied where there are several queues. If one of them has another type,
  /// none gets it.
  template <class T = detail::as_declared, class M = T>
  result<std::size_t> publish_to(std::string_view exchange_name, std::string_view routing_key, M&& message) {
    std::vector<std::shared_ptr<detail::named_queue_base>> targets;
    {
      const detail::mutex::guard locked(mutex_);
      bindings& from = find_exchange("publish to the exchange", exchange_name);
      if (routing_key.size() > longest_name)
        refuse("publish to the exchange", exchange_name,
               "the routing key " + quoted(routing_key) + " is longer than 255 bytes");
      targets = from.fitting(routing_key);
    }
    for (const auto& each : targets) check_type<T, M>("publish to", *each, exchange_name);

    std::size_t count = 0;
    status last = status::success;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (i + 1 == targets.size())
        last = hand_in<T>(*targets[i], std::forward<M>(message));
      else if constexpr (std::is_constructible_v<asked<T, M>, const std::remove_reference_t<M>&>)
        last = hand_in<T>(*targets[i], std::as_const(message));
      else
        refuse("publish to the exchange", exchange_name,
               std::to_string(targets.size()) + " queues are bound so, and " + type_text<asked<T, M>>() +
                   " cannot be copied");
      if (last) ++count;
    }
    if (count == 0 && !targets.empty()) return last;
    return count;
  }

  // ---- Handlers --------------------------------------------------------------------------------------------------

  /// Calls `handler` with what comes from the queue, from now on and in threads of its own, until the subscription is
  /// destroyed or stopped, the broker stops, or the queue is closed and drained. What the handler takes says which it is:
  ///     const T&       returning acknowledges, throwing is a failure of the attempt
  ///     delivery<T>&   it gives the verdict itself, or moves the delivery to where that is given later
  /// The handler is called by several threads at a time where there are several.
  template <class T, class Handler>
  subscription consume(std::string_view name, Handler handler, const consume_options& options = {}) {
    static_assert(detail::handles<Handler, T>, "kew: a handler takes a const T& or a delivery<T>&");
    const auto queue = find("consume", name);
    check_type<T, T>("consume", *queue);
    if (options.threads == 0) refuse("consume", name, "0 threads were asked for");
    if (options.prefetch == 0) refuse("consume", name, "a prefetch of 0 was asked for: a handler has at least one");
    if constexpr (std::is_constructible_v<bool, const Handler&> && std::is_constructible_v<Handler, std::nullptr_t>)
      if (!static_cast<bool>(handler)) refuse("consume", name, "the handler is empty");

    std::shared_ptr<detail::heartbeats> beats;
    if (options.heartbeat) beats = heartbeats();
    const auto work =
        std::make_shared<detail::handling<T, Handler>>(std::static_pointer_cast<detail::named_queue<T>>(queue),
                                                       listener_, std::move(beats), std::move(handler), options);
    const auto made = std::make_shared<detail::consumer_threads>(queue->name());
    {
      const detail::mutex::guard locked(mutex_);
      if (ends_) refuse("consume", name, "the broker is being destroyed");
      std::erase_if(consumers_, [](const auto& each) { return each.expired(); });
      consumers_.push_back(made);
    }
    detail::consumer_threads::start(made, options.threads, work);
    return subscription(made);
  }

  /// From now on `f` is called with what handlers throw: in the handler's thread, before the message goes back. An empty
  /// one hears of nothing. What `f` throws is dropped.
  void on_error(std::function<void(const handler_error&)> f) { listener_->set(std::move(f)); }

  // ---- Stopping --------------------------------------------------------------------------------------------------

  /// Waits for a stop() or for one of this token, and then until the handlers that are running have returned. A stop()
  /// that came before counts, since the last run(). Throws broker_error in a handler, for which it would wait.
  void run(std::stop_token token = {}) {
    const auto threads = consumers();
    for (const auto& each : threads)
      if (const auto living = each.lock(); living != nullptr && living->is_mine())
        refuse("run, inside a handler of", living->queue(), "it would wait for that handler");

    const std::stop_callback on_stop(token, [this] { stop(); });
    {
      const detail::mutex::guard locked(mutex_);
      ++runs_;
    }
    detail::wait_until(mutex_, stopped_, [this] { return stop_.stop_requested(); });
    stop();  // also those that came since
    for (const auto& each : consumers())
      if (const auto living = each.lock()) living->join();
    const detail::mutex::guard locked(mutex_);
    if (--runs_ == 0) stop_ = std::stop_source();
  }

  /// Asks run() to return, and each subscription that there is to stop after the message that it is at; does not wait.
  /// Until run() has returned, a publish that would have to wait for room answers `stopped`. Queues stay open, and
  /// later subscriptions are not affected. Any thread, any number of times.
  void stop() noexcept {
    detail::mutex::guard locked(mutex_);
    stop_.request_stop();
    for (const auto& each : consumers_)
      if (const auto living = each.lock()) living->stop();
    const std::size_t granted = stopped_.grant(SIZE_MAX);
    locked.unlock();
    stopped_.wake(granted);
  }

  // ---- Figures ---------------------------------------------------------------------------------------------------

  /// The figures of every queue now.
  broker_metrics metrics() {
    std::vector<std::shared_ptr<detail::named_queue_base>> queues;
    {
      const detail::mutex::guard locked(mutex_);
      queues.reserve(queues_.size());
      for (const auto& [name, queue] : queues_) queues.push_back(queue);
    }
    std::vector<broker_metrics::value_type> figures;
    figures.reserve(queues.size());
    for (const auto& queue : queues) figures.emplace_back(queue->name(), queue->metrics());
    return broker_metrics(std::move(figures));
  }

 private:
  using shared_queue = std::shared_ptr<detail::named_queue_base>;

  /// As for a short string of AMQP.
  static constexpr std::size_t longest_name = 255;

  struct bindings {
    exchange kind;
    std::map<std::string, std::vector<shared_queue>, std::less<>> queues;  ///< By pattern.

    /// Each of them once.
    std::vector<shared_queue> fitting(std::string_view key) const {
      std::vector<shared_queue> all;
      const auto add = [&all](const std::vector<shared_queue>& more) {
        for (const shared_queue& each : more)
          if (std::ranges::find(all, each) == all.end()) all.push_back(each);
      };
      if (kind == exchange::direct) {
        if (const auto found = queues.find(key); found != queues.end()) add(found->second);
        return all;
      }
      for (const auto& [pattern, bound] : queues)
        if (kind == exchange::fanout || detail::topic_matches(pattern, key)) add(bound);
      return all;
    }
  };

  // ---- What is refused, and its words ----------------------------------------------------------------------------

  [[noreturn]] static void refuse(std::string_view call, std::string_view name, std::string_view why) {
    detail::raise_error(broker_error("kew: " + std::string(call) + " " + quoted(name) + ": " + std::string(why)));
  }

  /// A name that is too long is not repeated in full.
  static std::string quoted(std::string_view name) {
    constexpr std::size_t most = longest_name;
    std::string text = "\"";
    text.append(name.substr(0, most)).append(name.size() > most ? "…\"" : "\"");
    return text;
  }

  template <class T>
  static std::string type_text() {
    return std::string(detail::type_identity::of<T>().name());
  }
  static std::string type_of(const detail::named_queue_base& queue) { return std::string(queue.type().name()); }

  static const char* words(exchange kind) noexcept {
    return kind == exchange::direct ? "direct" : kind == exchange::fanout ? "fanout" : "topic";
  }
  static std::string words(const queue_options& options) {
    return "a capacity of " + std::to_string(options.capacity) + ", " + std::to_string(options.max_attempts) +
           " attempts at most and a visibility timeout of " + std::to_string(options.visibility_timeout.count()) +
           " ns";
  }

  static void check_name(std::string_view call, std::string_view name) {
    if (name.empty()) refuse(call, name, "a name has at least one byte");
    if (name.size() > longest_name)
      refuse(call, name, "a name has at most 255 bytes, and this has " + std::to_string(name.size()));
  }

  static void check(const queue_options& options, std::string_view name) {
    const auto complain = [&](const char* what) {
      detail::raise_error(std::invalid_argument("kew: declare " + quoted(name) + ": " + what));
    };
    if (options.capacity == 0) complain("a capacity of 0");
    if (options.max_attempts == 0) complain("0 attempts at most");
    if (options.visibility_timeout <= std::chrono::nanoseconds::zero())
      complain("a visibility timeout that is not above 0");
  }

  // ---- Types: T, or where that is as_declared, what an M becomes -----------------------------------------------------

  template <class T, class M>
  using asked = std::conditional_t<std::is_same_v<T, detail::as_declared>, std::decay_t<M>, T>;
  /// A string literal is one for a queue of std::string, unless another type was named.
  template <class T, class M>
  static constexpr bool becomes_string =
      std::is_same_v<T, detail::as_declared> && std::is_convertible_v<const M&, std::string_view> &&
      !std::is_same_v<std::decay_t<M>, std::string>;

  /// `through` is the exchange, where there is one.
  template <class T, class M>
  static void check_type(std::string_view call, const detail::named_queue_base& queue, std::string_view through = {}) {
    if (queue.type() == detail::type_identity::of<asked<T, M>>()) return;
    if constexpr (becomes_string<T, M>)
      if (queue.type() == detail::type_identity::of<std::string>()) return;
    refuse(
        through.empty() ? std::string(call) : std::string(call) + " the exchange " + quoted(through) + ", by which to",
        queue.name(), "it is a queue of " + type_of(queue) + ", not of " + type_text<asked<T, M>>());
  }

  /// The type has been checked.
  template <class T, class M>
  status hand_in(detail::named_queue_base& queue, M&& message) {
    using value = asked<T, M>;
    static_assert(std::is_constructible_v<value, M>,
                  "kew: this is no message of that type; if it is one that cannot be copied, pass it on by std::move");
    if constexpr (becomes_string<T, M>)
      if (!(queue.type() == detail::type_identity::of<value>()))
        return wait_for_room(messages<std::string>(queue), std::string(std::string_view(message)));
    return wait_for_room(messages<value>(queue), value(std::forward<M>(message)));
  }

  template <class T>
  status wait_for_room(message_queue<T>& queue, T&& message) {
    const status at_once = queue.try_publish(std::move(message));
    if (at_once != status::full) return at_once;
    return queue.publish(std::move(message), stop_token());
  }

  template <class T>
  static message_queue<T>& messages(detail::named_queue_base& queue) noexcept {
    return static_cast<detail::named_queue<T>&>(queue).messages();
  }

  // ---- Finding ---------------------------------------------------------------------------------------------------

  shared_queue find(std::string_view call, std::string_view name) {
    const detail::mutex::guard locked(mutex_);
    const auto found = queues_.find(name);
    if (found == queues_.end()) refuse(call, name, "there is no such queue");
    return found->second;
  }

  /// With the mutex held.
  bindings& find_exchange(std::string_view call, std::string_view name) {
    const auto found = exchanges_.find(name);
    if (found == exchanges_.end()) refuse(call, name, "there is no such exchange");
    return found->second;
  }

  std::vector<std::weak_ptr<detail::consumer_threads>> consumers() {
    const detail::mutex::guard locked(mutex_);
    return consumers_;
  }

  std::stop_token stop_token() {
    const detail::mutex::guard locked(mutex_);
    return stop_.get_token();
  }

  std::shared_ptr<detail::heartbeats> heartbeats() {
    const detail::mutex::guard locked(mutex_);
    if (heartbeats_ == nullptr) heartbeats_ = std::make_shared<detail::heartbeats>();
    return heartbeats_;
  }

  detail::mutex mutex_;  ///< Guards all that follows but the listener; never held while anything waits.
  std::map<std::string, shared_queue, std::less<>> queues_;
  std::map<std::string, bindings, std::less<>> exchanges_;
  std::vector<std::weak_ptr<detail::consumer_threads>> consumers_;
  std::shared_ptr<detail::heartbeats> heartbeats_;
  std::stop_source stop_;
  unsigned runs_ = 0;
  bool ends_ = false;
  detail::condition stopped_;
  const std::shared_ptr<detail::error_listener> listener_ = std::make_shared<detail::error_listener>();
};

}}  // namespace kew::KEW_NAMESPACE

#endif
