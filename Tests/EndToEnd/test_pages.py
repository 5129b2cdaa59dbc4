"""What the pages in docs/ say is what the program does, as far as a program can tell: their configuration blocks are
accepted, their commands, keys, fault words and quoted sentences are the program's, and both languages say the same."""

import functools
import json
import re
import subprocess
from pathlib import Path

import pytest
from support.site import ROOT, WATCH_ROOT

TOP = Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
SENSORS = DOCS / "sensors"
PAGES = sorted(page.stem for page in SENSORS.glob("*.md") if not page.stem.endswith(".ja"))
TWINS = [SENSORS / f"{name}.md" for name in PAGES] + [DOCS / f"{name}.md" for name in ("installing", "probe", "recording", "backtest")]
# Those and the pages whose blocks are read beside others: each has a Japanese twin too.
TRANSLATED = TWINS + [DOCS / f"{name}.md" for name in (
    "alerts", "broker", "commands", "detection", "fiware", "open-data", "watching")]
ALL = sorted([*DOCS.rglob("*.md"), *TOP.glob("*.md")])

PORT_FAULTS = {"port_missing", "port_busy", "port_lost", "port_error"}
# The driver that a page is about, where its code raises faults, and what else it can be faulty with.
DRIVERS = {
    "modbus": ("modbus", ["Drivers/Modbus", "Protocols/CurrentLoop"], {"out_of_range"}),
    "a02yyuw": ("a02yyuw", ["Drivers/A02YYUW", "Drivers/TalkingLine.swift"], {"out_of_range", "silent"}),
    "maxbotix": ("maxbotix", ["Drivers/MaxBotix", "Drivers/TalkingLine.swift"], {"out_of_range", "silent"}),
    "sdi-12": ("sdi12", ["Drivers/SDI12"], {"out_of_range"}),
    "line": ("line", ["Drivers/Line"], {"out_of_range", "silent"}),
    "satellite-receiver": ("nmea", ["Drivers/NMEA"], {"silent"}),
    "board": ("board", ["Drivers/Board"], {"out_of_range"}),
    "bluetooth": ("hci", ["Drivers/HCI"], {"silent"}),
    "one-coin": ("radioContact", ["Drivers/RadioContact"], set()),
    "contact": ("gpio", ["Drivers/GPIO/ContactSensor.swift", "Drivers/GPIO/SupervisedContact.swift"], set()),
    "rain-gauge": ("gpio", ["Drivers/GPIO/TippingBucket.swift"], set()),
}
# Keys of the driver gpio that belong to the other of its two pages.
ELSEWHERE = {"contact": {"tip", "max_tips_per_second"}, "rain-gauge": {"wet", "active", "supervision"}}
# Raised for an output, which has a page of its own; never raised, because `check` has refused such a field.
TOLD_ELSEWHERE = {"modbus": {"not_switched"}, "line": {"missing_value"}}
# A file is held by nobody, and does not go away while it is read.
TOLD_ELSEWHERE["board"] = {"port_busy", "port_lost"}

