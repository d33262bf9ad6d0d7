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

# tool NAME: the program of this name, from the folder KEW_TOOLS or the path. need NAME HOW_TO_GET_IT: or skips.
tool() {
  if [ -x "${KEW_TOOLS:-}/$1" ]; then echo "$KEW_TOOLS/$1"; else command -v "$1" || true; fi
}
need() { [ -n "$(tool "$1")" ] || skip "no $1 ($2)"; }

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

  # Below subprojects/ as a wrap puts it, and installed.
  meson)
    need meson "PyPI: meson"
    need ninja "Debian: ninja-build"
    mkdir "$work/project" "$work/project/subprojects" "$work/project/subprojects/kew"
    cp "$here/meson/meson.build" "$here/project/main.cpp" "$work/project"
    cp -R "$source/include" "$source/meson.build" "$source/meson_options.txt" "$source/LICENSE" "$work/project/subprojects/kew"
    cp -R "$work/project/subprojects/kew" "$work/kew"
    meson=$(tool meson)
    PATH=$(dirname "$(tool ninja)"):$PATH
    quietly "$meson" setup "$work/build" "$work/project" --wrap-mode=nodownload
    quietly "$meson" test -C "$work/build"
    mkdir "$work/unasked"
    DESTDIR="$work/unasked" quietly "$meson" install -C "$work/build"
    [ -z "$(find "$work/unasked" -name '*.hpp')" ] || fail "kew was installed unasked"
    command -v pkg-config >/dev/null || skip "no pkg-config; the rest passes"
    quietly "$meson" setup "$work/kew/build" "$work/kew" --prefix "$prefix"
    quietly "$meson" install -C "$work/kew/build"
    [ -f "$prefix/include/kew/detail/ring/slots.hpp" ] || fail "not all headers are installed"
    rm -r "$work/project/subprojects" "$work/build"
    PKG_CONFIG_PATH="$prefix/share/pkgconfig" quietly "$meson" setup "$work/build" "$work/project" --wrap-mode=nodownload
    quietly "$meson" test -C "$work/build"
    ;;

  # The recipe, with the project beside it that uses the package.
  conan)
    need conan "PyPI: conan"
    CONAN_HOME="$work/conan"
    export CONAN_HOME
    # Conan builds beside the recipe's test project, so it gets a copy.
    mkdir "$work/copy"
    cp -r "$source/packaging" "$source/include" "$source/LICENSE" "$source/CMakeLists.txt" "$work/copy"
    quietly "$(tool conan)" profile detect
    quietly "$(tool conan)" create "$work/copy/packaging/conan" --no-remote -s compiler.cppstd=20
    grep -q "kew/$version" "$work/output" || fail "not this version"
    ! "$(tool conan)" create "$work/copy/packaging/conan" --no-remote -s compiler.cppstd=17 >"$work/output" 2>&1 ||
      fail "takes C++17 for enough"
    ;;

  # import kew; which asks for CMake 3.28, and a compiler that tells it what a file imports.
  module)
    need ninja "Debian: ninja-build"
    newest=$(tool cmake)
    case $("$newest" --version | head -n 1) in
      *' 3.2'[89]* | *' 3.'[3-9][0-9]* | *' '[4-9].*) CMAKE=$newest ;;
      *) skip "no CMake 3.28 (PyPI: cmake)" ;;
    esac
    for CXX in "${KEW_MODULE_CXX:-clang++-19}" none; do
      command -v "$CXX" >/dev/null && break
    done
    [ "$CXX" != none ] || skip "no clang++-19"
    command -v "$(echo "$CXX" | sed 's/clang[+][+]/clang-scan-deps/')" >/dev/null || skip "no clang-scan-deps (Debian: clang-tools-19)"
    PATH=$(dirname "$(tool ninja)"):$PATH
    configure "$here/module" "$work/build" -G Ninja -D KEW_SOURCE="$source"
    quietly "$CMAKE" --build "$work/build"
    quietly "$work/build/importer"
    ;;

  # The module exports each public name of the headers, and no other.
  module_names)
    cat "$source"/include/kew/*.hpp | awk '
      /^namespace detail [{]/ { detail = 1 } /^}  [/][/] namespace detail/ { detail = 0 }
      detail { next }
      /^(class|struct|concept|enum class|using|auto|inline|result<std::size_t>) / {
        gsub(/\[\[[^]]*\]\]|\(".*"\)\]\] /, "")
        sub(/^(inline )?(constexpr )?(enum )?(class|struct|concept|using|auto|std::[a-z_]+|result<std::size_t>|void) +/, "")
        sub(/^[(][*]/, "")
        if (match($0, /^[a-z_]+/)) name = substr($0, 1, RLENGTH); else next
        if (substr($0, RLENGTH + 1, 2) != "::" && name != "inline") print name
      }' | sort -u | grep -v -x -e status -e namespace >"$work/public"
    echo status >>"$work/public"
    sort -o "$work/public" "$work/public"
    sed -n 's/^using kew::\(.*\);$/\1/p' "$source/packaging/module/kew.cppm" | sort >"$work/exported"
    diff "$work/public" "$work/exported" || fail "public names (<) and exported ones (>) differ"
    ;;

  # BUILD.bazel, from a workspace that has kew beside it and, because there is no network, Debian's rules_java and a
  # rules_cc that is Bazel's own. That is how Bazel below 6 does it; MODULE.bazel is for later ones.
  bazel)
    need bazel "Debian: bazel-bootstrap"
    [ -d /usr/share/bazel/rules/java ] || skip "no rules_java (Debian: bazel-rules-java)"
    mkdir -p "$work/project" "$work/kew" "$work/rules_cc/cc"
    touch "$work/rules_cc/WORKSPACE" "$work/rules_cc/cc/BUILD"
    for rule in cc_binary cc_import cc_library cc_test cc_toolchain cc_toolchain_suite; do
      echo "$rule = native.$rule"
    done >"$work/rules_cc/cc/defs.bzl"
    cp -R "$source/include" "$source/BUILD.bazel" "$work/kew"
    touch "$work/kew/WORKSPACE"
    cp "$here/project/main.cpp" "$work/project"
    for repository in "kew $work/kew" "rules_cc $work/rules_cc" "rules_java /usr/share/bazel/rules/java"; do
      printf 'local_repository(name = "%s", path = "%s")\n' "${repository%% *}" "${repository#* }"
    done >"$work/project/WORKSPACE"
    printf 'cc_binary(name = "consumer", srcs = ["main.cpp"], deps = ["@kew//:kew"], copts = ["-std=c++20"])\n' >"$work/project/BUILD"
    cd "$work/project"
    quietly "$(tool bazel)" --batch --nohome_rc --output_user_root="$work/bazel" build --jobs=2 //:consumer
    quietly bazel-bin/consumer
    ;;

  # The port's script, with what vcpkg gives it replaced by what CMake itself can do.
  vcpkg)
    quietly "$CMAKE" -D PORT_FOLDER="$source/packaging/vcpkg/kew" -D WORK="$work" -D CXX="$CXX" -P "$here/vcpkg.cmake"
    prefix="$work/packages"
    [ -f "$prefix/include/kew/kew.hpp" ] || fail "no headers"
    for file in copyright usage kew-config.cmake kew-targets.cmake; do
      [ -f "$prefix/share/kew/$file" ] || fail "no $file"
    done
    [ ! -e "$prefix/lib" ] || fail "a folder that vcpkg refuses: lib"
    configure "$here/project" "$work/build" -D WAY=find_package -D KEW_VERSION="${version%.*}" -D kew_DIR="$prefix/share/kew"
    quietly "$CMAKE" --build "$work/build"
    quietly "$work/build/consumer"
    ;;

  # The archive has what a user needs, and the single header lies beside it.
  release)
    command -v git >/dev/null || skip "no git"
    git -C "$source" rev-parse HEAD >/dev/null 2>&1 || skip "no repository"
    plain -D KEW_BUILD_EXAMPLES=OFF
    quietly "$CMAKE" --build "$work/kew" --target release
    tar -xzf "$work/kew/release/kew-$version.tar.gz" -C "$work"
    for file in CMakeLists.txt LICENSE README.md include/kew/kew.hpp; do
      [ -f "$work/kew-$version/$file" ] || fail "no $file in the archive"
    done
    grep -q "kew $version" "$work/kew/release/kew-$version.hpp" || fail "not this version's header"
    ;;

  # One version, wherever it stands.
  versions)
    for said in "meson.build:version: '$version'" "MODULE.bazel:version = \"$version\"" \
      "packaging/vcpkg/kew/vcpkg.json:\"version\": \"$version\"" "packaging/conan/conanfile.py:kew/$version"; do
      grep -qF -- "${said#*:}" "$source/${said%%:*}" || fail "${said%%:*} has another version"
    done
    sed -n 's/^#define KEW_VERSION_[A-Z]* //p' "$source/include/kew/config.hpp" | paste -s -d . - | grep -qx "$version" ||
      fail "config.hpp has another version"
    ;;

  *) fail "no such case" ;;
esac
