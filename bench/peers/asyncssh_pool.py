"""The same script over asyncssh, so many hosts at once. ``python asyncssh_pool.py HOSTS.json WORKERS``."""

import asyncio
import json
import sys
from pathlib import Path

import asyncssh
from machine_id import SCRIPT, summary, verdict

peers = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))


async def look(host: str, turn: asyncio.Semaphore) -> str:
    async with (
        turn,
        asyncssh.connect(
            host,
            config=[peers["ssh_config"]],
            known_hosts=peers["known_hosts"],
            agent_path=None,
        ) as connection,
    ):
        done = await connection.run("/bin/sh -s", input=SCRIPT, check=False)
    return verdict(str(done.stdout))


async def main() -> None:
    turn = asyncio.Semaphore(int(sys.argv[2]))
    found = await asyncio.gather(*(look(host, turn) for host in peers["hosts"]))
    print(summary(dict(zip(peers["hosts"], found, strict=True))))


asyncio.run(main())