RIVER = """[[sensor]]
id = "river-1"
name = "川"
driver = "modbus"
serial = "bus"
unit = 1
register = { table = "input", address = 0, type = "int16" }
"""
BUS = '[serial.bus]\ndevice = "/dev/ttyS1"\nbaud = 9600\nframe = "8E1"\n'
REST_OF_A_RIVER = RIVER.split('id = "river-1"\n')[1] + 'scale = 0.001\nquantity = "water_level"'
EARS = """[serial.ears]
device = "/dev/ttyS2"
baud = 1000000
[[sensor]]
id = "ears"
name = "受信機"
driver = "hci"
serial = "ears"
quantity = "beacon"
"""
UNDERPASS = """[[sensor]]
id = "underpass-1"
name = "接点"
driver = "gpio"
chip = "/dev/gpiochip0"
line = 1
bias = "pull-up"
quantity = "flood_contact"
"""
RS485 = BUS.replace("serial.bus", "serial.rs485")
# What has to stand around a block that is no whole table, or names others; all else stands alone.
AROUND = {
    ("contact", 1): lambda block: UNDERPASS + block,
    ("current-loop", 0): lambda block: BUS + RIVER.split("register")[0] + block,
    ("filters", 0): lambda block: BUS + block.replace("# …", REST_OF_A_RIVER),
    ("outputs", 0): lambda block: RS485 + UNDERPASS + 'wet = "closed"\n[[contact]]\nsensor = "underpass-1"\n'
    'severity = "severe"\nwet_after = "4s"\ndry_after = "10m"\n' + block,
    ("outputs", 1): lambda block: RS485 + UNDERPASS + 'wet = "closed"\n' + block + '[[output]]\nid = "siren"\n'
    'driver = "gpio"\nchip = "/dev/gpiochip0"\nline = 7\nsound_at = { severity = "severe", all_of = ["underpass-1"] }\n'
    '[[contact]]\nsensor = "underpass-1"\nseverity = "severe"\n',
    ("plausibility", 0): lambda block: BUS + block.replace("# …", REST_OF_A_RIVER, 1) + "\n" + RIVER.replace(
        "river-1", "river-2").replace("unit = 1", "unit = 2") + 'scale = 0.001\nquantity = "water_level"\n',
    ("satellite-receiver", 0): lambda block: block + EARS,
}


def fenced(page):
    """The fenced blocks of a page, as (language, text)."""
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(), re.M | re.S)


def blocks(page, language):
    return [text for kind, text in fenced(page) if kind == language]


def plain(block):
    """A block without comments and columns: what is the same in each language."""
    lines = (re.sub(r'(^|\s)#[^"]*$', "", line) for line in block.splitlines())
    text = re.sub(r"<[^<>]*>", "<>", "\n".join(lines))
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def unnamed(lines):
    """Command lines without the person's name that each language has its own of."""
    return [re.sub(r'--by "[^"]*"', '--by "…"', line) for line in lines]


COMMAND = re.compile(
    r"^ *((?:mimamori-gateway|\.build/|sudo|mosquitto|python3|\.python/|packaging/|cp|mkdir|gpio\w+)\b.*?)(?: {2,}.*)?$")


def commands(page):
    """The command lines of a page, from fences and from indented lines, without what is said beside them."""
    candidates = [line for kind, text in fenced(page) if kind == "" for line in text.splitlines()]
    candidates += re.findall(r"^ {4}(\S.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return [match[1] for line in candidates if (match := COMMAND.match(line))]


def sources(*parts):
    """The Swift code below Sources, or of some of its folders and files."""
    found = []
    for part in parts or [""]:
        place = TOP / "Sources" / part
        assert place.exists(), f"{place} is not there: correct the table of this test"
        found += [place] if place.is_file() else sorted(place.rglob("*.swift"))
    return "\n".join(file.read_text() for file in found)


@pytest.fixture(scope="module")
def causes():
    """Every fault word that the program knows, by its name in the code."""
    words = dict(re.findall(r'static let (\w+) = FaultCause\(rawValue: "(\w+)"\)', sources()))
    assert len(words) > 25
    return words


def code_words(text):
    """All that a text has between backticks, fences apart."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


def fault_rows(page):
    """The words in the first column of a page's table of faults."""
    words = []
    for section in re.split(r"^## ", page.read_text(), flags=re.M)[1:]:
        if re.match(r".*([Ff]ault|異常|障害|故障)", section.splitlines()[0]):
            for cell in re.findall(r"^\| ([^|]*) \|", section, re.M):
                words += [word for word in re.findall(r"`(\w+)`", cell) if word != "fault"]
    return words


def twin(page):
    return page.with_name(f"{page.stem}.ja.md")


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.stem)
def test_both_languages_have_the_same_blocks_and_commands(page):
    assert twin(page).exists(), f"{page.name} has no Japanese twin"
    for language in ("toml", "json"):
        assert list(map(plain, blocks(page, language))) == list(map(plain, blocks(twin(page), language)))
    assert unnamed(commands(page)) == unnamed(commands(twin(page)))


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.stem)
def test_both_languages_have_the_same_fault_words(page, causes):
    def said(page):
        return {word for word in code_words(page.read_text()) if word in causes.values()}

    assert said(page) == said(twin(page))
    assert fault_rows(page) == fault_rows(twin(page)), "the rows stand in the same order"


