// Sleeping on a word: futex_wait and futex_wake, by the way that config.hpp has chosen for this system. The header of
// each other way is empty.
#pragma once

#include <kew/detail/machine/sync.hpp>

#include <kew/detail/machine/futex_apple.hpp>
#include <kew/detail/machine/futex_linux.hpp>
#include <kew/detail/machine/futex_portable.hpp>
#include <kew/detail/machine/futex_windows.hpp>
