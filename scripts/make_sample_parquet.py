"""Write the Parquet files among the bundled samples.

Every row below is original text (CC0) in the shape that upstream publishes:

- alpaca/hub: instruction, input, output, and `text`, the prompt filled in
- gpt4all/data and gpt4all/j: prompt, response, source; either text may be null

The same pyarrow release writes the same bytes every time. Run it after changing a row:

    python scripts/make_sample_parquet.py
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SAMPLES = Path(__file__).resolve().parents[1] / "open_instructions" / "samples"

# (instruction, input, output)
ALPACA_HUB: list[tuple[str, str, str]] = [
    (
        "Name the four chambers of the human heart.",
        "",
        "The right atrium, the right ventricle, the left atrium and the left ventricle.",
    ),
    (
        "Change the verb to the past tense.",
        "She swims across the lake.",
        "She swam across the lake.",
    ),
    (
        "Suggest a side dish for roast chicken.",
        "",
        (
            "Potatoes roasted with rosemary and lemon go well with it, because they cook in the"
            " same oven."
        ),
    ),
    (
        "Work out the average of the numbers.",
        "4, 8, 15, 9",
        "The numbers add up to 36, and 36 / 4 = 9. The average is 9.",
    ),
    (
        "Explain what a firewall does.",
        "",
        (
            "A firewall checks the traffic between a network and the outside. It lets through what"
            " its rules allow and blocks the rest."
        ),
    ),
    (
        "Write a one-line greeting for a hotel guest.",
        "",
        (
            "Welcome to the Harbour House! Your room looks out on the boats, and breakfast is"
            " served until eleven."
        ),
    ),
    (
        "Pick the odd one out.",
        "violin, cello, trumpet, viola",
        "Trumpet. It is a brass instrument, while the others have strings.",
    ),
    ("When did the Berlin Wall fall?", "", "It was opened on 9 November 1989."),
    ("Write the number in Roman numerals.", "1944", "MCMXLIV"),
    (
        "Give two reasons to mulch a flower bed.",
        "",
        "Mulch keeps moisture in the soil, and it shades out weeds.",
    ),
    (
        "What is the next number of the sequence?",
        "2, 6, 12, 20, 30",
        "42. The differences grow by two each time: 4, 6, 8, 10, 12.",
    ),
    (
        "Describe the taste of umami.",
        "",
        (
            "Umami is a savoury, brothy taste. Ripe tomatoes, mushrooms, soy sauce and aged cheese"
            " are full of it."
        ),
    ),
    ("Write a Python expression that reverses a string s.", "", "s[::-1]"),
    (
        "Shorten the sentence to at most six words.",
        "Due to the fact that it was raining, the match had to be called off.",
        "Rain stopped the match.",
    ),
    (
        "Who painted the ceiling of the Sistine Chapel?",
        "",
        "Michelangelo painted it between 1508 and 1512.",
    ),
    ("Convert the binary number to decimal.", "101101", "101101 in binary is 32 + 8 + 4 + 1 = 45."),
    (
        "Invent a proverb about patience.",
        "",
        "The kettle does not boil faster for being watched, but the watcher learns its song.",
    ),
    ("Which planet has the shortest year?", "", "Mercury. It goes round the Sun in about 88 days."),
    (
        "Turn the title into a file name without spaces.",
        "Minutes of the Spring Meeting",
        "minutes-of-the-spring-meeting",
    ),
    (
        'Explain the proverb "a stitch in time saves nine".',
        "",
        "A small repair made early prevents a much larger one later.",
    ),
]

STACK_OVERFLOW = "pacovaldez/stackoverflow-questions"

# (prompt, response, source); a Stack Overflow prompt is the question's body, which is HTML
GPT4ALL: list[tuple[str, str | None, str]] = [
    (
        (
            "<p>I want the keys of a dict in the order of their values, but this sorts by"
            ' key:</p>\n\n<pre><code>stock = {"pear": 7, "fig": 2, "plum": 5}\nfor name in'
            " sorted(stock):\n    print(name)\n</code></pre>\n\n<p>What am I missing?</p>\n"
        ),
        (
            "Tell `sorted` what to compare by passing a key function:\n\n```python\nfor name in"
            " sorted(stock, key=stock.get):\n    print(name)\n```\n\nThis prints `fig`, `plum`,"
            " `pear`. Add `reverse=True` for the opposite order."
        ),
        STACK_OVERFLOW,
    ),
    (
        "What should I put into a bird feeder in winter?",
        "Sunflower seeds and suet suit most garden birds. Leave out bread and anything salted.",
        "laion/unified_chip2",
    ),
    (
        (
            "<p>My template does not compile:</p>\n<pre><code>std::vector&lt;std::pair&lt;int,"
            " int&gt;&gt; edges;\nfor (int i = 0; i &lt; edges.size() &amp;&amp; i &gt;= 0; i++)"
            " {\n    auto [a, b] = edges[i];\n}\n</code></pre>\n<p>The compiler says"
            " <code>structured bindings only available with -std=c++17</code>. Do I have to rewrite"
            " it?</p>\n"
        ),
        (
            "No, tell the compiler to use the newer standard:\n\n```bash\ng++ -std=c++17 -Wall"
            " main.cpp\n```\n\nWith CMake, set `CMAKE_CXX_STANDARD` to 17."
        ),
        STACK_OVERFLOW,
    ),
    (
        'Give me a sentence with the word "serendipity".',
        "By pure serendipity, the lost letter fell out of the very book she had come to sell.",
        "unified_chip2",
    ),
    (
        (
            '<p>I have read the <a href="https://docs.python.org/3/library/csv.html">csv'
            " documentation</a> and still get an empty line after every row on"
            " Windows.</p>\n\n<ul>\n<li>Python 3.10</li>\n<li>the file is opened with"
            ' <code>open("out.csv", "w")</code></li>\n</ul>\n\n<p>How do I get rid of them?</p>\n'
        ),
        (
            'Open the file with `newline=""`. The csv module writes its own line endings, and'
            " without that argument Windows turns each of them into two:\n\n```python\nwith"
            ' open("out.csv", "w", newline="") as f:\n    ...\n```'
        ),
        STACK_OVERFLOW,
    ),
    (
        "How do I get candle wax out of a tablecloth?",
        (
            "Let the wax harden and scrape it off with a spoon. Lay brown paper over the rest and"
            " iron it at low heat, so that the paper soaks up the wax."
        ),
        "laion/unified_chip2",
    ),
    (
        "List the days on which the museum is closed if it opens from Tuesday to Saturday.",
        "It is closed on Sunday and Monday.",
        "",
    ),
    (
        (
            "<p>Which of these two queries is faster on a table with an index on"
            " <code>created</code>?</p>\n\n<ol>\n<li><code>WHERE DATE(created) ="
            " '2023-01-05'</code></li>\n<li><code>WHERE created &gt;= '2023-01-05' AND created &lt;"
            " '2023-01-06'</code></li>\n</ol>\n\n<blockquote>\n  <p>A colleague says that it makes"
            " no difference.</p>\n</blockquote>\n"
        ),
        (
            "The second one. A function around the column usually keeps the database from using the"
            " plain index on `created`, so the first query has to look at every row. The range in"
            " the second query can be read straight from the index."
        ),
        STACK_OVERFLOW,
    ),
    ("?", "Could you tell me what you would like to know?", "laion/unified_chip2"),
    ("What do you call a baby kangaroo?", "It is called a joey.", "unified_chip2"),
    ("Suggest a name for a grey parrot that likes to whistle.", "", "laion/unified_chip2"),
    (
        (
            "<p>Git refuses to delete my branch:</p>\n\n<pre><code>$ git branch -d spike\nerror:"
            " The branch 'spike' is not fully merged.\n</code></pre>\n\n<p>I am"
            " <strong>sure</strong> that I do not need it any more.</p>\n"
        ),
        (
            "Use the capital letter, which skips the check:\n\n```bash\ngit branch -D"
            " spike\n```\n\nIf you change your mind, `git reflog` still shows the last commit for a"
            " while."
        ),
        STACK_OVERFLOW,
    ),
    (
        "How many strings does a standard violin have?",
        "Four: G, D, A and E.</s> \nThey are tuned in fifths.",
        "laion/unified_chip2",
    ),
    (
        "Write a reminder that the library books are due on Friday.",
        "Don't forget: your library books are due back this Friday!",
        "unified_chip2",
    ),
    ('Translate "good night" into Dutch.', None, "laion/unified_chip2"),
    (
        (
            "<p>This always prints <code>5</code> five times. Why?</p>\n\n<pre><code>for (var i ="
            " 0; i &lt; 5; i++) {\n  setTimeout(function () {\n    console.log(i);\n  },"
            " 10);\n}\n</code></pre>\n"
        ),
        (
            "`var` makes one `i` for the whole function, and the callbacks run after the loop has"
            " ended, when it is 5. With `let` every round gets its own"
            " variable:\n\n```javascript\nfor (let i = 0; i < 5; i++) {\n  setTimeout(() =>"
            " console.log(i), 10);\n}\n```"
        ),
        STACK_OVERFLOW,
    ),
    (
        "I am bored on a long train ride. Any ideas without a screen?",
        (
            "Sketch the person opposite from memory, count how many kinds of trees go by, or write"
            " a letter by hand and post it at the next station."
        ),
        "laion/unified_chip2",
    ),
    ('What is the opposite of "nocturnal"?', "Diurnal: active by day.", ""),
    (
        (
            "<p>I'd like to round to two decimals, but <code>round(2.675, 2)</code> gives"
            " <code>2.67</code>:</p>\n\n<pre><code>&gt;&gt;&gt; round(2.675,"
            " 2)\n2.67\n</code></pre>\n\n<p>Is this a bug?</p>\n"
        ),
        (
            "It is not. 2.675 has no exact binary form; the stored number is slightly smaller, so"
            " it rounds down. Use `decimal` when the digits matter:\n\n```python\nfrom decimal"
            ' import Decimal, ROUND_HALF_UP\n\nDecimal("2.675").quantize(Decimal("0.01"),'
            " ROUND_HALF_UP)  # Decimal('2.68')\n```"
        ),
        STACK_OVERFLOW,
    ),
    (
        "How long should I boil a corn cob?",
        "Five to seven minutes in unsalted water are enough for a fresh cob.",
        "laion/unified_chip2",
    ),
    ("Which metal is liquid at room temperature?", "Mercury is.", "unified_chip2"),
    (
        "Write two lines that advertise a night train to the sea.",
        "Fall asleep between two suburbs.\nWake up with salt on the window.",
        "",
    ),
    (
        "<p>How do I stop <code>ls</code> from listing files that end in <code>~</code>?</p>",
        (
            "GNU `ls` has a switch for backup files:\n\n```bash\nls -B\n```\n\nPut `alias ls='ls"
            " -B'` into your `.bashrc` to make it permanent."
        ),
        STACK_OVERFLOW,
    ),
    (
        "Tell me how a sundial shows the time.",
        (
            "The edge of its upright part throws a shadow that moves as the Earth turns, and lines"
            " on the plate mark where it falls at each hour."
        ),
        "",
    ),
]

GPT4ALL_J: list[tuple[str, str | None, str]] = [
    (
        "<p>How can I make a <code>div</code> scroll while its header stays in place?</p>\n",
        (
            "Give the header `position: sticky; top: 0;` and let the surrounding `div` have a fixed"
            " height with `overflow-y: auto`."
        ),
        STACK_OVERFLOW,
    ),
    (
        "<p>In R, what is the difference between <code>NA</code> and <code>NULL</code>?</p>\n",
        (
            "`NA` is a missing value that takes up a place in a vector. `NULL` is the absence of an"
            " object; it has length 0 and vanishes inside `c()`."
        ),
        STACK_OVERFLOW,
    ),
    (
        "Describe a morning on a fishing boat in four short sentences.",
        (
            "It is still dark. The engine coughs, then hums. Gulls gather behind us as if they had"
            " read the tide table. By the time the nets are up, the sun has found the harbour."
        ),
        "nomic-ai",
    ),
    (
        "Write a short script for a weather report from the planet Mars.",
        (
            "Good evening! Expect a clear and cold night with minus seventy degrees near the"
            " equator. A dust devil may cross the plain after noon. Umbrellas stay at home, and so"
            " does the rain, as for the last few billion years."
        ),
        "nomic-ai",
    ),
    (
        "Explain the moral of the tale of the boy who cried wolf.",
        "Whoever lies for fun is not believed when the truth matters.",
        "nomic-ai",
    ),
    (
        "How do I sharpen a kitchen knife on a whetstone?",
        (
            "Soak the stone, hold the blade at about twenty degrees and draw it over the stone with"
            " even strokes, the same number on each side. Finish on the finer face."
        ),
        "laion/unified_chip2",
    ),
    (
        "Name a game that two people can play with a pencil and paper.",
        (
            "Dots and boxes: the players take turns to draw lines between dots, and whoever closes"
            " a box owns it."
        ),
        "laion/unified_chip2",
    ),
    (
        "Can you eat the skin of a kiwi?",
        "Yes. It is edible once it has been washed, and it is rich in fibre.",
        "unified_chip2",
    ),
    (
        "What should a first-aid kit for cyclists contain?",
        (
            "Plasters, sterile gauze, a bandage, disinfectant, tweezers and a rescue blanket."
            " Gloves keep oil out of the wound."
        ),
        "unified_chip2",
    ),
    (
        (
            "Here is a table of trees.\ncol : tree | height_m\nrow 1 : birch | 22\nrow 2 : spruce |"
            " 38\nrow 3 : hazel | 6\n\nWhich tree is the tallest?"
        ),
        "spruce",
        "unified_unifiedskg_instructions",
    ),
    (
        "Turn the facts into a sentence: (Oslo, capital of, Norway), (Oslo, lies on, Oslofjord)",
        "Oslo, the capital of Norway, lies on the Oslofjord.",
        "unified_unifiedskg_instructions",
    ),
    (
        (
            "Write a SQL query for the question. Table: boats(name, length, port). Question: How"
            " many boats are in the port Varna?"
        ),
        "SELECT COUNT(*) FROM boats WHERE port = 'Varna'",
        "output_unified_unifiedskg.jsonl",
    ),
    (
        (
            "Read the statement and answer true or false. Table: city | founded; Tallow | 1204;"
            " Brine | 1340. Statement: Brine is older than Tallow."
        ),
        "false",
        "output_unified_unifiedskg.jsonl",
    ),
    (
        (
            "Summarize the article.\n\nThe footbridge at Mill Lane will stay shut until June."
            " Engineers had found rust in two of its cables in January, and the spare parts come"
            " from a single factory abroad. Walkers can use the ferry free of charge."
        ),
        (
            "The footbridge at Mill Lane stays closed until June for want of cable parts; the ferry"
            " is free meanwhile."
        ),
        "unified_multi_sum",
    ),
    (
        (
            "Give a headline for the article.\n\nFor the first time in nine years a pair of storks"
            " has built a nest on the chimney of the old dairy. The village has switched off the"
            " floodlights so that the birds can sleep."
        ),
        "Village dims its lights for a pair of storks",
        "unified_multi_sum",
    ),
    (
        (
            'Fill in the missing sentence. "We measured the depth of the pond every week. [...] We'
            ' conclude that the leak lies on the north side."'
        ),
        "The water fell fastest after the northern bank had been cut back.",
        "unified_abstract_infill_output_0-100_000.jsonl",
    ),
    (
        (
            'Fill in the missing sentence. "Bees were fed with sugar water from blue and yellow'
            ' dishes. [...] Colour, then, is learned within a day."'
        ),
        "By the evening of the first day they flew to the blue dishes even when those were empty.",
        "unified_abstract_infill_output-100-000-x.jsonl",
    ),
    (
        "Why do we get goose bumps?",
        (
            "Tiny muscles pull the hairs upright when we are cold or frightened. In animals with"
            " fur that traps warm air and makes them look bigger; in us it is a leftover."
        ),
        "unified_hc3_human",
    ),
    (
        "Please explain like I'm five: why is the sea salty?",
        (
            "Rain washes tiny bits of salt out of rocks, and rivers carry them to the sea. The sun"
            " takes water back into the sky but leaves the salt behind, so over a very long time it"
            " piles up."
        ),
        "unified_hc3_human",
    ),
    (
        "Which side of a page does a verso lie on in a printed book?",
        "The verso is the left-hand page, the recto the right-hand one.",
        "",
    ),
]


def filled_prompt(instruction: str, context: str, output: str) -> str:
    """Return the hub copy's fourth column: the prompt as a model is trained on it."""
    if context:
        intro = (
            "This is a task together with the material it refers to. Answer in a way that fulfils"
            " the task."
        )
        return (
            f"{intro}\n\n### Instruction:\n{instruction}\n\n### Input:\n{context}\n\n###"
            f" Response:\n{output}"
        )
    intro = "This is a task. Answer in a way that fulfils it."
    return f"{intro}\n\n### Instruction:\n{instruction}\n\n### Response:\n{output}"


def write_parquet(name: str, columns: list[str], rows: Sequence[tuple[str | None, ...]]) -> None:
    """Write string columns with the `huggingface` metadata that files on the hub carry."""
    features = {column: {"dtype": "string", "_type": "Value"} for column in columns}
    schema = pa.schema(
        [(column, pa.string()) for column in columns],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(columns))]
    path = SAMPLES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def main() -> None:
    """Write all three files."""
    hub = [(*row, filled_prompt(*row)) for row in ALPACA_HUB]
    write_parquet(
        "alpaca/hub/train-00000-of-00001-a09b74b3ef9c3b56.parquet",
        ["instruction", "input", "output", "text"],
        hub,
    )
    columns = ["prompt", "response", "source"]
    write_parquet("gpt4all/data/train-00000-of-00002-de0ae301d048d960.parquet", columns, GPT4ALL)
    write_parquet("gpt4all/j/train-00000-of-00004-0f1c2d3e4b5a6978.parquet", columns, GPT4ALL_J)


if __name__ == "__main__":
    main()
