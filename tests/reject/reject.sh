#!/bin/sh
# usage: reject.sh NAME COMPILER INCLUDE: fails unless this row of table.txt is true of the compiler.
set -eu
cd "$(dirname "$0")"
LC_ALL=C
export LC_ALL
column() { awk -F ' [|] ' -v name="$1" -v column="$2" '$1 == name { print $column }' table.txt; }
compile() {
  { printf '#include <%s>\n' array memory string thread utility vector kew/kew.hpp
    echo "int main() { $(column "$1" "$4") }"; } | "$2" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I "$3" -x c++ - 2>&1
}
output=$(compile "$@" 4) || { echo "the control does not compile:"; echo "$output"; exit 1; }
! output=$(compile "$@" 3) || { echo "compiles"; exit 1; }
# First means on the first screen: behind it nobody reads.
printf '%s\n' "$output" | head -n 25 | grep -qF -- "$(column "$1" 2)" ||
  { echo "does not say '$(column "$1" 2)' first:"; echo "$output"; exit 1; }
