"""Draw the README's picture: two chats on two platforms, one conversation.

    python docs/pictures/one_conversation.py > docs/pictures/one_conversation.svg

Every shape brings its own colours, so the picture reads the same on a light and a dark page.
"""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 940, 330
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
DISCORD, TELEGRAM, OURS, ARROW = "#5865F2", "#229ED9", "#0F766E", "#8B949E"
TEXT, FAINT = "#1F2328", "#656D76"

SAID = [
    ("Discord", "Ann", "My cat is called Tom."),
    ("Discord", "Bot", "What a nice name!"),
    ("Telegram", "Ann", "Who is Tom?"),
    ("Telegram", "Bot", "Tom is your cat."),
]


def rect(x, y, width, height, *, fill, radius=12, stroke="none"):
    """A box with round corners."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def text(x, y, words, *, size=14, fill=TEXT, weight=400, anchor="start"):
    """A line of text, by its baseline."""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def phone(x, platform, color, mine, answer):
    """A chat on a phone: what Ann says on the right, what the bot answers on the left."""
    width, top, height = 220, 14, 302
    yield rect(x, top, width, height, fill="#24292F", radius=28, stroke="#6E7781")
    yield rect(x + 8, top + 8, width - 16, height - 16, fill="#FFFFFF", radius=20)

    yield f'<path d="M{x + 8} {top + 62}v-34a20 20 0 0 1 20 -20h{width - 56}'
    yield f'a20 20 0 0 1 20 20v34z" fill="{color}"/>'
    yield f'<circle cx="{x + 38}" cy="{top + 36}" r="14" fill="#FFFFFF" fill-opacity="0.25"/>'
    yield text(x + 38, top + 41, platform[0], fill="#FFFFFF", weight=700, anchor="middle")
    yield text(x + 62, top + 41, platform, size=16, fill="#FFFFFF", weight=600)

    yield rect(x + 32, top + 86, width - 52, 40, fill=color, radius=16)
    yield text(x + 46, top + 111, mine, size=13, fill="#FFFFFF")
    yield rect(x + 20, top + 140, width - 66, 40, fill="#EAEEF2", radius=16)
    yield text(x + 34, top + 165, answer, size=13)

    yield rect(x + 20, top + 252, width - 40, 30, fill="#F6F8FA", radius=15, stroke="#D0D7DE")
    yield text(x + 36, top + 272, "Message", size=13, fill="#8C959F")


def conversation(x, width):
    """The one conversation, with where each message was said."""
    top, height = 26, 278
    yield rect(x, top, width, height, fill="#FFFFFF", radius=16, stroke="#D0D7DE")
    yield f'<path d="M{x} {top + 52}v-36a16 16 0 0 1 16 -16h{width - 32}'
    yield f'a16 16 0 0 1 16 16v36z" fill="{OURS}"/>'
    yield text(x + 20, top + 33, "One conversation", size=16, fill="#FFFFFF", weight=600)
    yield text(x + width - 20, top + 33, "with Ann", size=14, fill="#FFFFFF", anchor="end")

    for number, (platform, who, words) in enumerate(SAID):
        y = top + 72 + number * 40
        color = DISCORD if platform == "Discord" else TELEGRAM
        yield rect(x + 16, y, 68, 24, fill=color, radius=12)
        yield text(x + 50, y + 16, platform, size=11, fill="#FFFFFF", weight=600, anchor="middle")
        yield text(x + 94, y + 17, who, size=13, weight=600)
        yield text(x + 132, y + 17, words, size=13)

    yield f'<path d="M{x + 16} {top + 240}h{width - 32}" stroke="#D0D7DE"/>'
    yield text(
        x + width / 2, top + 264, "SQLite or PostgreSQL", size=13, fill=FAINT, anchor="middle"
    )


def arrow(x, y, length, color):
    """A line with a head at both ends, below the command that made the link."""
    yield text(x + length / 2, y - 16, "/link", size=14, fill=color, weight=600, anchor="middle")
    end = x + length
    yield f'<path d="M{x + 6} {y}H{end - 6}" stroke="{color}" stroke-width="3"/>'
    yield f'<path d="M{x} {y}l10 -6v12zM{end} {y}l-10 -6v12z" fill="{color}"/>'


def picture():
    """The whole picture, piece by piece."""
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}" role="img" '
        'aria-labelledby="title">'
    )
    yield '<title id="title">Ann writes on Discord and on Telegram: one conversation.</title>'
    yield from phone(12, "Discord", DISCORD, "My cat is called Tom.", "What a nice name!")
    yield from conversation(310, 320)
    yield from phone(WIDTH - 232, "Telegram", TELEGRAM, "Who is Tom?", "Tom is your cat.")
    yield from arrow(242, 170, 58, ARROW)
    yield from arrow(640, 170, 58, ARROW)
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture()))  # noqa: T201 - the picture goes to standard output
