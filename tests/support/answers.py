"""Answers as Claude writes them, Markdown that nobody would write, and the dialects they are shown in."""

import re

from hypothesis import strategies as st

from core.rendering.dialect import Dialect
from core.rendering.tables import SCREEN

CODE = """\
## Why the pool runs dry

Each request takes a connection and gives it back only when the response was read to its end. When a client reads \
slowly, **the connection is held for as long as it reads**. See [the pool's limits](https://docs.example.org/pool).

1. Read the rows into memory, then release the connection.
   ```python
   async with pool.acquire(timeout=5) as connection:
       found = await connection.fetch(query)

   return [Row.of(record) for record in found]
   ```
2. Give `pool_timeout` a value that callers can bear:
   - in tests 0.1 seconds, so that a leak is seen at once;
   - in production 5 seconds.

~~~sql
SELECT pid, state, now() - query_start AS "for"  -- the oldest first
  FROM pg_stat_activity
 WHERE state <> 'idle' && wait_event IS NOT NULL;
~~~

> A connection given back late is also *checked* late, and a server that was restarted in between
> is noticed only by the next caller & its user.

```rust
fn main() { let pool: Vec<&'static str> = vec!["a", "b"]; println!("{:?}", pool); }
```
"""

NESTED = """\
To show a fence in a README, put a longer one around it:

````markdown
Install it:

```bash
pip install --upgrade confab
```

and then run it.
````

That's all: the outer fence has *four* backticks.
"""

TABLE = """\
Here is how they compare:

| Database | License | Since | What it is good at |
|:---------|:-------:|------:|--------------------|
| PostgreSQL | PostgreSQL | 1996 | Nearly everything, `jsonb` and full text included |
| SQLite | public domain | 2000 | One file, **no server**, 281 TB |
| DuckDB | MIT | 2019 | Analytics: `SELECT a \\| b` over a billion rows |
| Valkey | BSD | 2024 | Caches, [queues](https://valkey.io/topics/streams) and counters |

Choose the second one unless you know why not.
"""

WORLD = """\
### 日本語

接続は応答を最後まで読み終えたときにだけ返却されます。遅いクライアントがいると、プールはすぐに空になります。これは仕様です。

עברית: כל בקשה לוקחת חיבור אחד ומחזירה אותו רק בסוף.

नमस्ते दुनिया, यह एक परीक्षण है। Café, naïve, Ångström, Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢.

Teams: 👩‍💻👨‍👩‍👧‍👦🏳️‍🌈 from 🇩🇪🇯🇵🇧🇷, done ✅ and ☺️ with 1️⃣ 👍🏽.
"""

ANSWERS = {
    "code": CODE,
    "nested fences": NESTED,
    "a table": TABLE,
    "scripts and emoji": WORLD,
    "windows lines": CODE.replace("\n", "\r\n"),
    "an open fence": NESTED + "```python\nprint('still writing')\n",
    "all of them": CODE + NESTED + TABLE + WORLD,
}

TRICKY = {
    "a row whose first pipe comes late": "| a | b |\n|---|---|\n| 1 | 2 |\nlong text before the first pipe | b |\nend",
    "a row with too many cells": "| a | b |\n|---|---|\n| 1 | 2 | and a third | and a fourth\n| 3 | 4 |\nend",
    "rows without pipes at their ends": "a | b\n--|--\n1 | 2\n3 | 4\nfive | six\nend | of",
    "a row larger than a page": "| a | b |\n|---|---|\n| " + "many words " * 12 + "| 2 |\n| 3 | 4 |\n",
    "what turns out to be no table": "| a | b |\n|---|---|x\n| 1 | 2 |\n\n| a | b |\n|---|---\n| c",
    "a table larger when drawn": "Thirty-seven letters of prose by now.\n| name | b |\n|--|--|\n| 1 | 2 |\nend",
    "rows with spaces after them": ("| a | b |\n|---|---|\n" + ("| 1 | 2 |" + " " * 30 + "\n") * 3) * 2,
    "a text after a table": "| a | b |\n|---|---|\n| 1 | 2 words |\nA text.\nAnd a second line of it here.",
    "a heading at the end of a page": "Some thirty letters of prose..\n\n### Heading\n\nAnd the text beneath goes on.",
    "what turns out not to close a fence": "```py\nx = 1234567890\n```y\n``\n````z\n ```  \nend of it ```\n```",
    "what turns out not to open one": "Some thirty letters of prose..\n```py`\n~~~ a\n~~~~~ b\n~~~~~\nend",
    "a fence in a quote": "> ```sh\n> a line of code that is long enough\n> another one\n> ```\n> end",
    "a fence line longer than a page": "```python title=" + "x" * 60 + "\ncode = 1\n```\nend",
    "wide spaces around marks": "```\nx\n\u3000```\n```\u3000\nThirty letters or so of prose.\n```\nx\n```\u3000",
    "a run of marks longer than a page": "a " + "`" * 70 + " b\n" + "~" * 70 + "\nend",
    "a run of marks in code": "~~~\nx " + "~" * 99 + "\n~~~\nend",
    "a word longer than a page": "See https://example.org/" + "path/" * 30 + " for it. " + "\u05d0" * 60,
    "blank lines": "one\n" + "\n" * 60 + "two  \n  \n```\n" + "\n" * 30 + "three\n" + "\n" * 40 + "```",
    "escapes": "&" * 20 + " <@U123> <@U12 <b> " * 3 + "\\" * 50,
}

