"""adapters/README.md shows the whole example, which is as short as it says and works."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "examples" / "session_plugin_linechat.py"
BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "adapters" / "README.md").read_text(), re.DOTALL
)


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_the_page_shows_all_of_the_example() -> None:
    assert lines_of("".join(BLOCKS[:-1])) == lines_of(ADAPTER.read_text())


def test_the_adapter_has_at_most_sixty_lines_without_imports_and_documentation() -> None:
    text = ADAPTER.read_text()

    excluded = set()
    for node in ast.walk(ast.parse(text)):
        is_documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_documentation or isinstance(node, ast.Import | ast.ImportFrom):
            excluded |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))

    code = [
        line
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and number not in excluded
    ]
    assert 40 < len(code) <= 60


def test_the_adapter_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    (tmp_path / "session_plugin_linechat.py").write_text("".join(BLOCKS[:-1]))
    (tmp_path / "test_linechat.py").write_text(BLOCKS[-1])
    paths = [str(tmp_path), str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")]

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-o",
            "asyncio_mode=auto",
            f"--rootdir={tmp_path}",
            "-rs",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        timeout=600,
        check=False,
    )

    passed = re.search(r"(\d+) passed, (\d+) skipped", ran.stdout)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert passed is not None
    assert int(passed[1]) > 60, ran.stdout[-3000:]
