"""Answers as Claude writes them, Markdown that nobody would write, and the dialects they are shown in."""

import re

from hypothesis import strategies as st

from core.dialect import Dialect
from core.tables import draw_table

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
        "drawn": Dialect(limit, size=utf16, table=draw_table),
        "escaped and drawn": Dialect(limit, prose=escaped, code=escaped, table=draw_table),
    }


KINDS = list(dialects(40))
