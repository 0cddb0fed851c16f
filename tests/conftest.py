"""For all tests: child processes must hear an interrupt, also where the tests themselves run in the background."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what is put behind `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)
