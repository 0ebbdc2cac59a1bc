# SPDX-License-Identifier: Apache-2.0
"""The functions test_*() of a module as TAP: each passes, skips or fails by what it raises."""
import os
import traceback


class Skip(Exception):
    """What a test needs is not here; the text says what."""


def run_tests(namespace):
    """Runs them in the order of their definition, and ends the process."""
    tests = [(n, f) for n, f in namespace.items() if n.startswith("test_")]
    print("1..%d" % len(tests))
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print("ok %d - %s" % (number, name), flush=True)
        except Skip as e:
            print("ok %d - %s # SKIP %s" % (number, name, e), flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("not ok %d - %s" % (number, name))
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), flush=True)
    os._exit(1 if failed else 0)            # threads of grpcio do not always end
