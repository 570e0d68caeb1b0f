"""Types lines into a program on a terminal of its own, each after the prompt for it.

usage: typist.py LINE... -- PROGRAM ARGUMENT...      ^C and ^D are keys
"""

import os
import pty
import sys

KEYS = {"^C": b"\x03", "^D": b"\x04"}
split = sys.argv.index("--")
lines, command = sys.argv[1:split], sys.argv[split + 1 :]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
shown = b""
try:
    while data := os.read(terminal, 4096):
        shown += data
        # A prompt ends with a colon or a bracket and a blank, and waits.
        if data.endswith((b": ", b"] ")) and lines:
            line = lines.pop(0)
            os.write(terminal, KEYS.get(line) or line.encode() + b"\n")
except OSError:
    pass  # the terminal is gone with the program
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
