#!/bin/sh
# usage: package.sh CASE SOURCE VERSION [SINGLE_HEADER]
# Gets kew from SOURCE as a user would. CMAKE and CXX are the programs to do it with. Exits with 77 where something
# that a case needs is not installed.
set -eu
case=$1 source=$2 version=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
prefix="$work/moved here"
# What is installed may be read-only.
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
skip() {
  echo "SKIPPED: $*"
  exit 77
}

# quietly COMMAND…: its output only if it fails.
quietly() { "$@" >"$work/output" 2>&1 || { cat "$work/output"; fail "$*"; }; }

# configure SOURCE BUILD OPTION…
configure() {
  from=$1 to=$2
  shift 2
  quietly "$CMAKE" -S "$from" -B "$to" -D CMAKE_CXX_COMPILER="$CXX" "$@"
}

# A build of kew that only installs, where Catch2 and Google Benchmark are not found.
plain() { configure "$source" "$work/kew" -D CMAKE_DISABLE_FIND_PACKAGE_Catch2=ON -D CMAKE_DISABLE_FIND_PACKAGE_benchmark=ON "$@"; }

# Root may write everywhere, so the permissions alone show nothing.
list_installed() { (cd "$prefix" && find . -type f -exec cksum {} + | sort); }

# consume WAY: an outside project with kew. What is installed is moved first, and read-only: kew neither remembers where
# it was installed nor leaves anything there.
consume() {
  mkdir -p "$prefix"
  case $1 in
    find_package | pkg_config)
      plain -D KEW_BUILD_EXAMPLES=OFF
      quietly "$CMAKE" --install "$work/kew" --prefix "$work/installed"
      rmdir "$prefix"
      mv "$work/installed" "$prefix"
      cmp "$source/LICENSE" "$prefix/share/licenses/kew/LICENSE" || fail "the licence is not installed"
      chmod -R a-w "$prefix"
      ;;
  esac
  before=$(list_installed)
  configure "$here/project" "$work/build" -D WAY="$1" -D KEW_SOURCE="$source" -D KEW_VERSION="${version%.*}" \
    -D FETCHCONTENT_SOURCE_DIR_KEW="$source" -D CMAKE_PREFIX_PATH="$prefix"
  quietly "$CMAKE" --build "$work/build"
  quietly "$work/build/consumer"
  [ "$before" = "$(list_installed)" ] || fail "the installed tree was changed"
}

case $case in
  find_package | fetch_content | add_subdirectory) consume "$case" ;;

  pkg_config)
    command -v pkg-config >/dev/null || skip "no pkg-config"
    consume pkg_config
    # The language's version is the user's.
    PKG_CONFIG_PATH="$prefix/share/pkgconfig" pkg-config --cflags kew >"$work/flags"
    ! grep -e -std "$work/flags" || fail "kew.pc names a standard"
    ;;

  # Below another project kew installs itself only where that asks for it.
  subproject)
    for install in OFF ON; do
      [ $install = OFF ] && option= || option="-D KEW_INSTALL=ON"
      # shellcheck disable=SC2086
      configure "$here/project" "$work/$install" -D WAY=add_subdirectory -D KEW_SOURCE="$source" $option
      quietly "$CMAKE" --build "$work/$install"
      quietly "$CMAKE" --install "$work/$install" --prefix "$work/installed_$install"
      [ -x "$work/installed_$install/bin/consumer" ] || fail "the project around it is not installed"
    done
    [ "$(find "$work/installed_OFF" -type f)" = "$work/installed_OFF/bin/consumer" ] || fail "kew was installed unasked"
    [ -f "$work/installed_ON/include/kew/kew.hpp" ] || fail "KEW_INSTALL=ON did not install kew"
    ;;

  # Without the packages a build says in a line each what it leaves out, downloads nothing, and is optimised.
  plain)
    plain
    grep '^-- kew: no ' "$work/output" >"$work/left_out" || fail "does not say what it leaves out"
    cat "$work/left_out"
    [ "$(wc -l <"$work/left_out")" = 2 ] || fail "not two lines"
    grep -q 'no tests: Catch2 .*catch2.*-D KEW_FETCH=ON' "$work/left_out" || fail "no way to get Catch2"
    grep -q 'no benchmarks: benchmark .*libbenchmark-dev.*-D KEW_FETCH=ON' "$work/left_out" || fail "no way to get benchmark"
    [ ! -e "$work/kew/_deps" ] || fail "it downloads"
    grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$work/kew/CMakeCache.txt" || fail "not optimised"
    quietly "$CMAKE" --build "$work/kew" --target 01_hello
    plain -D CMAKE_BUILD_TYPE=Debug
    grep -q '^CMAKE_BUILD_TYPE:STRING=Debug$' "$work/kew/CMakeCache.txt" || fail "overrules the build type"
    ;;

  # A build that is asked for its tests does not go without.
  insisting)
    for part in TESTS BENCHMARKS; do
      ! (plain -D KEW_BUILD_$part=ON) >"$work/refused" || fail "left out $part that were asked for"
      grep -q 'KEW_FETCH' "$work/refused" || fail "no way to get what $part need"
      rm -rf "$work/kew"
    done
    ;;

  # KEW_OLDEST_CMAKE is a CMake 3.16, the oldest that users may have.
  oldest_cmake)
    CMAKE=${KEW_OLDEST_CMAKE:-$(command -v cmake-3.16)} || skip "no CMake 3.16"
    "$CMAKE" --version | grep -q ' 3[.]16' || fail "$CMAKE is no CMake 3.16"
    for way in find_package fetch_content add_subdirectory; do
      consume $way
      chmod -R u+w "$work"
      rm -rf "$prefix" "$work/kew" "$work/build"
    done
    ;;

  # Licence and version on top, nothing of kew left to be included, and nothing included twice.
  single_header)
    header=$4
    head -c 200 "$header" | grep -q "kew $version" || fail "does not begin with the version"
    head -c 200 "$header" | grep -q 'SPDX-License-Identifier: MIT' || fail "does not begin with the licence's name"
    grep . "$source/LICENSE" | while read -r line; do
      grep -qF -- "// $line" "$header" || fail "lacks a line of the licence: $line"
    done
    ! grep -nE '^ *# *include *(<kew/|")' "$header" || fail "leaves that to be included"
    # What is included under a condition may come again under another one, but not if it has come under none.
    awk '/^ *# *if/ { ++conditions } /^ *# *endif/ { --conditions }
         /^ *# *include/ { if ($0 in seen) { print; twice = 1 } if (conditions == 0) seen[$0] }
         END { exit twice }' "$header" || fail "includes that twice"
    ;;

  *) fail "no such case" ;;
esac
