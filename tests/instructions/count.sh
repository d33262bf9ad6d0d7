#!/bin/sh
# usage: count.sh PROGRAM LIMIT: fails where an await of a message that is there takes more than LIMIT times as many
# instructions as a try_pop.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What has been counted is written at each call of part_ends, to counts.1, counts.2, …
valgrind --tool=callgrind --dump-before=part_ends --callgrind-out-file="$work/counts" "$1" > "$work/elements"
part=1
failed=0
while read -r element rounds; do
  for what in try_pop await push; do
    part=$((part + 1))
    count=$(awk '/^totals:/ { print $2 }' "$work/counts.$part")
    eval "$what=$count"
  done
  part=$((part + 1))
  awk -v element="$element" -v n="$rounds" -v limit="$2" -v try="$((try_pop - push))" -v await="$((await - push))" 'BEGIN {
    printf "%s: try_pop %.1f instructions, await %.1f: %.2f times as many\n", element, try / n, await / n, await / try
    exit !(try > 0 && await > 0 && await <= limit * try) }' || failed=1
done < "$work/elements"
[ $part = 9 ] || { echo "parts are missing"; failed=1; }
exit $failed
