#!/bin/sh
# usage: monitor.sh CASE MONITOR
# Runs the monitor in a terminal of tmux, presses its keys, and reads its screen. Whatever is waited for is looked for
# again and again; what never comes is the test's time limit's affair. Exits with 77 where there is no tmux.
set -eu
case=$1
monitor=$2

fail() {
  echo "FAILED: $*"
  screen 2>/dev/null || true
  exit 1
}

# ---- Without a terminal ------------------------------------------------------------------------------------------

if [ "$case" = plain ]; then
  lines=$("$monitor" --seconds=2 </dev/null)
  for queue in audit billing mail pictures; do
    printf '%s\n' "$lines" |
      grep -Eq "^[12] s  $queue  msg/s [0-9.]+k?  p50 [^ ]+( [mun]?s)?  p99 [^ ]+( [mun]?s)?  length [0-9]+  outstanding [0-9]+  redelivered [0-9]+  dead [0-9]+$" ||
      fail "no line of $queue in: $lines"
  done
  if printf '%s' "$lines" | grep -q "$(printf '\033')"; then fail "escapes in what is no terminal"; fi
  if "$monitor" --second=2 2>/dev/null; then fail "took an option that it does not have"; fi
  exit 0
fi

# ---- With one ----------------------------------------------------------------------------------------------------