_PIECES = [
    *("`", "``", "```", "````", "~", "~~~", "~~~~\n", "```py\n", "  ```\n", "- ```js\n", "> ```\n", "> "),
    *("\n", "\n", "\n\n", "\r\n", "\r", " ", "  ", "\t", "\u3000", "\x0b"),
    *("|", "| a | b |\n|---|--:|\n", "| 1 | 2 |\n", "| cell **x** | y", "|---|", "-", "# ", "## Head\n", "- ", "1. "),
    *("word ", "longerword", "x" * 30, ". ", "! ", ":", "**bold** ", "*", "\\", "&", "&amp;", "<", "<@U123>"),
    *(
        "[a link](http://x.y/z) ",
        "https://ex.org/a/b/c ",
        "漢字",
        "。",
        "👩‍💻",
        "e\u0301",
        "\u0301",
        "\u200d",
        "🇩🇪",
        "שלום ",
    ),
]


def scribbles(pieces: int) -> st.SearchStrategy[str]:
    """Markdown that nobody would write, of few kinds of piece, so that they meet."""
    kinds = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12)
    return kinds.flatmap(lambda kinds: st.lists(st.sampled_from(kinds), min_size=pieces // 2, max_size=pieces)).map(
        "".join
    )


SECTION = """\
## {number}. How the pool behaves

Each request takes a connection and gives it back only when the response was read to its end. When a client reads \
slowly, **the connection is held for as long as it reads**, and nobody else can have it meanwhile. \
See [the limits of pool {number}](https://docs.example.org/pool/{number}).

- Read the rows into memory, then release the connection.
- Give `pool_timeout` a value that callers can bear:
  - in tests 0.1 seconds, so that a leak is seen at once;
  - in production 5 seconds.

```python
async with pool.acquire(timeout=5) as connection:
    found = await connection.fetch(query_{number})

return [Row.of(record) for record in found]
```

| Setting | Tests | Production | What it is for |
|:--------|------:|-----------:|----------------|
| `pool_size` | 2 | 20 | connections that are open at once |
| `pool_timeout` | 0.1 s | 5 s | how long a request waits for one |
| `pool_recycle` | never | 30 min | after which a connection is made anew |

Measure it again after each change, and **write down** what you saw before you change the next value.

"""


def write_mixed(size: int) -> str:
    """An answer of about `size` characters as Claude writes them: headings, prose, lists, code and tables."""
    sections = (SECTION.format(number=number) for number in range(1, size // len(SECTION) + 2))
    return "".join(sections)[:size].rpartition("\n\n")[0]


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mentioning(text: str) -> str:
    """Escaped, but for a mention: less than its characters one by one."""
    return re.sub(r"&lt;(@\w+)&gt;", r"<\1>", escaped(text))


def dialects(limit: int) -> dict[str, Dialect]:
    return {
        "plain": Dialect(limit),
        "escaped": Dialect(limit, prose=mentioning, code=escaped),
        "drawn": Dialect(limit, size=utf16, screen=SCREEN),
        "standalone": Dialect(limit, standalone=True),
        "standalone and drawn": Dialect(limit, size=utf16, screen=SCREEN, standalone=True),
        "crowded": Dialect(limit, size=utf16, standalone=True, blocks=4, rows=3, cells=30, keeps_whole=True),
        "escaped and drawn": Dialect(limit, prose=escaped, code=escaped, screen=SCREEN),
    }


KINDS = list(dialects(40))
