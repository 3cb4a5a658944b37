# shellcheck shell=bash
# Sourced. Whether the process of that PID runs: one that has ended, and that nobody has waited for yet, does not.
is_running() { [ -e "/proc/$1/status" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }
# The same of the PID in a file.
is_alive() { [ -s "$1" ] && is_running "$(cat "$1")"; }
