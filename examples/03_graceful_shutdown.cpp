// A service that is told to go: it accepts nothing new, finishes what it has accepted, and leaves.
#include <kew/blocking_queue.hpp>

#include <csignal>
#include <iostream>
#include <stop_token>
#include <thread>

#include <unistd.h>

int main() {
  // The threads below inherit this mask, so that the signal waits for sigwait instead of interrupting.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  kew::blocking_queue<int> requests(64);
  int accepted = 0;
  int finished = 0;

  std::jthread listener([&](std::stop_token stop) {
    while (!stop.stop_requested() && requests.push(accepted, stop)) ++accepted;  // the wait ends too
  });
  std::jthread worker([&] {
    while (auto request = requests.pop())
      if (++finished == 1000) kill(getpid(), SIGTERM);  // in place of somebody's Ctrl-C
  });

  int signal = 0;
  sigwait(&signals, &signal);
  std::cout << "got signal " << signal << ", closing\n";

  listener.request_stop();
  listener.join();
  requests.close();  // whatever is inside still comes out
  worker.join();

  std::cout << (finished == accepted ? "finished every accepted request\n" : "lost a request\n");
  return finished == accepted ? 0 : 1;
}