command -v tmux >/dev/null || { echo "SKIPPED: no tmux"; exit 77; }
started=0
export LC_ALL=C.UTF-8 TERM=xterm-256color PS1='ready> '
unset NO_COLOR TMUX
tm() { tmux -u -L "kew_$$_$started" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null || true' EXIT
trap 'exit 1' HUP INT TERM
screen() { tm capture-pane -p; }
press() { tm send-keys "$@"; }
# Waits until a line of the screen fits.
until_seen() { until screen | grep -Eq -e "$1"; do sleep 0.05; done; }
until_gone() { while screen | grep -Eq -e "$1"; do sleep 0.05; done; }
shell() {
  # A server that is told to go is still there for a moment, so the next one has another name.
  tm kill-server 2>/dev/null || true
  started=$((started + 1))
  tm new-session -d -x "$1" -y 24 bash --norc --noprofile
  until_seen '^ready> *$'
}
start() {
  shell 80
  press "$1 '$monitor'" Enter
  until_seen '^kew monitor'
}
# The terminal echoes and takes whole lines, and shows the screen that it had before, with its cursor.
expect_restored() {
  until_seen '^ready> *$'
  screen | grep -q "^ready>.*'$monitor'" || fail "the screen of before has not come back"
  if screen | grep -q '^kew monitor'; then fail "the table is still there"; fi
  press "stty -a | tr ' ' '\\n' | grep -c -x -e echo -e icanon" Enter
  until_seen '^[0-9]$'
  screen | grep -qx 2 || fail "the terminal has not its modes back"
  [ "$(tm display-message -p '#{cursor_flag}')" = 1 ] || fail "there is no cursor"
}
# The figure of a queue in a column of the table, by its title.
figure() {
  screen | awk -v queue="$1" -v title="$2" '
    / queue / { end = index($0, " " title) + length(title) }
    $1 ~ /^[1-4]$/ && $2 == queue { text = substr($0, 1, end); sub(/.*  /, "", text); print text }'
}

case $case in
  table)
    start ''
    for queue in audit billing mail pictures; do until_seen "^[1-4]  $queue +[0-9]"; done
    for title in queue msg/s p50 p99 length outst redel dead; do until_seen " $title( |$)"; done
    # Everything moves: messages are handled, some are thrown back, and some die.
    for queue in audit billing mail pictures; do
      until [ "$(figure $queue msg/s)" -gt 0 ]; do sleep 0.05; done
    done
    until [ "$(figure pictures redel)" -gt 0 ] && [ "$(figure pictures dead)" -gt 0 ]; do sleep 0.05; done
    until_seen '^last error: pictures, attempt [123]: picture [0-9]*7.png is no picture'
    until_seen '^1-4 pause or resume   q quit'
    figure mail p50 | grep -Eq '^[0-9.]+ (us|ms|s)$' || fail "mail has no p50"
    # It is drawn anew.
    until_seen 'up ([3-9]|[0-9]{2,}) s'
    ;;

  keys)
    start ''
    until_seen '^every consumer runs'
    until [ "$(figure billing msg/s)" -gt 0 ]; do sleep 0.05; done
    press 2
    until_seen '^paused: billing'
    until [ "$(figure billing length)" -gt 50 ]; do sleep 0.05; done
    until [ "$(figure billing msg/s)" -eq 0 ]; do sleep 0.05; done
    [ "$(figure billing outst)" -eq 0 ] || fail "a paused consumer holds messages"
    until_seen '^2  billing .*[▁▂▃▄▅▆▇█]'
    press 3
    until_seen '^paused: billing, mail'
    press 2
    until_seen '^paused: mail'
    until [ "$(figure billing length)" -lt 50 ]; do sleep 0.05; done
    press 3
    until_seen '^every consumer runs'
    press x # no key of the monitor's
    until_seen '^every consumer runs'
    ;;

  sizes)
    start ''
    until_seen '^4  pictures'
    # The order says how wide the screen was before.
    for width in 80 120 60 40 24 200 80; do
      tm resize-window -x "$width" -y 24
      case $width in
        120 | 200) until_seen ' outstanding  redelivered ' ;;
        80) until_seen ' outst  redel ' ;;
        60 | 40) until_gone ' redel ' && until_seen ' length ' ;;
        24) until_gone ' dead' && until_seen 'length$' ;;
      esac
      until_seen '^4  pictures +[0-9]'
      until [ "$(screen | grep -c '^[1-4]  ')" -eq 4 ]; do sleep 0.05; done # no line is broken
    done
    tm resize-window -x 80 -y 6
    until_seen '^2  billing'
    until_gone '^every consumer'
    until_seen '^kew monitor' # it is the bottom that does not fit
    tm resize-window -x 80 -y 24
    until_seen '^every consumer runs'
    ;;

  left)
    start ''
    until_seen '^4  pictures'
    press q
    expect_restored
    ;;

  killed)
    for signal in TERM INT HUP; do
      start ''
      until_seen '^4  pictures'
      shell=$(tm list-panes -F '#{pane_pid}')
      kill -s $signal "$(cat /proc/$shell/task/$shell/children | tr -d ' ')"
      expect_restored
    done
    start ''
    until_seen '^4  pictures'
    press C-c
    expect_restored
    ;;

  suspended)
    start ''
    until_seen '^4  pictures'
    press C-z
    expect_restored
    press fg Enter
    until_seen '^4  pictures'
    press 2
    until_seen '^paused: billing'
    press q
    expect_restored
    ;;

  colours)
    escape=$(printf '\033')
    start ''
    until_seen '^4  pictures'
    until tm capture-pane -p -e | grep -q "${escape}\[31m"; do sleep 0.05; done
    start 'NO_COLOR=1'
    until_seen '^4  pictures'
    until_seen '^last error'
    if tm capture-pane -p -e | grep -q "${escape}\["; then fail "colours where NO_COLOR is set"; fi
    # What can do nothing is shown plain lines, and what has no UTF-8 letters.
    start_dumb() {
      shell 100
      press "$1" Enter
    }
    start_dumb "TERM=dumb '$monitor' --seconds=1"
    until_seen '^1 s  pictures  msg/s'
    start_dumb "LC_ALL=C '$monitor'"
    until_seen '^-----'
    until_seen '^4  pictures .*[.:=+*%#]'
    if screen | grep -q '[▁▂▃▄▅▆▇█─]'; then fail "letters that the locale does not have"; fi
    ;;

  *) fail "no case $case" ;;
esac
