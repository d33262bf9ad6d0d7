#!/bin/sh
# usage: site.sh ROOT SITE: puts into the site what Doxygen's pages link to and Doxygen does not take along.
set -eu
for program in "$1"/examples/*.cpp; do
  cp "$program" "$2/$(basename "$program").txt" # as text, which a browser shows
done
cp "$1/LICENSE" "$2"
sed -i 's|href="\([^":]*/\)\{0,1\}\([^":/]*[.]cpp\)"|href="\2.txt"|g' "$2"/md_*.html "$2/index.html"
