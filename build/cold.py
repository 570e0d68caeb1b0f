#!/usr/bin/env python3
"""Writes the linker script that places apart what an agent at rest never runs.

usage: cold.py BINARY ALONE SERVED >build/cold.ld

BINARY has its symbols. ALONE and SERVED are profiles of callgrind with --demangle=no, of an
agent alone and of one with a control plane and clients; build/cold.sh makes all three. What
ran alone stays in `.text`; what ran for others, and what never ran, have a segment each. A
pattern names functions of one sort, as short as possible; parts of a name that change with a
version or a place are left open.
"""

import fnmatch
import re
import subprocess
import sys
from collections import defaultdict

LEAST = 96
"""Bytes that a pattern must move; smaller ones only make the list long."""

KEPT = re.compile(r"x25519|pipeops_agent3k8s5types|6config|3str7pattern|7backoff|aes_gcm|constant_time|^[fg]e\d?_|_ad?x$|stack_overflow|4core4time|5slice4sort")
"""Run on other processors than that of callgrind, or now and then."""

ALWAYS = """\
    /* Run by commands, on the command line, by scrapes and for those who ask for lists only. */
    *(.text*.*13pipeops_agent7kubectl*)
    *(.text*.*13pipeops_agent8commands*)
    *(.text*.*13pipeops_agent5check*)
    *(.text*.*13pipeops_agent3api7metrics*)
    *(.text*.*13pipeops_agent3api5lists*)
    *(.text*.*13pipeops_agent3api5proxy*)
    *(.text*.*13pipeops_agent3api8envelope*)
    *(.text*.*13pipeops_agent3k8s5fetch*)
    *(.text*.*13pipeops_agent3k8s7reading*)
    *(.text*.*13pipeops_agent6report4list*)
    *(.text*.*13pipeops_agent6report7history*)
    *(.text*.*13pipeops_agent3k8s6socket*)
    *(.text*.*13pipeops_agent3k8s4logs*)
    /* Objects of ring in assembler, which are one section each: for processors without AES, and Ed25519. */
    *vpaes*(.text) *sha512-x86_64*(.text)"""
ALWAYS_TAKES = re.compile("|".join(fnmatch.translate(p) for p in re.findall(r"\.text\S+\*(?=\))", ALWAYS)))

CHUNK = 64 * 1024
"""Bytes of a segment of what never ran. The kernel maps what lies around a fault, however far the file is
in one piece in its cache, but not beyond a segment: so much is lost if a function does run after all."""

APART = "  . = ALIGN(CONSTANT(MAXPAGESIZE)) + 2 * CONSTANT(MAXPAGESIZE);\n"
SCRIPT = """/* Written by build/cold.py: functions that an agent at rest never ran, in segments of their own:
   those that run with a control plane or clients, and those that did not run at all, in pieces.
   A function that is not listed costs memory, nothing else. See docs/adr/0009-release-profile.md. */
SECTIONS
{
  .text.kept :
  {
%s
  }
%s}
INSERT AFTER .fini;"""
SEGMENT = APART + """  .text.%s : AT(ADDR(.text.%s))
  {
%s
  }
"""


def ran(profile):
    names = set()
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


def sorts(binary, alone, served):
    """Each name with its size and sort: `hot`, `served` or `cold`."""
    out = {}
    for size, aliases in functions(binary):
        if any(name in alone or KEPT.search(name) for name in aliases):
            sort = "hot"
        else:
            sort = "served" if any(name in served for name in aliases) else "cold"
        out.update((name, (size, sort)) for name in aliases)
    return out


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


def cover(names, depth=0):
    """Shortest beginnings of names of the one sort that begin no name of another, with the bytes that they move."""
    size = sum(size for size, _ in names.values())
    if size < LEAST:
        return []
    clean = all(own for _, own in names.values())
    if clean or all(len(name) <= depth for name in names):
        return [("".join(next(iter(names))[:depth]), size)] if clean else []
    groups = defaultdict(dict)
    for name, value in names.items():
        groups[name[: depth + 1]][name] = value
    return [found for group in groups.values() for found in cover(group, depth + 1)]


def patterns(known, sort):
    """Lines for functions of that sort, each with the bytes that it moves."""
    names = {}
    for name, (size, its) in known.items():
        if ALWAYS_TAKES.match(f".text.{name}"):
            size = 0
        key = parts(name)
        before, own = names.get(key, (0, True))
        names[key] = (before + (size if its == sort else 0), own and its == sort)
    # What is left open in a pattern may make it wider than what it was made from.
    others = [".text." + name for name, (_, its) in known.items() if its != sort]
    clean = ((p, size) for p, size in sorted(cover(names)) if not fnmatch.filter(others, f".text.{p}*"))
    return [(f"    *(.text*.{pattern}*)", size) for pattern, size in clean]


def chunks(lines):
    """The same lines in groups of some CHUNK bytes."""
    groups, room = [], 0
    for line, size in lines:
        if size > room:
            groups.append([])
            room = CHUNK
        groups[-1].append(line)
        room -= size
    return groups


def excepted(known, sort):
    """Names of that sort among what is placed always: the linker takes the first line that fits."""
    names = sorted(name for name, (_, its) in known.items() if its == sort and ALWAYS_TAKES.match(f".text.{name}"))
    return [f"    *(.text*.{open_name(name)})" for name in names]


def segment(name, lines):
    return SEGMENT % (name, name, "\n".join(lines))


def main():
    binary, alone, served = sys.argv[1:]
    known = sorts(binary, ran(alone), ran(served))
    kept = "\n".join(excepted(known, "hot"))
    apart = [segment("served", excepted(known, "served") + [line for line, _ in patterns(known, "served")])]
    apart.append(segment("cold", [ALWAYS]))
    apart += [segment(f"cold.{i}", lines) for i, lines in enumerate(chunks(patterns(known, "cold")))]
    print(SCRIPT % (kept, "".join(apart)))


main()
