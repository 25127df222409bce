"""The one command: `folkmoot run|web|worker|migrate|check|demo|account|group`."""

import importlib
import sys

from server.errors import MootError

# Processes that stay: each starts its one module and carries no command line parser through its life.
STAYING = {
    ("run",): ("server.supervisor", {}),
    ("web",): ("server.serving", {"supervised": False}),
    ("worker",): ("server.working", {"supervised": False}),
    ("web", "--supervised"): ("server.serving", {"supervised": True}),
    ("worker", "--supervised"): ("server.working", {"supervised": True}),
}


def main() -> None:
    """Run one command; the exit code is 0 only on success, and a foreseen error is one line on stderr."""
    words = tuple(sys.argv[1:])
    try:
        if words in STAYING:
            module, options = STAYING[words]
            code = importlib.import_module(module).run(**options)
        else:
            code = importlib.import_module("server.commands").run(list(words))
    except (MootError, OSError) as error:
        print("folkmoot:", " ".join(str(error).split()), file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
