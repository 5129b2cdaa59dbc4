"""What `make install` puts in its place, looked at by systemd itself."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# systemd's own measure of what a service could do to the rest: 0 nothing, 10 everything.
HIGHEST_EXPOSURE = 2.5
UNIT = "mimamori-gateway.service"


@pytest.fixture(scope="module")
def stage(top, program, tmp_path_factory):
    """A root with what `make install` brings and the units of this machine."""
    folder = tmp_path_factory.mktemp("stage")
    # The program on trial is installed as it is: building is another target's work.
    result = subprocess.run(
        ["make", "--no-print-directory", "--old-file=build", "install", f"DESTDIR={folder}", f"GATEWAY={program}"],
        cwd=top, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    installed = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    units = next(path for path in map(Path, ("/usr/lib/systemd/system", "/lib/systemd/system")) if path.is_dir())
    shutil.copytree(units, folder / "usr/lib/systemd/system", symlinks=True, dirs_exist_ok=True)
    if not (folder / "lib").exists():
        (folder / "lib").symlink_to("usr/lib")
    # The commands that the unit names must be there too.
    (folder / "bin").mkdir()
    shutil.copy2(shutil.which("kill"), folder / "bin/kill")
    return folder, installed


def test_every_file_is_installed_in_its_place(stage):
    folder, installed = stage
    assert {
        "usr/bin/mimamori-gateway", f"usr/lib/systemd/system/{UNIT}", "usr/lib/sysusers.d/mimamori.conf",
        "usr/lib/tmpfiles.d/mimamori.conf", "usr/lib/udev/rules.d/60-mimamori.rules",
        "usr/share/mimamori/gateway.example.toml"} <= installed
    program = folder / "usr/bin/mimamori-gateway"
    assert program.stat().st_mode & 0o777 == 0o755
    assert subprocess.run([program, "--version"], capture_output=True).returncode == 0


def test_the_installed_example_is_a_valid_configuration(stage):
    folder, _ = stage
    result = subprocess.run(
        [folder / "usr/bin/mimamori-gateway", "check", "--config", folder / "usr/share/mimamori/gateway.example.toml"],
        capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_systemd_finds_nothing_wrong_with_the_unit(stage):
    folder, _ = stage
    result = subprocess.run(
        ["systemd-analyze", "verify", f"--root={folder}", "--man=no", UNIT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (result.stdout + result.stderr).strip() == ""


def test_systemd_would_find_a_mistake_in_the_unit(stage, tmp_path):
    folder, _ = stage
    broken = tmp_path / "root"
    shutil.copytree(folder, broken, symlinks=True)
    unit = broken / "usr/lib/systemd/system" / UNIT
    unit.write_text(unit.read_text().replace("Type=notify", "Type=notifiy"))
    result = subprocess.run(
        ["systemd-analyze", "verify", f"--root={broken}", "--man=no", UNIT], capture_output=True, text=True)
    assert "notifiy" in result.stderr


def test_the_exposure_of_the_unit_is_low(stage, measured):
    folder, _ = stage
    unit = folder / "usr/lib/systemd/system" / UNIT
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    measured(f"{overall[0].strip()} (at most {HIGHEST_EXPOSURE})")
    assert float(overall[1]) <= HIGHEST_EXPOSURE


def test_the_unit_lets_the_program_ask_whether_the_clock_is_synchronized(stage):
    # adjtimex(3) makes either system call, depending on the C library's age; refused, the clock would never be trusted.
    folder, _ = stage
    unit = (folder / "usr/lib/systemd/system" / UNIT).read_text()
    allowed = {name for line in re.findall(r"^SystemCallFilter=([^~].*)$", unit, re.MULTILINE) for name in line.split()}
    assert {"adjtimex", "clock_adjtime", "clock_adjtime64"} <= allowed


def test_users_folders_and_rules_are_accepted_by_their_readers(stage, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("users can be made, and folders given to them, by root alone")
    folder, _ = stage
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for command in (
            ["systemd-sysusers", f"--root={root}", folder / "usr/lib/sysusers.d/mimamori.conf"],
            ["systemd-tmpfiles", f"--root={root}", "--create", folder / "usr/lib/tmpfiles.d/mimamori.conf"]):
        if shutil.which(command[0]) is None:
            pytest.fail(f"{command[0]} is missing: run packaging/require.sh test")
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert result.returncode == 0, (command, result.stderr)
    assert re.search(r"^mimamori:", (root / "etc/passwd").read_text(), re.MULTILINE)
