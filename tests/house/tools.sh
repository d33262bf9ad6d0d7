#!/bin/sh
# usage: tools.sh ROOT format|format-check|ctags|site [SITE]
# Holds the source against other people's tools. Exits with 77 where a tool is not installed.
set -eu
cd "$1"
need() { command -v "$1" >/dev/null || { echo "SKIPPED: no $1"; exit 77; }; }
sources() { find include tests benchmarks examples -name bad -prune -o \( -name '*.hpp' -o -name '*.cpp' \) -print; }

case $2 in
  # Every link within the site leads somewhere, and the page of a queue has its verbs, and those under headings.
  site)
    cd "$3"
    grep -oh -e 'href="[^"#:]*["#]' -e 'src="[^"#:]*"' ./*.html | sed 's/.*="//; s/["#]$//' | sort -u >links.txt
    while read -r page; do [ -e "./$page" ] || { echo "no page $page"; exit 1; }; done <links.txt
    rm links.txt
    for words in "try_push_until" "Push, and wait for room" "Avoid when" "membarrier"; do
      grep -q "$words" classkew_1_1blocking__queue.html || { echo "nothing of '$words' on the page of blocking_queue"; exit 1; }
    done
    for queue in message work durable; do
      for words in "try_publish_for" "publish_n" "Receive" "dead_letters" "Avoid when"; do
        grep -q "$words" classkew_1_1${queue}__queue.html || { echo "nothing of '$words' on the page of ${queue}_queue"; exit 1; }
      done
      [ "$(grep -c '>Avoid when<' classkew_1_1${queue}__queue.html)" = 1 ] || { echo "two manuals on the page of ${queue}_queue"; exit 1; }
    done
    # Whatever the module exports is on a page of a class, a concept or a header.
    sed -n 's/^using kew::\(.*\);/\1/p' "$1/packaging/module/kew.cppm" | while read -r name; do
      grep -q -e "kew::$name\b" -e ">$name<" class*.html struct*.html concept*.html ./*_8hpp.html || { echo "no page has $name"; exit 1; }
    done
    grep -q 'at most, exactly' classkew_1_1mpmc__ring.html || { echo "no constructor on the page of mpmc_ring"; exit 1; }
    grep -q 'make_channel' classkew_1_1producer.html || { echo "no way from producer to make_channel"; exit 1; }
    ;;
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
