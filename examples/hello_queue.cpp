// The hello of message queues: a queue with a name, ten messages, and a handler that is called with each of them until
// it says stop.
#include <kew/broker.hpp>

#include <iostream>
#include <string>

int main() {
  kew::broker broker;
  broker.declare<std::string>("hello");

  for (int i = 0; i < 10; ++i)
    if (!broker.publish("hello", "Hello World " + std::to_string(i))) return 1;

  auto subscription = broker.consume<std::string>("hello", [&](const std::string& message) {
    std::cout << " [x] Received " << message << '\n';
    if (message.ends_with('9')) broker.stop();
  });  // returning from the handler acknowledges the message
  broker.run();
}
