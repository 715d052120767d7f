"""How the site is made of the pages in this folder: `sphinx-build -W -n -b html docs site`.

Nothing is fetched. What stands in other projects' documentation is found by the inventories in
`inventories/`; docstrings are made readable to Sphinx in `extensions/docstrings.py`.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "extensions"), str(DOCS.parent), str(DOCS.parent / "adapters")]

import session_plugin  # noqa: E402 - found by the path above

project = "session_plugin"
copyright = "the authors of session_plugin, MIT licence"  # noqa: A001 - Sphinx reads this name
version = release = session_plugin.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "myst_parser", "docstrings", "pages"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["extensions", "pictures", "static", "inventories"]

# Headings have the anchors that GitHub gives them, so a link is the same here and there.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {"members": True, "inherited-members": "object"}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
add_module_names = False
toc_object_entries_show_parents = "hide"

intersphinx_mapping = {
    "python": ("https://docs.python.org/3", str(DOCS / "inventories" / "python.inv")),
    "discord": (
        "https://discordpy.readthedocs.io/en/stable",
        str(DOCS / "inventories" / "discord.inv"),
    ),
    "telegram": (
        "https://docs.python-telegram-bot.org/en/stable",
        str(DOCS / "inventories" / "telegram.inv"),
    ),
}

# Types in signatures that have no place of their own on the site: variables, what is returned to be
# read and never made, and the types of frameworks whose documentation is theirs.
nitpick_ignore_regex = [
    ("py:class", r"(.*\.)?(T|BotT|UD|kind)"),
    ("py:class", r"session_plugin\.(context\.marks\.Background|rules\.policies\.End)"),
    ("py:class", r"discord_simulator\.(endpoint\.Call|entities\.Simulated(Guild|Attachment))"),
    ("py:class", r"telegram_simulator\.world\.Content"),
    ("py:class", r"(agents|langchain_core|pydantic|pydantic_ai)\..*|types\.Annotated"),
    ("py:class", r"TResponseInputItem|ModelMessage|MeterProvider|TracerProvider"),
    ("py:class", r"HubCollector|Telemetry"),
]

html_theme = "furo"
html_title = "session_plugin"
html_static_path = ["static"]
html_css_files = ["width.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    # Furo's own fonts are the system's: nothing is loaded from elsewhere.
    "light_css_variables": {"color-brand-primary": "#0f766e", "color-brand-content": "#0f766e"},
    "dark_css_variables": {"color-brand-primary": "#5eead4", "color-brand-content": "#5eead4"},
}
