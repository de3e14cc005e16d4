"""What the documents say is what the program does."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gaiji.cli import COMMANDS, command_line, run
from gaiji.errors import language, problem_types
from gaiji.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
DEPLOYMENT = [ROOT / name for name in ("Dockerfile", "compose.yaml", ".dockerignore", "Makefile")]
RECORDS = sorted((DOCS / "adr").glob("*.md"))
NO_MODULES = ("gaiji.db", "gaiji.access")  # a file, and a logger
SHARED = ("--home", "--by", "--format")
FENCE = re.compile(r"^```(\S*)[ ]?(\S*)\n(.*?)^```$", re.M | re.S)


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command of the command line with its words."""
    todo: list[tuple[str, Any]] = [("gaiji", typer.main.get_command(command_line()))]
    while todo:
        name, command = todo.pop()
        parts = getattr(command, "commands", None)
        if parts is None:
            yield name, command
        else:
            todo += [(f"{name} {word}", part) for word, part in parts.items()]


def options(command: Any) -> set[str]:
    return {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }


def sections(text: str, level: int) -> dict[str, str]:
    """Return what stands under each heading of a level, by heading."""
    parts = re.split(rf"^#{{{level}}} (.*)$", text, flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {
        name: re.split(rf"^#{{1,{level}}} ", body, flags=re.M)[0] for name, body in found.items()
    }


# --- commands, settings, problems, addresses


def test_every_command_names_the_module_it_is_loaded_from() -> None:
    whole = typer.main.get_command(command_line())
    assert set(getattr(whole, "commands")) == set(COMMANDS)  # noqa: B009
    for name in COMMANDS:
        alone = typer.main.get_command(command_line(name))
        assert name in getattr(alone, "commands")  # noqa: B009


def test_every_command_and_option_stands_in_the_command_page() -> None:
    described = sections(read("docs/cli.md"), 3)
    known = dict(commands())
    assert set(described) == set(known)
    for name, command in known.items():
        said = set(re.findall(r"`(--[a-z-]+)`", described[name].split("\nShared: ")[0]))
        shared = set(
            re.findall(r"`(--[a-z-]+)`", described[name].split("\nShared: ")[1].split("\n")[0])
        )
        own = options(command)
        assert said | shared == own, name
        assert shared == own & set(SHARED), name


def test_the_command_page_tells_the_defaults_as_they_are() -> None:
    described = sections(read("docs/cli.md"), 3)
    for name, command in commands():
        for parameter in command.params:
            default = parameter.default
            option = next((one for one in parameter.opts if one.startswith("--")), None)
            if option is None or option in SHARED or isinstance(default, bool) or not default:
                continue
            told = "a space" if default == " " else f"`{default}`"
            row = rf"^\| `{option}`[^|]*\| {re.escape(told)} \|"
            assert re.search(row, described[name], re.M), f"{name} {option} {default}"


def test_the_readmes_name_every_command_group() -> None:
    first = {name.split()[1] for name, _ in commands()}
    for page in ("README.md", "README.ja.md"):
        assert first == set(re.findall(r"^\| `gaiji ([a-z]+)` \|", read(page), re.M)), page


def test_every_setting_stands_in_the_operations_page() -> None:
    told = set(re.findall(r"^\| `(GAIJI_[A-Z_]+)` \|", read("docs/operations.md"), re.M))
    assert told == {f"GAIJI_{name.upper()}" for name in Settings.model_fields}
    page = read("docs/operations.md")
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int) and field.default_factory is None:
            assert re.search(rf"^\| `GAIJI_{name.upper()}` \| `{field.default}`", page, re.M), name


def test_every_problem_type_stands_in_the_api_page_with_its_statuses() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (\d+) \| (\d+) \| (.*?) \|", read("docs/api-design.md"), re.M
    )
    assert {code: (int(status), int(exit_status)) for code, status, exit_status, _ in rows} == {
        code: (kind.status, kind.exit_code) for code, kind in problem_types().items()
    }
    for code, _, _, title in rows:
        kind = problem_types()[code]
        assert title == f"{kind.title.en} ({kind.title.ja})"


