"""Small solutions as a model writes them, right and wrong, in what the standard library offers."""

from __future__ import annotations

from collections.abc import Mapping

HONEST: Mapping[str, tuple[str, str, bool]] = {
    "sum": ("def total(xs):\n    return sum(xs)", "assert total([1, 2, 3]) == 6", True),
    "sum, wrong": ("def total(xs):\n    return sum(xs[1:])", "assert total([1, 2, 3]) == 6", False),
    "math": ("import math\ndef area(r):\n    return math.pi * r**2", "assert abs(area(1) - 3.14159) < 1e-4", True),
    "math, wrong": ("import math\ndef area(r):\n    return math.pi * r", "assert abs(area(2) - 12.566) < 1e-2", False),
    "re": (
        "import re\ndef words(s):\n    return re.findall(r'\\w+', s)",
        "assert words('a b-c') == ['a', 'b', 'c']",
        True,
    ),
    "re, wrong": (
        "import re\ndef words(s):\n    return re.findall(r'\\w', s)",
        "assert words('ab c') == ['ab', 'c']",
        False,
    ),
    "collections": (
        "from collections import Counter\ndef top(s):\n    return Counter(s).most_common(1)[0][0]",
        "assert top('abcb') == 'b'",
        True,
    ),
    "deque": (
        "from collections import deque, defaultdict\ndef last(xs):\n    return deque(xs, maxlen=1)[0]",
        "assert last([1, 2]) == 2",
        True,
    ),
    "itertools": (
        "import itertools\ndef pairs(xs):\n    return list(itertools.combinations(xs, 2))",
        "assert len(pairs(range(5))) == 10",
        True,
    ),
    "json": ("import json\ndef read(s):\n    return json.loads(s)['a']", "assert read('{\"a\": 1}') == 1", True),
    "json, wrong": (
        "import json\ndef read(s):\n    return json.loads(s)['b']",
        "assert read('{\"a\": 1}') == 1",
        False,
    ),
    "random": (
        "import random\ndef pick(xs, seed):\n    return random.Random(seed).choice(xs)",
        "assert pick([1, 2, 3], 0) in (1, 2, 3) and pick('ab', 5) == pick('ab', 5)",
        True,
    ),
    "string": (
        "import string\ndef is_pangram(s):\n    return set(string.ascii_lowercase) <= set(s.lower())",
        "assert is_pangram('The quick brown fox jumps over the lazy dog') and not is_pangram('no')",
        True,
    ),
    "typing": (
        "from typing import List, Optional, TypeVar\nT = TypeVar('T')\n"
        "def first(xs: List[T]) -> Optional[T]:\n    return xs[0] if xs else None",
        "assert first([]) is None and first([7]) == 7",
        True,
    ),
    "functools": (
        "from functools import lru_cache\n@lru_cache(None)\ndef fib(n):\n"
        "    return n if n < 2 else fib(n - 1) + fib(n - 2)",
        "assert fib(80) == 23416728348467685",
        True,
    ),
    "fibonacci, wrong": ("def fib(n):\n    return n", "assert fib(10) == 55", False),
    "heapq": (
        "import heapq\ndef least(xs):\n    return heapq.nsmallest(2, xs)",
        "assert least([3, 1, 2]) == [1, 2]",
        True,
    ),
    "bisect": (
        "import bisect\ndef place(xs, x):\n    return bisect.bisect(xs, x)",
        "assert place([1, 3], 2) == 1",
        True,
    ),
    "datetime": (
        "from datetime import date, timedelta\ndef tomorrow(d):\n    return d + timedelta(days=1)",
        "from datetime import date\nassert tomorrow(date(2024, 2, 28)) == date(2024, 2, 29)",
        True,
    ),
    "datetime, wrong": (
        "from datetime import date, timedelta\ndef tomorrow(d):\n    return d + timedelta(hours=1)",
        "from datetime import date\nassert tomorrow(date(2024, 2, 28)) == date(2024, 2, 29)",
        False,
    ),
    "time zones": (
        "from zoneinfo import ZoneInfo, ZoneInfoNotFoundError\ndef known(name):\n    try:\n        ZoneInfo(name)\n"
        "    except ZoneInfoNotFoundError:\n        return False\n    return True",
        "assert not known('No/Where')",
        True,
    ),
    "decimal": (
        "from decimal import Decimal\ndef add(a, b):\n    return Decimal(a) + Decimal(b)",
        "from decimal import Decimal\nassert add('0.1', '0.2') == Decimal('0.3')",
        True,
    ),
    "fractions": (
        "from fractions import Fraction\ndef half(x):\n    return Fraction(x, 2)",
        "from fractions import Fraction\nassert half(1) == Fraction(1, 2)",
        True,
    ),
    "statistics": (
        "import statistics\ndef mid(xs):\n    return statistics.median(xs)",
        "assert mid([1, 9, 2]) == 2",
        True,
    ),
    "unittest": (
        "def twice(x):\n    return 2 * x",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(twice(2), 4)\n"
        "if __name__ == '__main__':\n    unittest.main()",
        True,
    ),
    "unittest, wrong": (
        "def twice(x):\n    return x",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(twice(2), 4)\n"
        "unittest.main()",
        False,
    ),
    "a data class": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass(order=True)\n"
        "class Point:\n    x: int\n    y: int = 0",
        "import copy, pickle\nassert pickle.loads(pickle.dumps(Point(1))) == copy.copy(Point(1)) < Point(1, 2)",
        True,
    ),
    "an exception that is wanted": (
        "def check(x):\n    if x < 0:\n        raise ValueError('negative')",
        "try:\n    check(-1)\nexcept ValueError as error:\n    assert 'negative' in str(error)\n"
        "else:\n    raise OSError",
        True,
    ),
    "a main that asks": (
        "def twice(x):\n    return 2 * x\nif __name__ == '__main__':\n    print(twice(int(input())))",
        "assert twice(3) == 6",
        True,
    ),
    "what is printed": (
        "def greet(name):\n    print(f'Hello, {name} \\u2713')",
        "import contextlib, io\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    greet('you')\n"
        "assert out.getvalue() == 'Hello, you \\u2713\\n'",
        True,
    ),
    "files of its own": (
        "import os, shutil, tempfile\ndef there_and_back(text):\n    with tempfile.TemporaryDirectory() as folder:\n"
        "        path = os.path.join(folder, 'a')\n        open(path, 'w').write(text)\n"
        "        shutil.move(path, 'b')\n    return open('b').read()",
        "assert there_and_back('x' * 100_000) == 'x' * 100_000",
        True,
    ),
    "a database of its own": (
        "import sqlite3\ndef count(rows):\n    with sqlite3.connect('rows.db') as base:\n"
        "        base.execute('create table t (x)')\n        base.executemany('insert into t values (?)', rows)\n"
        "        return base.execute('select count(*) from t').fetchone()[0]",
        "assert count([(1,), (2,)]) == 2",
        True,
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\ndef squares(n):\n    with ThreadPoolExecutor(8) as pool:\n"
        "        return list(pool.map(lambda x: x * x, range(n)))",
        "assert squares(100)[-1] == 9801",
        True,
    ),
    "asyncio": (
        "import asyncio\nasync def both():\n    waits = asyncio.sleep(0, 1), asyncio.to_thread(abs, -2)\n"
        "    return await asyncio.gather(*waits)",
        "import asyncio\nassert asyncio.run(both()) == [1, 2]",
        True,
    ),
}
"""Each with its code, its tests, and whether it passes them."""
