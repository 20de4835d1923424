"""Run plain `test_*` functions on whichever interpreter runs this file.

    micropython firmware/tests/run.py firmware/tests/both/test_wire.py …

The packages are found next to this file; exit code 1 when a test failed.
"""

import sys

ROOT = __file__.rsplit("/", 2)[0] if "/" in __file__ else ".."
sys.path.insert(0, ROOT)


def run(path):
    """Run one file's tests; return (run, failed)."""
    scope = {"__name__": "tests", "__file__": path}
    with open(path) as f:
        exec(compile(f.read(), path, "exec"), scope)
    failed = 0
    names = sorted(n for n in scope if n.startswith("test_"))
    for name in names:
        try:
            scope[name]()
        except Exception as err:
            failed += 1
            print("FAILED", path, name)
            if hasattr(sys, "print_exception"):
                sys.print_exception(err)
            else:
                print(type(err), err)
    return len(names), failed


total = wrong = 0
for path in sys.argv[1:]:
    done, failed = run(path)
    total += done
    wrong += failed
print(total - wrong, "passed,", wrong, "failed on", sys.implementation[0])
if wrong or not total:
    sys.exit(1)