def test_every_address_stands_in_the_api_page_with_its_deed(tmp_path: Path) -> None:
    from gaiji.web.app import create_app, openapi

    service = create_app(Settings(home=tmp_path))
    document = openapi(service)
    wanted = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    rows = re.findall(
        r"^\| (GET|PUT|POST|DELETE|PATCH) \| `(.*?)` \| (?:`([a-z]+)`)? ?\|",
        read("docs/api-design.md"),
        re.M,
    )
    assert {(method, path) for method, path, _ in rows} == wanted
    deeds = {
        (method, route.path): route.rule.deed or ""
        for route in service.state.routes
        for method in route.methods
    }
    for method, path, deed in rows:
        assert deeds[method, path] == deed, (method, path)
    service.state.engine.dispose()


def test_the_table_of_roles_is_the_programs() -> None:
    from gaiji.registry.principals import ROLES, SCOPED

    page = read("docs/api-design.md")
    head = re.search(r"^\| role \| (.*) \| for \|$", page, re.M)
    assert head
    deeds = head[1].split(" | ")
    assert set(deeds) == set().union(*ROLES.values())
    for role, may in ROLES.items():
        row = re.search(rf"^\| `{role}` \|(.*)\| (.*) \|$", page, re.M)
        assert row, role
        marks = [cell.strip() for cell in row[1].split("|")]
        assert {deed for deed, mark in zip(deeds, marks, strict=True) if mark} == may, role
        assert row[2] == ("its members" if role in SCOPED else "all members")


# --- pages hold together


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    prose = FENCE.sub("", text)
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
    tops = "gaiji|docs|tests|tools|migrations|fonts|benchmarks"
    for name in re.findall(rf"`((?:{tops})/[\w./-]+)`", prose):
        made_here = name == "fonts/" or name in ("docs/benchmarks.md", "docs/reliability.md")
        assert made_here or (ROOT / name).exists(), name
    for dotted in re.findall(r"`(gaiji(?:\.\w+)+)`", prose):
        assert dotted in NO_MODULES or _found(dotted), dotted


def _found(dotted: str) -> bool:
    """Tell whether a dotted name is a module of the package, or a name that stands in one."""
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:split])
        file = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
        if file.exists():
            text, rest = file.read_text("utf-8"), parts[split:]
            return all(
                re.search(rf"\b(?:def|class) {name}\b|^\s*{name}\b", text, re.M) for name in rest
            )
    return False


