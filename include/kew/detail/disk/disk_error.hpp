// How detail/disk says what is wrong with a file.
#pragma once

#include <string>
#include <system_error>

#include <kew/config.hpp>
#include <kew/durable_options.hpp>
#include <kew/error.hpp>

namespace kew { inline namespace KEW_NAMESPACE { namespace detail {

[[noreturn]] inline void raise_disk_error(const std::string& file, int error, const std::string& doing) {
  const std::error_code code(error, std::generic_category());
  std::string text = "kew: cannot " + doing + ' ' + file;
  if (error != 0) text += ": " + code.message();
  raise_error(durable_error(text, file, code));
}

/// For what no error number describes.
[[noreturn]] inline void refuse_folder(const std::string& file, const std::string& why) {
  raise_error(durable_error("kew: " + file + ' ' + why, file, {}));
}

/// A bad record, or what else is wrong at `place`, where everything had been on disk.
[[noreturn]] inline void refuse_damage(const std::string& file, const std::string& place) {
  refuse_folder(file, place +
                          ", where everything had been on disk: restore the folder from a copy, or open it with "
                          "durable_options::repair, which leaves out what cannot be read");
}

}}}  // namespace kew::KEW_NAMESPACE::detail
