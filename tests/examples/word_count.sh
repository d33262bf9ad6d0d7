#!/bin/sh
# usage: word_count.sh CASE PROGRAM SOURCE_DIR [TEXT_DIR]...
# Holds word_count against coreutils and against bad input. TEXT_DIRs that exist add to the text.
set -eu
LC_ALL=C
export LC_ALL
case=$1 program=$2 source=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# The rule of --help. The empty line is what tr leaves of separators at the beginning of a file.
coreutils() { tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | sort | uniq -c | grep -v '^ *[0-9]* $' || true; }

repository_text() {
  find "$source/include" "$source/tests" "$source/examples" "$source"/*.* -type f -exec cat {} +
}

# Real text of every machine that compiles: this repository and the headers of the compiler.
real_text() {
  repository_text
  for directory in "$@"; do
    case $directory in
      *c++*) find "$directory" -type f -exec cat {} + ;;
    esac
  done
}

# same EXPECTED FILE...: word_count gives these counts, with every number of threads.
same() {
  expected=$1
  shift
  for mode in --sequential "--tokenizers 1" "--tokenizers 2" "--tokenizers 7"; do
    # shellcheck disable=SC2086
    "$program" --counts $mode "$@" >"$work/counted" 2>"$work/errors" || fail "$mode $*: exit status $?"
    [ ! -s "$work/errors" ] || fail "$mode $*: $(cat "$work/errors")"
    cmp "$expected" "$work/counted" || fail "$mode $*: not the counts of coreutils"
  done
}

same_as_coreutils() {
  coreutils <"$1" >"$work/expected"
  same "$work/expected" "$1"
}

# refused STATUS WORDS ARGUMENT...: that exit status, and a message with these words.
refused() {
  wanted=$1 words=$2
  shift 2
  for mode in --sequential "--tokenizers 2"; do
    status=0
    # shellcheck disable=SC2086
    "$program" $mode "$@" >"$work/output" 2>"$work/errors" || status=$?
    [ "$status" -eq "$wanted" ] || fail "$mode $*: exit status $status, not $wanted: $(cat "$work/errors")"
    grep -q -- "$words" "$work/errors" || fail "$mode $*: does not say '$words': $(cat "$work/errors")"
  done
}

case $case in
  repository)
    repository_text >"$work/text"
    [ "$(wc -c <"$work/text")" -gt 50000 ] || fail "too little text to be a test"
    same_as_coreutils "$work/text"
    # The test itself has to be able to fail.
    tr 'k' 'q' <"$work/text" | coreutils >"$work/expected"
    ! (same "$work/expected" "$work/text") >/dev/null 2>&1 || fail "other counts were taken for the same"
    # The report: the totals of the same words, and a line for each queue.
    coreutils <"$work/text" >"$work/expected"
    "$program" --top 3 "$work/text" >"$work/report"
    cat "$work/report"
    sort -k1,1nr -k2,2 "$work/expected" | head -n 3 >"$work/top"
    head -n 3 "$work/report" | cmp - "$work/top" || fail "not the three most frequent words"
    totals=$(awk '{ words += $1 } END { print words " words, " NR " different" }' "$work/expected")
    grep -q "^$totals, in " "$work/report" || fail "the totals are not '$totals'"
    grep -Eq '^reader -> tokenizers +[1-9][0-9]* +[1-9][0-9]* +[0-9.]+ +[1-9][0-9]* +[1-9][0-9]* +[0-9.]+ ms +[0-9.]+ ms$' "$work/report" || fail "no figures of the first queue"
    grep -Eq '^tokenizers -> reducer +[1-9][0-9]* +[1-9][0-9]* +[0-9.]+ +[1-9][0-9]* +[1-9][0-9]* +[0-9.]+ ms +[0-9.]+ ms$' "$work/report" || fail "no figures of the second queue"
    ;;

  large)
    real_text "$@" >"$work/text"
    size=$(wc -c <"$work/text")
    for _ in $(seq $((100000000 / size + 1))); do cat "$work/text"; done | head -c 100000000 >"$work/large"
    coreutils <"$work/large" >"$work/expected"
    same "$work/expected" "$work/large"
    # The same without a single line break.
    tr '\n' ' ' <"$work/large" >"$work/line"
    same "$work/expected" "$work/line"
    # Shown, not asserted: what the pipeline gains.
    "$program" --top 3 "$work/large"
    "$program" --top 0 --sequential "$work/large"
    ;;

  compare)
    repository_text >"$work/text"
    coreutils <"$work/text" | awk '{ $1 *= 3; printf "%7d %s\n", $1, $2 }' >"$work/expected"
    same "$work/expected" --repeat 3 "$work/text"
    # Nothing before the figures where no words are shown, and both ways with their ratio after each other.
    "$program" --top 0 --compare --repeat 3 "$work/text" >"$work/report"
    cat "$work/report"
    expected='[0-9]* words, .* MB;[0-9.]* s, [0-9]* MB/s, one thread;[0-9.]* s, [0-9]* MB/s, [0-9]* tokenizers*;the pipeline is [0-9.]* times as fast as one thread;;queue .*'
    tr '\n' ';' <"$work/report" | grep -qx "$expected" || fail "not both ways and their ratio"
    "$program" --top 0 --sequential "$work/text" | head -n 1 | grep -q ' words, ' || fail "an empty block before the figures"
    refused 2 "standard input can be read only once" --repeat 2 -
    refused 2 "--repeat: not a number from 1" --repeat 0 "$work/text"
    ;;

  stdin)
    repository_text >"$work/text"
    coreutils <"$work/text" >"$work/expected"
    for argument in "" "-"; do
      # shellcheck disable=SC2086
      "$program" --counts $argument <"$work/text" | cmp "$work/expected" - || fail "'$argument': not the counts of coreutils"
      # shellcheck disable=SC2002
      cat "$work/text" | "$program" --counts $argument | cmp "$work/expected" - || fail "'$argument': not the counts of coreutils"
    done
    # The end of a file ends a word.
    printf 'one' >"$work/a"
    printf 'two' >"$work/b"
    printf '      1 one\n      1 three\n      1 two\n' >"$work/expected"
    printf 'three' | "$program" --counts "$work/a" - "$work/b" | cmp "$work/expected" - || fail "several inputs"
    ;;

  boundaries)
    # Words that end just before, at and behind the end of a block of 128 KiB, and of other powers of two.
    for size in 65536 131070 131071 131072 131073 262143 262144 1000000; do
      for before in "" " " "ab "; do
        { printf '%s' "$before"
          head -c $size /dev/zero | tr '\0' 'x'
          printf ' tail '
          head -c $size /dev/zero | tr '\0' 'Y'; } >"$work/text"
        same_as_coreutils "$work/text"
      done
    done
    ;;

  binary)
    cat "$program" >"$work/bytes"
    same_as_coreutils "$work/bytes"
    head -c 3000000 /dev/urandom >"$work/bytes"
    same_as_coreutils "$work/bytes"
    head -c 3000000 /dev/zero >"$work/bytes"
    same_as_coreutils "$work/bytes"
    ;;

  bad_input)
    mkdir "$work/directory"
    : >"$work/empty"
    echo word >"$work/good"
    refused 1 "$work/missing: No such file or directory" "$work/missing"
    refused 1 "$work/directory: Is a directory" "$work/directory"
    refused 1 ": Input/output error" /proc/self/mem
    if [ "$(id -u)" -ne 0 ]; then
      echo word >"$work/secret"
      chmod 000 "$work/secret"
      refused 1 "$work/secret: Permission denied" "$work/secret"
    fi
    refused 1 "standard input: Bad file descriptor" - <&-
    # What can be read is counted all the same.
    refused 1 "$work/missing" --counts "$work/good" "$work/missing" "$work/directory" "$work/good"
    echo '      2 word' | cmp - "$work/output" || fail "the good files were not counted"
    same_as_coreutils "$work/empty"
    "$program" "$work/empty" | grep -q '^0 words, 0 different, in 0.0 MB' || fail "an empty file has no words"
    # Nobody can take the output.
    status=0
    "$program" "$work/good" >/dev/full 2>"$work/errors" || status=$?
    [ $status -eq 1 ] || fail "/dev/full: exit status $status"
    grep -q "cannot write: No space left on device" "$work/errors" || fail "/dev/full: $(cat "$work/errors")"
    ;;

  command_line)
    "$program" --help | grep -q '^usage: ' || fail "--help"
    refused 2 "unknown option: --frobnicate" --frobnicate
    refused 2 "--top needs a number" --top
    refused 2 "--top: not a number from 0" --top many
    refused 2 "--top: not a number from 0" --top -1
    refused 2 "--tokenizers: not a number from 1 to 1024: 0" --tokenizers 0
    refused 2 "--tokenizers: not a number from 1 to 1024: 4x" --tokenizers 4x
    echo word >"$work/-dash"
    (cd "$work" && "$program" --counts -- -dash) | grep -q '1 word' || fail "-- ends the options"
    ;;

  memory)
    # One word of 100 MB comes out whole.
    head -c 100000000 /dev/zero | tr '\0' 'a' >"$work/word"
    { printf '      1 '
      cat "$work/word"
      echo; } >"$work/expected"
    same "$work/expected" "$work/word"
    # Where memory does not suffice, every stage ends, and says why.
    ulimit -v 1000000
    status=0
    head -c 900000000 /dev/zero | tr '\0' 'a' | "$program" --counts >"$work/output" 2>"$work/errors" || status=$?
    [ $status -eq 1 ] || fail "out of memory: exit status $status"
    grep -q "out of memory" "$work/errors" || fail "out of memory: $(cat "$work/errors")"
    ;;

  progress)
    # A terminal is told about a run of more than a second: text flows until it has been.
    mkfifo "$work/text"
    : >"$work/terminal"
    repository_text >"$work/piece"
    script -qefc "'$program' --top 1 '$work/text' </dev/null" "$work/terminal" >/dev/null &
    until grep -q 'read [0-9]* MB, [0-9]* MB/s' "$work/terminal"; do cat "$work/piece"; done >"$work/text"
    wait $! || fail "exit status $?"
    # It is gone in the end, and the report is there.
    grep -q ' words, ' "$work/terminal" || fail "no report"
    ;;

  *) fail "no such case" ;;
esac
