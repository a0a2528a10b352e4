"""The official Python SDK against a daemon: python3 client.py MODE URL TOKEN FILE DIRECTORY. Prints one JSON object."""

import asyncio
import json
import sys

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

MODE, URL, TOKEN, FILE, DIRECTORY = sys.argv[1:6]


def transport(query: str = ""):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return streamable_http_client(URL + query, http_client=httpx2.AsyncClient(headers=headers, timeout=60))


async def cancelled(client: Client) -> bool:
    """The call is given up while it runs; whether its command ends is for the test to see."""
    command = ["sh", "-c", f"echo $$ > {DIRECTORY}/pid; exec sleep 600"]
    with anyio.move_on_after(4) as scope:
        await client.call_tool("exec_run", {"command": command})
    return scope.cancelled_caught


async def main() -> dict:
    told: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with Client(transport(), mode=MODE) as client:
        tools = await client.list_tools()
        echo = await client.call_tool("exec_run", {"command": ["echo", "hi"]}, progress_callback=on_progress)
        quick = len(told)
        await client.call_tool("exec_run", {"command": ["sleep", "3"]}, progress_callback=on_progress)
        cut = await client.call_tool("file_read", {"path": FILE}, progress_callback=on_progress)
        missing = await client.call_tool("file_read", {"path": DIRECTORY + "/missing"})
        gave_up = await cancelled(client)
        await anyio.sleep(1)  # the cancellation leaves behind the call
    async with Client(transport("?max_result_bytes=16777216"), mode=MODE) as client:
        whole = await client.call_tool("file_read", {"path": FILE}, progress_callback=on_progress)
    return {
        "tools": len(tools.tools),
        "stdout": echo.structured_content["stdout"],
        "quick": quick,
        "progress": told,
        "cut": len(cut.structured_content["content"]),
        "truncated": cut.structured_content["content_truncated"],
        "missing": missing.is_error,
        "cancelled": gave_up,
        "whole": len(whole.structured_content["content"]),
    }


print(json.dumps(asyncio.run(main())))
