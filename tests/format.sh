#!/bin/sh
# format: every C file is formatted as .clang-format says; prints `N passed, N failed`.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
for file in $(git ls-files '*.c' '*.h'); do
	if clang-format --dry-run -Werror "$file" 2>/dev/null; then
		passed=$((passed + 1))
	else
		echo "FAIL $file: make format"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ] && passed=1 # one test, however many files
echo "$passed passed, $failed failed"
