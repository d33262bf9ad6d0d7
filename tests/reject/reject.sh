#!/bin/sh
# usage: reject.sh NAME COMPILER INCLUDE: fails unless the row of table.txt is true of the compiler. NAME `controls`: all
# rows without their mistakes.
set -eu
cd "$(dirname "$0")"
LC_ALL=C
export LC_ALL
column() { awk -F ' [|] ' -v name="$name" -v column="$1" '$1 == name { print $column }' table.txt; }
compile() {
  { printf '#include <%s>\n' array memory string thread utility vector kew/async.hpp kew/kew.hpp kew/pop_event.hpp kew/select.hpp && cat; } |
    "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I "$include" -x c++ - 2>&1
}

name=$1 compiler=$2 include=$3
if [ "$name" = controls ]; then
  awk -F ' [|] ' '/^[a-z]/ { print "int " $1 "() { " $4 " return 0; }" }' table.txt | compile
  exit
fi
! output=$(echo "int main() { $(column 3) }" | compile) || { echo "compiles"; exit 1; }
# First means on the first screen: what stands behind it is not read.
printf '%s\n' "$output" | head -n 25 | grep -qF -- "$(column 2)" ||
  { echo "does not say '$(column 2)' first:"; echo "$output"; exit 1; }
