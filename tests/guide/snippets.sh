#!/bin/sh
# usage: snippets.sh PAGE: a program that compiles where the C++ of the page does. A block is the body of a function; one
# with a name behind its language is taken as it stands, and comes first. A program of its own is an example, and runs.
set -eu
echo '#include "snippets.hpp"'
awk '/^```cpp ./ { whole = 1; next } /^```/ { whole = 0 } whole' "$1"
awk '/^```cpp$/ { body = 1; text = ""; next }
     /^```/ { if (body && text !~ /int main\(/) printf "[[maybe_unused]] static void block_%d() {\n%s}\n", ++n, text
              body = 0 }
     body { text = text $0 "\n" }
     END { if (n < 3) exit 1 }' "$1"
