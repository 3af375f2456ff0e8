# SPDX-License-Identifier: Apache-2.0
"""Two figures that no row gives: memory above rules, and a hash-only rule update."""
import hashlib
import time

from . import opens, subjects
from .world import CACHE_MEMORY_MIB, Failed

MIB = 2**20
ALLOWED_ABOVE_CACHE_MIB = 32  # of the issue of record
UPDATE_SEC = 30


def idle_pss(world, rules):
    custos = subjects.Custos(world, rules=rules)
    custos.start()
    try:
        return subjects.pss_bytes(custos.pids())
    finally:
        custos.stop()


def memory(world, busy_pss):
    """Busy, less what the rules add to a daemon that has done nothing."""
    rules = idle_pss(world, True) - idle_pss(world, False)
    return {"rulesMib": rules / MIB, "memoryAboveRulesMib": (busy_pss - rules) / MIB,
            "memoryBarMib": CACHE_MEMORY_MIB + ALLOWED_ABOVE_CACHE_MIB}


def rule_update(world, measure):
    """Scans for files that were cached when a hash was added to the list, nothing else."""
    row = opens.Row("update", "rule update", subjects.Custos)
    custos = subjects.Custos(world)
    measure.prepare_files(row, custos.directory)
    custos.start()
    try:
        measure.warm_up(custos, row)
        generation = custos.status()["rules"]["generation"]
        world.write_hashes([hashlib.sha256(b"one more").hexdigest()])
        custos.control("reload")
        end = time.monotonic() + UPDATE_SEC
        while custos.status()["rules"]["generation"] == generation:
            if time.monotonic() > end:
                raise Failed("rule update: no new generation")
            time.sleep(0.05)
        before = custos.counters()
        measure.open(custos.directory, "--files", opens.FILES, "--opens", opens.FILES)
        return {"scansAfterUpdate": opens.counted(before, custos.counters(), opens.FILES)["scans"]}
    finally:
        custos.stop()
        world.write_hashes()
