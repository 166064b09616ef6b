"""Whatever a tree of statements looks like in a file, the same tree is read from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.config.keepalived.reading import Parsed, Plain, good

BLANKS = st.text(alphabet=" \t", min_size=1, max_size=3)
MAYBE = st.sampled_from(("", " ", "\t", "  "))
NOTHING = st.sampled_from(("", "# a comment {", '! another } "', "   "))
#: words that need no quotation marks, and words that do
BARE = st.text(alphabet="abcXYZ0189_./:-+é'%=", min_size=1, max_size=8).filter(
    lambda text: text[0] not in "~"
)
QUOTED = st.text(alphabet="ab {}#!'@~ ", min_size=1, max_size=8)
WORDS = st.lists(st.one_of(BARE, QUOTED), min_size=0, max_size=3)


def trees(depth: int) -> st.SearchStrategy[Plain]:
    """Return strategies for lists of statements, each with a block perhaps."""
    words = st.builds(lambda first, more: [first, *more], BARE, WORDS)
    if not depth:
        return st.lists(words, max_size=3)
    blocks = st.builds(lambda head, block: [*head, block], words, trees(depth - 1))
    return st.lists(st.one_of(words, blocks), max_size=3)


@st.composite
def written(draw: st.DrawFn, tree: Plain) -> str:
    """Return a text that holds a tree, in some style."""
    lines = []
    for statement in tree:
        assert isinstance(statement, list)
        words = [word for word in statement if isinstance(word, str)]
        line = draw(MAYBE) + draw(BLANKS).join(map(quoted, words))
        block = statement[-1] if isinstance(statement[-1], list) else None
        if block is None:
            lines.append(line + draw(MAYBE) + draw(NOTHING).replace("   ", ""))
            continue
        inner = draw(written(block))
        opening = draw(st.sampled_from((" {\n", "{", "\n{\n", "\n\n  {")))
        closing = draw(st.sampled_from(("\n}", " }"))) if inner.rstrip().endswith(("}", "")) else "\n}"
        lines.append(f"{line}{opening}{inner}\n{closing.strip() or closing}")
        lines.append(draw(NOTHING))
    return "\n".join(lines)


def quoted(word: str) -> str:
    """Return a word as it may stand in a file."""
    return word if not set(word) & set(" {}#!@~'") else f'"{word}"'


@given(st.data())
def test_a_tree_is_read_as_it_was_meant(data: st.DataObject) -> None:
    tree = data.draw(trees(3))
    text = data.draw(written(tree))
    parsed = Parsed(text)
    assert not parsed.heard.refused, text
    assert parsed.plain == tree, text


@given(st.data())
def test_a_definition_is_as_good_as_what_it_stands_for(data: st.DataObject) -> None:
    word = data.draw(st.text(alphabet="abc019.:/", min_size=1, max_size=9))
    cut = data.draw(st.integers(0, len(word)))
    assert good(f"$A={word[:cut]}\n$B={word[cut:]}\n$C=${{A}}${{B}}\nx ${{A}}${{B}} $C y") == [
        f"x {word} {word} y"
    ]
