#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Did the kernel complain? Prints the lines and returns 1 for a splat, and also when the console log
# does not prove that a splat would have been seen (fail closed). usage: splat.sh CONSOLE-LOG
log=$1
# What a kernel prints before a trace, and the trace itself in case the first line got lost.
splats='WARNING:|BUG:|Oops|Kernel panic|general protection fault|Call [Tt]race|cut here|UBSAN|KASAN'
splats+='|refcount_t:|Unable to handle kernel|detected stall|soft lockup|hard LOCKUP|blocked for more than'
splats+='|possible recursive locking|suspicious RCU|scheduling while atomic|verifier bug|Internal error'

if ! grep -aq 'ktest: console is heard' "$log" 2>/dev/null; then
	echo "console log without the mark of the guest: kernel messages were not captured"
	exit 1
fi
if ! grep -aq 'ktest: end of tests' "$log"; then
	echo "console log ends early: the guest did not finish"
	tail -n 5 "$log"
	exit 1
fi
if grep -aE -m 5 "$splats" "$log"; then
	exit 1
fi
exit 0
