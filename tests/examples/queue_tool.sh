#!/bin/sh
# usage: queue_tool.sh PROGRAM
# What goes into a folder comes out of it; damage is found, named and left out; bad input is refused by its line.
set -eu
LC_ALL=C
export LC_ALL
tool=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
says() { grep -q -e "$1" "$work/out" || fail "did not say '$1': $(cat "$work/out")"; }
status() {
  wanted=$1
  shift
  got=0
  "$@" >"$work/out" 2>&1 || got=$?
  [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $* : $(cat "$work/out")"
}
import() { "$tool" import "$1" >"$work/out"; }
# Without what import does not keep.
content() { sed -e 's/"number":[0-9]*,"attempts":[0-9]*,//' "$1"; }

# ---- There and back ----

{
  echo '{"type":"orders 1"}'
  i=0
  while [ $i -lt 2500 ]; do
    echo "{\"dead\":false,\"reason\":\"\",\"text\":\"message $i\"}"
    i=$((i + 1))
  done
  echo '{"dead":false,"reason":"","base64":"AAECAwT/"}'
  printf '%s\n' '{"dead":false,"reason":"","text":"a \"quoted\" back\\slash"}'
  echo '{"dead":true,"reason":"no such customer","text":"first"}'
  echo '{"dead":true,"reason":"","text":"second"}'
} >"$work/lines"
import "$work/a" <"$work/lines"
says 'imported 2504'
"$tool" export "$work/a" >"$work/exported"
content "$work/exported" | cmp - "$work/lines" || fail "the export is not what was imported"
import "$work/b" <"$work/exported"
"$tool" export "$work/b" >"$work/again"
content "$work/again" | cmp - "$work/lines" || fail "the second export is another one"

status 0 "$tool" inspect "$work/a"
says '^type  *orders 1$'
says '^messages  *2502$'
says '^dead letters  *2$'
status 0 "$tool" verify "$work/a"
says '2504 messages, all of them readable'

# More goes behind what is there, and dead letters keep their reasons.
printf '{"type":"orders 1"}\n{"text":"last"}\n{"dead":true,"reason":"late","text":"third"}\n' | import "$work/a"
"$tool" export "$work/a" >"$work/exported"
[ "$(grep -c no.such.customer "$work/exported")" = 1 ] || fail "a reason is lost"
tail -n 1 "$work/exported" | grep -q '"reason":"late","text":"third"' || fail "the last is not the last"

# ---- Damage ----

segment=$(ls "$work"/a/*.kew | head -n 1)
printf 'XXXX' | dd of="$segment" bs=1 seek=5000 conv=notrunc 2>/dev/null
status 1 "$tool" verify "$work/a"
says "$segment has a bad record at offset [0-9]*; [0-9]* bytes are left out"
status 1 "$tool" export "$work/a"
says 'repair'
status 0 "$tool" repair "$work/a"
says '2502 messages and 3 dead letters are left'
status 0 "$tool" verify "$work/a"
[ -e "$segment.damaged" ] || fail "the damaged file is gone"

# ---- Bad input ----

status 2 "$tool"
status 2 "$tool" inspect
status 2 "$tool" eat "$work/a"
says 'unknown command: eat'
status 0 "$tool" --help
status 1 "$tool" inspect "$work/nothing"
says 'cannot read the folder'
bad() {
  printf '%b' "$1" >"$work/bad"
  status 1 sh -c '"$1" import "$2" <"$3"' sh "$tool" "$work/c" "$work/bad"
  says "$2"
}
bad '' 'the input is empty'
bad 'text\n' 'line 1: no JSON object at column 1'
bad '{}\n' 'line 1: no type'
bad '{"type":"x"}\n{"text":"a"\n' 'line 2: no JSON object'
bad '{"type":"x"}\n{"text":"a"}\n{"base64":"*"}\n' 'line 3: bad base64'
bad '{"type":"x"}\n{"number":1}\n' 'line 2: neither text nor base64'
import "$work/d" <"$work/lines"
printf '{"type":"y"}\n' >"$work/other"
status 1 sh -c '"$1" import "$2" <"$3"' sh "$tool" "$work/d" "$work/other"
says "holds messages of the type 'orders 1'"
