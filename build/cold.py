#!/usr/bin/env python3
"""Writes the linker script that places apart what an agent at rest never runs.

usage: cold.py BINARY PROFILE... >build/cold.ld

BINARY has its symbols, PROFILE is of callgrind with --demangle=no; build/cold.sh
makes both. A pattern names the functions of which none ran, as short as possible;
parts of a name that change with a version or a place are left open.
"""

import fnmatch
import re
import subprocess
import sys
from collections import defaultdict

LEAST = 96
"""Bytes that a pattern must move; smaller ones only make the list long."""

KEPT = re.compile(r"x25519|6config|3str7pattern|7backoff|aes_gcm|constant_time|^[fg]e\d?_|_ad?x$|stack_overflow|4core4time")
"""Run on other processors than that of callgrind, or now and then."""

ALWAYS = """
    /* Run by commands and on the command line only. */
    *(.text*.*13pipeops_agent7kubectl*)
    *(.text*.*13pipeops_agent8commands*)
    *(.text*.*13pipeops_agent5check*)
    *(.text*.*13pipeops_agent3k8s6socket*)
    *(.text*.*13pipeops_agent3k8s4logs*)
    /* Objects of ring in assembler, which are one section each: for processors without AES, and Ed25519. */
    *vpaes*(.text) *sha512-x86_64*(.text)
"""

SCRIPT = """/* Written by build/cold.py: functions that an agent at rest never ran, in a segment of their own.
   A function that is not listed costs memory, nothing else. See docs/adr/0009-release-profile.md. */
SECTIONS
{
  .text.kept :
  {
%s
  }
  . = ALIGN(CONSTANT(MAXPAGESIZE)) + 2 * CONSTANT(MAXPAGESIZE);
  .text.cold : AT(ADDR(.text.cold))
  {%s%s
  }
}
INSERT AFTER .fini;"""


def ran(profiles):
    names = set()
    for profile in profiles:
        with open(profile, encoding="utf-8") as lines:
            for line in lines:
                if found := re.match(r"c?fn=\(\d+\) (\S+)", line):
                    names.add(re.sub(r"'\d+$", "", found.group(1)))
    return names


def functions(binary):
    """Names by the place they share, with its size: the linker knows one of them only."""
    output = subprocess.run(["nm", "-S", "--defined-only", binary], capture_output=True, text=True, check=True).stdout
    places = defaultdict(list)
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW":
            places[fields[0], int(fields[1], 16)].append(fields[3])
    return [(size, names) for (_, size), names in places.items()]


def open_name(name):
    return re.sub(r"B[0-9A-Za-z]*_", "B*_", re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name))


def parts(name):
    """A mangled name, cut where a pattern may end: https://doc.rust-lang.org/rustc/symbol-mangling/v0.html"""
    name = open_name(name)
    out, at = [], 0
    while at < len(name):
        end = at + 1
        if name.startswith("_R") and (found := re.compile(r"[1-9]\d*").match(name, at)):
            end = found.end() + int(found.group())
        out.append(name[at:end])
        at = end
    return tuple(out) if name.startswith("_R") else (name,)


def cover(names, depth, least):
    """Shortest beginnings of names that begin no name that ran."""
    cold = sum(size for size, _ in names.values())
    if cold < least:
        return []
    if not any(hot for _, hot in names.values()) or all(len(name) <= depth for name in names):
        clean = not any(hot for _, hot in names.values())
        return ["".join(next(iter(names))[:depth])] if clean else []
    groups = defaultdict(dict)
    for name, value in names.items():
        groups[name[: depth + 1]][name] = value
    return [pattern for group in groups.values() for pattern in cover(group, depth + 1, least)]


def main():
    hot_names = ran(sys.argv[2:])
    names = {}
    for size, aliases in functions(sys.argv[1]):
        hot = any(name in hot_names or KEPT.search(name) for name in aliases)
        if hot:
            hot_names.update(aliases)
        for alias in map(parts, aliases):
            cold, was_hot = names.get(alias, (0, False))
            names[alias] = (cold + (0 if hot else size), was_hot or hot)
    # What is left open in a pattern may make it wider than what it was made from.
    running = [".text." + name for name in hot_names]
    patterns = [p for p in sorted(cover(names, 0, LEAST)) if not fnmatch.filter(running, f".text.{p}*")]
    lines = "".join(f"    *(.text*.{pattern}*)\n" for pattern in patterns)
    # The linker takes the first line that fits.
    wide = re.compile("|".join(fnmatch.translate(p) for p in re.findall(r"\.text\S+\*(?=\))", ALWAYS)))
    kept = "\n".join(f"    *(.text*.{open_name(name)})" for name in sorted(hot_names) if wide.match(f".text.{name}"))
    print(SCRIPT % (kept, ALWAYS, lines.rstrip("\n")))


main()