def test_the_readmes_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    for page in ("README.md", "README.ja.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(re.findall(r"`[^`]*`", read(page)))))
        blocks = [body for kind, _, body in FENCE.findall(read(page)) if kind == "sh"]
        named |= {word for body in blocks for word in re.findall(r"^make (.*)$", body, re.M)}
        for target in {one for words in named for one in words.split()}:
            assert target in targets, (page, target)
    assert FENCE.findall(read("README.md"))[0] == ("sh", "", "make demo\nmake test\n")
    assert FENCE.findall(read("README.ja.md"))[0] == ("sh", "", "make demo\nmake test\n")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_record_is_one_page_with_four_headings(record: Path) -> None:
    text = record.read_text("utf-8")
    assert len(text.splitlines()) <= 60
    number = int(record.name[:4])
    assert text.startswith(f"# {number}. ")
    wanted = ["Context", "Decision", "Consequences", "Alternatives refused"]
    assert re.findall(r"^## (.*)$", text, re.M) == wanted


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("page", [*PAGES, *DEPLOYMENT], ids=lambda page: page.name)
def test_no_page_names_a_machine_or_a_package_index(page: Path) -> None:
    text = page.read_text("utf-8")
    hosts = (
        "pypi" + ".org",
        "npmjs" + ".com",
        "npmjs" + ".org",
        "debian" + ".org",
        "crates" + ".io",
    )
    for host in hosts:
        assert host not in text, host
    assert not re.search(r"(?<![\w.])/(?:work|tmp/\w|home/|root/)", text)
    assert not re.search(r"(?i)\bissue\s+#?\d|#\d{1,4}\b|--index-url|\bsession \d", text)


# --- examples run


def test_the_examples_of_the_conversion_page_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spoken = language.get()
    done = 0
    for kind, name, body in FENCE.findall(read("docs/conversion.md")):
        if kind == "csv" and name:
            Path(name).write_text(body, "utf-8")
        if kind != "console":
            continue
        for step in re.split(r"^\$ ", body, flags=re.M)[1:]:
            command, _, expected = step.partition("\n")
            said = _typed(command, monkeypatch, capfd)
            assert _as_printed(expected, said), f"$ {command}\n{said}"
            done += 1
    language.set(spoken)
    assert done >= 20


def _typed(command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> str:
    """Do one line of a terminal and return what it printed: `gaiji` in this process, else by the shell."""
    words = shlex.split(command)
    if words[0] == "export":
        for word in words[1:]:
            monkeypatch.setenv(*word.split("=", 1))
        for name in ("LC_ALL", "LC_MESSAGES"):
            monkeypatch.delenv(name, raising=False)
        return ""
    if words[0] == "gaiji":
        capfd.readouterr()
        run(words[1:])
        return "".join(capfd.readouterr())
    return subprocess.run(
        ["sh", "-c", command], check=True, capture_output=True, text=True, env=dict(os.environ)
    ).stdout


def _as_printed(expected: str, said: str) -> bool:
    """Compare line by line; `…` stands for anything, alone on a line for any lines, spaces at the end for none."""
    lines = [line.rstrip() for line in expected.splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"[ ]*\n"
        for line in lines
    )
    return re.fullmatch(pattern, said) is not None


# --- deployment


def test_the_image_copies_what_exists_and_does_not_run_as_root() -> None:
    text = read("Dockerfile").replace("\\\n", " ")
    ignored = read(".dockerignore")
    for sources in re.findall(r"^COPY (?!--from)(.*)$", text, re.M):
        for source in sources.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source.removeprefix('./')}\n" in ignored, source
    users = re.findall(r"^USER (\S+)$", text, re.M)
    assert users
    assert users[-1] not in ("root", "0")
    assert re.search(r"^HEALTHCHECK .*/readyz", text, re.M)
    fonts = set(re.findall(r'^package = "(.*)"$', read("fonts/SOURCES.toml"), re.M))
    assert all(package in text for package in fonts)
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE"} <= set(text.split())


def test_the_compose_file_names_what_exists() -> None:
    plan = yaml.safe_load(read("compose.yaml"))
    settings = {f"GAIJI_{name.upper()}" for name in Settings.model_fields}
    services = plan["services"]
    assert services["database"]["image"].startswith("postgres:16")
    for name, service in services.items():
        assert "healthcheck" in service, name
        ours = {key for key in service["environment"] if key.startswith("GAIJI_")}
        assert ours <= settings, name
        assert set(service["secrets"]) <= set(plan["secrets"])
        assert {volume.split(":")[0] for volume in service["volumes"]} <= set(plan["volumes"])
        assert set(service.get("depends_on", {})) <= set(services)
    assert "GAIJI_DATABASE" in services["service"]["environment"]
    assert all("file" in secret for secret in plan["secrets"].values())
    known = {" ".join(name.split()[1:]) for name, _ in commands()}
    for name in ("setup", "service"):
        line = " ".join(services[name]["command"])
        for words in re.findall(r"gaiji ([a-z]+(?: [a-z]+)?)", line):
            assert words in known or words.split()[0] in known, words
