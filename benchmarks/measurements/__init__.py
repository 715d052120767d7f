"""The measurements by name: functions that take a `Bench` and return rows.

writing     messages/s, processor time, waits and stalls, with 1 and 100 tasks
turns       record, last 20, record
fsyncs      counted by strace
size        bytes per message
memory      resident, at the end of the same loop
reading     the last 20 of 100, 1,000 and 10,000, and of sessions never read before
newcomers   500 first messages at once
status      the hub's status next to 100,000 users
growth      appending at 10,000 and 1,000,000
processes   four on one file
postgres    rate and processor time of client and server, compared with an asyncpg pool
encryption  processor time and bytes with encryption, compared with without
upkeep      waits while a session is summarised, and while many decay
"""

from collections.abc import Callable

from rows import Row

from measurements import (
    disk,
    encryption,
    growth,
    memory,
    newcomers,
    postgres,
    processes,
    reading,
    upkeep,
    writing,
)
from measurements.bench import Bench

MEASUREMENTS: dict[str, Callable[[Bench], list[Row]]] = {
    "writing": writing.measure,
    "turns": writing.measure_turns,
    "fsyncs": disk.measure_fsyncs,
    "size": disk.measure_size,
    "memory": memory.measure,
    "reading": reading.measure,
    "newcomers": newcomers.measure,
    "status": newcomers.measure_status,
    "growth": growth.measure,
    "processes": processes.measure,
    "postgres": postgres.measure,
    "encryption": encryption.measure,
    "upkeep": upkeep.measure,
}

__all__ = ["MEASUREMENTS", "Bench"]