EVERY_BLOCK = [
    (page.stem, number, block) for page in TWINS for number, block in enumerate(blocks(page, "toml"))]
SCENARIOS = [(name, block) for name, _, block in EVERY_BLOCK if block.startswith("duration")]
BLOCKS = [each for each in EVERY_BLOCK if not each[2].startswith("duration")]


@pytest.mark.parametrize("name, number, block", BLOCKS, ids=[f"{name}-{number}" for name, number, _ in BLOCKS])
def test_a_block_is_accepted_where_it_belongs(program, tmp_path, name, number, block):
    whole = f"""schema = 1
[gateway]
id = "board-1"
name = "試験局"
municipality = "282103"
position = {{ latitude = 34.8, longitude = 134.9 }}
[mqtt]
host = "127.0.0.1"
root = "{ROOT}"
watch_root = "{WATCH_ROOT}"
{AROUND.get((name, number), lambda block: block)(block)}"""
    configuration = tmp_path / "gateway.toml"
    configuration.write_text(whole)
    result = subprocess.run([program, "check", "--config", configuration], capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, f"{result.stderr}\n{whole}"
    assert " warning: " not in result.stderr, f"{result.stderr}\n{whole}"


@pytest.mark.parametrize("name, scenario", SCENARIOS, ids=[name for name, _ in SCENARIOS])
def test_a_scenario_is_played_on_the_example_of_its_page(program, tmp_path, name, scenario):
    text = (TOP / f"examples/sensors/{name}.toml").read_text()
    text = re.sub(r"^state = .*\n", "", text, flags=re.M).replace("[gateway]", f'[gateway]\nstate = "{tmp_path}/state"')
    (tmp_path / "gateway.toml").write_text(text.replace("[mqtt]", "[mqtt]\nport = 1"))
    (tmp_path / "site.toml").write_text(scenario)
    result = subprocess.run(
        [program, "simulate", "--config", tmp_path / "gateway.toml", "--scenario", tmp_path / "site.toml", "--speed",
         "100"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "Watching." in result.stderr and "cannot" not in result.stderr.replace("the broker cannot be reached", "")


@pytest.mark.parametrize("name", PAGES)
def test_json_blocks_are_json(name):
    for block in blocks(SENSORS / f"{name}.md", "json"):
        json.loads(block)


def test_each_row_of_faults_is_a_fault_and_each_fault_has_a_row(causes):
    told = set()
    for name in PAGES:
        for word in fault_rows(SENSORS / f"{name}.md"):
            if name != "README":
                assert word in causes.values(), f"{name}.md explains {word}, which no sensor can have"
            told.add(word)
    # The ledger and a certificate are no sensors: their faults are explained where the board and its broker are set up.
    told |= set(fault_rows(TOP / "docs/installing.md")) | set(fault_rows(TOP / "docs/broker.md"))
    assert set(causes.values()) - told == set(), "no page explains these"


@pytest.mark.parametrize("name", DRIVERS)
def test_a_page_explains_each_fault_that_its_driver_can_raise(name, causes):
    _, places, others = DRIVERS[name]
    code = sources(*[f"SensorDrivers/{place}" for place in places])
    code = re.sub(r"//.*", "", code)
    raised = {causes[found] for found in re.findall(r"(?<![\w)\]?!])\.(\w+)\b(?!\()", code) if found in causes}
    assert raised, "the code was looked at"
    missing = (raised | others | PORT_FAULTS) - set(fault_rows(SENSORS / f"{name}.md"))
    missing -= TOLD_ELSEWHERE.get(name, set())
    assert missing == set(), f"{name}.md does not explain these"


@pytest.mark.parametrize("name", DRIVERS)
def test_a_page_explains_each_key_of_its_driver(name):
    table = sources("Gateway/Configuration/ConfigurationReader+Sensors.swift")
    keys = {
        driver: re.findall(r'"(\w+)"', names)
        for driver, names in re.findall(r"\(\s*\.(\w+),\s*\[([^\]]*)\]", table)}
    driver = DRIVERS[name][0]
    assert len(keys[driver]) >= 2
    for page in (SENSORS / f"{name}.md", twin(SENSORS / f"{name}.md")):
        said = " ".join(code_words(page.read_text())) + " ".join(text for _, text in fenced(page))
        missing = [key for key in keys[driver] if not re.search(rf"\b{key}\b", said)]
        assert set(missing) - ELSEWHERE.get(name, set()) == set(), f"{page.name} does not explain these keys"


def test_each_example_is_named_by_its_page_in_both_languages():
    examples = sorted((TOP / "examples/sensors").glob("*.toml"))
    assert len(examples) > 10
    for example in examples:
        for page in (SENSORS / f"{example.stem}.md", SENSORS / f"{example.stem}.ja.md"):
            assert f"examples/sensors/{example.name}" in page.read_text(), f"{page.name} does not name {example.name}"


def sentences(page):
    """What a page quotes of the program: spans of several words, and lines of fences that are a log's."""
    text = page.read_text()
    spans = [word for word in code_words(text) if re.match(r"[A-Z]", word) and word.count(" ") >= 3]
    return spans + [line for _, block in fenced(page) for line in block.splitlines() if " warning: " in line]


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(TOP)))
def test_quoted_sentences_are_the_program_s(page):
    code = " ".join(re.sub(r'"\s*\+\s*"', "", sources()).split())
    code = re.sub(r"\\ ", "", code)
    for sentence in sentences(page):
        # What varies is a number, a name with a number, or … on the page; the reason behind a colon is the kernel's.
        if sentence.startswith("Failed to "):
            sentence = sentence.removeprefix("Failed to ").split("…")[0]
        pieces = re.split(r"\s*\S*[\d…]\S*\s*|: ", sentence)
        for piece in filter(None, (piece.strip(" .,:") for piece in pieces)):
            if " " in piece:
                assert piece in code, f"{page.name} quotes {sentence!r}: nothing in Sources says {piece!r}"


def slug(heading):
    """The anchor that a heading gets where the pages are shown."""
    text = re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} leads to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", file.read_text(), flags=re.S), re.M)
            assert anchor in map(slug, headings), f"{page.name} leads to {target}; there is {[*map(slug, headings)]}"


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(TOP)))
def test_named_files_of_the_checkout_exist(page):
    for word in code_words(page.read_text()) + commands(page):
        for path in re.findall(r"(?<![\w/.])((?:Tests|examples|docs|Sources|packaging|systemd)/[\w./+-]+)", word):
            assert (TOP / path.rstrip("./")).exists(), f"{page.name} names {path}"


@functools.cache
def help_of(program, *command):
    """What `help` says of a command; nothing if there is no such command."""
    result = subprocess.run([program, "help", *command], capture_output=True, text=True, timeout=30)
    return result.stdout if result.returncode == 0 else ""


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(TOP)))
def test_commands_of_the_program_and_their_options_exist(program, page):
    words = [word for word in code_words(page.read_text()) if word.startswith("mimamori-gateway ")]
    for line in words + commands(page):
        match = re.match(r"(?:sudo )?(?:\.build/release/)?mimamori-gateway ([a-z]+)(.*)", line)
        if not match:
            continue
        helped = help_of(program, match[1])
        assert helped, f"{page.name}: {line}: there is no {match[1]}"
        for deeper in re.findall(r"^ ([a-z]+)\b", match[2]):
            helped += help_of(program, match[1], deeper)
        for option in re.findall(r"--[a-z-]+", match[2]):
            assert option in helped, f"{page.name}: {line}: there is no {option}"
