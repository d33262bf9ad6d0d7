#!/bin/sh
# usage: tools.sh ROOT format|format-check|ctags
# Holds the source against other people's tools. Exits with 77 where a tool is not installed.
set -eu
cd "$1"
need() { command -v "$1" >/dev/null || { echo "SKIPPED: no $1"; exit 77; }; }
sources() { find include tests benchmarks examples -name bad -prune -o \( -name '*.hpp' -o -name '*.cpp' \) -print; }

case $2 in
  format) need clang-format-19 && sources | xargs clang-format-19 -i ;;
  format-check) need clang-format-19 && sources | xargs clang-format-19 --dry-run --Werror ;;
  # An editor finds the classes of kew, and in their namespace.
  ctags)
    need ctags
    tags=$(ctags -R -f - --sort=no include/kew)
    for class in spsc_ring mpmc_ring blocking_queue producer consumer result; do
      printf '%s\n' "$tags" | grep -P "^$class\t.*\tc\tnamespace:kew(::KEW_NAMESPACE)?(\t|$)" || { echo "no class $class"; exit 1; }
    done
    ;;
esac
