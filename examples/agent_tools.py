"""Two tools for the example agents. They answer from a table, so that they need no network."""

from __future__ import annotations

WEATHER = {"Lisbon": ("sunny, 24 °C", "windy, 19 °C"), "Oslo": ("snow, -3 °C", "clear, -8 °C")}
TIMES = {"Lisbon": "09:30", "Oslo": "10:30"}


def weather(city: str, day: str = "today") -> str:
    """Return the weather in a city.

    Args:
        city: The city's English name.
        day: "today" or "tomorrow".
    """
    if city not in WEATHER:
        return f"There is no forecast for {city}."

    today, tomorrow = WEATHER[city]
    return f"{city}, {day}: {tomorrow if day == 'tomorrow' else today}."


def local_time(city: str) -> str:
    """Return the time of day in a city.

    Args:
        city: The city's English name.
    """
    return f"It is {TIMES[city]} in {city}." if city in TIMES else f"I know no clock in {city}."
